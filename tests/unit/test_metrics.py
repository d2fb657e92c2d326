"""Every metric against scikit-learn and scipy, and the rules for undefined values."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as reference

from lottery.tasks import metrics
from lottery.tasks.metrics import METRICS, chance, influences, is_constant, score, weighted_scores


def pairs(values: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(st.tuples(values, values), min_size=1, max_size=60).map(
        lambda rows: (np.array([a for a, _ in rows]), np.array([b for _, b in rows]))
    )


@given(pairs(st.integers(0, 1)))
def test_binary_metrics_equal_scikit_learn(rows: tuple[np.ndarray, np.ndarray]) -> None:
    labels, predictions = rows
    assert score("accuracy", labels, predictions) == pytest.approx(
        reference.accuracy_score(labels, predictions)
    )
    f1 = score("f1", labels, predictions)
    if labels.any() or predictions.any():
        assert f1 == pytest.approx(reference.f1_score(labels, predictions, zero_division=0))
    else:
        assert f1 is None


@given(pairs(st.integers(0, 3)))
def test_matthews_equals_scikit_learn_for_any_number_of_classes(
    rows: tuple[np.ndarray, np.ndarray],
) -> None:
    labels, predictions = rows
    value = score("matthews", labels, predictions)
    if len(set(labels)) == 1 or len(set(predictions)) == 1:
        assert value is None
    else:
        assert value == pytest.approx(reference.matthews_corrcoef(labels, predictions), abs=1e-12)


@given(pairs(st.integers(0, 3)))
def test_balanced_accuracy_equals_scikit_learn_for_any_number_of_classes(
    rows: tuple[np.ndarray, np.ndarray],
) -> None:
    labels, predictions = rows
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of predicted classes that no example has
        expected = reference.balanced_accuracy_score(labels, predictions)
    assert score("balanced_accuracy", labels, predictions) == pytest.approx(expected)


@given(pairs(st.integers(-8, 8).map(lambda n: n / 4)))
def test_correlations_equal_scipy_with_ties(rows: tuple[np.ndarray, np.ndarray]) -> None:
    labels, predictions = rows
    values = [score(m, labels, predictions) for m in ("pearson", "spearman", "pearson_spearman")]
    if len(set(labels)) == 1 or len(set(predictions)) == 1:
        assert values == [None, None, None]
        return
    pearson = stats.pearsonr(labels, predictions).statistic
    spearman = stats.spearmanr(labels, predictions).statistic
    assert values == pytest.approx([pearson, spearman, (pearson + spearman) / 2], abs=1e-12)


@given(pairs(st.floats(-1e6, 1e6, width=32)))
def test_spearman_of_real_numbers_equals_scipy(rows: tuple[np.ndarray, np.ndarray]) -> None:
    labels, predictions = rows
    value = score("spearman", labels, predictions)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy warns of what is None here
        expected = stats.spearmanr(labels, predictions).statistic if len(labels) > 1 else np.nan
    assert (value is None) == bool(np.isnan(expected))
    assert value is None or value == pytest.approx(expected, abs=1e-12)


def test_matthews_of_many_examples_does_not_overflow() -> None:
    labels = np.arange(400_000) % 2
    predictions = np.where(np.arange(400_000) % 10 == 0, 1 - labels, labels)
    expected = reference.matthews_corrcoef(labels, predictions)
    assert score("matthews", labels, predictions) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_correlations_do_not_depend_on_the_scale(scale: float) -> None:
    labels, predictions = np.array([1.0, 2.0, 4.0, 3.0]), np.array([2.0, 1.0, 5.0, 3.0])
    expected = stats.pearsonr(labels, predictions).statistic
    assert score("pearson", labels, predictions * scale) == pytest.approx(expected)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_predictions_that_are_not_finite_are_undefined(metric: str, bad: float) -> None:
    assert score(metric, np.array([0, 1, 1]), np.array([0.0, 1.0, bad])) is None


@pytest.mark.parametrize("metric", METRICS)
def test_no_examples_are_undefined(metric: str) -> None:
    assert score(metric, np.array([], int), np.array([], int)) is None


def test_perfect_and_inverted_predictions() -> None:
    labels = np.array([0, 1, 1, 0, 1])
    for metric in METRICS:
        assert score(metric, labels, labels) == pytest.approx(1.0)
    for metric in ("matthews", "pearson", "spearman", "pearson_spearman"):
        assert score(metric, labels, 1 - labels) == pytest.approx(-1.0)


def test_f1_counts_class_1_as_the_positive_one() -> None:
    assert score("f1", np.array([1, 1, 1, 0]), np.array([1, 0, 0, 1])) == pytest.approx(0.4)
    assert score("f1", np.array([1, 1, 0]), np.zeros(3, int)) == 0.0
    assert score("f1", np.zeros(3, int), np.zeros(3, int)) is None


def test_constant_predictions_are_seen_exactly() -> None:
    assert is_constant(np.array([0.1, 0.1, 0.1]))
    assert not is_constant(np.array([0.1, 0.1, np.nextafter(0.1, 1)]))
    assert score("pearson", np.array([1.0, 2.0, 3.0]), np.full(3, 0.1)) is None


def test_chance_is_zero_where_a_metric_can_be_undefined_for_a_baseline() -> None:
    assert [chance(m) for m in ("matthews", "pearson", "spearman", "pearson_spearman")] == [0.0] * 4
    assert [chance(m) for m in ("accuracy", "f1", "balanced_accuracy")] == [None] * 3


def test_unequal_shapes_and_unknown_metrics_are_mistakes() -> None:
    with pytest.raises(ValueError, match="differ"):
        score("accuracy", np.zeros(3), np.zeros(2))
    with pytest.raises(ValueError, match="rouge"):
        score("rouge", np.zeros(3), np.zeros(3))


def drawn(metric: str, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Labels and predictions of three systems, of three classes or with ties among scores."""
    if METRICS[metric].of == "scores":
        labels = rng.normal(size=n)
        return labels.round(1), (labels + rng.normal(size=(3, n))).round(1)
    labels = rng.integers(2 if METRICS[metric].two_classes else 3, size=n)
    other = rng.integers(labels.max() + 1, size=(3, n))
    return labels, np.where(rng.random((3, n)) < 0.6, labels, other)


