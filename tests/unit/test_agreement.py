"""Statistics of agreement against slow, literal references, and against exhaustive chance."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from lottery.analysis import agreement
from lottery.analysis.agreement import expected_shared, shared_counts
from lottery.statistics.intervals import possible


@st.composite
def mask_sets(draw, most=5):
    """bool [masks, units]: at least one mask keeps a part of the units."""
    masks = draw(st.integers(2, most))
    units = draw(st.integers(2, 14))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    kept = rng.random((masks, units)) < draw(st.floats(0.1, 0.9))
    assume((kept.any(axis=1) & ~kept.all(axis=1)).any())
    return kept


def of(name, masks):
    return float(agreement.STATISTICS[name](shared_counts(masks), masks.shape[1]))


def slow_kappa(masks):
    """Fleiss 1971, with the table of counts per subject and category."""
    raters, subjects = masks.shape
    counts = [[sum(~masks[:, i]), sum(masks[:, i])] for i in range(subjects)]
    shares = [sum(row[c] for row in counts) / (raters * subjects) for c in range(2)]
    agreed = [sum(c * (c - 1) for c in row) / (raters * (raters - 1)) for row in counts]
    by_chance = sum(share**2 for share in shares)
    return (sum(agreed) / subjects - by_chance) / (1 - by_chance)


def slow_alpha(masks):
    """Krippendorff's alpha from the coincidence matrix, entry by entry."""
    raters, subjects = masks.shape
    coincidences = np.zeros((2, 2))
    for i in range(subjects):
        for a, b in product(range(raters), repeat=2):
            if a != b:
                coincidences[int(masks[a, i]), int(masks[b, i])] += 1 / (raters - 1)
    totals = coincidences.sum(axis=1)
    n = totals.sum()
    observed = coincidences[0, 1] + coincidences[1, 0]
    expected = 2 * totals[0] * totals[1] / (n - 1)
    return 1 - observed / expected


def slow_q(masks):
    """Cochran 1950: (k - 1) (k sum G^2 - (sum G)^2) / (k sum L - sum L^2)."""
    k = len(masks)
    columns, rows = masks.sum(axis=1).tolist(), masks.sum(axis=0).tolist()
    below = k * sum(rows) - sum(x * x for x in rows)
    above = (k - 1) * (k * sum(x * x for x in columns) - sum(columns) ** 2)
    return above / below if below else np.nan


@given(mask_sets())
def test_statistics_equal_their_definitions(masks):
    assert of("fleiss_kappa", masks) == pytest.approx(slow_kappa(masks), abs=1e-12)
    assert of("krippendorff_alpha", masks) == pytest.approx(slow_alpha(masks), abs=1e-12)
    q = slow_q(masks)
    assert of("cochran_q", masks) == pytest.approx(q, nan_ok=True)
    assert of("cochran_p", masks) == pytest.approx(stats.chi2.sf(q, len(masks) - 1), nan_ok=True)
    similar = [
        stats.chi2.sf(slow_q(masks[list(pair)]), 1) >= 0.05
        for pair in combinations(range(len(masks)), 2)
    ]
    assert of("similar_pairs", masks) == sum(similar)


@given(mask_sets())
def test_pairs_equal_their_definitions_and_leave_out_masks_that_say_nothing(masks):
    n = masks.shape[1]
    jaccards = agreement.pairwise_jaccard(shared_counts(masks), n)
    phis = agreement.pairwise_phi(shared_counts(masks), n)
    for place, (a, b) in enumerate(combinations(masks, 2)):
        if a.all() or b.all() or not a.any() or not b.any():
            assert np.isnan(jaccards[place]) and np.isnan(phis[place])
            continue
        assert jaccards[place] == pytest.approx((a & b).sum() / (a | b).sum())
        assert phis[place] == pytest.approx(np.corrcoef(a, b)[0, 1])
    known = jaccards[~np.isnan(jaccards)]
    expected = known.mean() if len(known) else np.nan
    assert of("jaccard", masks) == pytest.approx(expected, nan_ok=True)


