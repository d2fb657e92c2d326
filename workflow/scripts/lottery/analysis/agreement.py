"""How far masks of the same units agree: kappa, alpha, Cochran's Q, Jaccard, phi.

All statistics of 0/1 masks follow from two things: the number of units n, and how many units each
pair of masks keeps in common, `shared` [masks, masks], whose diagonal holds the masks' sizes. So
they are written as functions of (shared, n); they take stacks [..., masks, masks] as well, which is
how whole permutation distributions are computed at once. NaN stands for undefined.

A mask that keeps nothing or everything says nothing about which units matter. Agreement is
undefined (missing) where no mask of a set says anything, for pairs where one of the two does not.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

SIGNIFICANT = 0.05


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


def similar_pairs(shared: np.ndarray, n: int) -> np.ndarray:
    """The number of pairs of masks whose sizes Cochran's Q does not tell apart (p >= 0.05)."""
    p = [
        cochran_p(shared[..., [[a], [b]], [[a, b]]], n) >= SIGNIFICANT
        for a, b in pairs(shared.shape[-1])
    ]
    return np.sum(p, axis=0, dtype=np.float64)


def pairwise_jaccard(shared: np.ndarray, n: int) -> np.ndarray:
    """Jaccard index of each pair: units kept by both / by at least one; [..., pairs]."""
    both, first, second = _pair_counts(shared)
    return np.where(_pair_speaks(first, second, n), _ratio(both, first + second - both), np.nan)


def pairwise_phi(shared: np.ndarray, n: int) -> np.ndarray:
    """Phi of each pair, the Pearson correlation of two 0/1 masks; [..., pairs]."""
    both, first, second = _pair_counts(shared)
    spread = np.sqrt(first * (n - first)) * np.sqrt(second * (n - second))
    return _ratio(n * both - first * second, spread)


def mean_jaccard(shared: np.ndarray, n: int) -> np.ndarray:
    """Mean Jaccard index over the pairs where it is defined."""
    return _mean(pairwise_jaccard(shared, n))


def mean_phi(shared: np.ndarray, n: int) -> np.ndarray:
    """Mean phi over the pairs where it is defined."""
    return _mean(pairwise_phi(shared, n))


Statistic = Callable[[np.ndarray, int], np.ndarray]

STATISTICS: dict[str, Statistic] = {
    "fleiss_kappa": fleiss_kappa,
    "krippendorff_alpha": krippendorff_alpha,
    "cochran_q": cochran_q,
    "cochran_p": cochran_p,
    "similar_pairs": similar_pairs,
    "jaccard": mean_jaccard,
    "phi": mean_phi,
}
# Statistics that fall where masks agree more; the others rise.
FALLING = ("cochran_p", "similar_pairs")


def interval_alpha(values: np.ndarray) -> np.ndarray:
    """Krippendorff's alpha for interval values without gaps; of 0/1 values it is the nominal one.

    Args:
        values: float [..., raters, units].
    """
    within = values.var(axis=-2, ddof=1).mean(axis=-1)
    everything = values.reshape(*values.shape[:-2], -1)
    return 1 - _ratio(within, everything.var(axis=-1, ddof=1))


def mean_correlation(values: np.ndarray) -> np.ndarray:
    """Mean Pearson correlation over the pairs of raters; values float [..., raters, units]."""
    centred = values - values.mean(axis=-1, keepdims=True)
    products = centred @ np.swapaxes(centred, -1, -2)
    both, first, second = _pair_counts(products)
    return _mean(_ratio(both, np.sqrt(first) * np.sqrt(second)))


GRADED_STATISTICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "krippendorff_alpha": interval_alpha,
    "correlation": mean_correlation,
}


def pairs(count: int) -> list[tuple[int, int]]:
    """The pairs of `count` masks, in the order of all arrays [..., pairs]."""
    return [(a, b) for a in range(count) for b in range(a + 1, count)]


def _sizes(shared: np.ndarray) -> np.ndarray:
    return np.diagonal(shared, axis1=-2, axis2=-1)


def _observed_agreement(shared: np.ndarray, n: int) -> np.ndarray:
    """Share of (pair of masks, unit) in which the two masks say the same."""
    masks = shared.shape[-1]
    kept = _sizes(shared).sum(axis=-1)
    same = 2 * shared.sum(axis=(-1, -2)) - 2 * masks * kept + n * masks * (masks - 1.0)
    return same / (n * masks * (masks - 1.0))


def _pair_counts(shared: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shared units and sizes of each pair, [..., pairs] each."""
    first, second = np.triu_indices(shared.shape[-1], k=1)
    sizes = _sizes(shared)
    return shared[..., first, second], sizes[..., first], sizes[..., second]


def _pair_speaks(first: np.ndarray, second: np.ndarray, n: int) -> np.ndarray:
    return (first > 0) & (first < n) & (second > 0) & (second < n)


def _defined(values: np.ndarray, shared: np.ndarray, n: int) -> np.ndarray:
    """The values, NaN where every mask of the set keeps nothing or everything."""
    sizes = _sizes(shared)
    return np.where(((sizes > 0) & (sizes < n)).any(axis=-1), values, np.nan)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, NaN of nothing."""
    known = np.asarray(whole) > 0
    return np.where(known, part / np.where(known, whole, 1.0), np.nan)


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis without what is undefined; NaN where all is."""
    known = ~np.isnan(values)
    return _ratio(np.where(known, values, 0.0).sum(axis=-1), known.sum(axis=-1))
