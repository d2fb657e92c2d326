"""Do heads that survive in all seeds show some pattern more often than other heads?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from lottery.analysis.patterns import AVERAGE, PatternCounts
from lottery.attention.classes import ATTENTION, CLASSES, WEIGHTS
from lottery.pruning.controls import generator

# phi: with the class of most of a head's maps, `n_pattern` heads; correlation: with the share of
# its maps. p-values are two-sided. Rows of the task `average` hold the mean over the tasks that
# enter averages and have a value; their counts are sums over tasks.
COLUMNS = [
    "model",
    "method",
    "task",
    "weights",
    "attention",
    "pattern",
    "phi",
    "phi_p",
    "correlation",
    "correlation_p",
    "n_tasks",
    "n_heads",
    "n_survivors",
    "n_pattern",
]
Row = dict[str, Any]


@dataclass(frozen=True)
class Correlations:
    """Correlations over heads, as found and with the heads permuted; NaN is undefined.

    Attributes:
        found: float [tasks, classes].
        permuted: float [draws, tasks, classes].
    """

    found: np.ndarray
    permuted: np.ndarray

    def over(self, tasks: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """The mean over some tasks and its two-sided p-value, float [classes] each."""
        mean, permuted = _mean(self.found[tasks]), _mean(self.permuted[:, tasks])
        # Equal counts may differ in the last bit.
        extreme = np.abs(permuted) >= np.abs(mean) - 1e-12
        p = (1 + extreme.sum(axis=0)) / (1 + len(permuted))
        return mean, np.where(np.isnan(mean), np.nan, p)


def correlate(survivors: np.ndarray, values: np.ndarray, orders: np.ndarray) -> Correlations:
    """Pearson's correlation over heads, which is phi where the values are 0 and 1.

    A permutation gives every head another head's survival in all tasks at once: heads are the
    clusters, so tasks that agree because they share a pretrained model count once.

    Args:
        survivors: bool [tasks, heads].
        values: [tasks, heads, classes].
        orders: permutations of the heads, int64 [draws, heads].
    """
    kept = _standardised(survivors.astype(float))
    shown = _standardised(np.swapaxes(values, 1, 2).astype(float))  # [tasks, classes, heads]
    found = np.einsum("th,tch->tc", kept, shown)
    # One matrix product per task: numpy's einsum over three axes would not use BLAS.
    permuted = [each[orders] @ of_task.T for each, of_task in zip(kept, shown, strict=True)]
    return Correlations(found, np.stack(permuted, axis=1))


def _standardised(values: np.ndarray) -> np.ndarray:
    """Mean 0 and length 1 along the last axis; NaN where all are equal."""
    centred = values - values.mean(axis=-1, keepdims=True)
    length = np.linalg.norm(centred, axis=-1, keepdims=True)
    return centred / np.where(length > 1e-9, length, np.nan)


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis but one, of what is defined."""
    defined = ~np.isnan(values)
    count = defined.sum(axis=-2)
    total = np.where(defined, values, 0.0).sum(axis=-2)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def association_rows(
    found: PatternCounts, model: str, method: str, averaged: Sequence[str], draws: int
) -> list[Row]:
    """Association of surviving in all seeds with every class.

    Args:
        found: patterns and survivors.
        model, method: ids.
        averaged: the tasks that enter averages.
        draws: permutations of the heads, the same in all tasks.

    Returns:
        Rows with the keys `COLUMNS`.
    """
    tasks = list(found.counts)
    survivors = np.stack([found.survivors[task] for task in tasks])
    rng = generator("pattern association", model, method)
    orders = rng.permuted(np.tile(np.arange(survivors.shape[1]), (draws, 1)), axis=1)
    groups = {task: [place] for place, task in enumerate(tasks)}
    if averaged:
        groups[AVERAGE] = [tasks.index(task) for task in averaged]
    rows: list[Row] = []
    for (w, weights), (a, attention) in product(enumerate(WEIGHTS), enumerate(ATTENTION)):
        maps = np.stack([found.counts[task][:, w, a].sum(axis=0) for task in tasks])
        main = maps.argmax(axis=2)[..., None] == np.arange(len(CLASSES))
        shares = maps / maps.sum(axis=2, keepdims=True)
        tests = {"phi": correlate(survivors, main, orders)}
        tests["correlation"] = correlate(survivors, shares, orders)
        for task, members in groups.items():
            place = {"model": model, "method": method, "task": task, "weights": weights}
            place |= {"attention": attention, "n_tasks": len(members)}
            kept, shown = survivors[members], main[members].sum(axis=(0, 1))
            place |= {"n_heads": kept.size, "n_survivors": int(kept.sum())}
            values = {name: test.over(members) for name, test in tests.items()}
            rows += [place | row for row in _by_class(values, shown)]
    return rows


def _by_class(values: dict[str, tuple[np.ndarray, np.ndarray]], shown: np.ndarray) -> list[Row]:
    """A row per class: each statistic with its p-value, and the heads of the class."""
    return [
        {"pattern": pattern, "n_pattern": int(shown[c])}
        | {name: float(value[c]) for name, (value, _) in values.items()}
        | {f"{name}_p": float(p[c]) for name, (_, p) in values.items()}
        for c, pattern in enumerate(CLASSES)
    ]
