"""Whose mask: what a mask that was found elsewhere is worth here, next to the cell's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lottery import files
from lottery.models.architecture import Architecture
from lottery.pruning.masks import Mask, read_mask
from lottery.pruning.subnetworks import GOOD, LAYERWISE, UNIFORM, Subnetwork
from lottery.results.layout import Layout
from lottery.results.summary import AVERAGE
from lottery.statistics.axes import (
    SCORED,
    Measured,
    TaskRuns,
    changes,
    measured_over_folds,
    tasks_of,
)
from lottery.statistics.runs import FULL, PHASES

if TYPE_CHECKING:
    import pandas as pd

# source: the task or place that the mask is from, the task itself for its own; empty for full.
# relation: what the source is to the task: own, task (another one) or place; empty for full. kept:
# the share asked for, missing for the size that the search gave. recovered: (score - majority) /
# (full - majority), of means over seeds. jaccard: the parameters that a mask has in common with the
# cell's own good one of the same size, as a share of those of either; mean over seeds and draws.
# difference: what a good mask recovers less what random ones do, seed by seed, of the size of the
# same source if there are such, else of the cell's own; without collapsed runs, with its p-value.
# Rows of task `average` have the mean over tasks of all good masks of a relation, sources averaged
# first.
SCHEMA: files.Schema = (
    dict.fromkeys("model method split task metric subnetwork source phase".split(), str)
    | {"relation": str, "kept": float}
    | SCORED
    | dict.fromkeys("recovered jaccard difference difference_low difference_high p".split(), float)
)
# What masks from elsewhere are compared with, besides the cell's own good one.
COMPARED = ("random", UNIFORM, LAYERWISE)

OWN, TASK, PLACE = "own", "task", "place"
# What masks are called in sentences.
OTHERS = {"masks of other tasks": TASK, "masks of other places": PLACE}
RANDOM = "random masks of a like size"


class Group(NamedTuple):
    """The draws of one kind of mask: of which source, at which size."""

    kind: str
    source: str | None
    kept: float | None


def groups_of(names: Iterable[str]) -> dict[Group, tuple[str, ...]]:
    """The subnetworks to compare: those with a source, and their like without one.

    Of the cell's own masks, the good ones and controls of a size that a mask from elsewhere has.
    """
    parsed = {name: Subnetwork.parse(name) for name in dict.fromkeys(names)}
    parsed = {name: named for name, named in parsed.items() if named.start is None}
    sizes = {named.kept for named in parsed.values() if named.source is not None}
    found: dict[Group, tuple[str, ...]] = {}
    for name, named in parsed.items():
        own = named.source is None
        if own and (named.kept not in sizes or named.kind not in (GOOD, *COMPARED)):
            continue
        group = Group(named.kind, named.source, named.kept)
        found[group] = (*found.get(group, ()), name)
    return found


def transfer_table(
    scores: pd.DataFrame,
    paths: Iterable[Path],
    masks: Iterable[Path],
    architecture: Architecture,
    layout: Layout,
    model: str,
    method: str,
) -> pd.DataFrame:
    """Makes transfer.csv of one model and method.

    Args:
        scores: of `lottery.results.summary.reported_runs`.
        paths: predictions.parquet of the method's cells and of the full models.
        masks: the good masks from elsewhere, each cell's own of the same sizes, and random ones.
        architecture: of the full model.
    """
    own = scores[(scores["model"] == model) & (scores["method"] == method)]
    groups = groups_of(own["subnetwork"])
    wanted = {name for draws in groups.values() for name in draws}
    shared = overlaps(masks, architecture)
    rows: list[dict[str, Any]] = []
    # By relation, size and phase, of each task: its rows, and their differences from random masks.
    gains: dict[tuple[str, float | None, str], dict[str, list[Measured]]] = {}
    for runs in tasks_of(scores, paths, layout, model, method, wanted):
        head = {"model": model, "method": method, "split": runs.split}
        head |= {"task": runs.task.id, "metric": runs.task.metric}
        for (kind, source, kept), draws in groups.items():
            facts = {"subnetwork": kind, "source": source or runs.task.id, "kept": kept}
            relation = relation_of(source, runs.task.id, layout)
            facts["relation"] = relation
            known = [shared[key] for name in draws if (key := (runs.task.id, name)) in shared]
            facts["jaccard"] = float(np.mean(known)) if known else None
            for phase in PHASES:
                row = _scored(runs, draws, phase)
                if row is None:
                    continue
                gain = _gain(runs, draws, _random_like(groups, kind, source, kept), phase)
                rows.append(head | facts | row | {"phase": phase} | changes([gain]))
                if gain is not None and len(gain.values):
                    of_tasks = gains.setdefault((relation, kept, phase), {})
                    of_tasks.setdefault(runs.task.id, []).append(gain)
        full = _scored(runs, FULL, "finetuned")
        if full is not None:
            rows.append(head | {"subnetwork": "full", "phase": "finetuned"} | full)
    head = {"model": model, "method": method, "split": layout.display_split(method)}
    head |= {"task": AVERAGE, "subnetwork": GOOD}
    for (relation, kept, phase), of_tasks in gains.items():
        facts = {"relation": relation, "kept": kept, "phase": phase}
        like = [
            row["recovered"]
            for row in rows
            if row["subnetwork"] == GOOD and all(row[key] == facts[key] for key in facts)
        ]
        merged = measured_over_folds(
            {task: _over_sources(each) for task, each in of_tasks.items()}, layout
        )
        known = [share for share in like if share is not None]
        facts["recovered"] = float(np.mean(known)) if known else None
        rows.append(head | facts | changes(merged.values()))
    return files.table(rows, SCHEMA)


def _random_like(
    groups: Mapping[Group, tuple[str, ...]], kind: str, source: str | None, kept: float | None
) -> tuple[str, ...] | None:
    """The draws of the random masks that a good one is compared with."""
    if kind != GOOD:
        return None
    wanted = [Group(UNIFORM, place, kept) for place in (source, None)]
    wanted += [Group(each, None, kept) for each in ("random", LAYERWISE)]
    return next((groups[group] for group in wanted if group in groups), None)


def _gain(
    runs: TaskRuns, draws: tuple[str, ...], random: tuple[str, ...] | None, phase: str
) -> Measured | None:
    """What masks recover less what random ones do, by seed; None where that is undefined."""
    floor, full = runs.majority, runs.full["value"].mean()
    if random is None or floor is None or not full > floor:
        return None
    found = runs.difference(draws, random, phase)
    scale = full - floor
    return Measured(found.values / scale, found.se_examples / scale, found.seeds)


def _over_sources(gains: Sequence[Measured]) -> Measured:
    """The mean of several sources on one task by seed, of the seeds that all of them have.

    Sources share runs, so the error over examples is at most the largest of theirs.
    """
    seeds = [seed for seed in gains[0].seeds if all(seed in each.seeds for each in gains)]
    values = [[each.values[list(each.seeds).index(seed)] for seed in seeds] for each in gains]
    return Measured(np.mean(values, axis=0), max(each.se_examples for each in gains), seeds)


def relation_of(source: str | None, task: str, layout: Layout) -> str:
    """What the source of a mask is to the task that it is trained on."""
    if source in (None, task):
        return OWN
    of_data_set = next((folds for folds in layout.folds.values() if task in folds), ())
    return TASK if source in layout.metrics and source not in of_data_set else PLACE


def _scored(runs: TaskRuns, draws: tuple[str, ...], phase: str) -> dict[str, Any] | None:
    found = runs.scored(draws, phase)
    if found is None:
        return None
    floor, full = runs.majority, runs.full["value"].mean()
    known = floor is not None and full > floor
    return found | {"recovered": (found["score"] - floor) / (full - floor) if known else None}


def overlaps(paths: Iterable[Path], architecture: Architecture) -> dict[tuple[str, str], float]:
    """The Jaccard index, in parameters, of each mask with its cell's own of the same size.

    Returns:
        (task, subnetwork) -> mean over the seeds that have both; 1 for a cell's own mask.
    """
    read = {(info.task, info.subnetwork, info.seed): mask for mask, info in map(read_mask, paths)}
    found: dict[tuple[str, str], list[float]] = {}
    for (task, name, seed), mask in read.items():
        named = Subnetwork.parse(name)
        own = read.get((task, str(Subnetwork(GOOD, kept=named.kept)), seed))
        if own is not None:
            found.setdefault((task, name), []).append(jaccard(mask, own, architecture))
    return {key: float(np.mean(values)) for key, values in found.items()}


def jaccard(first: Mask, second: Mask, architecture: Architecture) -> float:
    """The parameters of both masks as a share of those of either; 1 of two empty masks."""
    counts = first.overlap(second, architecture)
    of_second = second.overlap(first, architecture)["parameters"]
    either = counts["parameters"] + of_second - counts["parameters_shared"]
    return counts["parameters_shared"] / either if either else 1.0


def mean_recovered(transfer: pd.DataFrame) -> Mapping[str, float]:
    """The mean of `recovered`, retrained, over sources, tasks and sizes, by what masks are."""
    shown = transfer[(transfer["phase"] == "retrained") & (transfer["task"] != AVERAGE)]
    good, relation = shown["subnetwork"] == GOOD, shown["relation"]
    parts = {
        **{name: good & (relation == of) for name, of in OTHERS.items()},
        "own masks": good & (relation == OWN),
        RANDOM: ~good,
    }
    means = {name: shown.loc[rows, "recovered"].mean() for name, rows in parts.items()}
    return {name: float(mean) for name, mean in means.items() if not np.isnan(mean)}
