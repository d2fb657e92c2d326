"""Whether few heads stand out: the ratio by hand, size, power, and heads that are all alike."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic_search import STRICT, write_search
from test_analysis_importance import CELL, MEDIUM, states_of

from lottery import files
from lottery.analysis import importance
from lottery.analysis.importance import held_out_table, held_out_test, pooled
from lottery.statistics.claims.table import STANDS_OUT

HEADS = (12, 12)


def slow_ratio(values):
    """One seed after the other, head by head."""
    ratios = []
    for seed in range(len(values)):
        relative = [[[x / np.median(layer) for x in layer] for layer in one] for one in values]
        heads = [(layer, head) for layer in range(HEADS[0]) for head in range(HEADS[1])]
        others = [one for number, one in enumerate(relative) if number != seed]
        means = {(a, b): np.mean([one[a][b] for one in others]) for a, b in heads}
        top = sorted(heads, key=lambda head: -means[head])[:14]
        here = relative[seed]
        ratios.append(np.mean([here[a][b] for a, b in top]) / np.median(here))
    return ratios


def test_the_ratio_follows_its_definition():
    rng = np.random.default_rng(0)
    values = rng.lognormal(size=(3, *HEADS)) * rng.lognormal(0, 2, (3, 12, 1))
    found = held_out_test(values, 20, rng)
    assert found.ratios == pytest.approx(slow_ratio(values))
    assert (found.n_top, found.n_units) == (14, 144)


def test_neither_units_nor_layers_of_different_size_matter():
    """So importances before and after the L2 norm of layers give the same."""
    rng = np.random.default_rng(1)
    values = rng.lognormal(size=(3, *HEADS))
    scaled = values * rng.lognormal(0, 3, (3, 12, 1))
    found, other = (held_out_test(each, 50, np.random.default_rng(2)) for each in (values, scaled))
    assert other.ratios == pytest.approx(found.ratios)
    assert other.permuted == pytest.approx(found.permuted)


def test_rows_pool_the_tasks_that_enter_averages():
    rng = np.random.default_rng(3)
    of_tasks = {task: rng.exponential(size=(3, *HEADS)) for task in "abc"}
    table = held_out_table(of_tasks, "m", "s", ["a", "b"], 60)
    rows = table.set_index("task").to_dict("index")
    expected = np.mean([np.mean(slow_ratio(of_tasks[task])) for task in "ab"])
    assert rows["average"]["ratio"] == pytest.approx(expected)
    assert (rows["average"]["n_tasks"], rows["average"]["n_seeds"]) == (2, 3)
    logs = np.log(slow_ratio(of_tasks["c"]))
    half = 4.30265 * logs.std(ddof=1) / np.sqrt(3)  # t of 2 degrees of freedom
    assert rows["c"]["low"] == pytest.approx(np.exp(logs.mean() - half), rel=1e-4)
    assert rows["c"]["high"] == pytest.approx(np.exp(logs.mean() + half), rel=1e-4)
    assert rows["c"]["smallest_p"] == pytest.approx(1 / 61)


@pytest.mark.parametrize("values", [np.ones((1, 2, 3)), np.zeros((2, 2, 3))], ids=["seed", "dead"])
def test_one_seed_and_layers_without_importance_have_no_test(values):
    table = held_out_table({"a": values}, "m", "s", ["a"], 10)
    assert table["p"].isna().all() and table["ratio"].isna().all()
    assert (table["n_tasks"] == 0).all()


def test_few_permutations_have_a_larger_smallest_p():
    """Two layers of two heads and two seeds: 4 orders of the second with respect to the first."""
    values = np.array([[[1.0, 9.0], [8.0, 1.0]]] * 2)
    found = pooled([held_out_test(values, 500, np.random.default_rng(0))])
    assert found["smallest_p"] == pytest.approx(0.25)
    assert found["p"] >= 0.2  # drawn


def rejected(make, studies, rng, draws=99, n_seeds=3):
    """Shares of studies of two tasks with p <= 0.05, and with heads that stand out as well."""
    found = [
        pooled([held_out_test(make(rng, n_seeds), draws, rng) for _ in range(2)])
        for _ in range(studies)
    ]
    significant = np.array([each["p"] <= 0.05 for each in found])
    ratios = np.array([each["ratio"] for each in found])
    return significant.mean(), (significant & (ratios >= STANDS_OUT)).mean(), ratios.mean()


NOISE = {
    "half-normal": lambda rng, n: np.abs(rng.normal(size=(n, *HEADS))),
    "exponential": lambda rng, n: rng.exponential(size=(n, *HEADS)),
    "lognormal": lambda rng, n: rng.lognormal(size=(n, *HEADS)),
    "layers": lambda rng, n: rng.lognormal(0, 1, (12, 1)) * rng.exponential(size=(n, *HEADS)),
}


def alike(rng, n_seeds):
    """All heads within some percent of each other, the same way in all seeds."""
    return (1 + 0.04 * rng.normal(size=HEADS)) * (1 + 0.02 * rng.normal(size=(n_seeds, *HEADS)))


def few(rng, n_seeds):
    """A tenth of the heads matter three to five times as much as the others."""
    own = np.where(rng.permuted(np.arange(144) < 14), rng.uniform(3, 5, 144), 1.0).reshape(HEADS)
    return own * rng.gamma(4, 0.25, (n_seeds, *HEADS))


@pytest.mark.parametrize("make", NOISE.values(), ids=NOISE)
def test_pure_noise_is_rejected_as_often_as_it_should_be(make):
    share, both, _ = rejected(make, 100, np.random.default_rng(5))
    assert both <= share <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 100)


def test_few_heads_are_found_and_alike_ones_do_not_stand_out():
    rng = np.random.default_rng(6)
    assert rejected(few, 20, rng)[1] == 1.0
    share, both, ratio = rejected(alike, 20, rng)
    assert share == 1.0  # they differ, but hardly
    assert both == 0.0 and ratio == pytest.approx(1.07, abs=0.02)


@pytest.mark.long
@pytest.mark.parametrize("make", NOISE.values(), ids=NOISE)
def test_size_in_many_studies(make):
    share, _, _ = rejected(make, 2000, np.random.default_rng(7))
    assert share <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 2000)


def test_importances_of_the_first_step_are_as_measured(tmp_path):
    """Those in importance.npz under raw_, or else the scores themselves."""
    write_search(tmp_path, MEDIUM, 3, STRICT)
    path = tmp_path / "importance.npz"
    arrays = files.read_npz(path)
    plain = importance.importance_table(states_of(tmp_path), CELL)
    of_heads = plain[plain["unit"] == "heads"]
    assert of_heads["importance"].tolist() == arrays["heads"][0].ravel().tolist()
    raw = {f"raw_{name}": 7 * array + 3 for name, array in arrays.items()}
    files.write_npz(path, arrays | raw)
    states = states_of(tmp_path)
    assert set(states.scores) == set(arrays)
    rows = importance.importance_table(states, CELL).set_index(["unit", "layer", "head"])
    assert rows["importance"]["heads", 1, 2] == pytest.approx(raw["raw_heads"][0, 1, 2])
    assert len(rows) == 4 * 8 + 4
