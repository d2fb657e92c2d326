"""Scores of many predictions under resamples of the examples, and under swaps of two systems.

Notation of shapes as in `lottery.tasks.metrics`; undefined scores count as chance, 0.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lottery.tasks.metrics import METRICS, score

# Numbers that an intermediate array may hold: some 60 MB of float32.
CHUNK = 2**24


def weighted_scores(
    metric: str, labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Scores when every example stands in the data as often as a weight says.

    Args:
        metric: one of `lottery.tasks.metrics.METRICS`.
        labels: true classes or scores, [n].
        predictions: predicted classes or scores, [C, n].
        weights: how often each example was drawn, [R, n].

    Returns:
        float64 [R, C].
    """
    declared = METRICS[metric]
    if declared.mean_of:
        each = [weighted_scores(m, labels, predictions, weights) for m in declared.mean_of]
        return sum(each) / len(each)
    if declared.ranked:
        return declared.ranked.weighted(labels, predictions, weights)
    if not declared.sums:
        times = weights.astype(np.int64)
        return np.array([_row_scores(metric, labels, predictions, drawn) for drawn in times])
    measure = declared.sums(labels, predictions)
    summed = measure.of_predictions(labels, predictions)  # [C, n, f]
    of_labels = measure.of_labels(labels)  # [n, g]
    C, n, f = summed.shape
    weights = weights.astype(summed.dtype, copy=False)
    columns = summed.transpose(1, 0, 2).reshape(n, C * f)
    sums = (weights @ columns).reshape(-1, C, f).astype(np.float64)
    label_sums = (weights @ of_labels).astype(np.float64)[:, None]  # [R, 1, g]
    return measure.finish(sums, label_sums)


def _row_scores(
    metric: str, labels: np.ndarray, predictions: np.ndarray, times: np.ndarray | int = 1
) -> list[float]:
    """The score of every row of predictions [R, n] on examples repeated `times`, one by one."""
    repeated = np.repeat(labels, times)
    values = (score(metric, repeated, np.repeat(row, times)) for row in predictions)
    return [0.0 if value is None else value for value in values]


def draw_examples(
    rng: np.random.Generator, n: int, resamples: int
) -> Iterator[tuple[slice, np.ndarray]]:
    """Draws n of n examples with replacement, again and again.

    Yields:
        The resamples of a chunk, and how often each example was drawn in them, float32
        [resamples of the chunk, n].
    """
    size = max(1, CHUNK // (4 * n))
    for start in range(0, resamples, size):
        count = min(size, resamples - start)
        places = rng.integers(n, size=(count, n)) + n * np.arange(count)[:, None]
        drawn = np.bincount(places.ravel(), minlength=count * n).reshape(count, n)
        yield slice(start, start + count), drawn.astype(np.float32)


def swapped_differences(
    metric: str,
    labels: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    swaps: np.ndarray,
) -> np.ndarray:
    """Mean over pairs of score(first) - score(second) after swapping predictions of examples.

    An example is swapped in all pairs at once.

    Args:
        metric: as in `weighted_scores`.
        labels: true classes or scores, [n].
        first, second: predictions of the two systems, pair by pair, [C, n].
        swaps: whether an example is swapped, bool [R, n].

    Returns:
        float64 [R].
    """
    declared = METRICS[metric]
    if declared.mean_of:
        each = [swapped_differences(m, labels, first, second, swaps) for m in declared.mean_of]
        return sum(each) / len(each)
    if not declared.sums:
        return _swapped_one_by_one(metric, labels, first, second, swaps)
    measure = declared.sums(labels, np.stack([first, second]))
    of_first = measure.of_predictions(labels, first)  # [C, n, f]
    of_second = measure.of_predictions(labels, second)
    C, n, f = of_first.shape
    change = (of_second - of_first).transpose(1, 0, 2).reshape(n, C * f)
    moved = (swaps.astype(change.dtype) @ change).reshape(-1, C, f).astype(np.float64)
    label_sums = measure.of_labels(labels).sum(0, dtype=np.float64)
    total_first = of_first.sum(1, dtype=np.float64)
    total_second = of_second.sum(1, dtype=np.float64)
    return (
        measure.finish(total_first + moved, label_sums)
        - measure.finish(total_second - moved, label_sums)
    ).mean(-1)


def _swapped_one_by_one(
    metric: str, labels: np.ndarray, first: np.ndarray, second: np.ndarray, swaps: np.ndarray
) -> np.ndarray:
    """`swapped_differences` where the metric has to be found again after every swap."""
    ranked = METRICS[metric].ranked
    differences = np.zeros(len(swaps))
    for a, b in zip(first, second, strict=True):
        for sign, predictions in ((1, np.where(swaps, b, a)), (-1, np.where(swaps, a, b))):
            if ranked:
                differences += sign * ranked.rows(labels, predictions)
            else:
                differences += sign * np.array(_row_scores(metric, labels, predictions))
    return differences / len(first)
