"""Metrics as functions of sums over examples, for many predictions and many resamples at once.

A bootstrap draws examples again, a permutation test swaps two systems' predictions: both change
sums over examples, and sums under thousands of resamples are one product of matrices. Spearman has
no such sums, since every example's rank depends on the others; it stands in `ranks`.

Notation of shapes: n examples, C predictions (systems and seeds), R resamples, f and g sums.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class AdditiveMetric:
    """A metric that is a function of sums over examples.

    Attributes:
        of_predictions: (labels [n], predictions [C, n]) -> what is summed, [C, n, f].
        of_labels: labels [n] -> what is summed, [n, g]; the same for all predictions.
        finish: (sums [..., f], sums of labels [..., g]) -> metric [...]; undefined ones are chance.
    """

    of_predictions: Callable[[np.ndarray, np.ndarray], np.ndarray]
    of_labels: Callable[[np.ndarray], np.ndarray]
    finish: Callable[[np.ndarray, np.ndarray], np.ndarray]


def additive(metric: str, labels: np.ndarray, predictions: np.ndarray) -> AdditiveMetric:
    """Makes a metric for data like these: the classes that occur, the scale of the scores.

    Args:
        metric: accuracy, f1, matthews or pearson.
        labels: true classes or scores, [n].
        predictions: predicted classes or scores, [C, n].

    Raises:
        KeyError: the metric is no function of sums.
    """
    return _METRICS[metric](labels, predictions)


def _accuracy(labels: np.ndarray, predictions: np.ndarray) -> AdditiveMetric:
    return AdditiveMetric(
        of_predictions=lambda y, x: (x == y).astype(np.float32)[..., None],
        of_labels=lambda y: np.ones((len(y), 1), np.float32),
        finish=lambda sums, of_labels: sums[..., 0] / of_labels[..., 0],
    )


def _f1(labels: np.ndarray, predictions: np.ndarray) -> AdditiveMetric:
    """F1 of class 1: twice the hits / (predicted positives + true positives)."""
    return AdditiveMetric(
        of_predictions=lambda y, x: np.stack([(x == 1) & (y == 1), x == 1], -1).astype(np.float32),
        of_labels=lambda y: (y == 1).astype(np.float32)[:, None],
        finish=lambda sums, of_labels: _ratio(
            2 * sums[..., 0], sums[..., 1] + of_labels[..., 0], np.zeros(())
        ),
    )


def _matthews(labels: np.ndarray, predictions: np.ndarray) -> AdditiveMetric:
    """Matthews' correlation of any number of classes (Gorodkin 2004), from counts of classes."""
    classes = np.union1d(labels, predictions)

    def one_hot(values: np.ndarray) -> np.ndarray:
        return (values[..., None] == classes).astype(np.float32)

    def finish(sums: np.ndarray, of_labels: np.ndarray) -> np.ndarray:
        correct, predicted = sums[..., 0], sums[..., 1:]
        n, true = of_labels[..., 0], of_labels[..., 1:]
        covariance = correct * n - (predicted * true).sum(-1)
        variances = (n**2 - (true**2).sum(-1)) * (n**2 - (predicted**2).sum(-1))
        # Counts are whole numbers, so a constant side has a variance of exactly 0.
        return _ratio(covariance, np.sqrt(variances), np.zeros(()))

    return AdditiveMetric(
        of_predictions=lambda y, x: np.concatenate(
            [(x == y).astype(np.float32)[..., None], one_hot(x)], -1
        ),
        of_labels=lambda y: np.concatenate([np.ones((len(y), 1), np.float32), one_hot(y)], -1),
        finish=finish,
    )


def _pearson(labels: np.ndarray, predictions: np.ndarray) -> AdditiveMetric:
    # Centred and scaled once, so that differences of squares of sums lose no digits.
    scale_y, scale_x = _Scale(labels), _Scale(predictions)

    def of_predictions(y: np.ndarray, x: np.ndarray) -> np.ndarray:
        x = scale_x(x)
        return np.stack([x, x**2, x * scale_y(y)], -1)

    def of_labels(y: np.ndarray) -> np.ndarray:
        y = scale_y(y)
        return np.stack([np.ones(len(y)), y, y**2], -1)

    def finish(sums: np.ndarray, of_labels: np.ndarray) -> np.ndarray:
        x, xx, xy = np.moveaxis(sums, -1, 0)
        n, y, yy = np.moveaxis(of_labels, -1, 0)
        return correlation(n, x, y, xx, yy, xy)

    return AdditiveMetric(of_predictions, of_labels, finish)


class _Scale:
    """Centres values on their mean and divides them by their largest distance from it."""

    def __init__(self, values: np.ndarray) -> None:
        values = np.asarray(values, np.float64)
        self.centre = values.mean()
        self.width = np.abs(values - self.centre).max() or 1.0

    def __call__(self, values: np.ndarray) -> np.ndarray:
        return (np.asarray(values, np.float64) - self.centre) / self.width


def correlation(
    n: np.ndarray, x: np.ndarray, y: np.ndarray, xx: np.ndarray, yy: np.ndarray, xy: np.ndarray
) -> np.ndarray:
    """Pearson's correlation from sums of x, y, their squares and their product; 0 if undefined."""
    covariance = n * xy - x * y
    variance_x, variance_y = n * xx - x**2, n * yy - y**2
    # What rounding leaves of a constant side is far below this share of the sum of squares.
    constant = (variance_x <= 1e-12 * n * xx) | (variance_y <= 1e-12 * n * yy)
    width = np.sqrt(np.where(constant, 0.0, variance_x * variance_y))
    return np.clip(_ratio(covariance, width, np.zeros(())), -1.0, 1.0)


def _ratio(part: np.ndarray, whole: np.ndarray, undefined: np.ndarray) -> np.ndarray:
    """part / whole, and `undefined` where whole is 0."""
    known = whole > 0
    return np.where(known, part / np.where(known, whole, 1.0), undefined)


_METRICS: dict[str, Callable[[np.ndarray, np.ndarray], AdditiveMetric]] = {
    "accuracy": _accuracy,
    "f1": _f1,
    "matthews": _matthews,
    "pearson": _pearson,
}
