"""Keeps the tables, figures and report of a finished study, without its data, models and masks.

docs/studies/glue_small/ is what this made of a run of `workflow/configs/glue_small.yaml`. The
report holds all figures; those of scores are kept as files too. This also draws the headline figure
and writes run.json: commits, versions, times. Links of the report to files that are not kept are
taken out, and coordinates of figures are rounded, to save space. From the root, after the run:

    PYTHONPATH=workflow/scripts python docs/studies/keep.py results/glue_small
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from lottery.config import load_study, read_config
from lottery.planning import params
from lottery.report import strips, style
from lottery.results.layout import Layout
from lottery.results.scores import score_table
from lottery.results.summary import reported_runs
from lottery.steps.plot_overview import averages

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "workflow/configs/glue_small.yaml"
KEPT = ROOT / "docs/studies/glue_small"
FIGURES = ("overview", "scores", "differences", "latency", "transfer", "score_over_size", "starts")
PATTERNS = ("tables/**/*.csv", "tables/**/*.txt", *(f"figures/**/{name}.svg" for name in FIGURES))
# Large tables of one method: scores and histograms of every head, and rows of tables/scores.csv.
LEFT_OUT = ("pattern_heads", "importance_histograms", "scores")
# Of the headline figure.
MODEL, METHODS = "embedded", ("structured", "magnitude")
NAMES = {
    "cola": "CoLA (Matthews)",
    "sst2": "SST-2 (accuracy)",
    "mrpc": "MRPC (accuracy)",
    "rte": "RTE (accuracy)",
    "stsb": "STS-B (Pearson)",
}
LINES = ("majority", "full", "good", "random", "bad")
TAG = re.compile(r"<[^>]+>")
DIGITS = re.compile(r"(\d\.\d\d)\d+")
EMBEDDED = re.compile(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)")
NO_FILES = re.compile(r"<details>\n<summary>and \d+ more files</summary>\n</details>\n")
LINK = re.compile(r'<a href="([^":#]+)">[^<]*</a>(?:<br>)?\n?')


def keep(results: Path) -> None:
    """Replaces docs/studies/glue_small/ by what is kept of a finished run."""
    report = (results / "report.html").read_text(encoding="utf-8")  # before anything is removed
    shutil.rmtree(KEPT, ignore_errors=True)
    for path in (path for pattern in PATTERNS for path in results.glob(pattern)):
        if path.match("tables/*/*/*.csv") and path.stem in LEFT_OUT:
            continue
        target = KEPT / path.relative_to(results)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".svg":
            target.write_text(rounded(path.read_text(encoding="utf-8")), encoding="utf-8")
        else:
            shutil.copy(path, target)
    report = EMBEDDED.sub(rounded_embedded, report)
    found = LINK.sub(lambda link: link[0] if (KEPT / link[1]).is_file() else "", report)
    found = NO_FILES.sub("", found)
    (KEPT / "report.html").write_text(found, encoding="utf-8")
    facts = facts_of(results) | {"headline": headline()}
    (KEPT / "run.json").write_text(f"{json.dumps(facts, indent=2)}\n", encoding="utf-8")


def rounded(svg: str) -> str:
    """A figure whose coordinates have two digits, a hundredth of a point. Its words stay."""
    return TAG.sub(lambda tag: DIGITS.sub(r"\1", tag[0]), svg)


def rounded_embedded(data: re.Match[str]) -> str:
    """The same for a figure within the report."""
    svg = rounded(base64.b64decode(data[1]).decode("utf-8"))
    return data[0].replace(data[1], base64.b64encode(svg.encode("utf-8")).decode("ascii"))


def facts_of(results: Path) -> dict[str, Any]:
    """Commits, versions and times of a run, from the records of its steps."""
    found = [json.loads(path.read_text()) for path in results.rglob("*provenance.json")]
    first = found[0]["versions"]
    return {
        "commits": sorted({each["commit"] for each in found}),
        "versions": {name: first[name] for name in ("python", "torch", "transformers")},
        "platform": found[0]["platform"],
        "steps": len(found),
        "started": min(each["started"] for each in found),
        "last_step_started": max(each["started"] for each in found),
        "hours_of_steps": round(sum(each["duration_seconds"] for each in found) / 3600, 2),
    }


def trained(scores: pd.DataFrame, task: str, metric: str, subnetwork: str) -> float:
    """The mean score over seeds of a subnetwork of the structured method, retrained."""
    of = {"model": MODEL, "task": task, "method": "structured", "subnetwork": subnetwork}
    of |= {"phase": "retrained", "split": "validation", "metric": metric}
    own = scores[(scores[list(of)] == pd.Series(of)).all(axis=1)]
    return float(own["value"].mean())


def headline() -> str:
    """What the headline figure shows, in a sentence with numbers."""
    scores = score_table(KEPT / "tables/scores.csv")
    sst2, stsb = (
        ", ".join(f"{name} {trained(scores, task, metric, name):.2f}" for name in ("bad", "good"))
        for task, metric in (("sst2", "accuracy"), ("stsb", "pearson"))
    )
    return (
        f"Retrained, bad heads and MLPs score like good ones on SST-2 ({sst2}), "
        f"not on STS-B ({stsb})"
    )


def draw() -> Figure:
    """Both published methods on each task, with the finding as the title."""
    study = load_study(read_config(CONFIG), ROOT)
    layout = Layout.of(**params.layout_params(study, [MODEL], METHODS))
    runs = reported_runs(score_table(KEPT / "tables/scores.csv"), layout)
    runs = runs[(runs["split"] == "validation") & runs["model"].isin(["none", MODEL])]
    tasks = layout.tasks
    pairs = [(method, task) for method in METHODS for task in tasks]
    size = (1.75, strips.height(len(LINES)))
    figure, axes = style.panels(len(pairs), len(tasks), size, 0.9, x="score")
    for axis, (method, task) in zip(axes, pairs, strict=True):
        cells = averages(runs, [task], method)
        first, last = task is tasks[0], task is tasks[-1]
        strips.draw(axis, LINES, cells, {}, named=first)
        strips.sizes(axis, LINES, cells, named=last)
        axis.set_title(NAMES[task.id])
        axis.set_xlim(-0.1, 0.9)
        axis.set_xticks([0, 0.4, 0.8])
        if first:
            axis.set_ylabel(method)
    entries = strips.entries(seeds=len(study.seeds), degenerate=False, published=False)
    style.legend(figure, entries, columns=6)
    style.heading(figure, headline(), "published", f"{len(study.seeds)} seeds")
    return figure


def main() -> None:
    """Keeps a run and draws the headline figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="the folder of the results")
    keep(parser.parse_args().results)
    with style.settings():
        style.save(draw(), [KEPT / "headline.svg"])


if __name__ == "__main__":
    main()
