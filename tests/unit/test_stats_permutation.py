"""Permutation tests: exact where they can be counted, and honest about what they can show."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from lottery.statistics.resampling import (
    Null,
    pool,
    smallest_p,
    swap_examples,
    swapped_differences,
)
from lottery.tasks.metrics import METRICS


def systems(n: int, seeds: int, levels: tuple[float, float], seed: int = 0):
    """Labels [n] and two systems' predictions [seeds, n] with shares of right ones."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=n)
    return labels, *(np.where(rng.random((seeds, n)) < p, labels, 1 - labels) for p in levels)


def exact_p(metric: str, labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """Two-sided p-value of all 2^n swaps."""
    swaps = np.array(list(product((False, True), repeat=len(labels))))
    values = swapped_differences(metric, labels, first, second, swaps)
    return float(np.mean(np.abs(values) >= abs(values[0]) - 1e-10))


@pytest.mark.parametrize("metric", METRICS)
def test_p_values_are_those_of_all_swaps(metric):
    labels, first, second = systems(10, 3, (0.9, 0.55), seed=4)
    rng = np.random.default_rng(0)
    null = swap_examples(metric, labels, first, second, rng, 4000)
    assert null.p == pytest.approx(exact_p(metric, labels, first, second), abs=0.03)
    assert null.observed == pytest.approx(
        swapped_differences(metric, labels, first, second, np.zeros((1, 10), bool))[0], abs=1e-6
    )


def test_accuracy_takes_a_short_cut_to_the_same_distribution():
    labels, first, second = systems(60, 4, (0.8, 0.6))
    short = swap_examples("accuracy", labels, first, second, np.random.default_rng(0), 20000)
    swaps = np.random.default_rng(1).random((20000, 60)) < 0.5
    long = swapped_differences("accuracy", labels, first, second, swaps)
    assert short.permuted.std() == pytest.approx(long.std(), rel=0.03)
    quantiles = [0.05, 0.25, 0.5, 0.75, 0.95]
    near = np.quantile(long, quantiles)
    assert np.quantile(short.permuted, quantiles) == pytest.approx(near, abs=0.012)


def test_copies_of_a_seed_add_no_evidence():
    labels, first, second = systems(80, 1, (0.75, 0.62), seed=2)
    once = swap_examples("accuracy", labels, first, second, np.random.default_rng(0), 9999)
    five = [np.repeat(each, 5, axis=0) for each in (first, second)]
    often = swap_examples("accuracy", labels, *five, np.random.default_rng(0), 9999)
    assert 0.01 < once.p < 0.5
    assert often.p == pytest.approx(once.p, abs=0.01)


def test_under_the_null_hypothesis_one_test_in_twenty_rejects():
    p_values = []
    for seed in range(400):
        labels, first, second = systems(60, 2, (0.7, 0.7), seed)
        rng = np.random.default_rng(seed)
        p_values.append(swap_examples("matthews", labels, first, second, rng, 199).p)
    assert 0.02 < np.mean(np.array(p_values) <= 0.05) < 0.09


def test_the_smallest_p_counts_the_permutations_and_the_examples_that_can_move():
    assert smallest_p(1000, 999) == 1 / 1000
    assert smallest_p(3, 999) == 0.25
    assert smallest_p(0, 999) == 1
    labels, first, _ = systems(50, 2, (1.0, 1.0))
    second = first.copy()
    second[:, :3] = 1 - second[:, :3]
    for metric in ("accuracy", "matthews"):
        null = swap_examples(metric, labels, first, second, np.random.default_rng(0), 999)
        assert null.smallest_p == 0.25
        assert null.p == pytest.approx(0.25, abs=0.05)
        assert null.p >= null.smallest_p
    same = swap_examples("accuracy", labels, first, first, np.random.default_rng(0), 999)
    assert (same.p, same.smallest_p) == (1, 1)


def test_pooling_averages_tasks():
    rng = np.random.default_rng(0)
    nulls = [Null(0.1, rng.normal(0, 0.1, 999), 1 / 1000) for _ in range(25)]
    pooled = pool(nulls, 999)
    assert pooled.observed == pytest.approx(0.1)
    assert pooled.permuted.std() == pytest.approx(0.02, rel=0.1)
    assert pooled.p == 1 / 1000 < nulls[0].p
    assert pool([Null(0.1, np.zeros(9), 0.5), Null(0.1, np.zeros(9), 0.5)], 999).smallest_p == 1 / 8
