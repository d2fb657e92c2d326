"""How far the good masks of one task agree: over seeds, and over the data of their search."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from lottery import files
from lottery.analysis import agreement
from lottery.analysis.good_masks import WEIGHTS, GoodMasks
from lottery.pruning.controls import generator

if TYPE_CHECKING:
    import pandas as pd

# One row per statistic. `subnetwork`: good, and good_half where a method makes halves. `other_task`
# is empty but for pairs of tasks, whose masks are all taken together. value, expected, expected_sd
# and p: `lottery.analysis.agreement.Comparison`. pretrained, of masks of weights: the statistic of
# a mask and its counterpart (`lottery.analysis.good_masks.PretrainedMasks`), mean over the masks.
# Seeds agree because they start from the same weights where this is no smaller than the value.
STABILITY = (
    dict.fromkeys("model method subnetwork task other_task unit statistic".split(), str)
    | dict.fromkeys(("value", "expected", "expected_sd", "p"), float)
    | dict.fromkeys(("n_masks", "n_units"), int)
    | {"pretrained": float}
)
PAIRS = (
    dict.fromkeys("model method subnetwork task unit seed other_seed".split(), str)
    | dict.fromkeys(("kept", "other_kept", "shared"), int)
    | dict.fromkeys(("shared_expected", "jaccard", "jaccard_expected", "phi", "cochran_p"), float)
)
# source: `seeds` (same examples, different fine-tuned models) or `data` (same fine-tuned model,
# different examples). disjoint: whether the two sets of examples have none in common. mean and sd
# (sample) run over the n pairs of masks where the statistic is defined.
NOISE = (
    dict.fromkeys("model task unit source method other_method".split(), str)
    | {"search_on": str, "other_search_on": str, "disjoint": bool, "statistic": str}
    | {"mean": float, "sd": float, "n": int}
)
PAIR_OF_TASKS = ("krippendorff_alpha",)
HALVES = {"search_half", "report_half"}


def stability_table(masks: GoodMasks, model: str, method: str, draws: int) -> pd.DataFrame:
    """Every statistic of every task, and alpha of every pair of tasks: `STABILITY`.

    Args:
        masks: good masks of one method, or its good halves; a task of a single seed has no rows
            but those with other tasks.
        draws: permutations behind every p-value of units.
    """
    of_tasks = dict(zip(masks.tasks, masks.places[0], strict=True))
    groups = {(task, ""): places for task, places in of_tasks.items() if len(places) > 1}
    for first, second in combinations(of_tasks, 2):
        groups[first, second] = np.concatenate([of_tasks[first], of_tasks[second]])
    rows = []
    for (task, other), places in groups.items():
        names = PAIR_OF_TASKS if other else None
        found = {}
        if masks.shared_weights is not None:
            shared = masks.shared_weights[np.ix_(places, places)]
            compared = agreement.compare_bits(shared, masks.n_weights, names)
            found[WEIGHTS, masks.n_weights] = compared
        for unit, values in masks.units.items():
            rng = generator("stability", unit, model, method, task, other)
            compared = agreement.compare_units(values[places], draws, rng, names)
            found[unit, values.shape[1]] = compared
        group = {"model": model, "method": method, "subnetwork": masks.infos[0].subnetwork}
        group |= {"task": task, "other_task": other}
        for (unit, n), compared in found.items():
            for name, each in compared.items():
                row: dict[str, Any] = {**group, "unit": unit, "statistic": name, **each}
                row |= {"n_masks": len(places), "n_units": n}
                rows.append(row | {"pretrained": _of_pretrained(masks, places, unit, name)})
    return files.table(rows, STABILITY)


def _of_pretrained(masks: GoodMasks, places: np.ndarray, unit: str, name: str) -> float:
    """A statistic of masks and their counterparts, mean over masks; NaN where there are none."""
    if masks.pretrained is None or masks.shared_weights is None or name in agreement.OF_SIZES:
        return math.nan
    if unit == WEIGHTS:
        sizes = np.diagonal(masks.shared_weights)[places]
        both = masks.pretrained.shared[places]
        pairs = np.stack([sizes, both, both, sizes], axis=-1).reshape(-1, 2, 2)
        values = agreement.STATISTICS[name](pairs, masks.n_weights)
    else:
        pairs = np.stack([masks.units[unit], masks.pretrained.shares[unit]], axis=1)[places]
        values = agreement.GRADED_STATISTICS[name](pairs)
    return float(agreement.mean_of_known(values))


def pair_table(masks: GoodMasks, model: str, method: str) -> pd.DataFrame:
    """Every pair of seeds of every task: `PAIRS`; shares of units have no such pairs."""
    counts, rows = masks.shared(), []
    for task, places in zip(masks.tasks, masks.places[0], strict=True):
        for unit, (of_all, n) in counts.items():
            shared = of_all[np.ix_(places, places)]
            expected = agreement.expected_shared(np.diagonal(shared), n)
            values = {
                "jaccard": agreement.pairwise_jaccard(shared, n),
                "phi": agreement.pairwise_phi(shared, n),
                "cochran_p": agreement.pairwise_cochran_p(shared, n),
            }
            for pair, (a, b) in enumerate(combinations(range(len(places)), 2)):
                kept, other = int(shared[a, a]), int(shared[b, b])
                row: dict[str, Any] = {"model": model, "method": method, "task": task, "unit": unit}
                row |= {"subnetwork": masks.infos[0].subnetwork}
                row |= {"seed": masks.seeds[a], "other_seed": masks.seeds[b]}
                row |= {"kept": kept, "other_kept": other, "shared": int(shared[a, b])}
                row |= {"shared_expected": expected[a, b]}
                row |= {"jaccard_expected": agreement.expected_jaccard(kept, other, n)}
                rows.append(row | {name: each[pair] for name, each in values.items()})
    return files.table(rows, PAIRS)


def noise_table(masks: GoodMasks, model: str, search_on: Mapping[str, str]) -> pd.DataFrame:
    """Noise of seeds next to the noise of data: `NOISE`.

    Methods that differ only in the examples they search on search the same fine-tuned models. How
    far their masks of one model agree is compared with how far the masks of different seeds agree
    that were searched on the same examples.

    Args:
        masks: good masks of all methods of such a family.
        search_on: method -> the examples it searches on, in the order of the masks.
    """
    places, methods = masks.places, list(search_on)
    statistics = {"phi": agreement.pairwise_phi, "jaccard": agreement.pairwise_jaccard}
    every = range(len(methods))
    shared, rows = masks.shared(), []
    for t, task in enumerate(masks.tasks):
        for a, b in (*((m, m) for m in every), *combinations(every, 2)):
            # Of one method every two seeds, of two methods the same seed.
            of_seeds = combinations(places[a, t], 2) if a == b else places[[a, b], t].T
            pairs = np.array(list(of_seeds))
            if not pairs.size:  # a single seed
                continue
            first, second = methods[a], methods[b]
            row: dict[str, Any] = {"model": model, "task": task}
            row |= {"source": "seeds" if a == b else "data"}
            row |= {"method": first, "search_on": search_on[first]}
            row |= {"other_method": second, "other_search_on": search_on[second]}
            row |= {"disjoint": disjoint(search_on[first], search_on[second])}
            for unit, (of_all, n) in shared.items():
                counts = of_all[pairs[:, :, None], pairs[:, None, :]]  # [pairs, 2, 2]
                for name, statistic in statistics.items():
                    values = statistic(counts, n)[:, 0]
                    known = values[~np.isnan(values)]
                    numbers = {
                        "mean": known.mean() if len(known) else None,
                        "sd": known.std(ddof=1) if len(known) > 1 else None,
                    }
                    rows.append(row | {"unit": unit, "statistic": name, "n": len(known)} | numbers)
    return files.table(rows, NOISE)


def disjoint(first: str, second: str) -> bool:
    """Whether no example belongs to both splits; the halves are parts of validation."""
    return first != second and ("train_sample" in (first, second) or {first, second} == HALVES)
