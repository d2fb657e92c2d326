"""Whether pairs of tasks differ in what they share: the null's draws, size and power."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, product

import numpy as np
import pytest
import synthetic
from hypothesis import given
from hypothesis import strategies as st

from lottery.analysis import pairs_of_tasks
from lottery.analysis.good_masks import GoodMasks
from lottery.analysis.pairs_of_tasks import (
    compare,
    pairs_table,
    shared_by_pairs,
    with_same_margins,
)
from lottery.models.architecture import Architecture
from lottery.pruning.masks import MaskInfo

SMALL = Architecture.from_config(synthetic.SMALL, "small")  # 3 layers of 4 heads


@given(st.integers(2, 7), st.integers(2, 12), st.integers(0, 2**31))
def test_draws_keep_sizes_and_how_often_units_are_kept(masks, units, seed):
    rng = np.random.default_rng(seed)
    kept = rng.random((masks, units)) < rng.random()
    sets = np.concatenate([*with_same_margins(kept, 5, rng)])
    assert (sets[0] == kept).all() and sets.shape == (6, masks, units)
    assert (sets.sum(axis=2) == kept.sum(axis=1)).all()
    assert (sets.sum(axis=1) == kept.sum(axis=0)).all()


def test_after_many_trades_all_sets_with_the_margins_are_equally_likely(monkeypatch):
    monkeypatch.setattr(pairs_of_tasks, "SWEEPS", 60)
    kept = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [1, 0, 0, 0]], bool)
    matrices = [np.reshape(bits, (3, 4)) for bits in product((False, True), repeat=12)]
    same = [
        m.tobytes()
        for m in matrices
        if (m.sum(axis=0) == kept.sum(axis=0)).all() and (m.sum(axis=1) == kept.sum(axis=1)).all()
    ]
    drawn = np.concatenate([*with_same_margins(kept, 20_000, np.random.default_rng(0))])[1:]
    counts = Counter(each.tobytes() for each in drawn)
    assert set(counts) == set(same)
    expected = len(drawn) / len(same)
    for name in same:
        assert counts[name] == pytest.approx(expected, abs=5 * np.sqrt(expected))


def test_what_pairs_share():
    rng = np.random.default_rng(1)
    kept = rng.random((4, 3, 10)) < 0.5
    expected = [
        np.mean([(kept[a, s] & kept[b, s]).sum() / 10 for s in range(3)])
        for a, b in combinations(range(4), 2)
    ]
    assert shared_by_pairs(kept) == pytest.approx(expected)


def test_rows_are_of_the_tasks_that_enter_averages():
    rng = np.random.default_rng(2)
    infos = tuple(
        MaskInfo("structured", "m", task, str(seed), "s", "good", 0.5)
        for task in "abcde"
        for seed in range(2)
    )
    heads = rng.random((10, 12)) < 0.5
    masks = GoodMasks(infos, SMALL, {"heads": heads, "mlps": heads[:, :3]})
    table = pairs_table(masks, "m", "s", ["a", "c", "d", "e"], 50).set_index("unit")
    row = table.loc["heads"]
    shares = shared_by_pairs(heads.reshape(5, 2, 12)[[0, 2, 3, 4]])
    assert row["sd"] == pytest.approx(np.std(shares, ddof=1))
    assert (row["n_tasks"], row["n_pairs"], row["n_seeds"], row["n_units"]) == (4, 6, 2, 12)
    assert 1 / 51 <= row["smallest_p"] <= row["p"] <= 1
    # Three numbers, one per task, explain what three pairs share.
    few = pairs_table(masks, "m", "s", ["a", "b", "c"], 50)
    assert few["p"].isna().all() and (few["n_pairs"] == 3).all()


def test_masks_that_cannot_be_otherwise_decide_nothing():
    kept = np.broadcast_to(np.arange(6) < 3, (4, 2, 6))
    found = compare(kept, 30, np.random.default_rng(0))
    assert found["p"] == found["smallest_p"] == 1.0
    assert found["sd"] == found["expected"] == 0.0


UNITS = 144
STUDIES = 2000


def sizes(rng, tasks, seeds):
    """True sizes of tasks, and those of seeds around them: sd 20 heads together."""
    found = 76 + rng.normal(0, 14, (tasks, 1)) + rng.normal(0, 14, (tasks, seeds))
    return np.clip(np.rint(found), 10, 134).astype(int)


def largest(scores, counts):
    """The masks that keep as many of the largest scores [tasks, seeds, units]."""
    ranks = np.argsort(np.argsort(-scores, axis=-1), axis=-1)
    return ranks < counts[..., None]


def of(own, noise):
    """Scores: of all tasks, of each task (`own`), and noise of each mask."""

    def make(rng, tasks, seeds):
        common = rng.normal(size=UNITS)
        scores = common + own(rng, tasks)[:, None] + noise(rng, (tasks, seeds, UNITS))
        return largest(scores, sizes(rng, tasks, seeds))

    return make


def none(rng, tasks):
    return np.zeros((tasks, UNITS))


def groups(rng, tasks):
    """Two groups of tasks with preferences of their own."""
    return 0.8 * rng.normal(size=(2, UNITS))[np.arange(tasks) % 2]


def of_one_seed(rng, shape):
    """Half of the noise belongs to the seed, whatever the task."""
    return rng.normal(0, 0.7, (1, *shape[1:])) + rng.normal(0, 0.7, shape)


NULLS = {
    "normal": of(none, lambda rng, shape: rng.normal(size=shape)),
    "logistic": of(none, lambda rng, shape: rng.logistic(size=shape)),
    "skewed": of(none, lambda rng, shape: rng.gumbel(size=shape)),
    "seeds in common": of(none, of_one_seed),
}
GROUPS = of(groups, lambda rng, shape: rng.normal(size=shape))


def rejected(make, studies, rng, tasks=8, seeds=3, draws=39):
    found = [compare(make(rng, tasks, seeds), draws, rng)["p"] for _ in range(studies)]
    return np.mean(np.array(found) <= 0.05)


def test_groups_of_tasks_are_found_and_sizes_are_not():
    rng = np.random.default_rng(3)
    assert rejected(GROUPS, 6, rng) == 1.0
    # The chance of four or more of 15 is below one percent.
    assert rejected(NULLS["skewed"], 15, rng) <= 3 / 15


@pytest.mark.long
@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("make", NULLS.values(), ids=NULLS)
def test_size_in_many_studies(make, seeds):
    share = rejected(make, STUDIES, np.random.default_rng(4), seeds=seeds)
    assert share <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / STUDIES)
