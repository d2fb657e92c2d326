"""The metrics of the study: one entry each, with one rule for when they are undefined.

A metric is computed on weighted examples: plain scoring weighs each with 1. Metrics of classes are
functions of counts, since the counts of thousands of weightings are one product of matrices.

Only numpy, so that scoring thousands of cells costs no import of scipy or scikit-learn; the tests
compare every metric with theirs. Notation of shapes: n examples, C predictions (systems and seeds),
R resamples, k classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric.

    Attributes:
        of: what it compares: "classes" or "scores" (a regression).
        compute: the metric, NaN where it is undefined. Of classes: a function of how many examples
            of each class are predicted correctly, predicted as it, and of it, each [..., k], to
            [...]. Of scores: a function of labels, predictions and weights, each [R, n] or [1, n],
            to [R].
        title: its name in figures.
        short: its name in tables.
        two_classes: whether it needs exactly two classes.
        chance: what an undefined value counts as in thresholds and averages; None for metrics that
            every baseline defines.
        least: the lowest value there is; the highest is 1.
        always: whether every task of its kind is scored with it, whatever its config asks for.
        search_only: whether searches alone watch it: no task reports it, no table shows it.
        influence: of scores: what every example adds to the metric (see `influences`), a function
            of labels and predictions, each [n], to [n]; None has it found by weighing one example
            after the other a little more, which is slow. Metrics of classes need none: theirs
            follows from `compute`, whose counts know few kinds of examples.
    """

    of: str
    compute: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    title: str
    short: str
    two_classes: bool = False
    chance: float | None = None
    least: float = 0.0
    always: bool = False
    search_only: bool = False
    influence: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None


def score(metric: str, labels: np.ndarray, predictions: np.ndarray) -> float | None:
    """Scores predictions.

    Args:
        metric: One of `METRICS`.
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
    value = weighted_scores(metric, labels, predictions[None], np.ones((1, len(labels))))[0, 0]
    return None if np.isnan(value) else float(value)


def weighted_scores(
    metric: str, labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Scores all predictions under all weights; NaN where the metric is undefined.

    Args:
        metric: one of `METRICS`.
        labels: true classes or scores, [n].
        predictions: predicted classes or scores, [C, n].
        weights: how often each example counts, [R, n].

    Returns:
        float64 [R, C].
    """
    compute = METRICS[metric].compute
    if METRICS[metric].of == "scores":
        of_blocks = [
            np.stack([compute(labels[None], row[None], block) for row in predictions], -1)
            for block in blocks(weights)
        ]
        return np.concatenate(of_blocks)
    counted = class_counts(labels, np.concatenate([labels[None], predictions]))
    counts = np.tensordot(weights.astype(np.float32), counted, 1).astype(np.float64)
    hits, predicted = counts[:, 1:, 0], counts[:, 1:, 1]
    return compute(hits, predicted, counts[:, :1, 1])


