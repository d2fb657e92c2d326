"""From which weights: what a mask is worth on other weights than the pretrained ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lottery import files
from lottery.pruning.subnetworks import STARTS, Subnetwork
from lottery.results.layout import Layout
from lottery.results.overlap import mean_share, shares_of
from lottery.results.summary import AVERAGE
from lottery.statistics.axes import SCORED, OfTask, average, changes, tasks_of
from lottery.statistics.runs import FULL

if TYPE_CHECKING:
    import pandas as pd

PRETRAINED = "pretrained"
ORDER = (PRETRAINED, *STARTS)
PHASE = "retrained"  # a start is of the weights that are trained
# mask: the subnetwork without its start and draw; `full` for the full model. change: its score less
# that of the same mask on the pretrained weights; collapsed runs count, as in scores. difference:
# the same without collapsed runs, with its interval and the p-value of no difference. In rows of
# task `average`, the mean over the n_tasks that enter averages, the smallest n_seeds of a task, and
# all n_collapsed. shared: the share of the mask's parameters that belong to the good one of the
# same size.
SCHEMA: files.Schema = (
    dict.fromkeys("model method split task metric mask start".split(), str)
    | {"n_tasks": int}
    | SCORED
    | dict.fromkeys("change difference difference_low difference_high p shared".split(), float)
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


def start_table(
    scores: pd.DataFrame,
    paths: Iterable[Path],
    overlap: pd.DataFrame,
    layout: Layout,
    model: str,
    method: str,
) -> pd.DataFrame:
    """Makes starts.csv of one model and method.

    Args:
        scores: of `lottery.results.summary.reported_runs`.
        paths: predictions.parquet of the method's cells and of the full models.
        overlap: overlap.csv of the method.
    """
    own = scores[(scores["model"] == model) & (scores["method"] == method)]
    masks = starts_of(own["subnetwork"])
    wanted = {name for starts in masks.values() for draws in starts.values() for name in draws}
    head = {"model": model, "method": method, "split": layout.display_split(method)}
    shares = shares_of(overlap)
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
            before = runs.scored(reference, PHASE) if reference else None
            cell = of_task | {"mask": mask, "start": start, "change": _change(found, before)}
            cell["shared"] = shares.get((method, runs.task.id, mask))
            rows.append(cell | found | changes([change]))
            if runs.task.in_average:
                averaged.setdefault((mask, start), {})[runs.task.id] = OfTask(found, score, change)
    for (mask, start), of_tasks in averaged.items():
        mean: dict[str, Any] = head | {"task": AVERAGE, "mask": mask, "start": start}
        sides = of_tasks, averaged.get((mask, PRETRAINED), {})
        shared = [task for task in of_tasks if task in sides[1]]
        if shared and start != PRETRAINED:
            both = (average({task: each[task] for task in shared}, layout) for each in sides)
            mean["change"] = _change(*both)
        mean["shared"] = mean_share(shares, method, of_tasks, mask)
        rows.append(mean | average(of_tasks, layout))
    return files.table(rows, SCHEMA)


def _change(found: Mapping[str, Any], before: Mapping[str, Any] | None) -> float | None:
    return found["score"] - before["score"] if before else None


def _cells(
    masks: Mapping[str, Mapping[str, tuple[str, ...]]],
) -> Iterable[tuple[tuple[str, str], tuple[str, ...], tuple[str, ...] | None]]:
    """(mask, start), its draws, and what it is compared with; the full model first."""
    yield ("full", PRETRAINED), FULL, None
    for mask, starts in masks.items():
        for start, draws in starts.items():
            yield (mask, start), draws, starts.get(PRETRAINED) if start != PRETRAINED else None
