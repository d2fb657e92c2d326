"""The metrics of the study: one entry each, with one rule for when they are undefined (None).

A metric scores one vector of predictions. The bootstrap draws examples again, and a permutation
test swaps two systems' predictions, thousands of times each. So a metric may also say how to do
that fast: as a function of sums over examples, since the sums of thousands of resamples are one
product of matrices, or, for Spearman, by finding the ranks of many resamples at once. A metric that
says neither is scored resample by resample.

Only numpy, so that scoring thousands of cells costs no import of scipy or scikit-learn; the tests
compare every metric with theirs. Notation of shapes: n examples, C predictions (systems and seeds),
R resamples, f and g sums.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric.

    Attributes:
        of: what it compares: "classes" or "scores" (a regression).
        score: (labels [n], predictions [n]) -> the metric, None where it is undefined. There is an
            example at least, and all values are finite.
        title: its name in figures.
        short: its name in tables.
        two_classes: whether it needs exactly two classes.
        chance: what an undefined value counts as in thresholds and averages; None for metrics that
            every baseline defines.
        least: the lowest value there is; the highest is 1.
        always: whether every task of its kind is scored with it, whatever its config asks for.
        search_only: whether searches alone watch it: no task reports it, no table shows it.
        sums: (labels [n], predictions [C, n]) -> the metric as a function of sums over examples,
            for data like these: the classes that occur, the scale of the scores.
        ranked: how it is found under many resamples, where ranks are found again in each.
        mean_of: the metrics that it is the mean of.
    """

    of: str
    score: Callable[[np.ndarray, np.ndarray], float | None]
    title: str
    short: str
    two_classes: bool = False
    chance: float | None = None
    least: float = 0.0
    always: bool = False
    search_only: bool = False
    sums: Callable[[np.ndarray, np.ndarray], Sums] | None = None
    ranked: Ranked | None = None
    mean_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sums:
    """A metric as a function of sums over examples.

    Attributes:
        of_predictions: (labels [n], predictions [C, n]) -> what is summed, [C, n, f].
        of_labels: labels [n] -> what is summed, [n, g]; the same for all predictions.
        finish: (sums [..., f], sums of labels [..., g]) -> metric [...]; undefined ones are chance.
    """

    of_predictions: Callable[[np.ndarray, np.ndarray], np.ndarray]
    of_labels: Callable[[np.ndarray], np.ndarray]
    finish: Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Ranked:
    """A metric of ranks under many resamples; undefined values are chance.

    Attributes:
        weighted: (labels [n], predictions [C, n], how often each example is there [R, n]) ->
            float64 [R, C].
        rows: (labels [n], predictions [R, n]) -> float64 [R], the metric of each row.
    """

    weighted: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    rows: Callable[[np.ndarray, np.ndarray], np.ndarray]


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
    return METRICS[metric].score(labels, predictions)


def chance(metric: str) -> float | None:
    """Gives what an undefined value counts as in thresholds and averages.

    Returns:
        0.0 for Matthews and the correlations; None for the metrics that every baseline defines.
    """
    return METRICS[metric].chance


def applicable(n_outputs: int) -> tuple[str, ...]:
    """The metrics that a task may report.

    Args:
        n_outputs: its number of classes; 1 for a regression.
    """
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
    """Says whether all predictions are equal (also true of none at all)."""
    predictions = np.asarray(predictions)
    return not predictions.size or bool((predictions == predictions.flat[0]).all())


def _accuracy(labels: np.ndarray, predictions: np.ndarray) -> float:
    return float(np.mean(labels == predictions))


def _accuracy_sums(labels: np.ndarray, predictions: np.ndarray) -> Sums:
    return Sums(
        of_predictions=lambda y, x: (x == y).astype(np.float32)[..., None],
        of_labels=lambda y: np.ones((len(y), 1), np.float32),
        finish=lambda sums, of_labels: sums[..., 0] / of_labels[..., 0],
    )


def _f1(labels: np.ndarray, predictions: np.ndarray) -> float | None:
    """F1 of class 1: 2 TP / (2 TP + FP + FN)."""
    true_positive = int(np.sum((labels == 1) & (predictions == 1)))
    wrong = int(np.sum((labels == 1) != (predictions == 1)))
    if true_positive + wrong == 0:
        return None
    return 2 * true_positive / (2 * true_positive + wrong)


