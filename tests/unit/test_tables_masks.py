"""What is computed from masks alone: overlap of controls with good, and shares of units."""

from __future__ import annotations

import numpy as np
import pytest
import synthetic
from hypothesis import given
from hypothesis import strategies as st
from synthetic_masks import random_weights, unit_mask

from lottery import files
from lottery.files.errors import StudyError
from lottery.models.architecture import Architecture
from lottery.models.units import HEAD, MLP
from lottery.pruning.masks import MaskInfo, UnitMask, WeightMask, write_mask
from lottery.pruning.subnetworks import reference_of
from lottery.results.overlap import SCHEMA
from lottery.statistics import differences
from lottery.steps.compare_controls import compare_controls
from lottery.steps.gather_tables import gather_tables

SMALL = Architecture.from_config(synthetic.SMALL, "small")
BERT_BASE = synthetic.SMALL | {
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "hidden_size": 768,
    "intermediate_size": 3072,
}


def write(folder, mask, subnetwork, seed="1", method="s"):
    path = folder / f"{subnetwork}_{seed}.safetensors"
    info = MaskInfo(
        algorithm="structured" if mask.granularity == "units" else "magnitude",
        model="m",
        task="t",
        seed=seed,
        method=method,
        subnetwork=subnetwork,
        kept_fraction=0.5,
    )
    write_mask(path, mask, info)
    return path


def compare(folder, controls, references, config):
    files.write_json(folder / "config.json", config)
    compare_controls(
        paths_to_controls=controls,
        paths_to_references=references,
        path_to_config=folder / "config.json",
        path_to_overlap=folder / "overlap.csv",
        path_to_note=folder / "overlap_note.rst",
    )
    return files.read_csv(folder / "overlap.csv")


def units(layers, heads, kept_heads, kept_mlps) -> UnitMask:
    mask = unit_mask(np.zeros((layers, heads), bool), np.zeros(layers, bool))
    for place in kept_heads:
        mask.units["head"][place] = True
    mask.units["mlp"][list(kept_mlps)] = True
    return mask


@pytest.mark.parametrize(
    ("subnetwork", "reference"),
    [
        ("random", "good"),
        ("super_good", "good"),
        ("random_half_3", "good_half"),
        ("bad_half", "good_half"),
        ("good", None),
        ("good_half", None),
        ("full", None),
    ],
)
def test_reference_of(subnetwork, reference):
    assert reference_of(subnetwork) == reference


def test_overlap_counts_units_and_parameters_of_bert_base(tmp_path):
    good = units(12, 12, [(0, 0), (0, 1), (3, 2)], [4, 5])
    # Shares head (0, 1) and MLP 5; layer 7 has a head that good lacks altogether.
    bad = units(12, 12, [(0, 1), (0, 7), (7, 0)], [5, 6, 7])
    paths = [write(tmp_path, bad, "bad")], [write(tmp_path, good, "good")]
    (row,) = compare(tmp_path, *paths, BERT_BASE)
    assert list(row) == list(SCHEMA)
    assert (row["heads"], row["heads_shared"]) == ("3", "1")
    assert (row["mlps"], row["mlps_shared"]) == ("3", "1")
    # Sizes in bert-base: a head, an MLP, and the output bias of a layer with heads.
    head, mlp, bias = 196_800, 4_722_432, 768
    assert int(row["parameters"]) == 3 * head + 3 * mlp + 2 * bias
    assert int(row["parameters_shared"]) == head + mlp + bias
    assert float(row["parameters_share"]) == pytest.approx(
        (head + mlp + bias) / (3 * head + 3 * mlp + 2 * bias)
    )
    assert row["weights"] == ""


@pytest.mark.parametrize("heads", [[(0, 0), (0, 1)], [(1, 0), (1, 1)]])
def test_the_note_tells_of_a_control_that_overlaps(tmp_path, heads):
    good, bad = units(3, 4, [(0, 0)], []), units(3, 4, heads, [])
    paths = [write(tmp_path, bad, "bad")], [write(tmp_path, good, "good")]
    compare(tmp_path, *paths, synthetic.SMALL)
    size = SMALL.head_size
    head = 3 * (size * SMALL.hidden + size) + SMALL.hidden * size  # query, key, value; output
    bias = SMALL.hidden  # of the output, once a layer
    share = (head + bias) / (2 * head + bias)  # of the first control
    sentence = f"Of the parameters of bad, {share:.0%} in t belong to good as well."
    note = (tmp_path / "overlap_note.rst").read_text()
    assert note.strip() == (sentence if (0, 0) in heads else "")


