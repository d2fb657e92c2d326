"""Importances along a search: how they are spread, where they are cut, how they change."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lottery import files
from lottery.analysis.agreement import permutations, upper_p
from lottery.files.errors import StudyError
from lottery.models.units import KINDS
from lottery.pruning.algorithms.search import RAW
from lottery.pruning.controls import generator
from lottery.results.trajectory import search_table
from lottery.statistics.differences import AVERAGE
from lottery.statistics.intervals import t_estimate
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
# What the first step of the search measured, before it is normalised. head: a unit's place among
# those of its kind in the layer; none where the layer has one unit, or so many (neurons) that a row
# holds their mean.
IMPORTANCES = CELL | {"layer": int, "head": int, "importance": float}
# Whether few heads stand out, and the same ones in all seeds. A head's importance is relative to
# the median of its layer. The top tenth of the heads is chosen by the mean over the other seeds,
# and measured in the seed that was left out: ratio is its mean there / the median of all heads
# there, mean over seeds. expected and the one-sided p are those of heads permuted within layer and
# seed, which no seed has in common. low and high: 95 % t interval over seeds, of the logarithms.
# A task is `AVERAGE` for the mean over the tasks that enter averages.
HELD_OUT = (
    dict.fromkeys("model method task unit".split(), str)
    | dict.fromkeys("ratio expected p smallest_p".split(), float)
    | dict.fromkeys("n_top n_units n_tasks n_seeds".split(), int)
    | dict.fromkeys(("low", "high"), float)
)


@dataclass(frozen=True, eq=False)
class SearchStates:
    """The states that a search measured, one a step: rows of search.csv; arrays by kind.

    Attributes:
        scores: float [steps, units].
        first: float [layers, units] or [layers], the importances of the first step as measured; the
            scores themselves where the search leaves nothing else.
        kept: bool [steps, units], the state in which the scores were measured.
        before: bool [steps, units], the state from which the search came there: it removed what is
            in `before` and not in `kept`; nothing where a later stage begins with the state it has.
    """

    steps: list[Any]
    scores: dict[str, np.ndarray]
    first: dict[str, np.ndarray]
    kept: dict[str, np.ndarray]
    before: dict[str, np.ndarray]


def read_states(path_to_search: Path, path_to_importance: Path, path_to_path: Path) -> SearchStates:
    """Reads search.csv, importance.npz and path.npz of a search.

    Raises:
        StudyError: the files are damaged, or do not belong to one search.
    """
    steps = list(search_table(path_to_search).itertuples())
    found, kept = files.read_npz(path_to_importance), files.read_npz(path_to_path)
    scores = {name: array for name, array in found.items() if not name.startswith(RAW)}
    shapes, others = ({name: a.shape for name, a in each.items()} for each in (scores, kept))
    if shapes != others or any(shape[0] != len(steps) for shape in shapes.values()):
        raise StudyError(
            f"{path_to_importance} and {path_to_path} do not belong to {path_to_search}: they do "
            "not have the same units and steps; delete the folder and run the search again."
        )
    n = len(steps)
    first = {name: found.get(RAW + name, scores[name])[0].astype(float) for name in scores}
    scores = {name: array.reshape(n, -1).astype(float) for name, array in scores.items()}
    kept = {name: array.reshape(n, -1).astype(bool) for name, array in kept.items()}
    return SearchStates(steps, scores, first, kept, _states_before(steps, kept))


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


def importance_table(states: SearchStates, cell: Mapping[str, Any]) -> pd.DataFrame:
    """The importances of the first step: `IMPORTANCES`; cell as above."""
    many = [kind.array for kind in KINDS.values() if kind.many]
    rows = []
    for unit, measured in states.first.items():
        values = measured.mean(axis=1) if unit in many else measured
        for (layer, *head), value in np.ndenumerate(values):
            place = {"unit": unit, "layer": layer, "head": head[0] if head else None}
            rows.append({**cell, **place, "importance": value})
    return files.table(rows, IMPORTANCES)


def held_out_table(
    of_tasks: Mapping[str, np.ndarray],
    model: str,
    method: str,
    averaged_tasks: Sequence[str],
    draws: int,
) -> pd.DataFrame:
    """Whether few heads stand out: `HELD_OUT`.

    Args:
        of_tasks: task -> importances of heads, float [seeds, layers, heads].
        model, method: what was searched.
        averaged_tasks: the tasks that enter averages.
        draws: permutations behind every p-value.
    """
    row = {"model": model, "method": method, "unit": "heads"}
    tests = {
        task: held_out_test(values, draws, generator("held out", model, method, task))
        for task, values in of_tasks.items()
    }
    groups = {task: [test] for task, test in tests.items()}
    groups[AVERAGE] = [test for task, test in tests.items() if task in averaged_tasks]
    rows = []
    for task, group in groups.items():
        known = [test for test in group if test is not None]
        numbers = pooled(known) if known else {}
        rows.append(row | {"task": task, "n_tasks": len(known)} | numbers)
    return files.table(rows, HELD_OUT)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The test of one task.

    Attributes:
        ratios: float [seeds], of the top heads in each seed that was left out.
        permuted: float [draws], mean ratio of permuted heads.
        smallest_p: of the permutation test.
        n_top, n_units: number of top heads, and of heads.
    """

    ratios: np.ndarray
    permuted: np.ndarray
    smallest_p: float
    n_top: int
    n_units: int


