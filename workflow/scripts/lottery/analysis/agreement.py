"""How far masks of the same units agree, and what agreement would be by chance.

Statistics of 0/1 masks are functions of the number of units n and of `shared` [..., masks, masks]:
how many units each pair of masks keeps in common; the diagonal holds the masks' sizes. Stacks serve
whole permutation distributions. NaN is undefined.

A mask that keeps nothing or everything does not show which units matter. Agreement is undefined
where no mask of a set shows it, for pairs where one of the two does not.

The null hypothesis leaves every mask its size and draws its places uniformly, independently of the
other masks. For units it is sampled by permuting each mask (seeded). For the bits of weight masks,
too many to permute, it is taken in closed form.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import numpy as np

SIGNIFICANT = 0.05
# Permuted masks that are held at a time, in entries: some tens of megabytes.
CHUNK = 4_000_000
# Up to this many units the mean Jaccard index under independence is summed exactly.
EXACT = 1000


def shared_counts(masks: np.ndarray) -> np.ndarray:
    """Counts the units that each pair of masks keeps in common.

    Args:
        masks: bool [..., masks, units].

    Returns:
        float64 [..., masks, masks]; the diagonal holds the sizes.
    """
    # Exact in float32 below 2**24 units; BLAS multiplies floats only.
    kept = masks.astype(np.float32 if masks.shape[-1] < 2**24 else np.float64)
    return (kept @ np.swapaxes(kept, -1, -2)).astype(np.float64)


def expected_shared(sizes: np.ndarray, n: int) -> np.ndarray:
    """What independent masks of these sizes share in the mean: [..., masks, masks]."""
    sizes = np.asarray(sizes, np.float64)
    shared = sizes[..., :, None] * sizes[..., None, :] / n
    diagonal = np.arange(sizes.shape[-1])
    shared[..., diagonal, diagonal] = sizes
    return shared


def fleiss_kappa(shared: np.ndarray, n: int) -> np.ndarray:
    """Fleiss' kappa with masks as raters, units as subjects, kept and pruned as categories."""
    agreement = _observed_agreement(shared, n)
    kept = _sizes(shared).sum(axis=-1) / (n * shared.shape[-1])
    by_chance = kept**2 + (1 - kept) ** 2
    return _defined(_ratio(agreement - by_chance, 1 - by_chance), shared, n)


def krippendorff_alpha(shared: np.ndarray, n: int) -> np.ndarray:
    """Krippendorff's alpha for nominal values without gaps, masks as observers."""
    values = n * shared.shape[-1]
    kept = _sizes(shared).sum(axis=-1)
    expected = 2 * kept * (values - kept) / (values * (values - 1.0))
    return _defined(1 - _ratio(1 - _observed_agreement(shared, n), expected), shared, n)


def cochran_q(shared: np.ndarray, n: int) -> np.ndarray:
    """Cochran's Q with masks as treatments. It tests whether the masks' *sizes* are equal.

    Undefined where every unit is kept by all masks or by none.
    """
    masks, sizes = shared.shape[-1], _sizes(shared)
    total = sizes.sum(axis=-1)
    between = masks * (sizes**2).sum(axis=-1) - total**2
    # The sum of all of `shared` is that of the squared number of masks that keep each unit.
    within = masks * total - shared.sum(axis=(-1, -2))
    return _ratio((masks - 1) * between, within)


def cochran_p(shared: np.ndarray, n: int) -> np.ndarray:
    """The p-value of Cochran's Q: chi-squared with masks - 1 degrees of freedom."""
    from scipy.special import chdtrc

    return chdtrc(shared.shape[-1] - 1, cochran_q(shared, n))


def pairwise_cochran_p(shared: np.ndarray, n: int) -> np.ndarray:
    """The p-value of Cochran's Q of each pair: [..., pairs]."""
    pairs = np.stack(np.triu_indices(shared.shape[-1], k=1), axis=-1)
    return cochran_p(shared[..., pairs[:, :, None], pairs[:, None, :]], n)


def similar_pairs(shared: np.ndarray, n: int) -> np.ndarray:
    """The number of pairs of masks whose sizes do not differ by Cochran's Q (p >= 0.05)."""
    return (pairwise_cochran_p(shared, n) >= SIGNIFICANT).sum(axis=-1, dtype=np.float64)


