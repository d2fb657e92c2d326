"""The tests behind the claims against slow, obvious references."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lottery.analysis import agreement
from lottery.statistics.claims import cells, simulation, verdicts
from lottery.statistics.claims.cells import Agreements, Permuted, Spreads, Survivors
from lottery.statistics.claims.verdicts import Criterion
from lottery.statistics.intervals import Estimate, t_estimate

RATIO = Criterion("sign flip", 1.0)


@given(st.lists(st.floats(-3, 3).filter(lambda each: abs(each) > 0.01), min_size=6, max_size=9))
def test_signs_are_flipped_as_one_would_by_hand(logs):
    """Each side has two values, whose spread is what it should be."""
    pairs = {
        str(n): (np.array([0.0, math.exp(each)]), np.array([0.0, 1.0]))
        for n, each in enumerate(logs)
    }
    tested = Spreads(pairs, 3).tested(RATIO)
    sums = [np.dot(signs, logs) for signs in product((1, -1), repeat=len(logs))]
    assert tested.supports == pytest.approx(np.mean(np.array(sums) >= sum(logs) - 1e-9))
    assert tested.against == pytest.approx(np.mean(np.array(sums) <= sum(logs) + 1e-9))
    assert tested.estimate.value == pytest.approx(math.exp(np.mean(logs)))
    # The interval and the p-value agree.
    if abs(tested.estimate.low - 1) > 1e-9:
        assert (tested.estimate.low > 1) == (tested.supports < 0.025)


def test_one_wild_task_finds_no_larger_spread():
    """A pooled ratio of variances would be 10: one task of eight varies much."""
    rng = np.random.default_rng(0)
    pairs = {str(n): tuple(rng.normal(0, 0.01, (2, 5))) for n in range(8)}
    pairs["0"] = (rng.normal(0, 1.0, 5), pairs["0"][1])
    assert Spreads(pairs, 3).tested(RATIO).supports > 0.025


@given(st.integers(3, 6), st.integers(0, 2**32 - 1))
def test_kappa_is_that_of_the_analysis_and_its_error_the_jackknifes(n_seeds, seed):
    masks = simulation.masks(np.random.default_rng(seed), n_seeds, 60, 0.3)
    shared = agreement.shared_counts(masks)
    kappa = float(agreement.fleiss_kappa(shared, 60))
    assert cells.fleiss_kappa(shared, 60) == pytest.approx(kappa)
    estimate = Agreements({"a": shared}, 60).tested(Criterion("below", 0.4)).estimate
    without = [
        float(agreement.fleiss_kappa(agreement.shared_counts(np.delete(masks, each, 0)), 60))
        for each in range(n_seeds)
    ]
    jackknife = (n_seeds - 1) / n_seeds * np.sum((np.array(without) - np.mean(without)) ** 2)
    assert estimate.se_seeds == pytest.approx(jackknife**0.5)
    assert estimate.value == pytest.approx(kappa)


def test_the_error_of_kappa_over_units_is_that_of_drawn_units():
    """With three masks a unit's disagreement has two values: the bound is met."""
    rng = np.random.default_rng(1)
    masks = simulation.masks(rng, 3, 100_000, 0.4)
    drawn = [
        cells.fleiss_kappa(agreement.shared_counts(masks[:, rng.integers(0, 100_000, 144)]), 144)
        for _ in range(2000)
    ]
    shared = agreement.shared_counts(masks)
    assert cells.kappa_error(shared, 100_000, 0.4) * (100_000 / 144) ** 0.5 == pytest.approx(
        np.std(drawn), rel=0.06
    )


@pytest.mark.parametrize("n_seeds", [2, 3, 5])
def test_what_survives_does_not_depend_on_the_number_of_seeds(n_seeds):
    rng = np.random.default_rng(2)
    design = simulation.Design(n_tasks=200, n_seeds=n_seeds)
    found = simulation.survivors(rng, design, 0.3).tested(Criterion("below", 0.5))
    assert found.estimate.value == pytest.approx(0.3, abs=0.02)
    assert found.estimate.se > np.std(
        [simulation.survivors(rng, design, 0.3).tested(RATIO._replace(kind="below")).estimate.value
         for _ in range(30)]
    )  # fmt: skip


def test_equal_masks_survive_whole_and_independent_ones_by_chance():
    ends = ((0.6, 1.0), (0.36, 0.0))
    for survive, expected in ends:
        one = Survivors(*np.array([[survive], [0.6], [0.36], [0.01]]), n_seeds=3)
        assert one.tested(Criterion("below", 0.5)).estimate.value == pytest.approx(expected)


def test_a_p_value_on_the_log_scale_is_that_of_the_t_interval():
    logs = np.log([2.5, 3.0, 4.5])
    interval = stats.t.interval(0.95, 2, logs.mean(), stats.sem(logs))
    expected = stats.ttest_1samp(logs, math.log(2), alternative="greater").pvalue
    found = verdicts.log_scale_p(*np.exp(interval), 2, 2.0)
    assert found == pytest.approx(expected)


def test_a_permutation_test_that_cannot_be_small_decides_nothing():
    few = Permuted(Estimate(0.5, n_tasks=2, n_seeds=3), supports=1 / 36, smallest=1 / 36)
    tested = few.tested(Criterion("permutation", 0.0))
    assert (tested.supports, tested.against) == (1.0, 1.0) and tested.reason


def test_noise_far_above_the_median_is_no_reason_to_stand_out():
    """A ratio above 2 that chance reaches as well supports nothing."""
    cell = Permuted(Estimate(3.0, 2.8, 3.2), supports=0.4, smallest=0.001, log_df=4)
    assert cell.tested(Criterion("permutation", 2.0)).supports == 0.4


def test_some_tasks_needs_one_of_each_kind():
    def of(*means: float) -> tuple[float, float]:
        return verdicts.some_tasks([t_estimate([[m - 1e-3, m, m + 1e-3]]) for m in means], 0.05)

    assert max(of(0.2, 0.0)[:1]) < 0.025
    assert of(0.0, 0.0)[1] < 0.025 < of(0.0, 0.0)[0]
    assert min(of(0.2, 0.2)) > 0.025
    assert of(0.2) == (1.0, 1.0)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=4))
def test_all_parts_must_hold_and_one_may_fail(ps):
    parts = [verdicts.Tested(Estimate(0.0), a, b, a < b) for a, b in ps]
    supports, against, place = verdicts.together(parts)
    assert supports == max(a for a, _ in ps)
    assert against == min(1, len(ps) * min(b for _, b in ps))
    assert parts[place].holds == all(part.holds for part in parts)