def held_out_test(values: np.ndarray, draws: int, rng: np.random.Generator) -> HeldOut | None:
    """Measures in each seed the heads that are the most important in the others.

    Args:
        values: importances as measured, float [seeds, layers, heads].
        draws: permutations of heads within layer and seed.
        rng: seeded.

    Returns:
        None for a single seed, and where half the heads of a layer have no importance at all.
    """
    seeds, layers, heads = values.shape
    medians = np.median(values, axis=2, keepdims=True)
    if seeds < 2 or not (medians > 0).all():
        return None
    relative = values / medians
    permuted = [_ratios(each).mean(axis=-1) for each in permutations(relative, draws, rng)]
    # Orders of the heads of all seeds but one, with respect to each other.
    orders = math.factorial(heads) ** (layers * (seeds - 1))
    return HeldOut(
        _ratios(relative),
        np.concatenate(permuted),
        max(1 / orders, 1 / (1 + draws)),
        _count_top(layers * heads),
        layers * heads,
    )


def _count_top(n_units: int) -> int:
    return max(1, n_units // 10)


def _ratios(relative: np.ndarray) -> np.ndarray:
    """[..., seeds, layers, heads] -> the ratio in each seed that is left out [..., seeds]."""
    flat = relative.reshape(*relative.shape[:-2], -1)
    others = flat.sum(axis=-2, keepdims=True) - flat
    count = _count_top(flat.shape[-1])
    top = np.argpartition(-others, count - 1, axis=-1)[..., :count]
    means = np.take_along_axis(flat, top, axis=-1).mean(axis=-1)
    return means / np.median(flat, axis=-1)


def pooled(tests: Sequence[HeldOut]) -> dict[str, float]:
    """The numbers of `HELD_OUT`, means over tasks."""
    permuted = np.mean([test.permuted for test in tests], axis=0)
    ratio = float(np.mean([test.ratios.mean() for test in tests]))
    smallest = math.prod(test.smallest_p for test in tests)
    numbers = {
        "ratio": ratio,
        "expected": float(permuted.mean()),
        "p": upper_p(ratio, permuted),
        "smallest_p": max(smallest, 1 / (1 + len(permuted))),
        "n_top": tests[0].n_top,
        "n_units": tests[0].n_units,
        "n_seeds": len(tests[0].ratios),
    }
    if all((test.ratios > 0).all() for test in tests):
        logarithms = t_estimate([np.log(test.ratios) for test in tests])
        if logarithms.low is not None and logarithms.high is not None:
            numbers |= {"low": math.exp(logarithms.low), "high": math.exp(logarithms.high)}
    return numbers
