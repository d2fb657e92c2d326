"""Agreement of masks of units over seeds against chance: exhaustive references, size and power."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
import synthetic

from lottery.analysis import agreement, stability
from lottery.analysis.good_masks import GoodMasks
from lottery.analysis.seed_agreement import agreement_table, compare, mean
from lottery.models.architecture import Architecture
from lottery.pruning.masks import MaskInfo

SMALL = Architecture.from_config(synthetic.SMALL, "small")  # 3 layers of 4 heads


def masks_of(heads: dict[str, np.ndarray]) -> GoodMasks:
    """task -> bool [seeds, 12]; the MLPs are those of the first three heads."""
    infos = [
        MaskInfo("structured", "m", task, str(seed), "s", "good", 0.5)
        for task, masks in heads.items()
        for seed in range(len(masks))
    ]
    stacked = np.concatenate(list(heads.values()))
    return GoodMasks(tuple(infos), SMALL, {"heads": stacked, "mlps": stacked[:, :3]})


def kappa(masks):
    return float(agreement.fleiss_kappa(agreement.shared_counts(masks), masks.shape[-1]))


def every(size, n):
    return [np.isin(np.arange(n), places) for places in combinations(range(n), size)]


def test_rows_agree_with_the_table_of_stability():
    rng = np.random.default_rng(0)
    masks = masks_of({task: rng.random((3, 12)) < 0.5 for task in "abc"})
    table = agreement_table(masks, "m", "s", ["a", "c"], 100)
    rows = table.set_index(["unit", "statistic", "task"]).to_dict("index")
    others = stability.stability_table(masks, "m", "s", 100)
    others = others.set_index(["unit", "statistic", "task", "other_task"]).to_dict("index")
    for unit, statistic, task in product(("heads", "mlps"), ("fleiss_kappa", "phi"), "abc"):
        row, other = rows[unit, statistic, task], others[unit, statistic, task, ""]
        assert row["value"] == other["value"] and row["p"] == other["p"]
    average = rows["heads", "phi", "average"]
    expected = np.mean([rows["heads", "phi", task]["value"] for task in "ac"])
    assert average["value"] == pytest.approx(expected)
    assert (average["n_tasks"], average["n_seeds"]) == (2, 3)
    assert np.isnan(rows["mlps", "phi", "a"]["p_in_layers"])


def test_the_pooled_p_value_is_that_of_all_masks():
    """Two tasks of two masks: every pair of masks of these sizes, for both tasks."""
    tasks = [np.array([[1, 1, 0, 0], [1, 0, 0, 1]], bool), np.array([[1, 1, 0, 0]] * 2, bool)]
    values = [[kappa(np.stack(pair)) for pair in product(every(2, 4), repeat=2)]] * 2
    observed = np.mean([kappa(masks) for masks in tasks])
    means = np.mean([*product(*values)], axis=1)
    found = mean(
        [
            compare(masks[:, None], "fleiss_kappa", 20_000, (str(n),))
            for n, masks in enumerate(tasks)
        ]
    ).numbers()
    assert found["value"] == pytest.approx(observed)
    assert found["p"] == pytest.approx(np.mean(means >= observed - 1e-12), abs=0.01)
    # Both pairs equal: 1/6 each.
    assert found["smallest_p"] == pytest.approx(1 / 36)
    assert np.mean(means == max(means)) == pytest.approx(1 / 36)


def test_seeds_that_share_layers_alone_agree_beyond_chance_but_not_within_layers():
    rng = np.random.default_rng(1)
    share = np.repeat([0.9, 0.1], 6)[:, None]  # of each layer
    masks = rng.random((5, 12, 12)) < share
    found = compare(masks, "fleiss_kappa", 400, ("t",)).numbers()
    assert found["p"] == pytest.approx(1 / 401)
    assert found["p_in_layers"] > 0.05
    assert found["expected"] < 0.02 < found["expected_in_layers"]


def test_masks_that_say_nothing_are_left_out_of_the_average():
    rng = np.random.default_rng(2)
    masks = masks_of({"a": rng.random((2, 12)) < 0.5, "b": np.ones((2, 12), bool)})
    table = agreement_table(masks, "m", "s", ["a", "b"], 50)
    rows = table[table["unit"] == "heads"].set_index(["statistic", "task"]).to_dict("index")
    assert np.isnan(rows["phi", "b"]["value"]) and np.isnan(rows["phi", "b"]["p"])
    assert rows["phi", "average"]["value"] == rows["phi", "a"]["value"]
    assert rows["phi", "average"]["n_tasks"] == 1


def rejected(studies, draws, make):
    """Share of studies of two tasks and three seeds with p <= 0.05, and its standard error."""
    ps = [
        mean([compare(make(), "fleiss_kappa", draws, (str(n), t)) for t in "ab"]).numbers()["p"]
        for n in range(studies)
    ]
    share = np.mean(np.array(ps) <= 0.05)
    return share, np.sqrt(0.05 * 0.95 / studies)


def independent(rng):
    """Three masks of 12 x 12 heads whose sizes differ much, and nothing in common."""
    sizes = rng.integers(20, 130, 3)
    masks = np.stack([rng.permutation(np.arange(144) < size) for size in sizes])
    return masks.reshape(3, 12, 12)


def alike(rng):
    """A quarter of the variance of what decides is common to the seeds."""
    score = rng.normal(0, 0.58, 144) + rng.normal(0, 1, (3, 144))
    return (score > np.quantile(score, 0.5, axis=1, keepdims=True)).reshape(3, 12, 12)


def test_size_and_power():
    rng = np.random.default_rng(3)
    share, error = rejected(150, 99, lambda: independent(rng))
    assert share <= 0.05 + 3 * error
    share, _ = rejected(20, 99, lambda: alike(rng))
    assert share > 0.9


@pytest.mark.long
def test_size_in_many_studies():
    rng = np.random.default_rng(4)
    share, error = rejected(2000, 199, lambda: independent(rng))
    assert share <= 0.05 + 2 * error
