"""Importances: the masks of a search's steps, cuts, histograms, correlations; magnitudes."""

from __future__ import annotations

import numpy as np
import pytest
import synthetic
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_masks import random_weights, unit_mask
from synthetic_search import PUBLISHED, STRICT, write_search

from lottery import files
from lottery.analysis import importance, magnitudes
from lottery.files.errors import StudyError
from lottery.models.architecture import Architecture, describe, full_plan
from lottery.models.units import HEAD, MLP
from lottery.pruning.algorithms import structured
from lottery.pruning.algorithms.search import TRAJECTORY_COLUMNS
from lottery.steps.measure_weights import measure_weights

SIZES = synthetic.SMALL | {"num_hidden_layers": 4, "num_attention_heads": 8, "hidden_size": 16}
MEDIUM = Architecture.from_config(SIZES, "medium")
CELL = {"model": "m", "method": "s", "task": "t", "seed": 1}
OPTIONS = {
    "published": PUBLISHED,
    "strict": STRICT,
    "heads": PUBLISHED | {"units": "heads"},
    "mlps": STRICT | {"units": "mlps"},
    "coarse": PUBLISHED | {"head_step": 0.4},
}


def states_of(folder):
    """The states of a search that was written into a folder."""
    paths = (folder / name for name in ("search.csv", "importance.npz", "path.npz"))
    return importance.read_states(*paths)


