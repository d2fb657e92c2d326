"""Searches of one model against searches of two: the rows, all permutations, size and power."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
import synthetic

from lottery.analysis import search_noise
from lottery.analysis.agreement import shared_counts
from lottery.analysis.good_masks import GoodMasks
from lottery.analysis.search_noise import Crossed, compare, crossed, search_noise_table
from lottery.models.architecture import Architecture
from lottery.pruning.masks import MaskInfo

SMALL = Architecture.from_config(synthetic.SMALL, "small")  # 3 layers of 4 heads
SEARCH_ON = {"v": "validation", "h": "search_half", "r": "report_half"}


def phi(first, second):
    return np.corrcoef(first, second)[0, 1]


def family(tasks, seeds, rng):
    """((method, task, seed) -> heads, the masks of all); no mask keeps all heads or none."""
    heads = {
        cell: rng.permutation(np.arange(12) < rng.integers(3, 10))
        for cell in product(SEARCH_ON, tasks, range(seeds))
    }
    infos = tuple(
        MaskInfo("structured", "m", task, str(seed), method, "good", 0.5)
        for method, task, seed in heads
    )
    stacked = np.stack(list(heads.values()))
    return heads, GoodMasks(infos, SMALL, {"heads": stacked, "mlps": stacked[:, :3]})


def test_rows_give_the_means_and_count_all_permutations():
    heads, masks = family("ab", 3, np.random.default_rng(0))
    table = search_noise_table(masks, "m", SEARCH_ON, ["a", "b"], 10)
    rows = table[table["unit"] == "heads"].set_index(["method", "other_method", "task"])
    rows = rows.to_dict("index")
    assert len(rows) == 3 * 2 * 3
    row = rows["h", "r", "a"]
    same = np.mean([phi(heads["h", "a", s], heads["r", "a", s]) for s in range(3)])
    crosses = [*permutations(range(3), 2)]
    other = np.mean([phi(heads["h", "a", s], heads["r", "a", t]) for s, t in crosses])
    assert row["same_model"] == pytest.approx(same)
    assert row["other_model"] == pytest.approx(other)
    assert row["difference"] == pytest.approx(same - other)
    pairs = [phi(heads["h", "a", s], heads["h", "a", t]) for s, t in ((0, 1), (0, 2), (1, 2))]
    assert row["same_examples"] == pytest.approx(np.mean(pairs))
    assert row["disjoint"] and not rows["v", "h", "a"]["disjoint"]
    assert rows["r", "h", "a"]["p"] == pytest.approx(row["p"])

    def difference(orders):
        """Of both tasks, with the seeds of the second method in other orders."""
        values = []
        for task, order in zip("ab", orders, strict=True):
            found = np.array(
                [[phi(heads["h", task, s], heads["r", task, t]) for t in order] for s in range(3)]
            )
            same = np.trace(found) / 3
            values.append(same - (found.sum() - np.trace(found)) / 6)
        return np.mean(values)

    every = [difference(orders) for orders in product(permutations(range(3)), repeat=2)]
    observed = difference([range(3)] * 2)
    average = rows["h", "r", "average"]
    assert average["difference"] == pytest.approx(observed)
    assert average["p"] == pytest.approx(np.mean(np.array(every) >= observed - 1e-12))
    assert average["p_below"] == pytest.approx(np.mean(np.array(every) <= observed + 1e-12))
    assert average["smallest_p"] == pytest.approx(1 / 36)
    assert row["smallest_p"] == pytest.approx(1 / 6)


def test_masks_of_weights_are_compared_by_their_bits():
    rng = np.random.default_rng(6)
    bits = rng.random((4, 200)) < 0.5
    cells = product("hr", range(2))
    infos = tuple(MaskInfo("magnitude", "m", "a", str(s), m, "good", 0.5) for m, s in cells)
    masks = GoodMasks(infos, SMALL, {}, shared_counts(bits), 200)
    search_on = {name: SEARCH_ON[name] for name in "hr"}
    table = search_noise_table(masks, "m", search_on, ["a"], 10)
    assert set(table["unit"]) == {"weights"}
    row = table.set_index(["method", "task"]).loc[("h", "a")]
    assert row["same_model"] == pytest.approx((phi(bits[0], bits[2]) + phi(bits[1], bits[3])) / 2)
    assert row["other_model"] == pytest.approx((phi(bits[0], bits[3]) + phi(bits[1], bits[2])) / 2)
    assert row["same_examples"] == pytest.approx(phi(bits[0], bits[1]))


def test_seeds_whose_mask_says_nothing_are_left_out():
    heads, masks = family("a", 3, np.random.default_rng(1))
    masks.units["heads"][[*heads].index(("r", "a", 1))] = True
    table = search_noise_table(masks, "m", SEARCH_ON, ["a"], 10)
    rows = table[table["unit"] == "heads"].set_index(["method", "other_method", "task"])
    row = rows.loc[("h", "r", "average")]
    same = np.mean([phi(heads["h", "a", s], heads["r", "a", s]) for s in (0, 2)])
    assert row["same_model"] == pytest.approx(same)
    assert (row["n_seeds"], row["smallest_p"]) == (2, 0.5)


def test_one_seed_decides_nothing():
    _, masks = family("a", 1, np.random.default_rng(2))
    table = search_noise_table(masks, "m", SEARCH_ON, ["a"], 10)
    assert table["p"].isna().all() and (table["n_tasks"] == 0).all()


def test_drawn_permutations_agree_with_all(monkeypatch):
    rng = np.random.default_rng(3)
    tasks = [Crossed(0.1 * rng.normal(size=(4, 4)) + 0.05 * np.eye(4), 0.0) for _ in range(2)]
    counted = compare(tasks, 10, rng)
    monkeypatch.setattr(search_noise, "COUNTED", 1)
    drawn = compare(tasks, 20_000, rng)
    assert counted["smallest_p"] == 1 / 24**2 and drawn["smallest_p"] == 1 / 20_001
    assert drawn["p"] == pytest.approx(counted["p"], abs=0.015)
    assert drawn["p_below"] == pytest.approx(counted["p_below"], abs=0.015)


def study(rng, own, n_tasks=2, n_seeds=3):
    """Phis of two searches: a head's score is of the task, of the model (`own`), of the search."""
    tasks = []
    for _ in range(n_tasks):
        model = rng.normal(0, 0.7, 144) + own * rng.normal(size=(n_seeds, 144))
        scores = model[None] + 0.7 * rng.normal(size=(2, n_seeds, 144))
        kept = scores > rng.normal(0, 0.5, (2, n_seeds, 1))  # sizes differ
        phis = np.corrcoef(kept.reshape(2 * n_seeds, -1))
        tasks.append(crossed(phis[:n_seeds, n_seeds:], phis[:n_seeds, :n_seeds]))
    return tasks


def rejected(studies, own, rng, column="p"):
    found = [compare(study(rng, own), 100, rng)[column] for _ in range(studies)]
    return np.mean(np.array(found) <= 0.05)


def test_size_and_power():
    rng = np.random.default_rng(4)
    error = np.sqrt(0.05 * 0.95 / 400)
    assert rejected(400, 0.0, rng) <= 0.05 + 3 * error
    assert rejected(400, 0.0, rng, "p_below") <= 0.05 + 3 * error
    assert rejected(50, 0.7, rng) > 0.9


@pytest.mark.long
def test_size_in_many_studies():
    rng = np.random.default_rng(5)
    assert rejected(2000, 0.0, rng) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 2000)
