"""Rows of stability and noise: the right masks are compared, bits and shares included."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import synthetic
from synthetic_masks import full_mask, random_units, random_weights, unit_mask

from lottery import files
from lottery.analysis import agreement, stability
from lottery.analysis.good_masks import read_good_masks, shared_bits
from lottery.files.errors import StudyError
from lottery.models.architecture import Architecture, describe, full_plan
from lottery.pruning.algorithms.magnitude import MagnitudeRanking
from lottery.pruning.masks import MaskInfo, WeightMask, body_shapes, write_mask
from lottery.steps.measure_stability import measure_stability

PUBLISHED = Path(__file__).parents[2] / "workflow/resources/paper/stability.csv"
SMALL = Architecture.from_config(synthetic.SMALL, "small")
DESCRIPTION = describe(SMALL, 1, full_plan(SMALL))


def write(folder, mask, task="t", seed="1", method="s"):
    info = MaskInfo("structured", "m", task, seed, method, "good", 0.5)
    if mask.granularity == "weights":
        info = replace(info, algorithm="magnitude")
    path = folder / method / task / f"{seed}.safetensors"
    write_mask(path, mask, info)
    return path


def read(paths, folder):
    files.write_json(folder / "config.json", synthetic.SMALL)
    return read_good_masks(paths, folder / "config.json")


def made(folder, make, tasks=("a", "b"), seeds=("1", "2", "3"), methods=("s",)):
    """(cell -> mask, good masks as read back)."""
    rng = np.random.default_rng(0)
    masks = {
        (method, task, seed): make(SMALL, 0.5, rng)
        for method in methods
        for task in tasks
        for seed in seeds
    }
    paths = [
        write(folder, mask, task, seed, method) for (method, task, seed), mask in masks.items()
    ]
    return masks, read(paths, folder)


def test_rows_of_units_compare_the_seeds_of_each_task(tmp_path):
    masks, read = made(tmp_path, random_units)
    table = stability.stability_table(read, "m", "s", 50)
    by_place = table.set_index(["task", "other_task", "unit", "statistic"]).to_dict("index")
    heads = np.stack([masks["s", "b", seed].units["head"].ravel() for seed in "123"])
    row = by_place["b", "", "heads", "fleiss_kappa"]
    expected = agreement.fleiss_kappa(agreement.shared_counts(heads), 12)
    assert row["value"] == pytest.approx(float(expected))
    assert (row["n_masks"], row["n_units"]) == (3, 12)
    # Both tasks' masks together, as published.
    both = np.stack([masks["s", task, seed].units["mlp"] for task in "ab" for seed in "123"])
    row = by_place["a", "b", "mlps", "krippendorff_alpha"]
    expected = agreement.krippendorff_alpha(agreement.shared_counts(both), 3)
    assert row["value"] == pytest.approx(float(expected))
    assert row["n_masks"] == 6
    assert ("a", "b", "heads", "fleiss_kappa") not in by_place
    assert table.equals(stability.stability_table(read, "m", "s", 50))


def test_rows_say_which_subnetworks_they_compare(tmp_path):
    """The halves are measured as the good masks are, below them in the tables."""
    kinds = ("good", "good_half")
    paths = {kind: [] for kind in kinds}
    rng = np.random.default_rng(3)
    for kind in kinds:
        for seed in "12":
            path = tmp_path / seed / f"{kind}.safetensors"
            info = MaskInfo("structured", "m", "a", seed, "s", kind, 0.5)
            write_mask(path, random_units(SMALL, 0.5, rng), info)
            paths[kind].append(path)
    files.write_json(tmp_path / "config.json", synthetic.SMALL)
    measure_stability(
        paths_to_masks=paths["good"],
        paths_to_halves=paths["good_half"],
        path_to_config=tmp_path / "config.json",
        path_to_published=PUBLISHED,
        path_to_stability=tmp_path / "stability.csv",
        path_to_pairs=tmp_path / "pairs.csv",
        path_to_agreement=tmp_path / "agreement.csv",
        paths_to_figure=[tmp_path / "stability.svg"],
        model="m",
        method="s",
        published={},
        averaged_tasks=["a"],
        permutations=20,
    )
    for kind in kinds:
        expected = stability.stability_table(read(paths[kind], tmp_path), "m", "s", 20)
        found = files.read_table(tmp_path / "stability.csv", stability.STABILITY)
        assert found[found["subnetwork"] == kind].reset_index(drop=True).equals(expected)
        pairs = files.read_table(tmp_path / "pairs.csv", stability.PAIRS)
        assert (pairs["subnetwork"] == kind).sum() == 2  # heads and MLPs


def test_rows_of_weights_compare_bits_and_shares(tmp_path):
    masks, read = made(tmp_path, random_weights, tasks=("a",))
    table = stability.stability_table(read, "m", "s", 50)
    by_place = table.set_index(["unit", "statistic"]).to_dict("index")
    bits = np.stack([mask.vector for mask in masks.values()])
    row = by_place["weights", "phi"]
    assert row["value"] == pytest.approx(
        np.mean([np.corrcoef(bits)[a, b] for a, b in ((0, 1), (0, 2), (1, 2))])
    )
    assert row["n_units"] == bits.shape[1]
    shares = np.stack([mask.shares(SMALL)["head"].ravel() for mask in masks.values()])
    expected = agreement.interval_alpha(shares)
    assert by_place["head_shares", "krippendorff_alpha"]["value"] == pytest.approx(float(expected))
    assert {"mlp_shares", "head_shares", "weights"} == {unit for unit, _ in by_place}


def test_masks_of_weights_are_compared_with_those_of_the_pretrained_weights(tmp_path):
    masks, _ = made(tmp_path, random_weights, tasks=("a", "b"), seeds=("1", "2"))
    rng = np.random.default_rng(5)
    shapes = next(iter(masks.values())).shapes
    weights = {name: rng.random(shape, np.float32) - 0.5 for name, shape in shapes.items()}
    files.write_arrays(tmp_path / "model.safetensors", weights, DESCRIPTION)
    paths = [tmp_path / "s" / task / f"{seed}.safetensors" for task in "ab" for seed in "12"]
    read = read_good_masks(
        paths, tmp_path / "config.json", path_to_pretrained=tmp_path / "model.safetensors"
    )
    table = stability.stability_table(read, "m", "s", 20)
    by_place = table.set_index(["task", "other_task", "unit", "statistic"])["pretrained"]
    # Slowly: the largest of all weights, as many as the mask keeps.
    magnitudes = np.abs(np.concatenate([array.ravel() for array in weights.values()]))
    largest = np.argsort(-magnitudes)
    kappas, alphas, phis = {}, {}, {}
    for (_, task, seed), mask in masks.items():
        counterpart = np.zeros(mask.size, bool)
        counterpart[largest[: mask.kept]] = True
        pair = agreement.shared_counts(np.stack([mask.vector, counterpart]))
        kappas[task, seed] = agreement.fleiss_kappa(pair, mask.size)
        phis[task, seed] = np.corrcoef(mask.vector, counterpart)[0, 1]
        shares = [
            WeightMask.from_vector(each, mask.shapes).shares(SMALL)["head"].ravel()
            for each in (mask.vector, counterpart)
        ]
        alphas[task, seed] = agreement.interval_alpha(np.stack(shares))
    for name, unit, values in (
        ("fleiss_kappa", "weights", kappas),
        ("phi", "weights", phis),
        ("krippendorff_alpha", "head_shares", alphas),
    ):
        expected = np.mean([values["b", seed] for seed in "12"])
        assert by_place["b", "", unit, name] == pytest.approx(expected), name
    expected = np.mean(list(alphas.values()))
    assert by_place["a", "b", "head_shares", "krippendorff_alpha"] == pytest.approx(expected)
    assert np.isnan(by_place["a", "", "weights", "cochran_q"])


def test_a_model_that_hardly_moves_agrees_with_its_pretrained_weights(tmp_path):
    """Seeds that share nothing but the start agree with it more than with each other."""
    rng = np.random.default_rng(6)
    shapes = body_shapes(SMALL)
    start = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    files.write_arrays(tmp_path / "model.safetensors", start, DESCRIPTION)
    paths = []
    for seed, share in (("1", 0.4), ("2", 0.5), ("3", 0.6)):
        moved = {
            name: array + 0.1 * rng.standard_normal(array.shape).astype(np.float32)
            for name, array in start.items()
        }
        count = round(share * sum(array.size for array in moved.values()))
        mask = MagnitudeRanking(moved, [count]).keep_largest(count)
        paths.append(write(tmp_path, mask, "a", seed))
    files.write_json(tmp_path / "config.json", synthetic.SMALL)
    read = read_good_masks(
        paths, tmp_path / "config.json", path_to_pretrained=tmp_path / "model.safetensors"
    )
    rows = stability.stability_table(read, "m", "s", 20).set_index(["unit", "statistic"])
    kappa = rows.loc[("weights", "fleiss_kappa")]
    assert 0.5 < kappa["value"] < kappa["pretrained"] < 1


def test_masks_of_units_have_no_pretrained_counterpart(tmp_path):
    _, read = made(tmp_path, random_units)
    assert stability.stability_table(read, "m", "s", 20)["pretrained"].isna().all()


def test_packed_bits_are_counted_with_their_padding(tmp_path):
    rng = np.random.default_rng(1)
    masks = rng.random((3, 13)) < 0.5
    packed = [np.packbits(mask) for mask in masks]
    np.testing.assert_array_equal(shared_bits(packed), agreement.shared_counts(masks))


def test_pairs_of_seeds(tmp_path):
    masks, read = made(tmp_path, random_units, tasks=("a",))
    table = stability.pair_table(read, "m", "s")
    assert len(table) == 2 * 3
    row = table.set_index(["unit", "seed", "other_seed"]).loc["heads", "1", "3"]
    first, second = masks["s", "a", "1"].units["head"], masks["s", "a", "3"].units["head"]
    assert (row["kept"], row["other_kept"]) == (first.sum(), second.sum())
    assert row["shared"] == (first & second).sum()
    assert row["shared_expected"] == pytest.approx(first.sum() * second.sum() / 12)


@pytest.mark.parametrize("make", [random_units, random_weights])
def test_noise_compares_seeds_and_data(tmp_path, make):
    methods = {"v": "validation", "h": "search_half", "r": "report_half"}
    masks, read = made(tmp_path, make, tasks=("a",), methods=tuple(methods))
    table = stability.noise_table(read, "m", methods)
    unit = "heads" if make is random_units else "weights"
    vector = {
        cell: mask.units["head"].ravel() if make is random_units else mask.vector
        for cell, mask in masks.items()
    }

    def phi(first, second):
        return np.corrcoef(vector[first], vector[second])[0, 1]

    by_place = table.set_index(["source", "method", "other_method", "unit", "statistic"])
    by_place = by_place.to_dict("index")
    row = by_place["seeds", "h", "h", unit, "phi"]
    pairs = [("1", "2"), ("1", "3"), ("2", "3")]
    expected = [phi(("h", "a", one), ("h", "a", other)) for one, other in pairs]
    assert (row["mean"], row["n"]) == (pytest.approx(np.mean(expected)), 3)
    row = by_place["data", "h", "r", unit, "phi"]
    expected = [phi(("h", "a", seed), ("r", "a", seed)) for seed in "123"]
    assert row["mean"] == pytest.approx(np.mean(expected))
    assert row["sd"] == pytest.approx(np.std(expected, ddof=1))
    assert row["disjoint"]
    assert not by_place["data", "v", "h", unit, "phi"]["disjoint"]


def test_noise_leaves_out_pairs_with_a_full_mask(tmp_path):
    full = full_mask(3, 4)
    part = unit_mask(np.eye(3, 4) > 0, np.array([True, False, True]))
    paths = [
        write(tmp_path, mask, "a", seed, method)
        for method, masks in (("v", (part, full)), ("t", (part, part)))
        for seed, mask in zip("12", masks, strict=True)
    ]
    table = stability.noise_table(
        read(paths, tmp_path), "m", {"v": "validation", "t": "train_sample"}
    )
    table = table[(table["unit"] == "heads") & (table["statistic"] == "phi")]
    found = table.set_index(["source", "method"]).to_dict("index")
    assert np.isnan(found["seeds", "v"]["mean"]) and found["seeds", "v"]["n"] == 0
    assert (found["data", "v"]["mean"], found["data", "v"]["n"]) == (pytest.approx(1.0), 1)
    assert found["data", "v"]["disjoint"]


def test_a_mask_of_another_size_is_one_sentence(tmp_path):
    path = write(tmp_path, full_mask(2, 4))
    with pytest.raises(StudyError, match="2 x 4 heads, the model 3 x 4"):
        read([path], tmp_path)
