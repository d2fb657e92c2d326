"""The kept study of GLUE: small, without a text of the data, and the source of what pages quote."""

from __future__ import annotations

import base64
import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "docs/studies/glue_small"
PAGE = (ROOT / "docs/studies/glue_small.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
MOST_BYTES = 8_000_000
WORDS = 6  # in a row that are in a text of the data and in a kept file by no accident
TASKS = {
    "cola": "matthews",
    "sst2": "accuracy",
    "mrpc": "accuracy",
    "rte": "accuracy",
    "stsb": "pearson",
}
HEADLINE = ("sst2", "stsb")


def rows(name: str) -> list[dict[str, str]]:
    with (KEPT / "tables" / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def score(
    task: str, method: str, subnetwork: str, split: str = "validation", model: str = "embedded"
) -> float:
    """The mean over seeds of what was trained, straight from scores.csv."""
    found = {
        row["seed"]: float(row["value"] or 0)
        for row in rows("scores.csv")
        if row["task"] == task
        and row["model"] == ("none" if subnetwork == "majority" else model)
        and row["method"] == ("none" if subnetwork in ("full", "majority") else method)
        and row["subnetwork"] == subnetwork
        and row["phase"] in ("finetuned", "retrained", "none")
        and row["metric"] == TASKS[task]
        and row["split"] == split
        and row["start"] in ("", "pretrained")
    }
    assert len(found) == (1 if subnetwork == "majority" else 3)
    return fmean(found.values())


def table(title: str) -> list[list[str]]:
    """The cells of the table below a heading of the page, without its head."""
    section = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in KEPT.rglob("*") if path.is_file()) <= MOST_BYTES


def grams(text: str) -> Iterator[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return zip(*(words[start:] for start in range(WORDS)), strict=False)


def test_it_holds_no_text_of_the_data(glue_dir: Path) -> None:
    texts = set()
    for path in glue_dir.rglob("*.parquet"):
        data = pd.read_parquet(path)
        for column in data.select_dtypes(exclude="number"):
            for text in data[column]:
                texts.update(grams(str(text)))
    assert len(texts) > 100_000
    kept = [path for path in KEPT.rglob("*") if path.is_file()]
    assert len(kept) > 20
    for path in kept:
        assert not texts.intersection(grams(path.read_text(encoding="utf-8"))), path
    figures = re.findall(r"base64,([^\"]+)", (KEPT / "report.html").read_text(encoding="utf-8"))
    assert len(figures) > 50
    for figure in figures:
        assert not texts.intersection(grams(base64.b64decode(figure).decode("utf-8")))
    # A text would be found.
    sentence = " ".join(next(iter(texts)))
    assert texts.intersection(grams(f"title,{sentence},0.5"))


def test_the_scores_of_the_page_are_those_of_the_kept_tables() -> None:
    shown = table("Scores")
    assert len(shown) == len(TASKS)
    for task, *cells in shown:
        of = re.sub(r"\W", "", task.lower())
        expected = [score(of, "none", "majority"), score(of, "none", "full")]
        for method in ("structured", "magnitude"):
            expected += [score(of, method, name) for name in ("good", "random", "bad")]
        expected.append(score(of, "none", "full", model="embedded_untrained"))
        assert cells == [f"{value:.3f}".replace("-0.000", "0.000") for value in expected]


def test_the_sizes_of_the_page_are_those_of_the_kept_tables() -> None:
    def at(task: str, method: str, mask: str, kept: str) -> str:
        name = f"{mask}-kept_0.{kept[0]}"
        return f"{score(task, method, name, 'report_half'):.3f}"

    shown = table("Sizes, other weights, other tasks, time")
    assert len(shown) == 6
    for title, kept, *cells in shown:
        task, masks = re.sub(r"\W", "", title.lower()), ("good", "random_uniform")
        assert cells == [at(task, of, mask, kept) for of in ("sizes", "weights") for mask in masks]


def test_the_verdicts_of_the_page_are_those_of_the_kept_claims() -> None:
    of_model = [row for row in rows("claims.csv") if row["model"] == "embedded"]
    found = {(row["claim"], row["method"]): row for row in of_model}
    shown = table("Results for the claims of the paper's abstract")
    assert [claim[:2] for claim, *_ in shown] == ["A1", "A2", "A3", "A4", "A5"]
    for claim, _, structured, magnitude in shown:
        for method, cell in (("structured", structured), ("magnitude", magnitude)):
            assert cell.startswith(found[claim[:2], method]["verdict"])


def test_the_readme_quotes_the_headline_of_the_figure() -> None:
    facts = json.loads((KEPT / "run.json").read_text())
    assert facts["headline"] in README and facts["headline"] in PAGE
    numbers = re.findall(r"\d\.\d\d", facts["headline"])
    expected = [score(task, "structured", name) for task in HEADLINE for name in ("bad", "good")]
    assert numbers == [f"{value:.2f}" for value in expected]
    svg = (KEPT / "headline.svg").read_text(encoding="utf-8")
    assert all(number in svg for number in numbers)
