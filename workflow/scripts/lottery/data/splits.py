"""Which examples belong to a half, a sample or a subset: deterministic and stratified.

Everything follows from the examples' own numbers (`idx`) by a hash. So the choice depends neither
on the order of the rows nor on numpy's version, and is the same for every model and seed.
"""

from __future__ import annotations

import numpy as np

HALVES_SEED = 1
TRAIN_SAMPLE_SEED = 2
SUBSET_SEED = 3  # plus the task's data_seed
FOLDS_SEED = 4  # likewise
QUINTILES = (0.2, 0.4, 0.6, 0.8)
HALVES = {"search_half": 0, "report_half": 1}


def halves(labels: np.ndarray, idx: np.ndarray) -> np.ndarray:
    """Halves a validation split; arguments as of `stratified_sample`.

    Returns:
        uint8 [n], values of `HALVES`. The halves' sizes differ by at most one, within each stratum
        and overall.
    """
    half = np.empty(len(labels), np.uint8)
    half[_stratified_order(labels, idx, HALVES_SEED)] = np.arange(len(labels)) % 2
    return half


def folds(labels: np.ndarray, idx: np.ndarray, k: int, data_seed: int) -> np.ndarray:
    """Divides examples into k folds; arguments as of `stratified_sample`.

    Returns:
        The fold of each example, from 1 to k, int64 [n]. The folds' sizes differ by at most one,
        within each stratum and overall.
    """
    fold = np.empty(len(labels), np.int64)
    order = _stratified_order(labels, idx, FOLDS_SEED + (data_seed << 8))
    fold[order] = np.arange(len(labels)) % k + 1
    return fold


def train_sample(labels: np.ndarray, idx: np.ndarray, size: int) -> np.ndarray:
    """Picks the training sample a search can run on: as many examples as validation has."""
    return stratified_sample(labels, idx, size, TRAIN_SAMPLE_SEED)


def subset(labels: np.ndarray, idx: np.ndarray, size: int, data_seed: int) -> np.ndarray:
    """Picks what a task with `train_examples` or `validation_examples` keeps of a split."""
    return stratified_sample(labels, idx, size, SUBSET_SEED + (data_seed << 8))


def stratified_sample(labels: np.ndarray, idx: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Picks `size` rows, or all if there are fewer, with every stratum's share kept to one row.

    Args:
        labels: Classes (integer), or scores (float), whose strata are quintiles, [n].
        idx: The examples' numbers, int64 [n], distinct.
        size: How many rows.
        seed: Which of the possible samples.

    Returns:
        Row numbers, int64, ascending.
    """
    n = len(labels)
    if size >= n:
        return np.arange(n)
    # Evenly spaced places in the order by stratum: systematic sampling keeps all shares at once.
    places = (2 * np.arange(size) + 1) * n // (2 * size)
    return np.sort(_stratified_order(labels, idx, seed)[places])


def _stratified_order(labels: np.ndarray, idx: np.ndarray, seed: int) -> np.ndarray:
    """Orders rows by stratum, and within a stratum as the hash of their numbers falls."""
    strata = labels
    if labels.dtype.kind == "f":
        # Token files hold float32 scores: rounding first gives every file the same quintiles.
        scores = labels.astype(np.float32).astype(np.float64)
        strata = np.searchsorted(np.quantile(scores, QUINTILES), scores, side="right")
    return np.lexsort((_hashed(idx, seed), strata))


def _hashed(idx: np.ndarray, seed: int) -> np.ndarray:
    """Maps numbers one to one to scattered uint64, by seed."""
    golden = 0x9E3779B97F4A7C15
    start = np.uint64((seed + 1) * golden % 2**64)
    return _mixed(_mixed(idx.astype(np.int64).view(np.uint64) * np.uint64(golden)) + start)


def _mixed(z: np.ndarray) -> np.ndarray:
    """The output function of SplitMix64 (Steele, Lea and Flood 2014) on uint64, which wraps."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
