"""Importances along a search: how they are spread, where they are cut, how they change.

A search leaves its scores (importance.npz) and how many units were kept (search.csv), but not which
ones; they follow from the scores, so the search is walked through once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lottery import files, metrics
from lottery.algorithms.search_structured import Measurement, StructuredSearch
from lottery.analysis.good_masks import HEADS, MLPS
from lottery.errors import StudyError
from lottery.masks import StructuredMask
from lottery.tables.trajectory import Step, read_trajectory

BINS = 24  # as published
CORRELATION_COLUMNS = [
    "model",
    "method",
    "task",
    "seed",
    "unit",
    "step",
    "stage",
    "pearson",
    "spearman",
    "n",
    "pearson_all",
]
HISTOGRAM_COLUMNS = [
    "model",
    "method",
    "task",
    "seed",
    "unit",
    "when",
    "step",
    "cut",
    "low",
    "high",
    "count",
]
MOMENTS = ("first", "middle", "last")
STAGES = {HEADS: ("both", "heads"), MLPS: ("both", "mlps")}  # in which a kind of unit is removed
Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Cut:
    """One removal of units of one kind.

    Attributes:
        step: the row of search.csv whose scores were ranked.
        scores: of the units that could be removed, float [units]; unknown ones are left out.
        cut: the highest score that was removed.
    """

    step: int
    scores: np.ndarray
    cut: float


@dataclass(frozen=True, eq=False)
class Walk:
    """A search walked through again.

    Attributes:
        steps: rows of search.csv.
        scores: kind of unit -> float [steps, units].
        kept: kind of unit -> bool [steps, units], the state in which the scores were measured.
        recomputed: whether a later stage begins with a row that removes nothing.
    """

    steps: list[Step]
    scores: dict[str, np.ndarray]
    kept: dict[str, np.ndarray]
    recomputed: bool = False

    def removes(self, step: int, unit: str) -> bool:
        """Whether a row of search.csv stands for a removal of units of this kind."""
        stage = self.steps[step].stage
        if step == 0 or stage not in STAGES[unit]:
            return False
        return not (self.recomputed and stage != self.steps[step - 1].stage)


def read_walk(path_to_search: Path, path_to_importance: Path, options: Mapping[str, Any]) -> Walk:
    """Reads a search and finds out which units were kept at every step.

    Args:
        path_to_search: search.csv.
        path_to_importance: importance.npz.
        options: the method's options: stage_start, units, head_step and mlp_step.

    Raises:
        StudyError: the files are damaged, or do not belong to one search with these options.
    """
    steps = read_trajectory(path_to_search)
    arrays = files.read_npz(path_to_importance)
    try:
        heads, mlps = arrays["heads"], arrays["mlps"]
        if not len(steps) == len(heads) == len(mlps):
            raise ValueError(f"{len(heads)} steps where the search has {len(steps)}")
        masks = _walk(steps, heads, mlps, options)
    except (KeyError, ValueError, IndexError) as error:
        raise StudyError(
            f"{path_to_importance} does not belong to {path_to_search} ({error}); delete the "
            "folder and run the search again."
        ) from error
    n = len(steps)
    return Walk(
        steps=steps,
        scores={HEADS: heads.reshape(n, -1), MLPS: mlps},
        kept={
            HEADS: np.stack([mask.heads.ravel() for mask in masks]),
            MLPS: np.stack([mask.mlps for mask in masks]),
        },
        recomputed=options["stage_start"] == "recompute",
    )


def _walk(
    steps: list[Step], heads: np.ndarray, mlps: np.ndarray, options: Mapping[str, Any]
) -> list[StructuredMask]:
    """The masks of all steps. The search itself is run on what it measured the first time.

    The files hold float32, the search ranked float64: scores that agree in seven digits may change
    places, which no figure shows.
    """
    seen: list[StructuredMask] = []

    def measured(mask: StructuredMask) -> Measurement:
        step = len(seen)
        seen.append(mask)
        return Measurement(heads[step], mlps[step], steps[step].score, steps[step].kept_fraction)

    search = StructuredSearch(
        measured, lambda _: steps[0].threshold, heads.shape[1:], dict(options)
    )
    search.run()
    if len(seen) != len(steps):
        raise ValueError(f"the search has {len(steps)} steps, its scores lead to {len(seen)}")
    return seen


def cuts(walk: Walk, unit: str) -> list[Cut]:
    """All removals of one kind of unit, in order."""
    found = []
    kept = walk.kept[unit]
    for step in range(len(kept)):
        if not walk.removes(step, unit):
            continue
        before = _state_before(walk, unit, step)
        removed = before & ~kept[step]
        scores = walk.scores[unit][step - 1].astype(float)
        known = scores[removed & ~np.isnan(scores)]
        if len(known):
            eligible = scores[before]
            found.append(Cut(step - 1, eligible[~np.isnan(eligible)], float(known.max())))
    return found


def _state_before(walk: Walk, unit: str, step: int) -> np.ndarray:
    """The units that were left when a step removed some: bool [units].

    Every stage starts from the last state that passed. One exception: when a step of stage both has
    left no head, the MLPs fall back to the state before it, the smallest one that holds all that
    is kept now and more.
    """
    kept = walk.kept[unit]
    passed = [earlier for earlier in range(step) if walk.steps[earlier].accepted]
    larger = [
        earlier
        for earlier in range(step)
        if not (kept[step] & ~kept[earlier]).any() and (kept[earlier] & ~kept[step]).any()
    ]
    if passed[-1] in larger:
        return kept[passed[-1]]
    return kept[min(larger, key=lambda earlier: kept[earlier].sum())]


def moments(found: list[Cut]) -> dict[str, Cut]:
    """The first, middle and last of the removals; fewer where they coincide."""
    if not found:
        return {}
    places = {"first": 0, "middle": len(found) // 2, "last": len(found) - 1}
    taken: dict[int, str] = {}
    for name in ("first", "last", "middle"):
        taken.setdefault(places[name], name)
    return {name: found[place] for place, name in sorted(taken.items())}


def histogram_rows(walk: Walk, cell: Mapping[str, Any]) -> list[Row]:
    """Scores of the units that could be removed, in bins over [0, 1]: keys `HISTOGRAM_COLUMNS`.

    Args:
        walk: a search.
        cell: model, method, task and seed.
    """
    rows = []
    for unit in walk.scores:
        for moment, each in moments(cuts(walk, unit)).items():
            counts, edges = np.histogram(each.scores, bins=BINS, range=(0.0, 1.0))
            place = {"unit": unit, "when": moment, "step": each.step, "cut": each.cut}
            rows += [
                {**cell, **place, "low": low, "high": high, "count": int(count)}
                for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
            ]
    return rows


def correlation_rows(walk: Walk, cell: Mapping[str, Any]) -> list[Row]:
    """Correlation of the scores of each step with those of the step before.

    pearson and spearman are over the n units that both steps keep; pearson_all is over all units
    that have a score in both, pruned ones included (as published importances have them).

    Args:
        walk: a search.
        cell: model, method, task and seed.
    """
    rows = []
    for unit, scores in walk.scores.items():
        for step in range(1, len(scores)):
            first, second = scores[step - 1].astype(float), scores[step].astype(float)
            known = ~np.isnan(first) & ~np.isnan(second)
            both = known & walk.kept[unit][step - 1] & walk.kept[unit][step]
            numbers = {
                "pearson": metrics.score("pearson", first[both], second[both]),
                "spearman": metrics.score("spearman", first[both], second[both]),
                "n": int(both.sum()),
                "pearson_all": metrics.score("pearson", first[known], second[known]),
            }
            place = {"unit": unit, "step": step, "stage": walk.steps[step].stage}
            rows.append({**cell, **place, **numbers})
    return rows