@given(mask_sets())
def test_graded_statistics_of_zeros_and_ones_are_those_of_masks(masks):
    alpha = agreement.interval_alpha(masks.astype(float))
    assert alpha == pytest.approx(of("krippendorff_alpha", masks), abs=1e-9)
    correlation = agreement.mean_correlation(masks.astype(float))
    assert correlation == pytest.approx(of("phi", masks), abs=1e-9, nan_ok=True)


def test_interval_alpha_of_shares_follows_the_definition():
    values = np.random.default_rng(0).random((3, 7))
    within = [(a - b) ** 2 for column in values.T for a, b in combinations(column, 2)]
    anywhere = [(a - b) ** 2 for a, b in combinations(values.ravel(), 2)]
    expected = 1 - np.mean(within) / np.mean(anywhere)
    assert agreement.interval_alpha(values) == pytest.approx(expected)


def test_equal_masks_agree_fully():
    masks = np.tile([True, True, False, False, True], (4, 1))
    for name in ("fleiss_kappa", "krippendorff_alpha", "jaccard", "phi"):
        assert of(name, masks) == pytest.approx(1.0)
    assert np.isnan(of("cochran_q", masks))


@pytest.mark.parametrize("kept", [[0, 0, 0], [5, 5, 5], [0, 0, 5]])
def test_masks_that_keep_nothing_or_everything_have_no_agreement(kept):
    masks = np.array([[True] * k + [False] * (5 - k) for k in kept])
    for name in ("fleiss_kappa", "krippendorff_alpha", "jaccard", "phi"):
        assert np.isnan(of(name, masks)), name
    found = agreement.compare_units(masks, 20, np.random.default_rng(0))["fleiss_kappa"]
    assert np.isnan(list(found.values())).all()


def test_one_full_mask_beside_others_leaves_kappa_defined():
    """As the authors' MLP masks of CoLA have it: one seed keeps all twelve."""
    masks = np.array([[1, 1, 1, 1], [1, 1, 0, 1], [1, 0, 0, 1]], bool)
    assert of("fleiss_kappa", masks) == pytest.approx(slow_kappa(masks))
    assert of("jaccard", masks) == pytest.approx(2 / 3)


def all_masks(size, n):
    return [np.isin(np.arange(n), places) for places in combinations(range(n), size)]


@pytest.mark.parametrize("sizes", [(2, 3, 1), (4, 2, 3), (3, 3, 3)])
def test_expectations_equal_the_mean_over_all_masks_of_these_sizes(sizes):
    n = 5
    sets = [np.stack(masks) for masks in product(*(all_masks(size, n) for size in sizes))]
    found = agreement.compare_units(sets[0], 200, np.random.default_rng(0))
    for name in ("fleiss_kappa", "krippendorff_alpha", "phi", "jaccard"):
        values = [of(name, masks) for masks in sets]
        assert found[name]["expected"] == pytest.approx(np.mean(values), abs=1e-12), name
        assert found[name]["expected_sd"] == pytest.approx(np.std(values), rel=0.35), name
    counts = np.mean([shared_counts(masks) for masks in sets], axis=0)
    np.testing.assert_allclose(expected_shared(np.array(sizes), n), counts)


def test_the_permutation_p_value_is_that_of_all_permutations():
    masks = np.array([[1, 1, 1, 0, 0, 0], [1, 1, 0, 1, 0, 0]], bool)
    # Two of three places in common: 9 + 1 of the 20 masks of size 3 share at least two.
    found = agreement.compare_units(masks, 4000, np.random.default_rng(1))
    for name in ("fleiss_kappa", "krippendorff_alpha", "jaccard", "phi"):
        assert found[name]["p"] == pytest.approx(0.5, abs=0.03), name


def test_agreement_beyond_chance_is_found_and_chance_is_not():
    rng = np.random.default_rng(3)
    common = rng.random(100) < 0.5
    alike = np.stack([common ^ (rng.random(100) < 0.15) for _ in range(4)])
    assert agreement.compare_units(alike, 300, rng)["fleiss_kappa"]["p"] == pytest.approx(1 / 301)
    ps = [
        agreement.compare_units(rng.random((3, 40)) < 0.5, 100, rng)["fleiss_kappa"]["p"]
        for _ in range(100)
    ]
    assert 0.4 < np.mean(ps) < 0.6
    assert np.mean(np.array(ps) <= 0.05) < 0.12


