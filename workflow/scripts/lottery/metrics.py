"""The metrics of the study, with one rule for when they are undefined (None).

Only numpy, so that scoring thousands of cells costs no import of scipy or scikit-learn; the tests
compare every metric with theirs.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lottery.tasks import CLASSIFICATION_METRICS, REGRESSION_METRICS

METRICS = (*CLASSIFICATION_METRICS, *REGRESSION_METRICS, "pearson_spearman")


def score(metric: str, labels: np.ndarray, predictions: np.ndarray) -> float | None:
    """Scores predictions.

    Args:
        metric: One of `METRICS`; "pearson_spearman" is the mean of both correlations.
        labels: True classes (integers from 0) or scores, shape [examples].
        predictions: Predicted classes or scores, shape [examples].

    Returns:
        The metric, or None where it is undefined: no examples; a prediction or label that is not
        finite; Matthews with a constant side; a correlation with a constant side or fewer than two
        examples; F1 without any true or predicted positive.

    Raises:
        ValueError: The metric is unknown or the shapes differ.
    """
    if metric not in METRICS:
        raise ValueError(f"unknown metric {metric!r}")
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if labels.ndim != 1 or labels.shape != predictions.shape:
        raise ValueError(f"labels {labels.shape} and predictions {predictions.shape} differ")
    if not len(labels) or not (np.isfinite(labels).all() and np.isfinite(predictions).all()):
        return None
    return _FUNCTIONS[metric](labels, predictions)


def chance(metric: str) -> float | None:
    """Gives what an undefined value counts as in thresholds and averages.

    Returns:
        0.0 for Matthews and the correlations; None for the metrics that every baseline defines.
    """
    return None if metric in ("accuracy", "f1") else 0.0


def is_constant(predictions: np.ndarray) -> bool:
    """Says whether all predictions are equal (also true of none at all)."""
    predictions = np.asarray(predictions)
    return not predictions.size or bool((predictions == predictions.flat[0]).all())


def _accuracy(labels: np.ndarray, predictions: np.ndarray) -> float:
    return float(np.mean(labels == predictions))


def _f1(labels: np.ndarray, predictions: np.ndarray) -> float | None:
    """F1 of class 1: 2 TP / (2 TP + FP + FN)."""
    true_positive = int(np.sum((labels == 1) & (predictions == 1)))
    wrong = int(np.sum((labels == 1) != (predictions == 1)))
    if true_positive + wrong == 0:
        return None
    return 2 * true_positive / (2 * true_positive + wrong)


def _matthews(labels: np.ndarray, predictions: np.ndarray) -> float | None:
    """Matthews' correlation for any number of classes (Gorodkin 2004): R_K of the confusion."""
    if is_constant(labels) or is_constant(predictions):
        return None
    classes, codes = np.unique(np.concatenate([labels, predictions]), return_inverse=True)
    k, n = len(classes), len(labels)
    # Python integers below: products of counts of 400,000 examples pass 2**63 when multiplied.
    confusion = np.bincount(codes[:n] * k + codes[n:], minlength=k * k).reshape(k, k)
    true_counts, predicted_counts = confusion.sum(1).tolist(), confusion.sum(0).tolist()
    covariance = int(np.trace(confusion)) * n - _dot(true_counts, predicted_counts)
    true_variance = n * n - _dot(true_counts, true_counts)
    predicted_variance = n * n - _dot(predicted_counts, predicted_counts)
    return covariance / float(true_variance * predicted_variance) ** 0.5


def _dot(left: list[int], right: list[int]) -> int:
    return sum(a * b for a, b in zip(left, right, strict=True))


def _pearson(labels: np.ndarray, predictions: np.ndarray) -> float | None:
    if is_constant(labels) or is_constant(predictions):
        return None
    left, right = _standardised(labels), _standardised(predictions)
    if left is None or right is None:
        return None
    return float(np.clip(left @ right, -1.0, 1.0))


def _standardised(values: np.ndarray) -> np.ndarray | None:
    """Centres values and scales them to length 1; None if nothing is left after centring."""
    values = values.astype(np.float64)
    values = values / np.abs(values).max()  # squares of huge or tiny values stay representable
    centred = values - values.mean()
    length = float(np.linalg.norm(centred))
    return centred / length if length > 0 else None


def _spearman(labels: np.ndarray, predictions: np.ndarray) -> float | None:
    return _pearson(_ranks(labels), _ranks(predictions))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1; equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)  # the highest rank of each distinct value
    return (last - (counts - 1) / 2)[inverse]


def _pearson_spearman(labels: np.ndarray, predictions: np.ndarray) -> float | None:
    pearson, spearman = _pearson(labels, predictions), _spearman(labels, predictions)
    return None if pearson is None or spearman is None else (pearson + spearman) / 2


_FUNCTIONS: dict[str, Callable[[np.ndarray, np.ndarray], float | None]] = {
    "accuracy": _accuracy,
    "f1": _f1,
    "matthews": _matthews,
    "pearson": _pearson,
    "spearman": _spearman,
    "pearson_spearman": _pearson_spearman,
}
