"""Importances along a search: how they are spread, where they are cut, how they change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lottery import files
from lottery.files.errors import StudyError
from lottery.results.trajectory import Step, read_trajectory
from lottery.tasks import metrics

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
    """The way of a search.

    Attributes:
        steps: rows of search.csv.
        scores: kind's array -> float [steps, units].
        kept: kind's array -> bool [steps, units], the state in which the scores were measured.
        before: kind's array -> bool [steps, units], the state from which the search came there: it
            removed what is in `before` and not in `kept`. It removed nothing where a later stage
            begins with the state that it has.
    """

    steps: list[Step]
    scores: dict[str, np.ndarray]
    kept: dict[str, np.ndarray]
    before: dict[str, np.ndarray]


def read_walk(path_to_search: Path, path_to_importance: Path, path_to_path: Path) -> Walk:
    """Reads the way of a search.

    Args:
        path_to_search: search.csv.
        path_to_importance: importance.npz.
        path_to_path: path.npz.

    Raises:
        StudyError: the files are damaged, or do not belong to one search.
    """
    steps = read_trajectory(path_to_search)
    scores, kept = files.read_npz(path_to_importance), files.read_npz(path_to_path)
    shapes, others = ({name: a.shape for name, a in each.items()} for each in (scores, kept))
    if shapes != others or any(shape[0] != len(steps) for shape in shapes.values()):
        raise StudyError(
            f"{path_to_importance} and {path_to_path} do not belong to {path_to_search}: they do "
            "not have the same units and steps; delete the folder and run the search again."
        )
    n = len(steps)
    kept = {name: array.reshape(n, -1).astype(bool) for name, array in kept.items()}
    return Walk(
        steps=steps,
        scores={name: array.reshape(n, -1) for name, array in scores.items()},
        kept=kept,
        before=_states_before(steps, kept),
    )


def _states_before(steps: list[Step], kept: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The state from which the search came to each step: kind's array -> bool [steps, units].

    The search keeps the last state that passed, each kind of unit by itself: when a step has left
    no unit of one kind, the kinds after it fall back to the state before the step.
    """
    good = {name: states[0] for name, states in kept.items()}
    before = {name: [] for name in kept}
    for number, step in enumerate(steps):
        for name in kept:
            before[name].append(good[name])
        if not step.accepted:
            continue
        for name in kept if step.stage not in kept else (step.stage,):
            good[name] = kept[name][number]
            if not good[name].any():
                break
    return {name: np.stack(states) for name, states in before.items()}


def cuts(walk: Walk, unit: str) -> list[Cut]:
    """All removals of one kind of unit, in order."""
    found = []
    for step in range(1, len(walk.steps)):
        before = walk.before[unit][step]
        removed = before & ~walk.kept[unit][step]
        scores = walk.scores[unit][step - 1].astype(float)
        known = scores[removed & ~np.isnan(scores)]
        if len(known):
            eligible = scores[before]
            found.append(Cut(step - 1, eligible[~np.isnan(eligible)], float(known.max())))
    return found


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
