"""A task on which the models of another one are only evaluated, added to a finished run."""

from __future__ import annotations

import csv
import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import planned, run_snakemake
from runs import Config, Run, Share, copy_run, run_to_the_end
from tiny_study import AGAINST, FOR, _frames

# The labels have other names than those of tone, and another order.
ENTRY = {
    "evaluate_with": "tone",
    "data": {"validation": "moods.tsv"},
    "text": "said",
    "label": "mood",
    "labels": ["glad", "sad"],
    "map": {"no": "sad", "yes": "glad"},
    "group": "kind",
}
TABLES = [f"results/tables/{name}.csv" for name in ("scores", "summary", "evaluation_only")]
FIGURES = [f"results/figures/tiny/{name}/on_moods.svg" for name in ("structured", "magnitude")]
CELLS = [("none", "full", "finetuned")] + [
    (method, subnetwork, phase)
    for method, subnetworks in (("structured", ("good", "super_good")), ("magnitude", ("good",)))
    for subnetwork, phase in product(subnetworks, ("pruned", "retrained"))
]


def write_moods(path: Path) -> None:
    """Sentences like those of tone, some of them with a word of the other label in front."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerow(["said", "mood", "kind"])
        for number, (frame, end) in enumerate(list(_frames())[:30]):
            words, others = (FOR, AGAINST) if number % 2 else (AGAINST, FOR)
            mood = "glad" if number % 2 else "sad"
            writer.writerow([f"{frame} {words[number % 4]} {end}", mood, "plain"])
            if number < 20:
                said = f"{others[number % 4]} {frame} {words[number % 4]} {end}"
                writer.writerow([said, mood, "mixed"])


@pytest.fixture(scope="module")
def moods(share: Share, published: Run) -> Run:
    """The published tiny run with one more task, in a copy that shares its files."""

    def make(folder: Path) -> Config:
        copy_run(published, folder)
        write_moods(folder / "moods.tsv")
        config = published.config | {"tasks": published.config["tasks"] | {"moods": ENTRY}}
        # The copies are newer than what Snakemake remembers, but nothing else has changed.
        arguments = (*TABLES, *FIGURES, "--rerun-triggers", "mtime")
        counts = planned(folder, config, *arguments)
        (folder / "planned.json").write_text(json.dumps(counts))
        return run_to_the_end(folder, config, *arguments)

    return share("moods", make)


def cell_folder(run: Run, seed: int, cell: tuple[str, str, str]) -> Path:
    return run.cell("tone", seed) / "evaluate" / Path(*cell)


def test_it_trains_and_searches_nothing(moods: Run) -> None:
    counts = json.loads((moods.folder / "planned.json").read_text())
    assert counts.pop("evaluate_on") == 2 * len(CELLS)
    assert counts == {
        "fetch_task_alone": 1,
        "tokenize_alone": 1,
        "collect_scores": 1,
        "summarize": 1,
        "summarize_on": 1,
        "plot_on": 2,
    }
    fetched = planned(moods.folder, moods.config, "fetch", "--forceall")
    assert fetched["fetch_task_alone"] == 1 and fetched["fetch_task"] == 2


def test_labels_are_mapped_by_name(moods: Run) -> None:
    given = pd.read_csv(moods.folder / "moods.tsv", sep="\t")
    for seed, cell in product((7, 3), CELLS):
        folder = cell_folder(moods, seed, cell) / "on_moods"
        table = pd.read_parquet(folder / "predictions.parquet").sort_values("idx")
        assert list(table["group"]) == list(given["kind"])
        assert list(table["label"]) == [["glad", "sad"].index(mood) for mood in given["mood"]]
        # Output 0 is no, which means sad, which is 1 here.
        said = [1 if no >= yes else 0 for no, yes in table["logits"]]
        assert list(table["prediction"]) == said
        document = json.loads((folder / "metrics.json").read_text())
        assert (document["task"], document["eval_task"], document["seed"]) == (
            "tone",
            "moods",
            seed,
        )
        assert (document["method"], document["subnetwork"], document["phase"]) == cell
        for entry in document["scores"]:
            rows = np.ones(len(given), bool)
            rows &= (given["kind"] == entry["group"]) | (entry["group"] == "")
            rows &= (given["mood"] == entry["label"]) | (entry["label"] == "")
            right = (table["prediction"].to_numpy() == table["label"].to_numpy())[rows]
            assert entry["value"] == pytest.approx(right.mean())
            assert entry["n_examples"] == len(right)
        places = {(entry["group"], entry["label"]) for entry in document["scores"]}
        assert places == set(product(("", "plain", "mixed"), ("", "glad", "sad")))
        record = json.loads((folder / "provenance.json").read_text())
        assert record["rule"] == "evaluate_on" and record["wildcards"]["eval_task"] == "moods"
    full = json.loads((cell_folder(moods, 7, CELLS[0]) / "on_moods" / "metrics.json").read_text())
    plain = next(e for e in full["scores"] if (e["group"], e["label"]) == ("plain", ""))
    assert plain["value"] > 0.9  # the sentences are tone's own


def test_the_table_of_scores_has_rows_beside_the_others(moods: Run, published: Run) -> None:
    before, after = (
        pd.read_csv(run.folder / "results/tables/scores.csv", keep_default_na=False)
        for run in (published, moods)
    )
    on = after[after["eval_task"] != ""]
    pd.testing.assert_frame_equal(after[after["eval_task"] == ""], before)
    assert set(on["eval_task"]) == {"moods"} and set(on["task"]) == {"tone"}
    assert len(on) == 3 * 2 * len(CELLS)
    assert dict(zip(on["group"], on["n_examples"], strict=True)) == {
        "": 50,
        "plain": 30,
        "mixed": 20,
    }
    summaries = [(run.folder / TABLES[1]).read_text() for run in (published, moods)]
    assert summaries[0] == summaries[1]


def test_the_table_by_group_and_gold_label_averages_over_seeds(moods: Run) -> None:
    table = pd.read_csv(moods.folder / TABLES[2], keep_default_na=False)
    assert len(table) == 9 * len(CELLS) and set(table["n"]) == {2}
    place = ["structured", "good", "retrained", "mixed", "sad"]
    columns = ["method", "subnetwork", "phase", "group", "label"]
    (row,) = table[(table[columns] == place).all(axis=1)].to_dict("records")
    values = []
    for seed in (7, 3):
        path = cell_folder(moods, seed, ("structured", "good", "retrained")) / "on_moods"
        entries = json.loads((path / "metrics.json").read_text())["scores"]
        values += [e["value"] for e in entries if (e["group"], e["label"]) == ("mixed", "sad")]
    assert float(row["mean"]) == pytest.approx(np.mean(values))
    assert float(row["sd"]) == pytest.approx(np.std(values, ddof=1))


@pytest.mark.parametrize("figure", FIGURES)
def test_there_is_a_figure_per_method(moods: Run, figure: str) -> None:
    for path in (moods.folder / figure, (moods.folder / figure).with_suffix(".png")):
        assert path.stat().st_size > 10_000


def test_a_missing_group_ends_in_one_sentence(study: Config, tmp_path: Path) -> None:
    write_moods(tmp_path / "moods.tsv")
    config = study | {"tasks": study["tasks"] | {"moods": ENTRY | {"group": "sort"}}}
    finished = run_snakemake(tmp_path, config, "resources/tasks/moods/validation.parquet")
    assert finished.returncode != 0
    for words in ("moods.tsv has no column 'sort'", "its columns are said, mood, kind."):
        assert words in finished.stdout
    assert "Traceback" not in finished.stdout
