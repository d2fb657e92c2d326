"""Scores under weights and under swaps are the metrics of the examples so repeated or swapped."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lottery.statistics.resampling import swapped_differences
from lottery.tasks.metrics import score, weighted_scores

CLASSES = ("accuracy", "f1", "matthews", "balanced_accuracy")
SCORES = ("pearson", "spearman", "pearson_spearman")


def made_up(metric: str, n: int, columns: int, seed: int, classes: int = 2):
    """Labels [n], predictions [columns, n] and how often each example is there [7, n]."""
    rng = np.random.default_rng(seed)
    if metric in CLASSES:
        labels = rng.integers(classes, size=n)
        predictions = rng.integers(classes, size=(columns, n))
    else:
        # Few distinct values, so that ranks are shared; far from 0, so that digits could get lost.
        labels = rng.integers(5, size=n) + 1e4
        predictions = rng.integers(4, size=(columns, n)) * 0.1 - 1e3
    weights = rng.multinomial(n, np.full(n, 1 / n), size=7)
    return labels, predictions, weights


@given(
    metric=st.sampled_from(CLASSES + SCORES),
    n=st.integers(2, 40),
    seed=st.integers(0, 10**6),
    classes=st.integers(2, 4),
)
def test_weights_stand_for_repeated_examples(metric, n, seed, classes):
    labels, predictions, weights = made_up(metric, n, 3, seed, classes)
    expected = [
        [score(metric, np.repeat(labels, w), np.repeat(x, w)) or 0.0 for x in predictions]
        for w in weights
    ]
    found = np.nan_to_num(weighted_scores(metric, labels, predictions, weights))
    assert found == pytest.approx(np.array(expected), abs=1e-6)


@given(
    metric=st.sampled_from(CLASSES + SCORES),
    n=st.integers(2, 30),
    seed=st.integers(0, 10**6),
    classes=st.integers(2, 4),
)
def test_swapped_examples_are_swapped_in_all_pairs(metric, n, seed, classes):
    labels, predictions, _ = made_up(metric, n, 4, seed, classes)
    first, second = predictions[:2], predictions[2:]
    swaps = np.random.default_rng(seed).random((5, n)) < 0.5
    expected = [
        np.mean(
            [
                (score(metric, labels, np.where(swap, b, a)) or 0.0)
                - (score(metric, labels, np.where(swap, a, b)) or 0.0)
                for a, b in zip(first, second, strict=True)
            ]
        )
        for swap in swaps
    ]
    found = swapped_differences(metric, labels, first, second, swaps)
    assert found == pytest.approx(np.array(expected), abs=1e-6)


@pytest.mark.parametrize("metric", ["matthews", *SCORES])
def test_a_constant_side_is_undefined_and_counts_as_chance(metric):
    labels, predictions, _ = made_up(metric, 12, 1, 3)
    ones = np.ones((1, 12))
    constant = np.full((1, 12), 0.3 if metric in SCORES else 1)
    assert np.isnan(weighted_scores(metric, labels, constant, ones)[0, 0])
    assert np.isnan(weighted_scores(metric, np.full(12, labels[0]), predictions, ones)[0, 0])
    swaps = np.zeros((1, 12), bool)
    found = swapped_differences(metric, labels, labels[None], constant, swaps)
    assert found == pytest.approx([1])
