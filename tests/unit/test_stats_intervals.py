"""Intervals and tests over seeds, against scipy and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lottery.statistics.intervals import (
    Estimate,
    draw_components,
    exact_share,
    examples_se,
    half_width,
    holm,
    mean_estimate,
    se_of_mean,
    t_estimate,
)

standard_errors = st.floats(0.0, 0.1).filter(lambda se: se == 0 or se > 1e-9)


def test_one_task_has_the_usual_t_interval():
    values = [0.1, 0.3, 0.2, 0.25, 0.05]
    estimate = mean_estimate([values])
    expected = stats.ttest_1samp(values, 0)
    for level, low, high in (
        (0.95, estimate.low, estimate.high),
        (0.90, estimate.inner_low, estimate.inner_high),
    ):
        bounds = expected.confidence_interval(level)
        assert (low, high) == pytest.approx((bounds.low, bounds.high))
    assert estimate.p() == pytest.approx(expected.pvalue)
    assert (estimate.df, estimate.n_seeds, estimate.n_tasks) == (4, 5, 1)


def test_tasks_are_pooled_as_in_welchs_test():
    # The mean of a and -b over two tasks is half of Welch's difference of a and b.
    a, b = [0.5, 0.9, 0.7, 0.6], [0.1, 0.2, 0.15]
    estimate = mean_estimate([a, [-value for value in b]])
    welch = stats.ttest_ind(a, b, equal_var=False)
    bounds = welch.confidence_interval()
    assert estimate.df == pytest.approx(welch.df)
    assert 2 * estimate.low == pytest.approx(bounds.low)
    assert estimate.p() == pytest.approx(welch.pvalue)
    assert (estimate.n_seeds, estimate.n_tasks) == (3, 2)


def test_tasks_weigh_the_same_whatever_their_number_of_seeds():
    assert mean_estimate([[0.0, 0.0, 0.0, 0.0], [1.0, 1.0]]).value == 0.5


def test_one_seed_has_no_interval_and_no_seed_no_estimate():
    assert mean_estimate([[0.1], [0.2, 0.3]]).low is None
    assert mean_estimate([[0.1], [0.2, 0.3]]).p() is None
    assert mean_estimate([[], [0.2]]) is None
    assert mean_estimate([]) is None


def test_values_without_spread():
    same = mean_estimate([[0.25, 0.25, 0.25]])
    assert (same.low, same.high) == (0.25, 0.25)
    zero = mean_estimate([[0.0, 0.0, 0.0]])
    assert (zero.low, zero.high) == (0, 0)
    for estimate in (same, zero):
        assert estimate.p() is None


@given(
    st.lists(st.floats(-0.2, 0.2), min_size=3, max_size=6).filter(lambda v: np.std(v) > 1e-3),
    st.floats(0.01, 0.2),
)
def test_two_one_sided_tests_are_a_90_percent_interval_within_the_margin(values, margin):
    estimate = mean_estimate([values])
    p = max(
        stats.ttest_1samp(values, -margin, alternative="greater").pvalue,
        stats.ttest_1samp(values, margin, alternative="less").pvalue,
    )
    if abs(p - 0.05) > 1e-6:
        inside = -margin < estimate.inner_low and estimate.inner_high < margin
        assert inside == (p < 0.05)


def test_intervals_end_at_what_is_possible():
    estimate = mean_estimate([[0.5, 0.9, 1.0]])
    assert estimate.low > 0 and estimate.high > 1  # t knows no end
    cut = estimate.within(0.0, 1.0)
    assert (cut.low, cut.high, cut.inner_high) == (estimate.low, 1.0, 1.0)
    assert (cut.value, cut.se, cut.p()) == (estimate.value, estimate.se, estimate.p())
    assert mean_estimate([[0.5]]).within(0.0, 1.0).high is None


def test_failing_to_reject_is_no_equivalence():
    noisy = mean_estimate([[-0.3, 0.1, 0.25, 0.05]])
    assert noisy.p() > 0.5
    assert max(-noisy.inner_low, noisy.inner_high) > 0.05


@given(
    st.floats(-0.3, 0.3),
    standard_errors,
    st.floats(1.0, 40.0),
    standard_errors,
    st.floats(-0.2, 0.2),
)
def test_an_interval_and_its_p_value_agree(value, se_seeds, df, se_examples, bound):
    """The 95 % interval ends exactly where the one-sided p-value is 2.5 %."""
    estimate = Estimate.of(value, se_seeds, df, se_examples)
    if not estimate.se:
        assert estimate.p() is None and estimate.low == estimate.high == value
        return
    for level, low, high in (
        (0.95, estimate.low, estimate.high),
        (0.90, estimate.inner_low, estimate.inner_high),
    ):
        assert estimate.p_above(low) == pytest.approx((1 - level) / 2, rel=1e-5)
        assert estimate.p_above(high) == pytest.approx((1 + level) / 2, rel=1e-5)
        if min(abs(low - bound), abs(high - bound)) > 1e-9:
            assert (low > bound) == (estimate.p_above(bound) < (1 - level) / 2)
            assert (high < bound) == (1 - estimate.p_above(bound) < (1 - level) / 2)
    assert 0 <= estimate.p() <= 1


@given(st.floats(0.001, 0.1), st.floats(1.0, 40.0), st.floats(0.001, 0.1), st.floats(0.01, 0.4))
def test_the_p_value_of_two_sources_lies_between_those_of_one_quantile(
    se_seeds, df, se_examples, distance
):
    """t for the whole standard error is the largest p-value, the normal one the smallest."""
    estimate = Estimate.of(0.0, se_seeds, df, se_examples)
    whole = distance / np.hypot(se_seeds, se_examples)
    assert stats.norm.sf(whole) <= estimate.tail(distance) * (1 + 1e-9)
    assert estimate.tail(distance) <= stats.t.sf(whole, df) * (1 + 1e-9)
    assert estimate.tail(-distance) == pytest.approx(1 - estimate.tail(distance))
    assert half_width(estimate.tail(distance), se_seeds, df, se_examples) == pytest.approx(distance)


def test_examples_widen_the_interval_and_alone_they_make_a_normal_one():
    values = [[0.1, 0.3, 0.2], [0.0, 0.1, 0.3]]
    fixed, drawn = t_estimate(values), t_estimate(values, 0.05)
    quantile = stats.t.ppf(0.975, fixed.df)
    half = np.sqrt((quantile * fixed.se_seeds) ** 2 + (1.959964 * 0.05) ** 2)
    assert drawn.high - drawn.value == pytest.approx(half)
    assert (drawn.value, drawn.df, drawn.n_seeds) == (fixed.value, fixed.df, 3)
    assert drawn.p() > fixed.p()
    alike = t_estimate([[0.25, 0.25, 0.25]], 0.1)
    assert alike.low == pytest.approx(0.25 - 0.1959964)
    assert alike.p() == pytest.approx(2 * stats.norm.sf(2.5))


def test_of_the_noise_of_examples_what_the_seeds_share_is_missing_in_their_spread():
    rng = np.random.default_rng(0)
    shared, own = 0.3 * rng.normal(size=20_000), 0.6 * rng.normal(size=(4, 20_000))
    assert examples_se(shared + own) == pytest.approx(0.3 / 20_000**0.5, rel=0.03)
    # Copies of a seed have no spread, and know as much of new examples as the one.
    expected = shared.std(ddof=1) / 20_000**0.5
    assert examples_se(np.tile(shared, (5, 1))) == pytest.approx(expected)
    assert examples_se(shared[None]) == pytest.approx(expected)
    # What differs from seed to seed may look opposed in a sample; there is no variance below 0.
    assert examples_se(np.array([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0]])) == 0


def test_examples_of_tasks_are_independent():
    assert se_of_mean([0.03, 0.04]) == pytest.approx(0.025)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_exact_share_is_clopper_and_pearsons(counts):
    expected = stats.binomtest(*counts).proportion_ci(0.95, method="exact")
    assert exact_share(*counts) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_draws_are_a_component_of_their_own():
    rng = np.random.default_rng(0)
    values = rng.normal(0, 0.03, (4000, 1)) + rng.normal(0, 0.01, (4000, 3))
    seeds, draws = draw_components(values)
    assert seeds == pytest.approx(0.03, rel=0.05)
    assert draws == pytest.approx(0.01, rel=0.05)
    # Draws that differ as much as everything else leave nothing for the seeds.
    assert draw_components(np.array([[0.0, 1.0], [1.0, 0.0]]))[0] == 0
