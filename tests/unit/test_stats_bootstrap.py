"""The crossed bootstrap: what it is sure of, and what it is too sure of."""

from __future__ import annotations

import numpy as np
import pytest

from lottery.statistics import resampling
from lottery.statistics.resampling import (
    draw_examples,
    draw_seeds,
    percentile_interval,
    resampled_scores,
)


def interval(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """The interval of the mean difference in accuracy; predictions [seeds, n]."""
    rng = np.random.default_rng(0)
    both = np.concatenate([first, second])
    scores = resampled_scores("accuracy", labels, both, rng, 2000)
    seeds = len(first)
    shares = draw_seeds(rng, seeds, 2000)
    return percentile_interval(((scores[:, :seeds] - scores[:, seeds:]) * shares).sum(1))


def test_seeds_that_agree_do_not_shrink_the_noise_of_examples():
    rng = np.random.default_rng(3)
    n = 400
    labels = np.zeros(n, int)
    first, second = (rng.random(n) > 0.8).astype(int), (rng.random(n) > 0.6).astype(int)
    low, high = interval(labels, np.tile(first, (5, 1)), np.tile(second, (5, 1)))
    per_example = (first == labels).astype(float) - (second == labels)
    # Five copies of one seed know as little about new examples as the one.
    assert high - low == pytest.approx(2 * 1.96 * per_example.std() / np.sqrt(n), rel=0.08)


def test_seeds_that_differ_widen_the_interval():
    n, labels = 1000, np.zeros(1000, int)
    right = (500, 600, 700, 800, 900)
    first = np.array([[0] * k + [1] * (n - k) for k in right])
    second = np.tile(first[2], (5, 1))
    low, high = interval(labels, first, second)
    seeds = np.array(right) / n - 0.7
    assert high - low > 2 * 1.96 * 0.9 * seeds.std() / np.sqrt(5)
    assert low < 0 < high


def test_shares_of_seeds_sum_to_one():
    shares = draw_seeds(np.random.default_rng(0), 4, 50)
    assert shares.sum(1) == pytest.approx(np.ones(50))
    assert len(np.unique(shares)) > 2


def test_five_seeds_cover_about_83_percent_where_seeds_alone_vary():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(600):
        values = rng.normal(size=5)
        low, high = percentile_interval((values * draw_seeds(rng, 5, 500)).sum(1))
        covered += low < 0 < high
    assert covered / 600 == pytest.approx(0.83, abs=0.04)


def test_every_draw_has_as_many_examples_as_the_data_whatever_the_chunks(monkeypatch):
    whole = list(draw_examples(np.random.default_rng(1), 11, 9))
    monkeypatch.setattr(resampling, "CHUNK", 4 * 11 * 2)
    chunks = list(draw_examples(np.random.default_rng(1), 11, 9))
    assert len(whole) == 1 and len(chunks) == 5
    weights = np.concatenate(chunks)
    assert (weights.sum(1) == 11).all()
    assert np.array_equal(weights, whole[0])
