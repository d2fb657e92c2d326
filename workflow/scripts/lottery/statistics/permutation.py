"""Permutation tests: the predictions of two systems swapped, or the sign of runs' differences.

At the level of examples the null hypothesis is that it does not matter which of the two systems
said what of an example. The predictions of an example are swapped for all seeds at once: seeds see
the same examples, so swapping them one by one would count an example as often as there are seeds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lottery.statistics.resampling import CHUNK, swapped_differences

# Two statistics that differ by less come from the same counts, added up in another order.
TIE = 1e-10


@dataclass(frozen=True, eq=False)
class Null:
    """What a permutation test is made of.

    Attributes:
        observed: the difference of the data.
        permuted: the same of the permuted data, [R].
        smallest_p: the smallest p-value that the test could have given.
    """

    observed: float
    permuted: np.ndarray
    smallest_p: float

    @property
    def p(self) -> float:
        """Two-sided p-value; the data count as one of the permutations, so it is never 0."""
        reached = np.count_nonzero(np.abs(self.permuted) >= abs(self.observed) - TIE)
        return max((1 + reached) / (1 + len(self.permuted)), self.smallest_p)


def swap_examples(
    metric: str,
    labels: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    rng: np.random.Generator,
    permutations: int,
) -> Null:
    """Swaps the predictions that two systems make of an example, for all seeds at once.

    Several draws of a random subnetwork are pairs of their own: the other system stands beside
    each of them, and the differences of the pairs are averaged.

    Args:
        metric: see `lottery.statistics.resampling.weighted_scores`.
        labels: true classes or scores, [n].
        first, second: predictions of the systems, one row per pair, [C, n].
        rng: source of the swaps.
        permutations: R.

    Returns:
        The null distribution of the mean difference.
    """
    if metric == "accuracy":
        return _swap_correct(labels, first, second, rng, permutations)
    differ = np.flatnonzero((first != second).any(0))
    still = np.zeros((1, len(labels)), bool)
    observed = float(swapped_differences(metric, labels, first, second, still)[0])
    permuted = np.empty(permutations)
    size = max(1, CHUNK // max(1, 4 * len(labels)))
    for start in range(0, permutations, size):
        count = min(size, permutations - start)
        swaps = np.zeros((count, len(labels)), bool)
        swaps[:, differ] = _coins(rng, count, len(differ))
        rows = slice(start, start + count)
        permuted[rows] = swapped_differences(metric, labels, first, second, swaps)
    return Null(observed, permuted, smallest_p(len(differ), permutations))


def _swap_correct(
    labels: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    rng: np.random.Generator,
    permutations: int,
) -> Null:
    """`swap_examples` for accuracy, without a loop over examples.

    A swap turns the sign of the example's difference in correct pairs. Of m examples with the same
    absolute difference a binomial number keeps its sign, so one draw serves them all.
    """
    pairs, n = first.shape
    correct = (first == labels).sum(0, dtype=np.int64) - (second == labels).sum(0, dtype=np.int64)
    sizes, counts = np.unique(np.abs(correct[correct != 0]), return_counts=True)
    sums = np.zeros(permutations, np.int64)
    for size, count in zip(sizes, counts, strict=True):
        sums += size * (2 * rng.binomial(count, 0.5, permutations) - count)
    scale = 1 / (pairs * n)
    lowest = smallest_p(int(counts.sum()), permutations)
    return Null(float(correct.sum() * scale), sums * scale, lowest)


def flip_runs(differences: np.ndarray, rng: np.random.Generator, permutations: int) -> Null:
    """Flips the signs of the differences of runs (task x seed); all flips where they are few.

    Args:
        differences: one per run, [runs], weighted so that their sum is the statistic.
        rng: source of the flips.
        permutations: R, where 2^runs is more.

    Returns:
        The null distribution of the sum.
    """
    runs = len(differences)
    observed = float(differences.sum())
    if 2**runs - 1 <= permutations:
        flips = np.arange(1, 2**runs)[:, None] >> np.arange(runs) & 1
    else:
        flips = _coins(rng, permutations, runs)
    permuted = (1 - 2 * flips.astype(np.float64)) @ differences
    return Null(observed, permuted, smallest_p(runs, permutations))


def pool(nulls: list[Null], permutations: int) -> Null:
    """The mean over tasks of independent permutations, resample by resample."""
    return Null(
        observed=float(np.mean([null.observed for null in nulls])),
        permuted=np.mean([null.permuted for null in nulls], axis=0),
        # Swaps of all tasks together: their possibilities multiply.
        smallest_p=max(
            1 / (1 + permutations), 2 * float(np.prod([null.smallest_p / 2 for null in nulls]))
        ),
    )


def smallest_p(movable: int, permutations: int) -> float:
    """The smallest two-sided p-value of so many random permutations of so many movable items.

    Of 2^movable arrangements two are as far out as the furthest: it and its mirror image.
    """
    return max(1 / (1 + permutations), min(1.0, 2.0 ** (1 - movable)))


def _coins(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Fair coins, bool [rows, columns]."""
    packed = rng.integers(256, size=(rows, -(-columns // 8)), dtype=np.uint8)
    return np.unpackbits(packed, axis=1, count=columns).astype(bool)
