"""Survival, super-survivors, units that few tasks keep, survival per layer, overlap of tasks."""

from __future__ import annotations

import numpy as np
import pytest
import synthetic

from lottery import files
from lottery.analysis import survivors
from lottery.analysis.good_masks import GoodMasks
from lottery.models.architecture import Architecture
from lottery.models.units import HEAD, MLP, body_size
from lottery.pruning.masks import MaskInfo, UnitMask
from lottery.results.overlap import SCHEMA, overlap_sentence

SMALL = Architecture.from_config(synthetic.SMALL, "small")  # 3 layers of 4 heads


def masks_of(heads: dict[str, list[str]], mlps: dict[str, list[str]]) -> GoodMasks:
    """task -> a text of 0 and 1 per seed."""
    infos = [
        MaskInfo("structured", "m", task, str(seed), "s", "good", 0.25)
        for task, of_seeds in heads.items()
        for seed, _ in enumerate(of_seeds)
    ]

    def array(texts):
        return np.array([[c == "1" for c in text] for seeds in texts.values() for text in seeds])

    units = {"heads": array(heads), "mlps": array(mlps)}
    return GoodMasks(tuple(infos), SMALL, units, emptied_attention="drop_bias")


MASKS = masks_of(
    {
        "a": ["111100000000", "110011000000"],
        "b": ["111000000001", "100000000011"],
    },
    {"a": ["110", "100"], "b": ["011", "111"]},
)


def by(table, *keys):
    return table.set_index(list(keys)).to_dict("index")


def test_survival_is_the_mean_and_sample_sd_over_seeds():
    found = survivors.survival(MASKS, ["a"])
    assert found.mean["head"][0].tolist() == [1, 1, 0.5, 0.5]
    assert found.sd["head"][0, 2] == pytest.approx(np.std([1, 0], ddof=1))
    assert found.mean["mlp"].tolist() == [1, 0.5, 0]
    assert (found.n_seeds, found.n_tasks) == (2, 1)


def test_survival_over_tasks_takes_the_tasks_of_each_seed_together():
    counted = survivors.survival(MASKS, ["a", "b"])
    assert counted.mean["head"][0, :2].tolist() == [2, 1.5]
    assert counted.sd["head"][0, 1] == pytest.approx(np.std([2, 1], ddof=1))
    assert counted.n_tasks == 2
    averaged = survivors.survival(MASKS, ["a", "b"], counted=False)
    assert averaged.mean["head"][0, 1] == pytest.approx(0.75)


def test_sizes_of_good_and_of_what_all_seeds_keep():
    rows = by(survivors.size_table(MASKS, "m", "s"), "task", "seed", "subnetwork")
    assert rows["a", "1", "good"]["heads_kept"] == 4
    assert rows["a", "1", "good"]["mlps_kept"] == 1
    assert rows["a", "1", "good"]["kept_fraction"] == 0.25
    found = rows["a", "", "super_good"]
    assert (found["heads_kept"], found["mlps_kept"]) == (2, 1)
    # Both heads are in layer 0, so one attention bias belongs to them.
    kept = 2 * HEAD.parameters(SMALL) + MLP.parameters(SMALL) + SMALL.hidden
    assert found["kept_fraction"] == pytest.approx(kept / body_size(SMALL))


def test_survivors_are_compared_with_what_chance_gives():
    table = survivors.survivor_table(MASKS, "m", "s", averaged_tasks=["a"], few_tasks=2, draws=4000)
    found = by(table, "task", "unit", "statistic")
    row = found["a", "heads", "super_survivors"]
    assert (row["value"], row["expected"]) == (2, pytest.approx(4 * 4 / 12))
    # Hypergeometric: at least 2 of 4 in common, of 12.
    assert row["p"] == pytest.approx(0.406, abs=0.03)
    assert found["a", "heads", "never_survivors"]["value"] == 6
    assert found["a", "heads", "never_survivors"]["expected"] == pytest.approx(8 * 8 / 12)
    # Means over seeds of the number of tasks: 2 for head 0, less for all others.
    row = found["all", "heads", "fewer_than_2_tasks"]
    assert row["value"] == pytest.approx(11 / 12)
    assert (row["n_tasks"], row["n_seeds"]) == (2, 2)
    assert 0 < row["p"] <= 1
    # One averaged task cannot be survived twice.
    assert np.isnan(found["averaged", "heads", "fewer_than_2_tasks"]["value"])


@pytest.mark.parametrize("emptied", ["drop_bias", "keep_bias"])
def test_kept_fractions_are_those_of_the_masks(emptied):
    rng = np.random.default_rng(0)
    units = {"head": rng.random((20, 3, 4)) < 0.2, "mlp": rng.random((20, 3)) < 0.5}
    found = survivors.kept_fractions(units, SMALL, emptied)
    for place, fraction in enumerate(found):
        mask = UnitMask({kind: array[place] for kind, array in units.items()}, emptied)
        assert fraction == pytest.approx(mask.kept_fraction(SMALL), abs=1e-12)


