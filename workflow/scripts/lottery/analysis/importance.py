"""Importances along a search: how they are spread, where they are cut, how they change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lottery import files
from lottery.files.errors import StudyError
from lottery.results.trajectory import search_table
from lottery.tasks import metrics

if TYPE_CHECKING:
    import pandas as pd

BINS = 24  # as published
CELL = dict.fromkeys(("model", "method", "task", "seed", "unit"), str)
# Scores of the units that could be removed, in bins over [0, 1]. cut: the highest score that was
# removed; step: the row of search.csv whose scores were ranked.
HISTOGRAMS = CELL | {
    "when": str,
    "step": int,
    "cut": float,
    "low": float,
    "high": float,
    "count": int,
}
# Correlation of the scores of each step with those of the step before: pearson and spearman over
# the n units that both steps keep; pearson_all over all units that have a score in both, pruned
# ones included (as published importances have them).
CORRELATIONS = (
    CELL
    | {"step": int, "stage": str, "pearson": float, "spearman": float}
    | {"n": int, "pearson_all": float}
)
MOMENTS = ("first", "middle", "last")


@dataclass(frozen=True, eq=False)
class SearchStates:
    """The states that a search measured, one a step: rows of search.csv; arrays by kind.

    Attributes:
        scores: float [steps, units].
        kept: bool [steps, units], the state in which the scores were measured.
        before: bool [steps, units], the state from which the search came there: it removed what is
            in `before` and not in `kept`; nothing where a later stage begins with the state it has.
    """

    steps: list[Any]
    scores: dict[str, np.ndarray]
    kept: dict[str, np.ndarray]
    before: dict[str, np.ndarray]


def read_states(path_to_search: Path, path_to_importance: Path, path_to_path: Path) -> SearchStates:
    """Reads search.csv, importance.npz and path.npz of a search.

    Raises:
        StudyError: the files are damaged, or do not belong to one search.
    """
    steps = list(search_table(path_to_search).itertuples())
    scores, kept = files.read_npz(path_to_importance), files.read_npz(path_to_path)
    shapes, others = ({name: a.shape for name, a in each.items()} for each in (scores, kept))
    if shapes != others or any(shape[0] != len(steps) for shape in shapes.values()):
        raise StudyError(
            f"{path_to_importance} and {path_to_path} do not belong to {path_to_search}: they do "
            "not have the same units and steps; delete the folder and run the search again."
        )
    n = len(steps)
    scores = {name: array.reshape(n, -1).astype(float) for name, array in scores.items()}
    kept = {name: array.reshape(n, -1).astype(bool) for name, array in kept.items()}
    return SearchStates(steps, scores, kept, _states_before(steps, kept))


def _states_before(steps: list[Any], kept: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The state from which the search came to each step: kind's array -> bool [steps, units].

    The search keeps the last state that passed, each kind of unit by itself: when a step has left
    no unit of one kind, the kinds after it fall back to the state before the step.
    """
    good = {name: states[0] for name, states in kept.items()}
    before = {name: np.empty_like(states) for name, states in kept.items()}
    for number, step in enumerate(steps):
        for name in kept:
            before[name][number] = good[name]
        for name in kept if step.stage not in kept else (step.stage,):
            if step.accepted:
                good[name] = kept[name][number]
                if not good[name].any():
                    break
    return before


def cuts(states: SearchStates, unit: str) -> list[tuple[int, np.ndarray, float]]:
    """All removals of one kind of unit, in order.

    Returns:
        The row of search.csv whose scores were ranked, the known scores of the units that could be
        removed, and the highest score that was removed.
    """
    found = []
    for step in range(1, len(states.steps)):
        before, scores = states.before[unit][step], states.scores[unit][step - 1]
        removed = before & ~states.kept[unit][step]
        known = scores[removed & ~np.isnan(scores)]
        if len(known):
            found.append((step - 1, scores[before & ~np.isnan(scores)], float(known.max())))
    return found


def histogram_table(states: SearchStates, cell: Mapping[str, Any]) -> pd.DataFrame:
    """The scores at the first, middle and last removal, fewer where they coincide: `HISTOGRAMS`.

    Args:
        cell: model, method, task and seed.
    """
    rows = []
    for unit in states.scores:
        found = cuts(states, unit)
        places = {len(found) // 2: "middle", len(found) - 1: "last", 0: "first"} if found else {}
        for place, moment in sorted(places.items()):
            step, scores, cut = found[place]
            counts, edges = np.histogram(scores, bins=BINS, range=(0.0, 1.0))
            row = {**cell, "unit": unit, "when": moment, "step": step, "cut": cut}
            rows += [
                row | {"low": low, "high": high, "count": count}
                for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
            ]
    return files.table(rows, HISTOGRAMS)


def correlation_table(states: SearchStates, cell: Mapping[str, Any]) -> pd.DataFrame:
    """How far the scores of consecutive steps agree: `CORRELATIONS`; cell as above."""
    rows = []
    for unit, scores in states.scores.items():
        for step in range(1, len(scores)):
            known = ~np.isnan(scores[step - 1]) & ~np.isnan(scores[step])
            both = known & states.kept[unit][step - 1] & states.kept[unit][step]
            row = {**cell, "unit": unit, "step": step, "stage": states.steps[step].stage}
            row |= {
                name: metrics.score(name, scores[step - 1][both], scores[step][both])
                for name in ("pearson", "spearman")
            }
            over_all = metrics.score("pearson", scores[step - 1][known], scores[step][known])
            rows.append(row | {"n": int(both.sum()), "pearson_all": over_all})
    return files.table(rows, CORRELATIONS)
