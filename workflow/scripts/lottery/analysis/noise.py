"""Seed noise beside the noise of data and estimator.

Methods that differ only in the examples they search on (`search_on`) search the same fine-tuned
models. How far their masks of one model agree is compared with how far the masks of different
seeds agree that were searched on the same examples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lottery.analysis import agreement
from lottery.analysis.agreement import pairs, shared_counts
from lottery.analysis.good_masks import WEIGHTS, GoodMasks

# source: `seeds` (same examples, different fine-tuned models) or `data` (same fine-tuned model,
# different examples). disjoint: whether the two sets of examples have none in common. mean and sd
# (sample) run over the n pairs of masks where the statistic is defined.
COLUMNS = [
    "model",
    "task",
    "unit",
    "source",
    "method",
    "other_method",
    "search_on",
    "other_search_on",
    "disjoint",
    "statistic",
    "mean",
    "sd",
    "n",
]
STATISTICS = {"phi": agreement.pairwise_phi, "jaccard": agreement.pairwise_jaccard}
SEEDS, DATA = "seeds", "data"
HALVES = ("search_half", "report_half")


def noise_rows(masks: GoodMasks, model: str, search_on: Mapping[str, str]) -> list[dict[str, Any]]:
    """Agreement of every pair of masks that differ in the seed alone or in the data alone.

    Args:
        masks: good masks of all methods of a family.
        model: id.
        search_on: method -> the examples it searches on.

    Returns:
        Rows with the keys `COLUMNS`.
    """
    rows = []
    for task in masks.tasks:
        for source, first, second, places in _groups(masks, task, list(search_on)):
            cells = [cell for pair in places for cell in pair]
            for unit, counts, n in _pair_counts(masks, cells):
                for name, statistic in STATISTICS.items():
                    values = statistic(counts, n)[:, 0]
                    known = values[~np.isnan(values)]
                    rows.append(
                        {
                            "model": model,
                            "task": task,
                            "unit": unit,
                            "source": source,
                            "method": first,
                            "other_method": second,
                            "search_on": search_on[first],
                            "other_search_on": search_on[second],
                            "disjoint": disjoint(search_on[first], search_on[second]),
                            "statistic": name,
                            "mean": float(known.mean()) if len(known) else None,
                            "sd": float(known.std(ddof=1)) if len(known) > 1 else None,
                            "n": len(known),
                        }
                    )
    return rows


def disjoint(first: str, second: str) -> bool:
    """Whether no example belongs to both splits; the halves are parts of validation."""
    return first != second and ("train_sample" in (first, second) or {first, second} == {*HALVES})


def _groups(
    masks: GoodMasks, task: str, methods: Sequence[str]
) -> list[tuple[str, str, str, list[tuple[int, int]]]]:
    """(source, method, other method, pairs of cells) of a task; none without a pair."""
    groups = []
    by_seed = {
        method: {masks.infos[cell].seed: cell for cell in masks.cells(task=task, method=method)}
        for method in methods
    }
    for method in methods:
        cells = list(by_seed[method].values())
        places = [(cells[a], cells[b]) for a, b in pairs(len(cells))]
        groups.append((SEEDS, method, method, places))
    for a, b in pairs(len(methods)):
        first, second = by_seed[methods[a]], by_seed[methods[b]]
        places = [(cell, second[seed]) for seed, cell in first.items() if seed in second]
        groups.append((DATA, methods[a], methods[b], places))
    return [group for group in groups if group[-1]]


def _pair_counts(masks: GoodMasks, cells: list[int]) -> list[tuple[str, np.ndarray, int]]:
    """(kind of unit, shared counts [pairs, 2, 2], number of units); cells come in pairs."""
    if masks.shared_weights is not None:
        places = np.array(cells).reshape(-1, 2)
        counts = masks.shared_weights[places[:, :, None], places[:, None, :]]
        return [(WEIGHTS, counts, masks.n_weights)]
    return [
        (unit, shared_counts(values[cells].reshape(-1, 2, values.shape[1])), values.shape[1])
        for unit, values in masks.units.items()
    ]
