"""Tables of a study with missing cells rest on what is there, and say on how much."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from synthetic_claims import METHODS, PAPER, PUBLISHED, World, facts, layout_params
from synthetic_runs import MODEL, Score, one_score, write_runs, write_scores

from lottery import files
from lottery.statistics.runs import run_of
from lottery.steps.check_claims import check_claims
from lottery.steps.compare_subnetworks import compare_subnetworks
from lottery.steps.gather_tables import gather_tables
from lottery.steps.summarize import summarize
from lottery.steps.tabulate_trainability import tabulate_trainability

pytestmark = pytest.mark.slow

TASKS, SEEDS = ("qnli", "mnli"), (1, 2, 3)
CAPTIONS = PAPER.parents[1] / "report"
MISSING = "Of an unfinished study: 3 cells are missing."
FACTS = ("granularity", "units", "importance", "imported", "controls", "search")
Place = tuple[str, int, str, str, str]  # task, seed, method, subnetwork, phase

# Which cells are missing; a full model takes its cells with it (`lottery.planning.grid.cells`).
GONE: dict[str, Callable[[Place], bool]] = {
    "a full model": lambda p: p[:2] == ("qnli", 1),
    "all seeds but one": lambda p: p[1] != 3,
    "a task": lambda p: p[0] == "mnli",
    "a method": lambda p: p[2] == "magnitude",
    "a subnetwork": lambda p: p[3] == "good",
    "half of all": lambda p: p[3] != "full" and random.Random(repr(p)).random() < 0.5,
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], list[Score]]:
    """Predictions and scores of a whole study."""
    levels = World().levels
    return write_runs(
        tmp_path_factory.mktemp("whole"),
        dict.fromkeys(TASKS, "accuracy"),
        METHODS,
        lambda task, run, seed: levels.get(run, 0.7),
        n=40,
        seeds=SEEDS,
    )


def place(score: Score) -> Place:
    return score.task, score.seed or 0, score.method, score.subnetwork, score.phase


@pytest.mark.parametrize("which", GONE)
def test_tables_of_what_is_there(
    which: str, runs: tuple[list[Path], list[Score]], tmp_path: Path
) -> None:
    gone, (paths, every) = GONE[which], runs
    scores = [score for score in every if not gone(place(score))]
    there = {place(score) for score in scores}
    found = [p for p in paths if (r := run_of(p)) and (r.task, int(r.seed), *r[3:]) in there]
    make_tables(tmp_path, scores, found)
    # Means are those of the seeds that are there, and n is their number.
    rows = files.read_csv(tmp_path / "summary.csv")
    cells = [row for row in rows if row["split"] == "validation" and row["task"] in TASKS]
    cells = [row for row in cells if row["subnetwork"] != "majority"]
    assert cells
    for row in cells:
        key = row["task"], row["method"], row["subnetwork"], row["phase"]
        of_cell = [s.value for s in scores if (place(s)[0], *place(s)[2:]) == key]
        values = of_cell[::2]  # of the whole split, then of its half
        assert int(row["n"]) == len(values)
        assert float(row["mean"]) == pytest.approx(fmean(values))
    assert len(cells) == len({(p[0], *p[2:]) for p in there})
    # Differences are of the seeds that have both sides.
    for row in files.read_csv(tmp_path / "differences.csv"):
        if row["task"] in TASKS:
            pairs = [sides(scores, row, seed) for seed in SEEDS]
            pairs = [pair for pair in pairs if None not in pair]
            assert int(row["n_seeds"]) == len(pairs)
            expected = np.mean([first - second for first, second in pairs])
            assert float(row["difference"]) == pytest.approx(expected, abs=1e-9)
    claims = files.read_csv(tmp_path / "claims.csv")
    assert {row["claim"] for row in claims} >= {f"C{n}" for n in range(1, 16)}
    for name in ("summary", "claims", "trainability"):
        for kind in ("md", "tex"):
            assert MISSING in (tmp_path / f"{name}.{kind}").read_text(encoding="utf-8")


def sides(scores: list[Score], row: dict, seed: int) -> list[float | None]:
    """The two scores of a difference on one seed, None where one is missing."""
    found = []
    for name in (row["first"], row["second"]):
        cell = (row["method"], name, row["phase"])
        cell = ("none", "full", "finetuned") if name == "full" else cell
        key = (row["task"], seed, *cell)
        of_cell = [s.value for s in scores if place(s) == key and s.split == row["split"]]
        found.append(of_cell[0] if of_cell else None)
    return found


def make_tables(root: Path, scores: list[Score], paths: list[Path]) -> None:
    """Runs the steps that make tables of scores."""
    world = World(tasks=TASKS, seeds=SEEDS)
    layout = layout_params(world)
    majority = [
        Score(**vars(one_score(task, 0, ("none", "majority", "none"), split, 0.5)) | NOTHING)
        for task in {score.task for score in scores}
        for split in ("validation", "report_half")
    ]
    scores = [*majority, *scores]
    write_scores(root / "scores.csv", scores)
    common = {"path_to_scores": root / "scores.csv", "paths_to_published": PUBLISHED}
    tables = []
    for method, names in METHODS.items():
        own = [score for score in scores if score.method in ("none", method)]
        if all(score.method == "none" for score in own):
            continue
        write_scores(root / f"{method}_scores.csv", own)
        tables.append(root / f"{method}.csv")
        compare_subnetworks(
            paths_to_predictions=[p for p in paths if run_of(p).method in ("none", method)],
            path_to_scores=root / f"{method}_scores.csv",
            paths_to_published=PUBLISHED,
            path_to_differences=tables[-1],
            model=MODEL,
            method=method,
            split="validation",
            layout=layout | {"methods": {method: layout["methods"][method]}},
            controls=facts(method, names).controls,
            permutations=19,
        )
    gather_tables(
        paths_to_tables=tables, path_to_table=root / "differences.csv", name="differences"
    )

    def printed(name: str, caption: str = "caption") -> dict[str, object]:
        return {
            "path_to_printed": root / f"{name}.md",
            "path_to_latex": root / f"{name}.tex",
            f"path_to_{caption}": CAPTIONS / f"{name}.rst",
            "missing": MISSING,
        }

    summarize(path_to_summary=root / "summary.csv", layout=layout, **common, **printed("summary"))
    tabulate_trainability(
        path_to_table=root / "trainability.csv",
        layout=layout,
        controls=dict.fromkeys(METHODS, "published"),
        untrained=[],
        **common,
        **printed("trainability"),
    )
    check_claims(
        path_to_differences=root / "differences.csv",
        path_to_paper=PAPER / "claims.csv",
        path_to_claims=root / "claims.csv",
        n_seeds=len(SEEDS),
        layout=layout,
        facts={
            method: {key: getattr(facts(method, names), key) for key in FACTS} | {"models": [MODEL]}
            for method, names in METHODS.items()
        },
        **common,
        **printed("claims"),
    )


NOTHING = {"model": "none", "seed": None, "kept_fraction": None}
