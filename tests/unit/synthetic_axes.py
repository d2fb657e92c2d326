"""Made-up studies along an axis: runs of chosen levels whose sizes are those of their names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from synthetic_runs import MODEL, Run, Score, from_scores, one_score, write_runs

from lottery import files
from lottery.pruning.subnetworks import Subnetwork, reference_of
from lottery.results import overlap
from lottery.results.layout import Layout

TASKS = {"rte": "accuracy", "sst2": "accuracy"}
METHOD = "ours"
MAJORITY = 0.5
# A measured size differs a little from the one asked for, as units make it.
OFF = 0.01


def kept_by(subnetwork: str) -> float:
    """The measured size of a subnetwork."""
    named = Subnetwork.parse(subnetwork)
    if named.kind in ("full", "majority"):
        return 1.0
    return 0.6 if named.kept is None else round(named.kept - OFF, 10)


def make_study(
    root: Path,
    names: tuple[str, ...],
    level: Callable[[str, Run, int], float],
    tasks: dict[str, str] | None = None,
    n: int = 200,
    seeds: tuple[int, ...] = (1, 2, 3),
    methods: tuple[str, ...] = (METHOD,),
) -> tuple[list[Path], pd.DataFrame, Layout]:
    """Writes predictions of the subnetworks of methods and gives their scores and layout.

    Subnetworks with a start have no pruned runs, as in a study.
    """
    tasks = tasks or TASKS
    paths, scores = write_runs(root, tasks, dict.fromkeys(methods, names), level, n=n, seeds=seeds)

    def is_made(subnetwork: str, phase: str) -> bool:
        return phase != "pruned" or Subnetwork.parse(subnetwork).start is None

    paths = [path for path in paths if is_made(*path.parts[-3:-1])]
    rows: list[Score] = [
        replace(each, kept_fraction=kept_by(each.subnetwork))
        for each in scores
        if is_made(each.subnetwork, each.phase)
    ]
    nothing = ("none", "majority", "none")
    rows += [
        replace(one_score(task, 0, nothing, split, MAJORITY), model="none", seed=None)
        for task in tasks
        for split in ("validation", "report_half")
    ]
    return paths, from_scores(rows), layout_of(names, tasks, methods=methods)


def layout_of(
    names: tuple[str, ...],
    tasks: dict[str, str] | None = None,
    preset: str = "published",
    methods: tuple[str, ...] = (METHOD,),
) -> Layout:
    """The layout of such a study."""
    tasks = tasks or TASKS
    plain = [name for name in names if Subnetwork.parse(name).is_plain]
    return Layout.of(
        models=[MODEL],
        published_models=[],
        tasks={t: {"metric": m, "in_average": True, "published": None} for t, m in tasks.items()},
        methods={
            method: {"preset": preset, "published": None, "subnetworks": plain}
            for method in methods
        },
    )


def seed_values(scores: pd.DataFrame, **cell: object) -> np.ndarray:
    """The scores of a cell in the order of seeds, the slow way."""
    for column, value in cell.items():
        scores = scores[scores[column] == value]
    return scores.sort_values("seed")["value"].to_numpy(float)


def overlap_of(
    shares: dict[str, float],
    tasks: tuple[str, ...] = tuple(TASKS),
    methods: tuple[str, ...] = (METHOD,),
) -> pd.DataFrame:
    """overlap.csv of one seed: control -> the share of its parameters in good, on every task."""
    rows = [
        {"model": MODEL, "task": task, "seed": "1", "method": method, "subnetwork": name}
        | {"reference": reference_of(name), "parameters": 100}
        | {"parameters_shared": round(100 * share), "parameters_share": share}
        for method in methods
        for task in tasks
        for name, share in shares.items()
    ]
    return files.table(rows, overlap.SCHEMA)