def test_what_all_seeds_keep_of_the_body_is_compared_with_chance():
    table = survivors.survivor_table(MASKS, "m", "s", averaged_tasks=["a"], few_tasks=2, draws=4000)
    found = by(table, "task", "unit", "statistic")
    row = found["a", "body", "super_kept_fraction"]
    sizes = by(survivors.size_table(MASKS, "m", "s"), "task", "seed", "subnetwork")
    assert row["value"] == pytest.approx(sizes["a", "", "super_good"]["kept_fraction"])
    assert row["n_units"] == body_size(SMALL)

    def expected(heads, some_head):
        """Of the mean number of heads and of layers with a head; MLPs 2 and 1 of 3 kept."""
        mlps = 2 * 1 / 3
        kept = heads * HEAD.parameters(SMALL) + mlps * MLP.parameters(SMALL)
        return (kept + some_head * SMALL.hidden) / body_size(SMALL)

    # Anywhere: 4 x 4 / 12 heads. The bias of a layer is kept if a head of the layer is.
    rng = np.random.default_rng(1)
    kept = rng.permuted(np.tile(np.arange(12) < 4, (20000, 2, 1)), axis=-1).all(axis=1)
    layers = kept.reshape(-1, 3, 4).any(axis=2).sum(axis=1).mean()
    assert row["expected"] == pytest.approx(expected(16 / 12, layers), rel=0.02)
    # Within layers: 4 and 2 of the first layer's 4 heads, none and 2 of the second's.
    assert row["expected_in_layers"] == pytest.approx(expected(2, 1), rel=0.02)
    # Two heads and one MLP in common. One MLP: 2 of 3 times; at least two heads: see above.
    assert row["p_in_layers"] == pytest.approx(2 / 3, abs=0.03)
    assert row["p"] == pytest.approx(0.406 * 2 / 3, abs=0.05)
    assert row["p"] + row["p_fewer"] > 1
    averaged = found["averaged", "body", "super_kept_fraction"]
    assert (averaged["value"], averaged["n_tasks"]) == (row["value"], 1)
    assert averaged["p"] == row["p"]


def test_survival_per_layer():
    rows = by(survivors.layer_table(MASKS, "m", "s"), "task", "unit", "layer")
    assert rows["a", "heads", 0]["mean"] == pytest.approx((4 / 4 + 2 / 4) / 2)
    assert rows["a", "heads", 0]["sd"] == pytest.approx(np.std([1.0, 0.5], ddof=1))
    assert rows["a", "heads", 2]["mean"] == 0
    # Over all tasks: the number of tasks that a unit of the layer survives.
    assert rows["all", "heads", 0]["mean"] == pytest.approx((7 / 4 + 3 / 4) / 2)
    assert rows["all", "mlps", 1]["mean"] == pytest.approx((2 + 1) / 2)


def test_overlap_of_tasks_is_that_of_the_same_seed():
    rows = by(survivors.overlap_table(MASKS, "m", "s", 4000), "unit", "task_a", "task_b")
    row = rows["heads", "a", "b"]
    assert row["shared_mean"] == pytest.approx((3 + 1) / 2)
    assert row["shared_sd"] == pytest.approx(np.std([3, 1], ddof=1))
    assert row["expected"] == pytest.approx((4 * 4 / 12 + 4 * 3 / 12) / 2)
    assert (row["super_shared"], row["super_expected"]) == (1, pytest.approx(2 * 2 / 12))
    assert (row["units"], row["n_seeds"]) == (12, 2)
    own = rows["heads", "b", "b"]
    assert (own["shared_mean"], own["expected"], own["super_shared"]) == (3.5, 3.5, 2)
    assert np.isnan(own["p"])
    assert len(rows) == 2 * 3


def test_the_p_value_of_an_overlap_is_that_of_all_masks():
    masks = masks_of({"a": ["110000000000"], "b": ["110000000000"]}, {"a": ["1"], "b": ["1"]})
    rows = by(survivors.overlap_table(masks, "m", "s", 20000), "unit", "task_a", "task_b")
    # One of the 66 pairs of heads.
    assert rows["heads", "a", "b"]["p"] == pytest.approx(1 / 66, rel=0.2)
    assert np.isnan(rows["heads", "a", "b"]["shared_sd"])


def overlap_row(subnetwork, task, share, seed="1", reference="good"):
    row = {"model": "m", "method": "s", "task": task, "seed": seed, "subnetwork": subnetwork}
    return row | {"reference": reference, "parameters_share": share}


def sentence(rows):
    return overlap_sentence(files.table(rows, SCHEMA))


def test_the_caption_names_controls_that_overlap_by_more_than_a_tenth():
    rows = [
        overlap_row("bad", "a", 0.3),
        overlap_row("bad", "a", 0.5, seed="2"),
        overlap_row("bad", "b", 0.05),
        overlap_row("super_good", "a", 1.0),
        overlap_row("super_bad", "a", 0.1),
        overlap_row("random_half", "a", 0.5, reference="good_half"),
        overlap_row("random_half_2", "a", 0.4, reference="good_half"),
        overlap_row("bad", "c", None) | {"method": "other"},
    ]
    assert sentence(rows) == (
        "Of the parameters of bad, 40% in a belong to good as well. "
        "Of the parameters of random_half, 45% in a belong to good_half as well."
    )
    assert sentence(rows[2:5]) == ""
    many = [overlap_row("bad", task, share / 10) for share, task in enumerate("abcdefgh", start=1)]
    assert "20% to 80% in 7 of 8 tasks belong" in sentence(many)


def test_the_caption_reads_the_table_of_overlaps(tmp_path):
    path = tmp_path / "overlap.csv"
    rows = [overlap_row("bad", "a", share) for share in (0.2, None)]
    files.write_table(path, files.table(rows, SCHEMA), SCHEMA)
    assert "20% in a" in overlap_sentence(files.read_table(path, SCHEMA))


def test_a_method_without_controls_has_no_sentence():
    assert sentence([]) == ""