def _f1_sums(labels: np.ndarray, predictions: np.ndarray) -> Sums:
    """F1 of class 1: twice the hits / (predicted positives + true positives)."""
    return Sums(
        of_predictions=lambda y, x: np.stack([(x == 1) & (y == 1), x == 1], -1).astype(np.float32),
        of_labels=lambda y: (y == 1).astype(np.float32)[:, None],
        finish=lambda sums, of_labels: _ratio(
            2 * sums[..., 0], sums[..., 1] + of_labels[..., 0], np.zeros(())
        ),
    )


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


def _matthews_sums(labels: np.ndarray, predictions: np.ndarray) -> Sums:
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

    return Sums(
        of_predictions=lambda y, x: np.concatenate(
            [(x == y).astype(np.float32)[..., None], one_hot(x)], -1
        ),
        of_labels=lambda y: np.concatenate([np.ones((len(y), 1), np.float32), one_hot(y)], -1),
        finish=finish,
    )


def _balanced_accuracy(labels: np.ndarray, predictions: np.ndarray) -> float:
    """The mean recall of the classes that occur among the labels (Brodersen et al. 2010)."""
    hits = labels == predictions
    return float(np.mean([hits[labels == each].mean() for each in np.unique(labels)]))


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


def _pearson_sums(labels: np.ndarray, predictions: np.ndarray) -> Sums:
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
        return _correlation_of_sums(n, x, y, xx, yy, xy)

    return Sums(of_predictions, of_labels, finish)


class _Scale:
    """Centres values on their mean and divides them by their largest distance from it."""

    def __init__(self, values: np.ndarray) -> None:
        values = np.asarray(values, np.float64)
        self.centre = values.mean()
        self.width = np.abs(values - self.centre).max() or 1.0

    def __call__(self, values: np.ndarray) -> np.ndarray:
        return (np.asarray(values, np.float64) - self.centre) / self.width


def _correlation_of_sums(
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


def _spearman(labels: np.ndarray, predictions: np.ndarray) -> float | None:
    return _pearson(_ranks(labels), _ranks(predictions))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1; equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)  # the highest rank of each distinct value
    return (last - (counts - 1) / 2)[inverse]


def _weighted_spearman(
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


def _row_spearman(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
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
    return _correlation_of_sums(
        n,
        (w * x).sum(1),
        (w * y).sum(1),
        (w * x * x).sum(1),
        (w * y * y).sum(1),
        (w * x * y).sum(1),
    )


def _pearson_spearman(labels: np.ndarray, predictions: np.ndarray) -> float | None:
    pearson, spearman = _pearson(labels, predictions), _spearman(labels, predictions)
    return None if pearson is None or spearman is None else (pearson + spearman) / 2


METRICS: dict[str, Metric] = {
    "accuracy": Metric(
        of="classes",
        score=_accuracy,
        title="accuracy",
        short="accuracy",
        always=True,
        sums=_accuracy_sums,
    ),
    "f1": Metric(of="classes", score=_f1, title="F1", short="F1", two_classes=True, sums=_f1_sums),
    "matthews": Metric(
        of="classes",
        score=_matthews,
        title="Matthews correlation",
        short="Matthews",
        chance=0.0,
        least=-1.0,
        sums=_matthews_sums,
    ),
    "balanced_accuracy": Metric(
        of="classes",
        score=_balanced_accuracy,
        title="balanced accuracy",
        short="balanced accuracy",
    ),
    "pearson": Metric(
        of="scores",
        score=_pearson,
        title="Pearson correlation",
        short="Pearson",
        chance=0.0,
        least=-1.0,
        always=True,
        sums=_pearson_sums,
    ),
    "spearman": Metric(
        of="scores",
        score=_spearman,
        title="Spearman correlation",
        short="Spearman",
        chance=0.0,
        least=-1.0,
        always=True,
        ranked=Ranked(_weighted_spearman, _row_spearman),
    ),
    "pearson_spearman": Metric(
        of="scores",
        score=_pearson_spearman,
        title="mean of Pearson and Spearman",
        short="mean of Pearson and Spearman",
        chance=0.0,
        least=-1.0,
        search_only=True,
        mean_of=("pearson", "spearman"),
    ),
}