def pairwise_jaccard(shared: np.ndarray, n: int) -> np.ndarray:
    """Jaccard index of each pair: units kept by both / by at least one; [..., pairs]."""
    both, first, second = _pair_counts(shared)
    defined = (first > 0) & (first < n) & (second > 0) & (second < n)
    return np.where(defined, _ratio(both, first + second - both), np.nan)


def pairwise_phi(shared: np.ndarray, n: int) -> np.ndarray:
    """Phi of each pair, the Pearson correlation of two 0/1 masks; [..., pairs]."""
    return phi(*_pair_counts(shared), n)


def phi(both: np.ndarray, first: np.ndarray, second: np.ndarray, n: int) -> np.ndarray:
    """Phi of masks that keep `first` and `second` of n units, `both` of them in common."""
    spread = np.sqrt(first * (n - first)) * np.sqrt(second * (n - second))
    return _ratio(n * both - first * second, spread)


STATISTICS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "fleiss_kappa": fleiss_kappa,
    "krippendorff_alpha": krippendorff_alpha,
    "cochran_q": cochran_q,
    "cochran_p": cochran_p,
    "similar_pairs": similar_pairs,
    "jaccard": lambda shared, n: mean_of_known(pairwise_jaccard(shared, n)),
    "phi": lambda shared, n: mean_of_known(pairwise_phi(shared, n)),
}
# Statistics that fall where masks agree more; the others rise.
FALLING = ("cochran_p", "similar_pairs")
# Statistics that compare sizes alone, so that they say nothing of masks of equal size.
OF_SIZES = ("cochran_q", "cochran_p", "similar_pairs")


def interval_alpha(values: np.ndarray) -> np.ndarray:
    """Krippendorff's alpha for interval values float [..., raters, units] without gaps."""
    within = values.var(axis=-2, ddof=1).mean(axis=-1)
    everything = values.reshape(*values.shape[:-2], -1)
    return 1 - _ratio(within, everything.var(axis=-1, ddof=1))


def mean_correlation(values: np.ndarray) -> np.ndarray:
    """Mean Pearson correlation over the pairs of raters; values float [..., raters, units]."""
    centred = values - values.mean(axis=-1, keepdims=True)
    both, first, second = _pair_counts(centred @ np.swapaxes(centred, -1, -2))
    return mean_of_known(_ratio(both, np.sqrt(first) * np.sqrt(second)))


# Of shares instead of 0 and 1.
GRADED_STATISTICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "krippendorff_alpha": interval_alpha,
    "correlation": mean_correlation,
}

# Of a statistic: its value; `expected` of independent masks of the same sizes; `expected_sd` among
# them; and `p`, one-sided, the probability of at least as much agreement among them.
Comparison = dict[str, float]


def compare_units(
    values: np.ndarray, draws: int, rng: np.random.Generator, names: Iterable[str] | None = None
) -> dict[str, Comparison]:
    """Statistics of masks or shares of units, and what permuted masks give.

    Args:
        values: [masks, units], at least two masks: bool, or float for shares kept.
        draws: number of permutations.
        rng: seeded.
        names: of `STATISTICS`, or of `GRADED_STATISTICS` for shares; all if None.
    """
    graded, n = values.dtype != bool, values.shape[1]
    names = tuple(names or (GRADED_STATISTICS if graded else STATISTICS))

    def measure(values: np.ndarray) -> dict[str, np.ndarray]:
        if graded:
            return {name: GRADED_STATISTICS[name](values) for name in names}
        shared = shared_counts(values)
        return {name: STATISTICS[name](shared, n) for name in names}

    observed = measure(values)
    permuted = [measure(stack) for stack in permutations(values, draws, rng)]
    found = {}
    for name in names:
        value, sample = float(observed[name]), np.concatenate([each[name] for each in permuted])
        known = sample[~np.isnan(sample)]
        expected = sd = math.nan
        if not math.isnan(value):
            shared = None if graded else shared_counts(values)
            expected = float(mean_of_known(known)) if shared is None else _expected(name, shared, n)
            sd = float(known.std(ddof=1)) if len(known) > 1 else math.nan
        p = upper_p(value, sample, falling=name in FALLING)
        found[name] = {"value": value, "expected": expected, "expected_sd": sd, "p": p}
    return found