def removals_of(monkeypatch):
    """(mask before, mask after) of every removal of the searches that follow."""
    found = []
    remove = structured.remove

    def recorded(mask, measured, *rest):
        after = remove(mask, measured, *rest)
        found.append((mask, after))
        return after

    monkeypatch.setattr(structured, "remove", recorded)
    return found


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@settings(max_examples=40)
@given(steepness=st.floats(0.01, 0.6), seed=st.integers(0, 10_000))
def test_the_masks_and_removals_are_those_of_the_search(options, steepness, seed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("search")
    with pytest.MonkeyPatch.context() as patch:
        removals = removals_of(patch)
        _, landscape = write_search(folder, MEDIUM, seed, options, steepness=steepness)
    states = states_of(folder)
    assert len(states.steps) == len(landscape.measured)
    for step, mask in enumerate(landscape.measured):
        np.testing.assert_array_equal(states.kept["heads"][step], mask.units["head"].ravel())
        np.testing.assert_array_equal(states.kept["mlps"][step], mask.units["mlp"])
    for kind, unit in (("head", "heads"), ("mlp", "mlps")):
        masks = [(a.units[kind].ravel(), b.units[kind].ravel()) for a, b in removals]
        masks = [(before, after) for before, after in masks if before.sum() > after.sum()]
        found = importance.cuts(states, unit)
        assert len(found) == len(masks)
        for (step, ranked, cut), (before, after) in zip(found, masks, strict=True):
            scores = states.scores[unit][step]
            np.testing.assert_array_equal(states.kept[unit][step + 1], after)
            np.testing.assert_array_equal(ranked, scores[before])
            assert cut == scores[before & ~after].max()
            assert not (scores[after] < cut).any()


def test_the_histogram_counts_the_units_that_could_be_removed(tmp_path):
    write_search(tmp_path, MEDIUM, 3)
    states = states_of(tmp_path)
    table = importance.histogram_table(states, CELL)
    table = table[table["unit"] == "heads"]
    first = table[table["when"] == "first"]
    assert len(first) == importance.BINS
    scores = states.scores["heads"][0]
    assert first["count"].sum() == 32
    counts, edges = np.histogram(scores, bins=24, range=(0, 1))
    assert first["count"].tolist() == counts.tolist()
    assert first["low"].tolist() == pytest.approx(edges[:-1])
    # The first step removes int(0.1 * 32) heads: the third smallest score is the cut.
    assert first["cut"].iloc[0] == pytest.approx(np.sort(scores)[2])
    last = table[table["when"] == "last"]
    assert last["count"].sum() < 32
    assert last["step"].iloc[0] > first["step"].iloc[0]


def test_a_search_that_may_not_prune_has_no_histogram(tmp_path):
    row = {"step": 0, "stage": "both", "kept_fraction": 1.0, "score": -0.1, "accepted": "false"}
    files.write_csv(tmp_path / "search.csv", [row], TRAJECTORY_COLUMNS)
    arrays = {"heads": np.ones((1, 3, 4)), "mlps": np.ones((1, 3))}
    for name, kind in (("importance", np.float32), ("path", np.uint8)):
        found = {array: values.astype(kind) for array, values in arrays.items()}
        files.write_npz(tmp_path / f"{name}.npz", found)
    states = states_of(tmp_path)
    assert importance.histogram_table(states, CELL).empty
    assert importance.correlation_table(states, CELL).empty


def test_correlations_are_over_the_units_that_both_steps_keep(tmp_path):
    write_search(tmp_path, MEDIUM, 5, STRICT)
    states = states_of(tmp_path)
    rows = importance.correlation_table(states, CELL).set_index(["unit", "step"]).to_dict("index")
    kept = states.kept["heads"]
    both = kept[1] & kept[2]
    first, second = states.scores["heads"][1:3]
    assert rows["heads", 2]["n"] == both.sum()
    expected = np.corrcoef(first[both], second[both])[0, 1]
    assert rows["heads", 2]["pearson"] == pytest.approx(expected, abs=1e-6)
    assert rows["heads", 2]["stage"] == states.steps[2].stage


@pytest.mark.parametrize("name", ["importance", "path"])
@pytest.mark.parametrize("damage", ["short", "no_mlps", "other_size"])
def test_files_of_another_search_are_one_sentence(tmp_path, name, damage):
    write_search(tmp_path, MEDIUM, 7)
    path = tmp_path / f"{name}.npz"
    arrays = files.read_npz(path)
    if damage == "short":
        arrays = {name: array[:-1] for name, array in arrays.items()}
    elif damage == "no_mlps":
        del arrays["mlps"]
    else:
        arrays["heads"] = arrays["heads"][:, 1:]
    files.write_npz(path, arrays)
    with pytest.raises(StudyError, match=r"do not belong to .*search\.csv"):
        states_of(tmp_path)


def weights_of(architecture, rng):
    """Made-up weights of the body and the other biases, by checkpoint name."""
    body = random_weights(architecture, 0.5, rng).parameters
    weights = {name: rng.standard_normal(array.shape) for name, array in body.items()}
    for layer in range(architecture.layers):
        name = architecture.family.checkpoint_name(f"layers.{layer}.output.bias")
        weights[name] = rng.standard_normal(architecture.hidden)
    return weights


def test_magnitudes_of_units_are_means_over_the_parameters_that_go_with_them(tmp_path):
    weights = weights_of(MEDIUM, np.random.default_rng(0))
    path = tmp_path / "model.safetensors"
    files.write_arrays(path, weights, describe(MEDIUM, 1, full_plan(MEDIUM)))
    measure_weights(path_to_model=path, path_to_magnitudes=tmp_path / "magnitudes.npz")
    found = files.read_npz(tmp_path / "magnitudes.npz")
    prefix, own = "bert.encoder.layer.2.", slice(3 * 2, 4 * 2)  # head 3 of size 2
    parts = [weights[f"{prefix}attention.self.{p}.weight"][own] for p in ("query", "key", "value")]
    parts += [weights[f"{prefix}attention.self.{p}.bias"][own] for p in ("query", "key", "value")]
    parts.append(weights[f"{prefix}attention.output.dense.weight"][:, own])
    values = np.abs(np.concatenate([part.ravel() for part in parts]))
    assert len(values) == HEAD.parameters(MEDIUM)
    assert found["heads"][2, 3] == pytest.approx(values.mean())
    parts = [
        weights[f"{prefix}{n}.dense.{k}"]
        for n in ("intermediate", "output")
        for k in ("weight", "bias")
    ]
    assert sum(part.size for part in parts) == MLP.parameters(MEDIUM)
    expected = np.abs(np.concatenate([part.ravel() for part in parts])).mean()
    assert found["mlps"][2] == pytest.approx(expected)


def test_kept_and_pruned_magnitudes_and_an_empty_group_is_missing():
    means = {"heads": np.arange(32.0).reshape(4, 8), "mlps": np.array([1.0, 2.0, 3.0, 4.0])}
    mask = unit_mask(means["heads"] >= 16, np.ones(4, bool))
    table = magnitudes.magnitude_table(mask, means, MEDIUM, CELL)
    rows = table.set_index("unit").to_dict("index")
    assert rows["heads"]["kept_mean"] == pytest.approx(23.5)
    assert rows["heads"]["pruned_mean"] == pytest.approx(7.5)
    assert rows["heads"]["difference"] == pytest.approx(16.0)
    assert rows["mlps"]["kept_mean"] == 2.5 and np.isnan(rows["mlps"]["pruned_mean"])
    assert np.isnan(rows["mlps"]["difference"])
    assert (rows["mlps"]["kept_units"], rows["mlps"]["pruned_units"]) == (4, 0)
    head, mlp = HEAD.parameters(MEDIUM), MLP.parameters(MEDIUM)
    pooled = (16 * 23.5 * head + 4 * 2.5 * mlp) / (16 * head + 4 * mlp)
    assert rows["both"]["kept_mean"] == pytest.approx(pooled)
    assert rows["both"]["pruned_mean"] == pytest.approx(7.5)
