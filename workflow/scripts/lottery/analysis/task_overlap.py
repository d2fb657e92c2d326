"""Task overlap: the units that the masks of two tasks keep in common."""

from __future__ import annotations

from typing import Any

import numpy as np

from lottery.analysis.agreement import pairs
from lottery.analysis.chance import shared_by_chance, upper_p
from lottery.analysis.good_masks import GoodMasks, super_survivors
from lottery.analysis.survivors import by_seed
from lottery.pruning.controls import generator

# A row per pair of tasks and per task with itself, whose shared_mean is its own size.
COLUMNS = [
    "model",
    "method",
    "unit",
    "task_a",
    "task_b",
    "shared_mean",
    "shared_sd",
    "expected",
    "expected_sd",
    "p",
    "n_seeds",
    "super_shared",
    "super_expected",
    "units",
]


def overlap_rows(masks: GoodMasks, model: str, method: str, draws: int) -> list[dict[str, Any]]:
    """Units that two tasks' masks of the same seed keep in common: keys `COLUMNS`.

    expected, expected_sd and p are those of the mean over seeds, for independent masks of the same
    sizes; a task with itself has no p.
    """
    rows = []
    tasks = masks.tasks
    for unit, values in masks.units.items():
        supers = {t: super_survivors(values[masks.cells(task=t)]) for t in tasks}
        for a, b in [(a, a) for a in range(len(tasks))] + pairs(len(tasks)):
            two = by_seed(masks, unit, [tasks[a], tasks[b]])
            rng = generator("overlap", model, method, unit, tasks[a], tasks[b])
            place = {"model": model, "method": method, "unit": unit}
            both = {"task_a": tasks[a], "task_b": tasks[b]}
            numbers = _overlap(two, draws, rng, same=a == b)
            first, second = supers[tasks[a]], supers[tasks[b]]
            by_chance = float(first.sum() * second.sum() / len(first))
            shared = {
                "super_shared": int((first & second).sum()),
                "super_expected": float(first.sum()) if a == b else by_chance,
                "units": len(first),
            }
            rows.append(place | both | numbers | shared)
    return rows


def _overlap(
    two: np.ndarray, draws: int, rng: np.random.Generator, *, same: bool
) -> dict[str, Any]:
    """Numbers of one pair of tasks; two: bool [2, seeds, units]."""
    shared = (two[0] & two[1]).sum(axis=1)
    n = two.shape[2]
    numbers = {
        "shared_mean": float(shared.mean()),
        "shared_sd": float(shared.std(ddof=1)) if len(shared) > 1 else None,
        "n_seeds": len(shared),
    }
    sizes = two.sum(axis=2)
    if same:
        return numbers | {"expected": numbers["shared_mean"], "expected_sd": None, "p": None}
    drawn = [shared_by_chance(pair, n, draws, rng) for pair in sizes.T]
    means = np.mean(drawn, axis=0)
    return numbers | {
        "expected": float((sizes[0] * sizes[1] / n).mean()),
        "expected_sd": float(means.std(ddof=1)),
        "p": upper_p(numbers["shared_mean"], means),
    }
