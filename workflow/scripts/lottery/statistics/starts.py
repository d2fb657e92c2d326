"""From which weights: what a mask is worth on other weights than the pretrained ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lottery import files
from lottery.pruning.subnetworks import STARTS, Subnetwork
from lottery.results.layout import Layout
from lottery.results.summary import AVERAGE
from lottery.statistics.axes import (
    SCORED,
    Measured,
    estimate,
    interval_of,
    measured_over_folds,
    tasks_of,
)
from lottery.statistics.runs import FULL

if TYPE_CHECKING:
    import pandas as pd

PRETRAINED = "pretrained"
ORDER = (PRETRAINED, *STARTS)
PHASE = "retrained"  # a start is of the weights that are trained
# mask: the subnetwork without its start and draw; `full` for the full model. difference: its score
# less that of the same mask on the pretrained weights, without collapsed runs, with the p-value of
# no difference. In rows of task `average`, the mean over the n_tasks that enter averages, the
# smallest n_seeds of a task, and all n_collapsed.
SCHEMA: files.Schema = (
    dict.fromkeys("model method split task metric mask start".split(), str)
    | {"n_tasks": int}
    | SCORED
    | dict.fromkeys("difference difference_low difference_high p".split(), float)
)


def starts_of(names: Iterable[str]) -> dict[str, dict[str, tuple[str, ...]]]:
    """The masks that are trained from several weights: mask -> start -> draws.

    The pretrained weights come first, where the same mask is trained from them too.
    """
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for name in dict.fromkeys(names):
        named = Subnetwork.parse(name)
        of_mask = found.setdefault(str(replace(named, draw=1, start=None)), {})
        start = named.start or PRETRAINED
        of_mask[start] = (*of_mask.get(start, ()), name)
    return {
        mask: {start: of_mask[start] for start in ORDER if start in of_mask}
        for mask, of_mask in found.items()
        if {*of_mask} - {PRETRAINED}
    }


class OfTask(NamedTuple):
    """A start on one task: its row, its scores, and its difference from the pretrained weights."""

    row: dict[str, Any]
    score: Measured
    change: Measured | None


def start_table(
    scores: pd.DataFrame, paths: Iterable[Path], layout: Layout, model: str, method: str
) -> pd.DataFrame:
    """Makes starts.csv of one model and method.

    Args:
        scores: of `lottery.results.summary.reported_runs`.
        paths: predictions.parquet of the method's cells and of the full models.
    """
    own = scores[(scores["model"] == model) & (scores["method"] == method)]
    masks = starts_of(own["subnetwork"])
    wanted = {name for starts in masks.values() for draws in starts.values() for name in draws}
    head = {"model": model, "method": method, "split": layout.display_split(method)}
    rows: list[dict[str, Any]] = []
    averaged: dict[tuple[str, str], dict[str, OfTask]] = {}
    for runs in tasks_of(scores, paths, layout, model, method, wanted):
        of_task = head | {"task": runs.task.id, "metric": runs.task.metric, "n_tasks": 1}
        for (mask, start), draws, reference in _cells(masks):
            found = runs.scored(draws, PHASE)
            if found is None:
                continue
            score = runs.measured(draws, PHASE)
            change = runs.difference(draws, reference, PHASE) if reference else None
            rows.append(of_task | {"mask": mask, "start": start} | found | _change(change))
            if runs.task.in_average:
                averaged.setdefault((mask, start), {})[runs.task.id] = OfTask(found, score, change)
    for (mask, start), of_tasks in averaged.items():
        cell = head | {"task": AVERAGE, "mask": mask, "start": start}
        rows.append(cell | _average(of_tasks, layout))
    return files.table(rows, SCHEMA)


def _cells(
    masks: Mapping[str, Mapping[str, tuple[str, ...]]],
) -> Iterable[tuple[tuple[str, str], tuple[str, ...], tuple[str, ...] | None]]:
    """(mask, start), its draws, and what it is compared with; the full model first."""
    yield ("full", PRETRAINED), FULL, None
    for mask, starts in masks.items():
        for start, draws in starts.items():
            yield (mask, start), draws, starts.get(PRETRAINED) if start != PRETRAINED else None


def _change(*of_tasks: Measured | None) -> dict[str, Any]:
    """The columns of the difference from the pretrained weights, of tasks that have one."""
    known = [each for each in of_tasks if each is not None and len(each.values)]
    found = estimate(known)
    return interval_of(found, "difference") | {"p": found.p() if found else None}


def _average(of_tasks: Mapping[str, OfTask], layout: Layout) -> dict[str, Any]:
    found = [each.row for each in of_tasks.values()]
    scores = measured_over_folds({task: each.score for task, each in of_tasks.items()}, layout)
    changes = measured_over_folds(
        {task: each.change for task, each in of_tasks.items() if each.change is not None}, layout
    )
    kept: dict[str, list[float]] = {}
    for task in layout.tasks:
        if task.id in of_tasks:
            kept.setdefault(task.fold_of or task.id, []).append(
                of_tasks[task.id].row["kept_fraction"]
            )
    means = [sum(each) / len(each) for each in kept.values()]
    return {
        "n_tasks": len(means),
        "kept_fraction": sum(means) / len(means),
        "n_seeds": min(row["n_seeds"] for row in found),
        "n_draws": found[0]["n_draws"],
        "n_collapsed": sum(row["n_collapsed"] for row in found),
        **interval_of(estimate([*scores.values()]), "score"),
        **_change(*changes.values()),
    }


def mean_change(starts: pd.DataFrame, start: str) -> dict[str, float]:
    """mask -> mean over methods of the average difference between a start and the pretrained one.

    Of tasks that enter no average, their mean.
    """
    rows = starts[(starts["start"] == start) & starts["difference"].notna()]
    averages = rows[rows["task"] == AVERAGE]
    shown = rows if averages.empty else averages
    return dict(shown.groupby("mask", sort=False)["difference"].mean())