def permutations(values: np.ndarray, draws: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yields stacks [some draws, *shape] of `values`, each row of the last axis permuted."""
    at_a_time = max(1, CHUNK // values.size)
    for start in range(0, draws, at_a_time):
        size = min(at_a_time, draws - start)
        yield rng.permuted(np.broadcast_to(values, (size, *values.shape)), axis=-1)


def chance_of_nesting(sizes: np.ndarray, n: int) -> float:
    """The probability that of independent masks of these sizes each lies within all larger ones.

    Then they agree as much as these sizes allow, so that no permutation test has a smaller p.
    """
    steps = pairwise(sorted(int(size) for size in sizes))
    return math.prod(math.comb(b, a) / math.comb(n, a) for a, b in steps)


def compare_bits(
    shared: np.ndarray, n: int, names: Iterable[str] | None = None
) -> dict[str, Comparison]:
    """Statistics of weight masks, and what independence gives, in closed form.

    The counts shared by two independent masks are hypergeometric, and those of different pairs are
    uncorrelated. So a statistic's variance is the sum over pairs of its squared derivative times
    the hypergeometric variance (the delta method; exact for kappa, alpha and phi, which are linear
    in the counts), and with millions of bits its distribution is normal.
    """
    sizes = np.diagonal(shared)
    pairs = np.triu_indices(len(sizes), k=1)
    first, second = (sizes[each] for each in pairs)
    variances = first * second / n * (1 - first / n) * (n - second) / (n - 1)
    steps = np.maximum(np.sqrt(variances), 1e-9)
    change = np.zeros((len(steps), *shared.shape))  # one pair's shared count at a time
    places = np.arange(len(steps))
    change[places, pairs[0], pairs[1]] = change[places, pairs[1], pairs[0]] = steps
    centre = expected_shared(sizes, n)
    found = {}
    for name in names or STATISTICS:
        statistic = STATISTICS[name]
        value, expected, sd = float(statistic(shared, n)), _expected(name, shared, n), math.nan
        if name not in FALLING:  # p-values and numbers of pairs have no useful derivative
            slopes = (statistic(centre + change, n) - statistic(centre - change, n)) / (2 * steps)
            sd = math.sqrt(float((slopes**2 * variances).sum()))
        p = math.nan
        if sd > 0 and not math.isnan(value):
            p = math.erfc((value - expected) / sd / math.sqrt(2)) / 2
        found[name] = {"value": value, "expected": expected, "expected_sd": sd, "p": p}
    return found


def shared_by_chance(sizes: np.ndarray, n: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """How many of n units independent masks of these sizes have all in common: int [draws]."""
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


def expected_jaccard(first: float, second: float, n: int) -> float:
    """Mean Jaccard index of independent masks of these sizes, NaN where one keeps all or nothing.

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


def _expected(name: str, shared: np.ndarray, n: int) -> float:
    """A statistic under independence.

    kappa, alpha and phi are linear in the shared counts, so they are taken at the expected counts;
    so is Cochran's Q (with its p and the similar pairs), for which that is the first order.
    """
    if name == "jaccard":
        _, first, second = _pair_counts(shared)
        return float(mean_of_known(np.vectorize(expected_jaccard)(first, second, n)))
    return float(STATISTICS[name](expected_shared(_sizes(shared), n), n))


def _sizes(shared: np.ndarray) -> np.ndarray:
    return np.diagonal(shared, axis1=-2, axis2=-1)


def _observed_agreement(shared: np.ndarray, n: int) -> np.ndarray:
    """Share of (pair of masks, unit) in which the two masks agree."""
    masks, kept = shared.shape[-1], _sizes(shared).sum(axis=-1)
    same = 2 * shared.sum(axis=(-1, -2)) - 2 * masks * kept + n * masks * (masks - 1.0)
    return same / (n * masks * (masks - 1.0))


def _pair_counts(shared: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shared units and sizes of each pair, [..., pairs] each."""
    first, second = np.triu_indices(shared.shape[-1], k=1)
    sizes = _sizes(shared)
    return shared[..., first, second], sizes[..., first], sizes[..., second]


def _defined(values: np.ndarray, shared: np.ndarray, n: int) -> np.ndarray:
    """The values, NaN where every mask of the set keeps nothing or everything."""
    sizes = _sizes(shared)
    return np.where(((sizes > 0) & (sizes < n)).any(axis=-1), values, np.nan)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, NaN of nothing."""
    known = np.asarray(whole) > 0
    return np.where(known, part / np.where(known, whole, 1.0), np.nan)


def mean_of_known(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Mean over an axis without what is undefined; NaN where all is."""
    known = ~np.isnan(values)
    return _ratio(np.where(known, values, 0.0).sum(axis=axis), known.sum(axis=axis))