@pytest.mark.parametrize("metric", METRICS)
def test_an_influence_is_the_derivative_of_the_weighted_score(metric: str) -> None:
    labels, predictions = drawn(metric, 40, np.random.default_rng(0))
    found = influences(metric, labels, predictions)
    assert found.mean(1) == pytest.approx(np.zeros(3), abs=1e-6)
    step = 2.0**-10  # as a float32, which weights of classes are
    for example in range(40):
        weights = np.ones((2, 40))
        weights[:, example] += (step, -step)
        more, less = weighted_scores(metric, labels, predictions, weights)
        expected = 40 * (more - less) / (2 * step)
        # Counts of weights that are no whole numbers are rounded to float32.
        assert found[:, example] == pytest.approx(expected, abs=2e-2)


@pytest.mark.parametrize("metric", METRICS)
def test_influences_give_the_standard_error_of_the_jackknife(metric: str) -> None:
    """Leaving out one example after the other is slow, and tells the same."""
    n = 500
    labels, predictions = drawn(metric, n, np.random.default_rng(1))
    found = influences(metric, labels, predictions).std(1, ddof=1) / n**0.5
    without = weighted_scores(metric, labels, predictions, 1.0 - np.eye(n))
    jackknife = (((without - without.mean(0)) ** 2).sum(0) * (n - 1) / n) ** 0.5
    assert found == pytest.approx(jackknife, rel=0.02)


def test_the_influence_on_accuracy_is_right_or_wrong() -> None:
    labels, predictions = np.array([0, 1, 1, 0]), np.array([[0, 1, 0, 1], [0, 1, 1, 0]])
    expected = np.array([[0.5, 0.5, -0.5, -0.5], [0.0] * 4])
    assert influences("accuracy", labels, predictions) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("metric", ["pearson", "spearman", "pearson_spearman"])
def test_a_metric_that_declares_no_influence_has_the_same(metric: str, monkeypatch) -> None:
    labels, predictions = drawn(metric, 60, np.random.default_rng(2))
    expected = influences(metric, labels, predictions)
    bare = replace(METRICS[metric], influence=None)
    monkeypatch.setitem(metrics.METRICS, metric, bare)
    assert influences(metric, labels, predictions) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("metric", ["matthews", "pearson", "spearman", "pearson_spearman"])
def test_an_undefined_score_has_no_influences(metric: str) -> None:
    labels = np.array([0, 1, 1, 0])
    assert not influences(metric, labels, np.ones((1, 4), int)).any()
