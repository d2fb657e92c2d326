"""Halves and samples: sizes, strata, independence of the order of rows."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lottery.data.splits import folds, halves, subset, train_sample

CLASSES = st.lists(st.integers(0, 3), min_size=2, max_size=200).map(np.array)
SCORES = st.lists(st.integers(0, 20).map(lambda n: n / 4), min_size=2, max_size=200).map(np.array)


def quintile(scores: np.ndarray) -> np.ndarray:
    return np.searchsorted(np.quantile(scores, [0.2, 0.4, 0.6, 0.8]), scores, side="right")


@given(CLASSES, st.integers(-5, 10**12))
def test_halves_are_equal_overall_and_in_each_class(labels: np.ndarray, first: int) -> None:
    half = halves(labels, np.arange(len(labels)) + first)
    assert half.dtype == np.uint8 and set(half) == {0, 1}
    for chosen in [labels == c for c in set(labels)] + [labels >= 0]:
        assert abs(int((half[chosen] == 0).sum()) - int((half[chosen] == 1).sum())) <= 1


@given(SCORES)
def test_halves_of_scores_are_equal_in_each_quintile(scores: np.ndarray) -> None:
    half = halves(scores, np.arange(len(scores)))
    stratum = quintile(scores)
    for q in set(stratum):
        assert abs(int((half[stratum == q] == 0).sum()) * 2 - int((stratum == q).sum())) <= 1


@given(CLASSES | SCORES, st.integers(2, 12), st.integers(0, 5))
def test_folds_divide_every_stratum_evenly(labels: np.ndarray, k: int, seed: int) -> None:
    fold = folds(labels, np.arange(len(labels)) * 7, k, seed)
    assert len(fold) == len(labels) and set(fold) <= set(range(1, k + 1))
    stratum = quintile(labels) if labels.dtype.kind == "f" else labels
    for chosen in [stratum == each for each in set(stratum)] + [stratum == stratum]:
        sizes = [int((fold[chosen] == number).sum()) for number in range(1, k + 1)]
        assert sum(sizes) == chosen.sum() and max(sizes) - min(sizes) <= 1


def test_folds_differ_by_seed_and_not_by_the_order_of_rows() -> None:
    labels, idx = np.arange(40) % 2, np.arange(40)
    one = folds(labels, idx, 5, 0)
    assert (one != folds(labels, idx, 5, 1)).any()
    assert (one[::-1] == folds(labels[::-1], idx[::-1], 5, 0)).all()
    # Frozen: other folds would change finished studies.
    assert "".join(map(str, one)) == "4253553335324312414414135254351125242121"


@given(CLASSES | SCORES, st.randoms(use_true_random=False), st.integers(1, 200))
def test_choices_follow_the_examples_not_their_order(labels: np.ndarray, random, size: int) -> None:
    idx = np.arange(len(labels)) * 3 + 1
    order = np.array(random.sample(range(len(labels)), len(labels)))
    assert (halves(labels, idx)[order] == halves(labels[order], idx[order])).all()
    one, other = (train_sample(y, i, size) for y, i in ((labels, idx), (labels[order], idx[order])))
    assert set(idx[one]) == set(idx[order][other])


@given(CLASSES, st.integers(1, 250), st.integers(0, 5))
def test_samples_keep_every_class_share_to_within_one(
    labels: np.ndarray, size: int, seed: int
) -> None:
    idx = np.arange(len(labels))
    for rows in (train_sample(labels, idx, size), subset(labels, idx, size, seed)):
        assert len(rows) == min(size, len(labels)) and (np.diff(rows) > 0).all()
        counts = Counter(labels[rows].tolist())
        for c, total in Counter(labels.tolist()).items():
            assert abs(counts[c] - total * len(rows) / len(labels)) < 1


def test_halves_and_samples_are_always_the_same() -> None:
    """Frozen values: another choice would change every strict result without a word."""
    labels, idx = np.arange(12) % 2, np.arange(12)
    assert halves(labels, idx).tolist() == [0, 0, 0, 0, 1, 1, 1, 0, 1, 1, 0, 1]
    assert train_sample(labels, idx, 4).tolist() == [0, 1, 4, 5]
    scores = np.arange(12) / 3
    assert halves(scores, idx).tolist() == [1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 1]


def test_seeds_of_subsets_are_unrelated() -> None:
    labels, idx = np.zeros(4000, int), np.arange(4000)
    chosen = [set(subset(labels, idx, 400, seed).tolist()) for seed in range(4)]
    for i, one in enumerate(chosen):
        for other in chosen[:i]:
            assert 15 <= len(one & other) <= 70  # 40 expected, standard deviation 5.7
    shifted = {row + 1 for row in chosen[0]}
    assert len(shifted & chosen[1]) < 70


def test_float32_scores_fall_into_the_same_halves() -> None:
    scores = np.round(np.random.default_rng(0).uniform(0, 5, 1501), 1)
    idx = np.arange(1501)
    assert (halves(scores, idx) == halves(scores.astype(np.float32), idx)).all()


def test_halves_look_random_along_the_file() -> None:
    half = halves(np.zeros(2000, int), np.arange(2000))
    assert half[:1000].mean() == pytest.approx(0.5, abs=0.06)
    changes = float((half[1:] != half[:-1]).mean())
    assert changes == pytest.approx(0.5, abs=0.05)
