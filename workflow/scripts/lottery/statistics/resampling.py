"""Permutation tests at the level of examples.

They swap the predictions of two systems. The null hypothesis is that it does not matter which of
the two predicted what of an example. The predictions of an example are swapped for all seeds at
once: seeds see the same examples, so swapping them one by one would count an example as often as
there are seeds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lottery.tasks.metrics import METRICS, blocks, class_counts

# Two statistics that differ by less come from the same counts, added up in another order.
TIE = 1e-10
# Numbers that an intermediate array may hold: some 60 MB of float32.
CHUNK = 2**24


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

    Several draws of a random subnetwork are pairs of their own: the other system is paired with
    each of them, and the differences of the pairs are averaged.

    Args:
        metric: one of `lottery.tasks.metrics.METRICS`.
        labels: true classes or scores, [n].
        first, second: predictions of the systems, one row per pair, [C, n].
        rng: source of the swaps.
        permutations: R.

    Returns:
        The null distribution of the mean difference.
    """
    if metric == "accuracy":
        # Without a loop over examples: a swap turns the sign of the example's difference in correct
        # pairs. Of m examples with the same absolute difference a binomial number keeps its sign.
        correct = (first == labels).sum(0, dtype=np.int64)
        correct -= (second == labels).sum(0, dtype=np.int64)
        sizes, counts = np.unique(np.abs(correct[correct != 0]), return_counts=True)
        sums = np.zeros(permutations, np.int64)
        for size, count in zip(sizes, counts, strict=True):
            sums += size * (2 * rng.binomial(count, 0.5, permutations) - count)
        scale, lowest = 1 / first.size, smallest_p(int(counts.sum()), permutations)
        return Null(correct.sum() * scale, sums * scale, lowest)
    n = len(labels)
    differ = np.flatnonzero((first != second).any(0))
    observed = swapped_differences(metric, labels, first, second, np.zeros((1, n), bool))[0]
    permuted = []
    size = max(1, CHUNK // (4 * n))
    for start in range(0, permutations, size):
        swaps = np.zeros((min(size, permutations - start), n), bool)
        swaps[:, differ] = _coins(rng, len(swaps), len(differ))
        permuted.append(swapped_differences(metric, labels, first, second, swaps))
    return Null(observed, np.concatenate(permuted), smallest_p(len(differ), permutations))


def swapped_differences(
    metric: str, labels: np.ndarray, first: np.ndarray, second: np.ndarray, swaps: np.ndarray
) -> np.ndarray:
    """Mean over pairs of score(first) - score(second) after swapping predictions of examples.

    Args:
        metric: as in `swap_examples`; undefined scores count as chance, 0.
        labels: true classes or scores, [n].
        first, second: predictions of the two systems, pair by pair, [C, n].
        swaps: whether an example is swapped, in all pairs at once, bool [R, n].

    Returns:
        float64 [R].
    """
    compute = METRICS[metric].compute
    if METRICS[metric].of == "scores":
        once = np.ones((1, len(labels)))

        def scores(predictions: np.ndarray) -> np.ndarray:
            return np.nan_to_num(compute(labels[None], predictions, once))

        pairs = list(zip(first, second, strict=True))
        differences = [
            [scores(np.where(swapped, b, a)) - scores(np.where(swapped, a, b)) for a, b in pairs]
            for swapped in blocks(swaps)
        ]
        return np.concatenate(differences, 1).mean(0)
    counted = class_counts(labels, np.concatenate([labels[None], first, second]))
    true, of_first, of_second = np.split(counted, [1, 1 + len(first)], axis=1)
    # Sums after a swap are those before it, and what the swapped examples change.
    moved = np.tensordot(swaps.astype(np.float32), of_second - of_first, 1).astype(np.float64)
    sides = (of_first.sum(0, np.float64) + moved, of_second.sum(0, np.float64) - moved)
    true = true.sum(0, np.float64)[:, 1]
    first, second = (
        np.nan_to_num(compute(side[..., 0, :], side[..., 1, :], true)) for side in sides
    )
    return (first - second).mean(-1)


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