def test_tables_of_methods_are_gathered_in_order(tmp_path):
    rows = []
    for number in (2, 1):
        row = dict.fromkeys(SCHEMA, "") | {
            "model": "m",
            "method": f"s{number}",
            "task": "t, u",
        }
        files.write_csv(tmp_path / f"{number}.csv", [row, row | {"seed": "1"}], list(SCHEMA))
        rows += files.read_csv(tmp_path / f"{number}.csv")
    paths = [tmp_path / "2.csv", tmp_path / "1.csv"]
    gather_tables(paths_to_tables=paths, path_to_table=tmp_path / "all.csv", name="overlap")
    assert files.read_csv(tmp_path / "all.csv") == rows and len(rows) == 4
    gather_tables(paths_to_tables=[], path_to_table=tmp_path / "all.csv", name="differences")
    assert (tmp_path / "all.csv").read_text().split() == [",".join(differences.SCHEMA)]


def test_a_super_mask_is_compared_with_every_seeds_good_mask(tmp_path):
    shared = write(tmp_path, units(3, 4, [(1, 1)], [0]), "super_bad", seed="")
    goods = [
        write(tmp_path, units(3, 4, [(1, 1)], []), "good", seed="1"),
        write(tmp_path, units(3, 4, [(2, 2)], [0]), "good", seed="2"),
    ]
    rows = compare(tmp_path, [shared, shared], goods, synthetic.SMALL)
    assert [(row["seed"], row["heads_shared"], row["mlps_shared"]) for row in rows] == [
        ("1", "1", "0"),
        ("2", "0", "1"),
    ]


def test_an_empty_control_has_no_share(tmp_path):
    paths = [write(tmp_path, units(3, 4, [], []), "bad")]
    goods = [write(tmp_path, units(3, 4, [(0, 0)], [0]), "good")]
    (row,) = compare(tmp_path, paths, goods, synthetic.SMALL)
    assert (row["parameters"], row["parameters_share"], row["heads_share"]) == ("0", "", "")


def test_overlap_of_weight_masks(tmp_path):
    rng = np.random.default_rng(0)
    good, control = (random_weights(SMALL, 0.5, rng) for _ in range(2))
    paths = [write(tmp_path, control, "random_half_2")], [write(tmp_path, good, "good_half")]
    (row,) = compare(tmp_path, *paths, synthetic.SMALL)
    shared = sum((good.parameters[n] & a).sum() for n, a in control.parameters.items())
    assert (int(row["weights"]), int(row["weights_shared"])) == (control.kept, shared)
    assert float(row["parameters_share"]) == pytest.approx(shared / control.kept)
    assert (row["heads"], row["reference"]) == ("", "good_half")


@pytest.mark.parametrize(
    "reference",
    [{"subnetwork": "good_half"}, {"seed": "2"}, {"method": "other"}],
)
def test_masks_that_do_not_belong_together_are_an_error(tmp_path, reference):
    control = write(tmp_path, units(3, 4, [], []), "bad")
    wrong = write(tmp_path, units(3, 4, [], []), **{"subnetwork": "good"} | reference)
    with pytest.raises(StudyError, match=r"is not what .* is to be compared with"):
        compare(tmp_path, [control], [wrong], synthetic.SMALL)


def test_a_head_owns_its_rows_and_the_columns_of_the_output():
    """Keeping exactly what a head owns keeps all of this head and nothing of the others."""
    mask = random_weights(SMALL, 0.0, np.random.default_rng(0))
    empty = WeightMask({name: np.zeros_like(array) for name, array in mask.parameters.items()})
    layer, head, size = 1, 2, SMALL.head_size
    own = slice(head * size, (head + 1) * size)
    prefix = f"bert.encoder.layer.{layer}.attention."
    for part in ("query", "key", "value"):
        empty.parameters[f"{prefix}self.{part}.weight"][own, :] = True
        empty.parameters[f"{prefix}self.{part}.bias"][own] = True
    empty.parameters[f"{prefix}output.dense.weight"][:, own] = True
    # The output's bias belongs to no head.
    empty.parameters[f"{prefix}output.dense.bias"][:] = True
    assert empty.kept == HEAD.parameters(SMALL) + SMALL.hidden
    shares = empty.shares(SMALL)
    expected = np.zeros((SMALL.layers, SMALL.heads))
    expected[layer, head] = 1.0
    np.testing.assert_array_equal(shares["head"], expected)
    np.testing.assert_array_equal(shares["mlp"], 0.0)


@given(seed=st.integers(0, 2**32 - 1), keep=st.floats(0, 1))
def test_shares_of_units_account_for_every_kept_weight(seed, keep):
    mask = random_weights(SMALL, keep, np.random.default_rng(seed))
    shares = mask.shares(SMALL)
    biases = sum(
        array.sum() for name, array in mask.parameters.items() if "output.dense.bias" in name
    )
    mlp = MLP.parameters(SMALL) - SMALL.hidden  # the output's bias is not in magnitude's body
    total = shares["head"].sum() * HEAD.parameters(SMALL) + shares["mlp"].sum() * mlp + biases
    assert total == pytest.approx(mask.kept)