def influences(metric: str, labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """What every example adds to every score: n times the derivative by the example's weight.

    A score is a smooth function of weights, so it varies over draws of the examples as the mean of
    these values does: their variance / n is that of the score (the infinitesimal jackknife, Jaeckel
    1972; Hampel's influence function). Their mean is 0. Of accuracy the value is right or wrong,
    minus the accuracy.

    Args:
        metric: one of `METRICS`.
        labels: true classes or scores, [n].
        predictions: predicted classes or scores, [C, n].

    Returns:
        float64 [C, n]; 0 where the metric is undefined, since it counts as chance there.
    """
    declared = METRICS[metric]
    if declared.of == "classes":
        return _of_kinds(declared, labels, predictions)
    of_row = declared.influence or partial(_of_weights, declared)
    return np.nan_to_num(np.stack([of_row(labels, row) for row in predictions]))


@np.errstate(invalid="ignore")  # less of a constant prediction than there is
def _of_kinds(metric: Metric, labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """`influences` of a metric of classes: examples of one label and prediction are alike."""
    classes = np.arange(max(2, 1 + labels.max(), 1 + predictions.max()))
    n, k = len(labels), len(classes)
    counts = class_counts(labels, np.concatenate([labels[None], predictions])).sum(0, np.float64)
    hits, predicted, true = counts[1:, 0], counts[1:, 1], counts[:1, 1]
    of_kind = np.zeros((len(predictions), k * k))
    kinds = labels.astype(np.int64) * k + predictions.astype(np.int64)
    for kind in np.unique(kinds):
        label, prediction = (classes == number for number in divmod(kind, k))
        more, less = (
            metric.compute(
                hits + step * (label & prediction),
                predicted + step * prediction,
                true + step * label,
            )
            for step in (STEP, -STEP)
        )
        of_kind[:, kind] = n * (more - less) / (2 * STEP)
    defined = np.isfinite(metric.compute(hits, predicted, true))
    return np.where(defined[:, None], np.take_along_axis(np.nan_to_num(of_kind), kinds, 1), 0.0)


def _of_weights(metric: Metric, labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """`influences` of any metric of scores, [n]: its weights are changed one by one."""
    n = len(labels)
    found = []
    for rows in blocks(STEP * np.eye(n)):
        more, less = (
            metric.compute(labels[None], predictions[None], 1 + change) for change in (rows, -rows)
        )
        found.append(n * (more - less) / (2 * STEP))
    return np.concatenate(found)


def blocks(rows: np.ndarray) -> list[np.ndarray]:
    """Cuts rows into blocks that are small enough for a processor's cache."""
    return np.array_split(rows, 1 + rows.size // 2**16)


def class_counts(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """What examples add to the counts of each class: correctly predicted, and predicted.

    Args:
        labels: true classes, [n].
        predictions: predicted classes, [C, n].

    Returns:
        float32 [n, C, 2, k].
    """
    classes = np.arange(max(2, 1 + labels.max(), 1 + predictions.max()))
    predicted = predictions.T[..., None] == classes
    hits = predicted & (labels[:, None, None] == classes)
    return np.stack([hits, predicted], 2).astype(np.float32)


def chance(metric: str) -> float | None:
    """What an undefined value counts as in thresholds and averages; None where there is none."""
    return METRICS[metric].chance


def applicable(n_outputs: int) -> tuple[str, ...]:
    """The metrics that a task with so many classes (1: a regression) may report."""
    return tuple(
        name
        for name, metric in METRICS.items()
        if not metric.search_only
        and (metric.of == "scores") == (n_outputs == 1)
        and (n_outputs == 2 or not metric.two_classes)
    )


def always_scored(n_outputs: int) -> tuple[str, ...]:
    """The metrics that every task with so many outputs is scored with; the first is the default."""
    return tuple(name for name in applicable(n_outputs) if METRICS[name].always)


def is_constant(predictions: np.ndarray) -> bool:
    """Whether all predictions are equal (also true of none at all)."""
    predictions = np.asarray(predictions)
    return not predictions.size or bool((predictions == predictions.flat[0]).all())


def _accuracy(hits: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    return _ratio(hits.sum(-1), true.sum(-1))


def _f1(hits: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """F1 of class 1: 2 TP / (2 TP + FP + FN)."""
    return _ratio(2 * hits[..., 1], predicted[..., 1] + true[..., 1])


def _matthews(hits: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Matthews' correlation of any number of classes (Gorodkin 2004)."""
    n = true.sum(-1)
    covariance = hits.sum(-1) * n - (predicted * true).sum(-1)
    # Counts are whole numbers, so a constant side has a variance of exactly 0.
    variances = (n**2 - (true**2).sum(-1)) * (n**2 - (predicted**2).sum(-1))
    # Not sqrt, whose last digit differs from that of the power in a score of a thousand.
    return _ratio(covariance, np.float_power(variances, 0.5))


def _balanced_accuracy(hits: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """The mean recall of the classes that occur among the labels (Brodersen et al. 2010)."""
    return np.nanmean(_ratio(hits, true), -1)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, and NaN where whole is 0."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), np.nan)


def _pearson(labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray) -> np.ndarray:
    left, right = _standardised(labels, weights), _standardised(predictions, weights)
    return np.clip(np.vecdot(weights * left, right), -1.0, 1.0)


def _pearson_influence(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """z_x z_y - r (z_x^2 + z_y^2) / 2, with standardised labels and predictions (Devlin 1975)."""
    x, y, r = _standard_scores(labels, predictions)
    return x * y - r * (x**2 + y**2) / 2


def _spearman_influence(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Pearson's of the ranks, and what the example adds to the ranks of the others.

    Its weight lifts the rank of a larger value by as much, of an equal one by half as much.
    """
    ones = np.ones((1, len(labels)))
    ranks = [_ranks(values[None], ones)[0] for values in (labels, predictions)]
    x, y, r = _standard_scores(*ranks)
    found = _pearson_influence(*ranks)
    for own, other, of_ranks in ((x, y, ranks[0]), (y, x, ranks[1])):
        # How the correlation of the ranks changes with the rank of each example.
        slope = (other - r * own) / of_ranks.std()
        _, inverse = np.unique(of_ranks, return_inverse=True)
        equal = np.bincount(inverse, slope)
        larger = equal.sum() - np.cumsum(equal)
        found = found + (larger + equal / 2)[inverse]
    return found


def _mean_influence(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    of_both = (_pearson_influence, _spearman_influence)
    return np.mean([influence(labels, predictions) for influence in of_both], 0)


def _standard_scores(
    labels: np.ndarray, predictions: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Labels and predictions with mean 0 and variance 1, and their correlation; NaN if constant."""
    ones, root = np.ones((1, len(labels))), len(labels) ** 0.5
    x, y = (_standardised(values[None], ones)[0] * root for values in (labels, predictions))
    return x, y, float((x * y).mean())


def _standardised(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Centred and of length 1 under the weights; NaN where all weighted values are equal."""
    values, there = np.broadcast_arrays(values, weights > 0)
    first = np.take_along_axis(values, there.argmax(-1)[:, None], -1)
    constant = ((values == first) | ~there).all(-1, keepdims=True)
    # Squares of huge or tiny values stay representable.
    values = _ratio(values.astype(np.float64), np.abs(values).max(-1, keepdims=True))
    centred = values - (weights * values).sum(-1, keepdims=True) / weights.sum(-1, keepdims=True)
    length = np.sqrt(np.vecdot(weights * centred, centred))[..., None]
    return _ratio(centred, np.where(constant, 0.0, length))


def _spearman(labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return _pearson(_ranks(labels, weights), _ranks(predictions, weights), weights)


def _ranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Ranks from 1 of values that occur `weights` times; equal values share the mean of theirs.

    Args:
        values: [R, n] or [1, n].
        weights: [R, n] or [1, n]; one of the two has a single row.

    Returns:
        float64 [R, n].
    """
    rows = []
    for row in values:
        _, inverse = np.unique(row, return_inverse=True)
        order = np.argsort(inverse, kind="stable")
        starts = np.flatnonzero(np.diff(inverse[order], prepend=-1))
        counts = np.add.reduceat(weights[:, order], starts, axis=1)  # [R, distinct values]
        last = np.cumsum(counts, axis=1)  # the highest rank of each distinct value
        rows.append((last - (counts - 1) / 2)[:, inverse])
    return np.concatenate(rows)


def _pearson_spearman(
    labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    return (_pearson(labels, predictions, weights) + _spearman(labels, predictions, weights)) / 2


# Of an example's weight, to tell how a score changes with it; of whole numbers, small enough.
STEP = 1e-3

_correlation = partial(Metric, of="scores", chance=0.0, least=-1.0, always=True)

METRICS: dict[str, Metric] = {
    "accuracy": Metric(
        of="classes", compute=_accuracy, title="accuracy", short="accuracy", always=True
    ),
    "f1": Metric(of="classes", compute=_f1, title="F1", short="F1", two_classes=True),
    "matthews": Metric(
        of="classes",
        compute=_matthews,
        title="Matthews correlation",
        short="Matthews",
        chance=0.0,
        least=-1.0,
    ),
    "balanced_accuracy": Metric(
        of="classes",
        compute=_balanced_accuracy,
        title="balanced accuracy",
        short="balanced accuracy",
    ),
    "pearson": _correlation(
        compute=_pearson,
        title="Pearson correlation",
        short="Pearson",
        influence=_pearson_influence,
    ),
    "spearman": _correlation(
        compute=_spearman,
        title="Spearman correlation",
        short="Spearman",
        influence=_spearman_influence,
    ),
    "pearson_spearman": _correlation(
        compute=_pearson_spearman,
        title="mean of Pearson and Spearman",
        short="mean of Pearson and Spearman",
        always=False,
        search_only=True,
        influence=_mean_influence,
    ),
}
