"""Spearman's correlation under resampling: ranks are found again in every resample.

Notation of shapes as in `lottery.stats.sums`.
"""

from __future__ import annotations

import numpy as np

from lottery.stats.sums import correlation


def weighted_spearman(
    labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Spearman's correlation when every example stands in the data `weights` times.

    Args:
        labels: true scores, [n].
        predictions: predicted scores, [C, n].
        weights: how often each example is there, [R, n].

    Returns:
        float64 [R, C]; 0 where undefined.
    """
    weights = np.asarray(weights, np.float64)
    true = _weighted_ranks(labels, weights)
    columns = [
        _weighted_correlation(weights, true, _weighted_ranks(column, weights))
        for column in predictions
    ]
    return np.stack(columns, -1)


def row_spearman(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Spearman's correlation of the labels [n] with each row of predictions [R, n]; float64 [R]."""
    ones = np.ones((1, len(labels)))
    true = _weighted_ranks(labels, ones)
    ranks = np.concatenate([_weighted_ranks(row, ones) for row in predictions])
    return _weighted_correlation(np.ones_like(ranks), np.broadcast_to(true, ranks.shape), ranks)


def _weighted_ranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Ranks from 1 of values [n] that occur `weights` [R, n] times; equal ones share the mean."""
    _, inverse = np.unique(values, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    starts = np.flatnonzero(np.diff(inverse[order], prepend=-1))
    counts = np.add.reduceat(weights[:, order], starts, axis=1)  # [R, distinct values]
    last = np.cumsum(counts, axis=1)
    return (last - (counts - 1) / 2)[:, inverse]


def _weighted_correlation(w: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pearson's correlation of x and y [R, n] under weights [R, n]; float64 [R]."""
    n = w.sum(1)
    x = x - ((w * x).sum(1) / n)[:, None]
    y = y - ((w * y).sum(1) / n)[:, None]
    return correlation(
        n,
        (w * x).sum(1),
        (w * y).sum(1),
        (w * x * x).sum(1),
        (w * y * y).sum(1),
        (w * x * y).sum(1),
    )