def test_the_closed_form_agrees_with_permutations():
    rng = np.random.default_rng(4)
    masks = rng.random((4, 900)) < np.array([[0.3], [0.5], [0.6], [0.8]])
    masks[1, :500] |= masks[0, :500]
    drawn = agreement.compare_units(masks, 3000, rng)
    closed = agreement.compare_bits(shared_counts(masks), 900)
    for name in ("fleiss_kappa", "krippendorff_alpha", "phi", "jaccard", "cochran_q"):
        ours, theirs = closed[name], drawn[name]
        assert ours["value"] == theirs["value"]
        assert ours["expected"] == pytest.approx(theirs["expected"])
        assert ours["expected_sd"] == pytest.approx(theirs["expected_sd"], rel=0.1), name
    weak = np.stack([masks[0], rng.permutation(masks[1]), rng.permutation(masks[2])])
    drawn = agreement.compare_units(weak, 3000, rng)
    closed = agreement.compare_bits(shared_counts(weak), 900)
    for name in ("fleiss_kappa", "phi", "jaccard"):
        assert closed[name]["p"] == pytest.approx(drawn[name]["p"], abs=0.03), name


@pytest.mark.parametrize("sizes", [(2, 3, 1), (4, 2), (3, 3, 3), (0, 5, 2)])
def test_the_chance_of_nesting_is_the_share_of_all_masks_of_these_sizes(sizes):
    sets = [*product(*(all_masks(size, 5) for size in sizes))]
    nested = [all((a <= b).all() or (b <= a).all() for a, b in combinations(s, 2)) for s in sets]
    found = agreement.chance_of_nesting(np.array(sizes), 5)
    assert found == pytest.approx(np.mean(nested))
    # Nothing agrees more.
    kappas = np.array([of("fleiss_kappa", np.stack(masks)) for masks in sets])
    assert np.mean(kappas >= np.nanmax(kappas) - 1e-12) == pytest.approx(found)


def test_draws_repeat_with_their_seed():
    masks = np.random.default_rng(0).random((3, 30)) < 0.5
    first, second = (agreement.compare_units(masks, 50, np.random.default_rng(9)) for _ in range(2))
    assert first == second


@given(st.lists(st.integers(0, 12), min_size=2, max_size=5))
def test_common_units_by_chance_have_the_expected_mean(sizes):
    drawn = agreement.shared_by_chance(np.array(sizes), 12, 4000, np.random.default_rng(0))
    assert drawn.max() <= min(sizes)
    assert drawn.mean() == pytest.approx(12 * np.prod(np.array(sizes) / 12), abs=0.15)


@given(mask_sets())
def test_agreement_lies_within_what_is_possible(masks):
    for name in ("fleiss_kappa", "krippendorff_alpha", "jaccard", "phi"):
        value, (low, high) = of(name, masks), possible(name, len(masks))
        assert np.isnan(value) or low - 1e-12 <= value <= high + 1e-12, name
    graded = agreement.interval_alpha(masks * np.linspace(0.5, 1, masks.shape[1]))
    low, high = possible("krippendorff_alpha", len(masks))
    assert np.isnan(graded) or low - 1e-12 <= graded <= high + 1e-12


@pytest.mark.parametrize("count", [2, 3, 5])
def test_the_lowest_kappa_is_that_of_masks_that_share_nothing(count):
    """Each unit is kept by one mask: kappa is as low as it can be, and the bound is met."""
    masks = np.tile(np.eye(count, dtype=bool), 4)
    lowest, highest = possible("fleiss_kappa", count)
    assert of("fleiss_kappa", masks) == pytest.approx(lowest)
    assert of("fleiss_kappa", np.tile(masks[:1], (count, 1))) == highest == 1.0
