"""What agreement would be by chance: independent masks of the same sizes.

The null hypothesis leaves every mask its size and draws its places uniformly, independently of the
other masks. For units it is sampled by permuting each mask (seeded). For the bits of weight masks,
too many to permute, it is taken in closed form.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass

import numpy as np

from lottery.analysis.agreement import (
    FALLING,
    GRADED_STATISTICS,
    STATISTICS,
    expected_shared,
    pairs,
    shared_counts,
)

# Permuted masks that are held at a time, in entries: some tens of megabytes.
CHUNK = 4_000_000
# Up to this many units the mean Jaccard index under independence is summed exactly.
EXACT = 1000


@dataclass(frozen=True)
class Comparison:
    """A statistic beside what chance gives; NaN is undefined.

    Attributes:
        value: of the masks.
        expected: of independent masks of the same sizes.
        expected_sd: its standard deviation among them.
        p: the probability of at least as much agreement among them, one-sided.
    """

    value: float
    expected: float
    expected_sd: float
    p: float

    def row(self) -> dict[str, float]:
        """The four numbers by name."""
        return asdict(self)


def compare_units(
    masks: np.ndarray,
    draws: int,
    rng: np.random.Generator,
    names: Collection[str] = tuple(STATISTICS),
) -> dict[str, Comparison]:
    """Statistics of 0/1 masks beside their permutation distributions.

    Args:
        masks: bool [masks, units], at least two masks.
        draws: number of permutations.
        rng: seeded generator.
        names: of `STATISTICS`.
    """
    n = masks.shape[1]
    shared = shared_counts(masks)
    permuted = np.concatenate([shared_counts(each) for each in _permuted(masks, draws, rng)])
    found = {}
    for name in names:
        value, sample = float(STATISTICS[name](shared, n)), STATISTICS[name](permuted, n)
        found[name] = _against(value, _expected(name, shared, n), sample, name in FALLING)
    return found


def compare_graded(
    values: np.ndarray,
    draws: int,
    rng: np.random.Generator,
    names: Collection[str] = tuple(GRADED_STATISTICS),
) -> dict[str, Comparison]:
    """The same for shares instead of 0/1: permuted units, expectation over the permutations.

    Args:
        values: float [masks, units].
        draws: number of permutations.
        rng: seeded generator.
        names: of `GRADED_STATISTICS`.
    """
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for permuted in _permuted(values, draws, rng):
        for name in names:
            drawn[name].append(GRADED_STATISTICS[name](permuted))
    found = {}
    for name in names:
        value, sample = float(GRADED_STATISTICS[name](values)), np.concatenate(drawn[name])
        found[name] = _against(value, _nan_mean(sample), sample, falling=False)
    return found


def compare_bits(
    shared: np.ndarray, n: int, names: Collection[str] = tuple(STATISTICS)
) -> dict[str, Comparison]:
    """Statistics of weight masks beside what independence gives, in closed form.

    The counts shared by two independent masks are hypergeometric, and those of different pairs are
    uncorrelated. So a statistic's variance is the sum over pairs of its squared derivative times
    the hypergeometric variance (the delta method; exact for kappa, alpha and phi, which are linear
    in the counts), and with millions of bits its distribution is normal.

    Args:
        shared: float64 [masks, masks], see `lottery.analysis.agreement`.
        n: number of bits.
        names: of `STATISTICS`.
    """
    sizes = np.diagonal(shared)
    centre = expected_shared(sizes, n)
    places = pairs(len(sizes))
    variances = np.array([hypergeometric_variance(sizes[a], sizes[b], n) for a, b in places])
    steps = np.maximum(np.sqrt(variances), 1e-9)
    up = np.repeat(centre[None], len(places), axis=0)
    down = up.copy()
    for place, ((a, b), step) in enumerate(zip(places, steps, strict=True)):
        up[place, [a, b], [b, a]] += step
        down[place, [a, b], [b, a]] -= step
    found = {}
    for name in names:
        statistic = STATISTICS[name]
        value, expected, sd = float(statistic(shared, n)), _expected(name, shared, n), math.nan
        if name not in FALLING:  # p-values and counts of pairs have no derivative worth the name
            slopes = (statistic(up, n) - statistic(down, n)) / (2 * steps)
            sd = math.sqrt(float((slopes**2 * variances).sum()))
        found[name] = Comparison(value, expected, sd, normal_p(value, expected, sd))
    return found


def hypergeometric_variance(first: float, second: float, n: int) -> float:
    """Variance of the number of units that two independent masks of these sizes share."""
    if n < 2:
        return 0.0
    return first * second / n * (1 - first / n) * (n - second) / (n - 1)


def normal_p(value: float, expected: float, sd: float) -> float:
    """Upper tail of the normal distribution; NaN where there is no spread."""
    if not sd > 0 or math.isnan(value):
        return math.nan
    return math.erfc((value - expected) / sd / math.sqrt(2)) / 2


def shared_by_chance(sizes: np.ndarray, n: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """How many units independent masks keep in common, all of them together.

    Args:
        sizes: int [masks].
        n: number of units.
        draws: number of draws.
        rng: seeded generator.

    Returns:
        int [draws].
    """
    common = np.full(draws, int(sizes[0]))
    for size in sizes[1:]:
        # Of the units common so far, how many does the next mask hit?
        common = rng.hypergeometric(common, n - common, int(size))
    return common


def upper_p(value: float, sample: np.ndarray, *, falling: bool = False) -> float:
    """One-sided permutation p-value, the observed value counted among the draws."""
    known = sample[~np.isnan(sample)]
    if math.isnan(value) or not len(known):
        return math.nan
    tolerance = 1e-12 * max(1.0, abs(value))  # equal values may differ in the last bits
    beyond = known <= value + tolerance if falling else known >= value - tolerance
    return (1 + int(beyond.sum())) / (1 + len(known))


def _against(value: float, expected: float, sample: np.ndarray, falling: bool) -> Comparison:
    known = sample[~np.isnan(sample)]
    sd = float(known.std(ddof=1)) if len(known) > 1 and not math.isnan(value) else math.nan
    expected = expected if not math.isnan(value) else math.nan
    return Comparison(value, expected, sd, upper_p(value, sample, falling=falling))


def _nan_mean(sample: np.ndarray) -> float:
    known = sample[~np.isnan(sample)]
    return float(known.mean()) if len(known) else math.nan


def _expected(name: str, shared: np.ndarray, n: int) -> float:
    """A statistic under independence.

    kappa, alpha and phi are linear in the shared counts, so they are taken at the expected counts;
    so is Cochran's Q (with its p and the similar pairs), for which that is the first order.
    """
    sizes = np.diagonal(shared)
    if name == "jaccard":
        return _nan_mean(
            np.array([expected_jaccard(sizes[a], sizes[b], n) for a, b in pairs(len(sizes))])
        )
    return float(STATISTICS[name](expected_shared(sizes, n), n))


def expected_jaccard(first: float, second: float, n: int) -> float:
    """Mean Jaccard index of independent masks of these sizes, NaN where one says nothing.

    Summed over the hypergeometric distribution of what they share; for more than `EXACT` units the
    index at the expected count, which differs by a term of the order 1 / n.
    """
    first, second = int(first), int(second)
    if not (0 < first < n and 0 < second < n):
        return math.nan
    if n > EXACT:
        both = first * second / n
        return both / (first + second - both)
    shared = np.arange(max(0, first + second - n), min(first, second) + 1)
    factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])  # logarithms

    def choose(of: int, some: np.ndarray | int) -> np.ndarray:
        return factorial[of] - factorial[some] - factorial[of - some]

    chances = choose(first, shared) + choose(n - first, second - shared) - choose(n, second)
    return float((np.exp(chances) * shared / (first + second - shared)).sum())


def _permuted(values: np.ndarray, draws: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Independent permutations of each row, [some draws, rows, units] at a time."""
    at_a_time = max(1, CHUNK // values.size)
    for start in range(0, draws, at_a_time):
        count = min(at_a_time, draws - start)
        yield rng.permuted(np.broadcast_to(values, (count, *values.shape)), axis=-1)
