"""Whether some pairs of tasks share more units than others, beyond what sizes explain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from lottery import files
from lottery.analysis.agreement import CHUNK
from lottery.analysis.good_masks import GoodMasks
from lottery.pruning.controls import generator

if TYPE_CHECKING:
    import pandas as pd

# Over the tasks that enter averages. sd: sample standard deviation over pairs of tasks of the share
# of units that both keep, mean over seeds; that is the published formula, with the noise of the
# seeds left in. expected and expected_sd are those of `sd` where no task prefers other units than
# the rest: each mask keeps its size, each unit its number of masks. The one-sided p of the same
# null hypothesis is that of what pairs share beyond the sum of a number for each of the two tasks,
# so that neither sizes nor what all masks of a seed have in common makes it small. That takes
# `LEAST_TASKS` tasks; with fewer, only the counts are given.
PAIRS_OF_TASKS = (
    dict.fromkeys(("model", "method", "unit"), str)
    | dict.fromkeys("sd expected expected_sd p smallest_p".split(), float)
    | dict.fromkeys("n_tasks n_pairs n_seeds n_units".split(), int)
)
# How often every mask trades units with another one between the observed masks and a draw.
SWEEPS = 10
# Three tasks have three pairs, whose differences three numbers explain.
LEAST_TASKS = 4


def pairs_table(
    masks: GoodMasks, model: str, method: str, averaged_tasks: Sequence[str], draws: int
) -> pd.DataFrame:
    """The test for each kind of unit: `PAIRS_OF_TASKS`.

    Args:
        masks: of units.
        averaged_tasks: the tasks that enter averages.
        draws: sets of masks of the same margins.
    """
    tasks = [number for number, task in enumerate(masks.tasks) if task in averaged_tasks]
    places = masks.places[0][tasks]  # [tasks, seeds]
    rows = []
    for unit, values in masks.units.items():
        row: dict[str, Any] = {"model": model, "method": method, "unit": unit}
        row |= {"n_tasks": len(tasks), "n_pairs": len(tasks) * (len(tasks) - 1) // 2}
        row |= {"n_seeds": len(masks.seeds), "n_units": values.shape[1]}
        rng = generator("pairs of tasks", model, method, unit)
        rows.append(row | compare(values[places], draws, rng) if len(tasks) >= LEAST_TASKS else row)
    return files.table(rows, PAIRS_OF_TASKS)


def compare(kept: np.ndarray, draws: int, rng: np.random.Generator) -> dict[str, float]:
    """The numbers of `PAIRS_OF_TASKS` for masks bool [tasks, seeds, units]."""
    stacks = with_same_margins(kept.reshape(-1, kept.shape[-1]), draws, rng)
    shares = np.concatenate([shared_by_pairs(sets.reshape(-1, *kept.shape)) for sets in stacks])
    spreads = shares.std(axis=1, ddof=1)
    # Standardised by all sets, the observed one included: under the null none is special.
    sd = shares.std(axis=0)
    deviations = (shares - shares.mean(axis=0)) / np.where(sd > 0, sd, 1.0)
    statistic = (_beyond_tasks(deviations, len(kept)) ** 2).sum(axis=1)
    return {
        "sd": float(spreads[0]),
        "expected": float(spreads[1:].mean()),
        "expected_sd": float(spreads[1:].std(ddof=1)),
        "p": _share_of_at_least(statistic, statistic[0]),
        "smallest_p": _share_of_at_least(statistic, statistic.max()),
    }


def _beyond_tasks(values: np.ndarray, n_tasks: int) -> np.ndarray:
    """What is left of values [..., pairs] after the best sum of a number for each task."""
    member = np.array(
        [np.isin(range(n_tasks), pair) for pair in combinations(range(n_tasks), 2)], float
    )  # [pairs, tasks]
    return values - values @ np.linalg.pinv(member).T @ member.T


def _share_of_at_least(values: np.ndarray, value: float) -> float:
    return float((values >= value - 1e-9 * max(1.0, abs(value))).mean())


def shared_by_pairs(kept: np.ndarray) -> np.ndarray:
    """The share of units that two tasks keep, mean over seeds.

    Args:
        kept: bool [..., tasks, seeds, units].

    Returns:
        float64 [..., pairs].
    """
    of_seeds = np.swapaxes(kept, -2, -3).astype(np.float32)  # [..., seeds, tasks, units]
    shared = (of_seeds @ np.swapaxes(of_seeds, -1, -2)).astype(np.float64).mean(axis=-3)
    first, second = np.array(list(combinations(range(kept.shape[-3]), 2))).T
    return shared[..., first, second] / kept.shape[-1]


def with_same_margins(
    kept: np.ndarray, draws: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Draws sets of masks with the same sizes in which each unit is kept by as many masks.

    If masks differ in size and units in how often they are kept, but no mask prefers certain units
    (log odds that are a sum of one number per mask and one per unit), then all such sets are
    equally likely. Masks trade the units that one of two keeps and the other does not (Strona et
    al. 2014). All draws start from one set, to which the same trades in reverse order lead from
    the observed masks. So the observed set and the draws are exchangeable, however well the trades
    mix (Besag and Clifford 1989).

    Args:
        kept: bool [masks, units].
        draws: number of sets.
        rng: seeded.

    Yields:
        Stacks bool [sets, masks, units], 1 + draws sets in all; the first is the observed one.
    """
    count = len(kept)
    schedule = [rng.permutation(count)[: count // 2 * 2].reshape(-1, 2) for _ in range(SWEEPS)]
    centre = kept[None].copy()
    for pairs in reversed(schedule):
        _trade(centre, pairs, rng)
    yield kept[None]
    at_a_time = max(1, CHUNK // kept.size)
    for start in range(0, draws, at_a_time):
        sets = np.repeat(centre, min(at_a_time, draws - start), axis=0)
        for pairs in schedule:
            _trade(sets, pairs, rng)
        yield sets


def _trade(sets: np.ndarray, pairs: np.ndarray, rng: np.random.Generator) -> None:
    """Lets masks trade in place: sets bool [sets, masks, units], disjoint pairs [pairs, 2]."""
    first, second = sets[:, pairs[:, 0]], sets[:, pairs[:, 1]]
    both, differ = first & second, first ^ second
    count = (first & differ).sum(axis=-1, keepdims=True)
    # The first mask gets as many of them as it had, those with the smallest random numbers.
    keys = np.where(differ, rng.random(differ.shape), 2.0)
    highest = np.take_along_axis(np.sort(keys, axis=-1), np.maximum(count - 1, 0), axis=-1)
    gets = differ & (keys <= highest) & (count > 0)
    sets[:, pairs[:, 0]] = both | gets
    sets[:, pairs[:, 1]] = both | (differ & ~gets)
