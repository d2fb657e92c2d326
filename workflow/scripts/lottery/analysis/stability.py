"""Stability over seeds: how far the good masks of one task agree, and those of two tasks."""

from __future__ import annotations

from typing import Any

import numpy as np

from lottery.analysis import agreement, chance
from lottery.analysis.agreement import pairs, shared_counts
from lottery.analysis.good_masks import WEIGHTS, GoodMasks
from lottery.pruning.controls import generator

# One row per statistic. `subnetwork`: good, and good_half where a method makes halves. `other_task`
# is empty but for pairs of tasks, whose masks are all taken together. expected, expected_sd and p:
# `lottery.analysis.chance.Comparison`.
COLUMNS = [
    "model",
    "method",
    "subnetwork",
    "task",
    "other_task",
    "unit",
    "statistic",
    "value",
    "expected",
    "expected_sd",
    "p",
    "n_masks",
    "n_units",
]
PAIR_COLUMNS = [
    "model",
    "method",
    "subnetwork",
    "task",
    "unit",
    "seed",
    "other_seed",
    "kept",
    "other_kept",
    "shared",
    "shared_expected",
    "jaccard",
    "jaccard_expected",
    "phi",
    "cochran_p",
]
PAIR_OF_TASKS = ("krippendorff_alpha",)
Row = dict[str, Any]


def stability_rows(masks: GoodMasks, model: str, method: str, draws: int) -> list[Row]:
    """Every statistic of every task, and alpha of every pair of tasks.

    Args:
        masks: good masks of one method, or its good halves; a task of a single seed has no rows of
            its own.
        model, method: ids.
        draws: permutations behind every p-value of units.

    Returns:
        Rows with the keys `COLUMNS`.
    """
    rows: list[Row] = []
    of_task = {task: masks.cells(task=task) for task in masks.tasks}
    groups = [(task, "", cells) for task, cells in of_task.items() if len(cells) > 1]
    for a, b in pairs(len(masks.tasks)):
        first, second = masks.tasks[a], masks.tasks[b]
        groups.append((first, second, of_task[first] + of_task[second]))
    for task, other, cells in groups:
        for unit, n, found in _compare(masks, cells, (model, method, task, other), draws):
            for statistic, comparison in found.items():
                place = {"model": model, "method": method, "task": task, "other_task": other}
                subnetwork = masks.infos[cells[0]].subnetwork
                what = {"subnetwork": subnetwork, "unit": unit, "statistic": statistic}
                counts = {"n_masks": len(cells), "n_units": n}
                rows.append(place | what | comparison.row() | counts)
    return rows


def _compare(
    masks: GoodMasks, cells: list[int], names: tuple[str, ...], draws: int
) -> list[tuple[str, int, dict[str, chance.Comparison]]]:
    """(kind of unit, number of units, comparisons) of a group of masks."""
    found = []
    is_pair = bool(names[-1])
    if masks.shared_weights is not None:
        shared = masks.shared_weights[np.ix_(cells, cells)]
        chosen = PAIR_OF_TASKS if is_pair else tuple(agreement.STATISTICS)
        comparisons = chance.compare_bits(shared, masks.n_weights, chosen)
        found.append((WEIGHTS, masks.n_weights, comparisons))
    for unit, values in masks.units.items():
        if values.dtype == bool:
            compare, known = chance.compare_units, agreement.STATISTICS
        else:
            compare, known = chance.compare_graded, agreement.GRADED_STATISTICS
        rng = generator("stability", unit, *names)
        chosen = PAIR_OF_TASKS if is_pair else tuple(known)
        found.append((unit, values.shape[1], compare(values[cells], draws, rng, chosen)))
    return found


def pair_rows(masks: GoodMasks, model: str, method: str) -> list[Row]:
    """Every pair of seeds of every task; shares of units have no such pairs.

    Returns:
        Rows with the keys `PAIR_COLUMNS`.
    """
    rows: list[Row] = []
    for task in masks.tasks:
        cells = masks.cells(task=task)
        seeds = masks.seeds(cells)
        for unit, n, shared in _counts(masks, cells):
            expected = agreement.expected_shared(np.diagonal(shared), n)
            jaccard, phi = agreement.pairwise_jaccard(shared, n), agreement.pairwise_phi(shared, n)
            for place, (a, b) in enumerate(pairs(len(cells))):
                two = shared[np.ix_([a, b], [a, b])]
                own = {"model": model, "method": method, "task": task, "unit": unit}
                own["subnetwork"] = masks.infos[cells[0]].subnetwork
                counts = {"seed": seeds[a], "other_seed": seeds[b]}
                counts |= {"kept": int(shared[a, a]), "other_kept": int(shared[b, b])}
                counts |= {"shared": int(shared[a, b]), "shared_expected": float(expected[a, b])}
                values = {
                    "jaccard": float(jaccard[place]),
                    "jaccard_expected": chance.expected_jaccard(shared[a, a], shared[b, b], n),
                    "phi": float(phi[place]),
                    "cochran_p": float(agreement.cochran_p(two, n)),
                }
                rows.append(own | counts | values)
    return rows


def _counts(masks: GoodMasks, cells: list[int]) -> list[tuple[str, int, np.ndarray]]:
    """(kind of unit, number of units, shared counts) of masks of 0 and 1."""
    if masks.shared_weights is not None:
        return [(WEIGHTS, masks.n_weights, masks.shared_weights[np.ix_(cells, cells)])]
    return [
        (unit, values.shape[1], shared_counts(values[cells]))
        for unit, values in masks.units.items()
    ]
