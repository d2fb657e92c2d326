"""Units: what they own is counted entry by entry, and a new kind is declared in one place."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import gates_of, tiny_architecture, tiny_model, tiny_tokens

from lottery import files
from lottery.analysis import importance
from lottery.analysis.magnitudes import magnitude_table, unit_magnitudes
from lottery.data.batches import collate
from lottery.evaluation.predict import predict
from lottery.evaluation.scoring import decide
from lottery.files.errors import StudyError
from lottery.models import units
from lottery.models.architecture import describe, full_plan, parse_description
from lottery.models.checkpoints import load_model, save_model
from lottery.models.encoder import Gates
from lottery.models.units import KINDS, Owned, UnitKind, kinds_of
from lottery.pruning import controls
from lottery.pruning.algorithms import structured
from lottery.pruning.algorithms.search import SearchContext, trajectory_columns
from lottery.pruning.criteria import CRITERIA
from lottery.pruning.importance import measure
from lottery.pruning.masks import (
    MaskInfo,
    UnitMask,
    WeightMask,
    body_shapes,
    plan_of,
    read_mask,
    write_mask,
)
from lottery.pruning.shrink import apply_mask, check_under, shrink
from lottery.tasks import metrics
from lottery.training.loop import loss_of

CPU = torch.device("cpu")
BLOCK = 4
TOY = UnitKind(
    name="toy",
    array="toys",
    label="toys",
    per_layer=lambda sizes: sizes.intermediate // BLOCK,
    owns=(
        Owned("intermediate.weight", 0),
        Owned("intermediate.bias", 0),
        Owned("output.weight", 1),
    ),
    gate="inner",
    of_weights=True,
)
EVERY = ("head", "mlp", "neuron", "layer", "toy")
SMALL = tiny_architecture(
    num_hidden_layers=2, hidden_size=8, num_attention_heads=4, intermediate_size=12
)
PUBLISHED = {name: option.published for name, option in structured.OPTIONS.items()}
seeds = st.integers(0, 2**32 - 1)
emptied = st.sampled_from(["keep_bias", "drop_bias"])


@contextmanager
def toy():
    """Declares the toy kind for a while."""
    KINDS[TOY.name] = TOY
    try:
        yield
    finally:
        del KINDS["toy"]


def random_mask(seed, architecture, emptied_attention="keep_bias", kinds=("toy",)):
    """A random mask; often a layer has no heads, no MLP or no toys."""
    rng = np.random.default_rng(seed)
    full = UnitMask.full(architecture, kinds, emptied_attention)
    drawn = {}
    for kind, kept in full.units.items():
        keep = rng.choice([0.0, 0.5, 1.0], kept.shape[0], p=[0.25, 0.5, 0.25])
        drawn[kind] = rng.random(kept.shape) < keep.reshape(-1, *[1] * (kept.ndim - 1))
    return full.with_units(drawn)


# The slow reference: who owns an entry is written out, entry by entry.


def owners(part, place, architecture):
    """(kind, number of the unit in its layer) of every unit that owns an entry."""
    module = part.split(".")[0]
    head_size = architecture.hidden // architecture.heads
    found = [("layer", None)]
    if module in ("query", "key", "value"):
        found.append(("head", place[0] // head_size))
    elif part == "attention_output.weight":
        found.append(("head", place[1] // head_size))
    elif module in ("intermediate", "output"):
        found.append(("mlp", None))
    inner = {"intermediate.weight": 0, "intermediate.bias": 0, "output.weight": 1}
    if part in inner:
        position = place[inner[part]]
        found += [("toy", position // BLOCK), ("neuron", position)]
    return found


def entries(architecture):
    """Every entry of the body: (layer, part, place)."""
    hidden, inner = architecture.hidden, architecture.intermediate
    square, biases = (hidden, hidden), ["query", "key", "value", "attention_output", "output"]
    shapes = {f"{m}.weight": square for m in ("query", "key", "value", "attention_output")}
    shapes |= {"intermediate.weight": (inner, hidden), "output.weight": (hidden, inner)}
    shapes |= {f"{module}.bias": (hidden,) for module in biases} | {"intermediate.bias": (inner,)}
    for layer, (part, shape) in product(range(architecture.layers), shapes.items()):
        for place in np.ndindex(*shape):
            yield layer, part, place


def is_kept(mask, entry, architecture):
    layer, part, place = entry
    is_dropped = part == "attention_output.bias" and mask.emptied_attention == "drop_bias"
    if is_dropped and not mask.units["head"][layer].any():
        return False
    return all(
        mask.units[kind][layer] if unit is None else mask.units[kind][layer, unit]
        for kind, unit in owners(part, place, architecture)
        if kind in mask.units
    )


@given(seeds, emptied, st.sampled_from([(), ("toy",), ("neuron",), ("layer",), EVERY]))
@settings(max_examples=25, deadline=None)
def test_kept_entries_are_counted_once(seed, emptied_attention, kinds):
    with toy():
        mask = random_mask(seed, SMALL, emptied_attention, kinds)
        kept = [is_kept(mask, entry, SMALL) for entry in entries(SMALL)]
        assert mask.kept_fraction(SMALL) == sum(kept) / len(kept)
        stacked = {kind: np.stack([array, array]) for kind, array in mask.units.items()}
        drop_bias = emptied_attention == "drop_bias"
        counted = units.count_kept(stacked, SMALL, drop_bias=drop_bias)
        assert counted.tolist() == [sum(kept)] * 2
        assert units.body_size(SMALL) == len(kept)


@given(seeds, seeds)
@settings(max_examples=25, deadline=None)
def test_overlap_counts_the_entries_that_both_masks_keep(seed, other_seed):
    with toy():
        masks = [random_mask(number, SMALL, "drop_bias", EVERY) for number in (seed, other_seed)]
        kept = [[is_kept(mask, entry, SMALL) for entry in entries(SMALL)] for mask in masks]
        counts = replace(masks[0], emptied_attention="keep_bias").overlap(masks[1], SMALL)
        assert counts["parameters"] == sum(kept[0])
        assert counts["parameters_shared"] == sum(a and b for a, b in zip(*kept, strict=True))
        for kind in EVERY:
            array = KINDS[kind].array
            assert counts[array] == masks[0].units[kind].sum()
            assert counts[f"{array}_shared"] == (masks[0].units[kind] & masks[1].units[kind]).sum()


def by_unit(values, architecture, kind, *, left_out=()):
    """(layer, unit) -> the values of the entries that the unit owns."""
    found = {}
    for layer, part, place in entries(architecture):
        if part not in left_out:
            for owner, unit in owners(part, place, architecture):
                if owner == kind:
                    value = values[name_of(architecture, layer, part)][place]
                    found.setdefault((layer,) if unit is None else (layer, unit), []).append(value)
    return found


def name_of(architecture, layer, part):
    return architecture.family.checkpoint_name(f"layers.{layer}.{part}")


@given(seeds, st.floats(0, 1))
@settings(max_examples=10, deadline=None)
def test_the_shares_of_a_weight_mask_are_those_of_the_units_entries(seed, keep):
    rng = np.random.default_rng(seed)
    mask = WeightMask({n: rng.random(shape) < keep for n, shape in body_shapes(SMALL).items()})
    with toy():
        shares = mask.shares(SMALL)
        assert list(shares) == ["head", "mlp", "toy"]
        for kind, found in shares.items():
            # The bias of the output is not in the body of magnitude pruning.
            expected = by_unit(mask.parameters, SMALL, kind, left_out=("output.bias",))
            assert found.size == len(expected)
            for place, values in expected.items():
                assert found[place] == pytest.approx(np.mean(values), abs=1e-12)


def test_magnitudes_are_means_over_the_units_entries():
    rng = np.random.default_rng(0)
    weights = {name: rng.standard_normal(shape) for name, shape in body_shapes(SMALL).items()}
    for layer in range(SMALL.layers):
        weights[name_of(SMALL, layer, "output.bias")] = rng.standard_normal(SMALL.hidden)
    with toy():
        found = unit_magnitudes(weights, SMALL)
        assert list(found) == ["heads", "mlps", "neurons", "layers", "toys"]
        for kind in EVERY:
            expected = by_unit(weights, SMALL, kind)
            for place, values in expected.items():
                assert len(values) == KINDS[kind].parameters(SMALL)
                mean = np.abs(values).mean()
                assert found[KINDS[kind].array][place] == pytest.approx(mean)
        mask = random_mask(1, SMALL)
        table = magnitude_table(mask, found, SMALL, {})
        assert table["unit"].tolist() == ["heads", "mlps", "toys", "both"]
        # Toys are parts of MLPs: they are not counted again among heads and MLPs.
        plain = UnitMask({kind: mask.units[kind] for kind in ("head", "mlp")})
        assert table.iloc[3].equals(magnitude_table(plain, found, SMALL, {}).iloc[2])
        kept = found["toys"][mask.units["toy"]]
        assert table["kept_mean"][2] == pytest.approx(kept.mean())


# A kind that is declared in one place: gates, shrinking, files, controls and a search know it.


def relative(ours, theirs):
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


@pytest.mark.parametrize("kinds", [("toy",), ("neuron",), ("layer",), EVERY])
@pytest.mark.parametrize("seed", range(4))
def test_a_model_without_units_computes_what_gates_compute(tmp_path, seed, kinds):
    model, tokens = tiny_model(), tiny_tokens()
    with toy():
        mask = random_mask(seed, model.architecture, kinds=kinds)
        gated = predict(model, tokens, 8, gates_of(mask, CPU))
        shrunk, _ = apply_mask(model, mask, tokens)
        check_under(shrunk, mask)
        assert relative(predict(shrunk, tokens, 8), gated) < 1e-5
        # The gates of the full model fit the shrunk one.
        again = predict(shrunk, tokens, 8, gates_of(mask, CPU))
        assert relative(again, gated) < 1e-5
        kept = sum(
            is_kept(mask, entry, model.architecture) for entry in entries(model.architecture)
        )
    parts = ("query", "key", "value", "attention_output", "intermediate", "output")
    held = [p.numel() for n, p in shrunk.named_parameters() if n.split(".")[-2] in parts]
    assert sum(held) == kept
    save_model(tmp_path / "model.safetensors", shrunk)
    loaded = load_model(tmp_path / "model.safetensors")
    assert loaded.plan == shrunk.plan
    assert np.array_equal(predict(loaded, tokens, 8), predict(shrunk, tokens, 8))


@pytest.mark.parametrize("kind", ["toy", "neuron"])
def test_an_mlp_without_inner_positions_keeps_the_bias_of_its_output(kind):
    model, tokens = tiny_model(), tiny_tokens()
    with toy():
        full = UnitMask.full(model.architecture, [kind])
        nothing = full.with_units({kind: np.zeros_like(full.units[kind])})
        shrunk = shrink(model, nothing)
        gone = full.with_units({"mlp": np.zeros(3, bool)})
        assert nothing.kept_fraction(model.architecture) == pytest.approx(
            gone.kept_fraction(model.architecture)
            + 3 * model.architecture.hidden / units.body_size(model.architecture)
        )
        assert relative(predict(shrunk, tokens, 8), predict(shrink(model, gone), tokens, 8)) > 1e-3
    assert shrunk.layers[0].output.bias is not None and shrunk.layers[0].intermediate is None


@pytest.mark.parametrize("emptied_attention", ["keep_bias", "drop_bias"])
def test_of_a_layer_that_is_gone_its_two_norms_are_left(emptied_attention):
    model, tokens = tiny_model(), tiny_tokens()
    full = UnitMask.full(model.architecture, ["layer"], emptied_attention)
    shrunk = shrink(model, full.with_units({"layer": np.array([True, False, True])}))
    names = [name for name, _ in shrunk.layers[1].named_parameters()]
    norms = ("attention_norm", "output_norm")
    assert names == [f"{norm}.{part}" for norm in norms for part in ("weight", "bias")]
    # The same as a layer without heads, their output's bias and MLP.
    parts = full.units["head"].copy(), full.units["mlp"].copy()
    parts[0][1] = parts[1][1] = False
    other = UnitMask(dict(zip(("head", "mlp"), parts, strict=True)), "drop_bias")
    assert np.array_equal(predict(shrunk, tokens, 8), predict(shrink(model, other), tokens, 8))


@pytest.mark.parametrize("kind", EVERY)
def test_every_gate_changes_the_output(kind):
    model, tokens = tiny_model(), tiny_tokens()
    batch = collate(tokens, np.arange(len(tokens)), CPU)
    with toy(), torch.no_grad():
        full = model(*batch.inputs)
        ones = torch.ones(1, *KINDS[kind].shape(model.architecture))
        assert torch.equal(model(*batch.inputs, Gates({kind: ones})), full)
        for place in np.ndindex(*ones.shape):
            gate = ones.clone()
            gate[place] = 0
            change = (model(*batch.inputs, Gates({kind: gate})) - full).abs().max()
            assert change > (1e-5 if kind == "neuron" else 1e-4)


@pytest.mark.parametrize("pruned", [True, False])
@pytest.mark.parametrize("kinds", [("toy",), EVERY])
def test_importances_are_those_of_the_gates(kinds, pruned):
    model, tokens = tiny_model(), tiny_tokens()
    with toy():
        mask = random_mask(4, model.architecture, kinds=kinds)
        expected = {kind: np.zeros(kept.shape) for kind, kept in mask.units.items()}
        for row in range(len(tokens)):
            gates = gates_of(mask, CPU)
            for gate in gates.units.values():
                gate.requires_grad_()
            batch = collate(tokens, np.array([row]), CPU)
            loss_of(model(*batch.inputs, gates), batch.labels).sum().backward()
            for kind, gate in gates.units.items():
                expected[kind] += gate.grad[0].abs().double().numpy()
        measured = measure(model, tokens, mask, CRITERIA["per_example"], 7, "length", pruned=pruned)
        for kind, values in expected.items():
            which = slice(None) if pruned else mask.units[kind]
            found = measured.units[kind]
            np.testing.assert_allclose(found[which], values[which], rtol=1e-4, atol=1e-5)
            assert pruned or not found[~mask.units[kind]].any()


def test_a_mask_file_has_an_array_for_each_declared_kind(tmp_path):
    path, info = tmp_path / "good.safetensors", MaskInfo("a", "m", "t", "1", "s", "good", 0.5)
    with toy():
        mask = random_mask(2, SMALL, "drop_bias")
        write_mask(path, mask, info)
        arrays, _ = files.read_arrays(path)
        assert {name: array.dtype for name, array in arrays.items()} == dict.fromkeys(
            ("heads", "mlps", "toys"), np.uint8
        )
        read, _ = read_mask(path)
        assert list(read.units) == ["head", "mlp", "toy"]
        assert all(np.array_equal(read.units[kind], kept) for kind, kept in mask.units.items())
        assert read.emptied_attention == "drop_bias"
    with pytest.raises(StudyError, match="holds heads, mlps, neurons, layers, each 0 or 1"):
        read_mask(path)


@pytest.mark.parametrize("kinds", [["layer"], ["neuron", "layer"], ["mlp", "neuron"]])
def test_a_search_prunes_layers_and_what_they_hold(kinds):
    model, tokens = tiny_model(), tiny_tokens(60)
    options = PUBLISHED | {"units": kinds, "search_batch_size": 16, "halves": True}
    scores = iter([1.0, 0.9, 0.8, 0.1, *[0.9] * 90])
    found = structured.search(
        SearchContext(model, tokens, options, lambda _: next(scores), lambda s: 0.5)
    )
    for masks in found.path.values():
        kept = masks.reshape(len(masks), -1).astype(bool)
        if len(kinds) == 1:
            assert not (kept[1:] & ~kept[:-1]).any()
    good = found.masks["good"]
    for row, step in enumerate(found.trajectory):
        units_of = {kind: found.path[KINDS[kind].array][row].astype(bool) for kind in good.units}
        whole = good.with_units(units_of)
        assert step.kept_fraction == whole.kept_fraction(model.architecture)
        counts = whole.counts()
        assert dict(step.others_kept) == {
            KINDS[kind].array: counts[KINDS[kind].array] for kind in kinds if kind != "mlp"
        }
    half = found.masks["good_half"]
    for kind in kinds:
        assert half.units[kind].sum() == half.units[kind].size // 2
    shrunk, _ = apply_mask(model, good, tokens)
    check_under(shrunk, good)


@given(seeds)
@settings(max_examples=20)
def test_controls_of_a_toy_mask_have_its_counts_and_draw_heads_and_mlps_as_without_toys(seed):
    with toy():
        mask = random_mask(seed, SMALL)
        plain = UnitMask({kind: mask.units[kind] for kind in ("head", "mlp")})
        for draw in (controls.random_units, controls.bad_structured, controls.random_structured):
            ours, theirs = (draw(m, controls.generator(seed)) for m in (mask, plain))
            for kind in ("head", "mlp"):
                assert np.array_equal(ours.units[kind], theirs.units[kind])
            if draw is not controls.random_structured:
                assert ours.counts() == mask.counts()
        supers = controls.super_structured(
            [mask, random_mask([seed, 1], SMALL)], controls.generator(1)
        )
        assert len({tuple(m.counts().values()) for m in supers.values()}) == 1


@pytest.mark.parametrize(("kind", "size", "step"), [("toy", 36, 3), ("neuron", 144, 14)])
@pytest.mark.parametrize("preset", ["published", "strict"])
def test_a_search_prunes_one_kind(tmp_path, preset, kind, size, step):
    model, tokens = tiny_model(), tiny_tokens(60)
    truth = decide(predict(model, tokens, 16))

    def score(logits):
        return metrics.score("accuracy", truth, decide(logits))

    options = {name: option.preset(preset) for name, option in structured.OPTIONS.items()}
    options |= {"units": [kind], "search_batch_size": 16, "halves": True}
    with toy():
        found = structured.search(SearchContext(model, tokens, options, score, lambda s: 0.9 * s))
        good, array = found.masks["good"], KINDS[kind].array
        assert 0 < good.counts()[array] < size
        assert good.units["head"].all() and good.units["mlp"].all()
        assert {step.stage for step in found.trajectory} == {array}
        assert trajectory_columns(found.trajectory)[-1] == f"{array}_kept"
        counts = [step.row(0)[f"{array}_kept"] for step in found.trajectory]
        path = found.path[array].astype(bool)
        assert counts == path.sum(axis=(1, 2)).tolist()
        # A step removes a tenth of all units, rounded down.
        assert counts == list(range(size, counts[-1] - 1, -step))
        assert not (path[1:] & ~path[:-1]).any()
        last = max(number for number, step in enumerate(found.trajectory) if step.accepted)
        assert np.array_equal(path[last], good.units[kind])
        for row, mask in zip(found.trajectory, path, strict=True):
            whole = good.with_units({kind: mask})
            assert row.kept_fraction == whole.kept_fraction(model.architecture)
        half, other = found.masks["good_half"], found.masks["bad_half"]
        assert half.counts() == other.counts() == {"heads": 12, "mlps": 3, array: size // 2}
        # The analysis of importances reads the path.
        rows = [step.row(number) for number, step in enumerate(found.trajectory)]
        files.write_csv(tmp_path / "search.csv", rows, trajectory_columns(found.trajectory))
        files.write_npz(tmp_path / "importance.npz", found.importance)
        files.write_npz(tmp_path / "path.npz", found.path)
        names = ("search.csv", "importance.npz", "path.npz")
        states = importance.read_states(*(tmp_path / name for name in names))
        assert len(importance.cuts(states, array)) == len(found.trajectory) - 1
        # Of a kind with many units in a layer the table of importances has the layer's mean.
        table = importance.importance_table(states, dict.fromkeys(importance.CELL, ""))
        rows = table[table["unit"] == array]
        assert len(rows) == (3 if KINDS[kind].many else size)
        assert rows["importance"].mean() == pytest.approx(states.first[array].mean())


def test_a_search_over_several_kinds_has_a_stage_for_each():
    model, tokens = tiny_model(), tiny_tokens(60)
    options = PUBLISHED | {"units": ["head", "toy"], "search_batch_size": 16, "head_step": 0.2}
    scores = iter([1.0, 0.9, 0.1, 0.9, 0.1, 0.9, 0.1])
    with toy():
        found = structured.search(
            SearchContext(model, tokens, options, lambda _: next(scores), lambda s: 0.5)
        )
    rows = [(step.stage, step.heads_kept, step.others_kept["toys"]) for step in found.trajectory]
    assert rows == [
        ("both", 12, 36),
        ("both", 10, 33),
        ("both", 8, 30),
        ("heads", 9, 33),
        ("heads", 8, 33),
        ("toys", 9, 32),
        ("toys", 9, 31),
    ]


# Names and files.


def test_the_words_of_before_are_aliases():
    assert kinds_of("both") == kinds_of(["mlp", "head"]) == ("head", "mlp")
    assert kinds_of("heads") == kinds_of(["head"]) == kinds_of("head") == ("head",)
    assert kinds_of("mlps") == ("mlp",)
    for value in ("neurons", ["head", "neurons"]):
        with pytest.raises(StudyError, match=r"units holds 'neurons'; allowed are lists of head"):
            kinds_of(value)
    with pytest.raises(StudyError, match="units is empty"):
        kinds_of([])


def test_a_model_file_names_inner_positions_only_where_some_are_gone(tmp_path):
    architecture = tiny_architecture()
    text = describe(architecture, 2, full_plan(architecture))
    assert "inner" not in text["lottery"].replace("intermediate", "")
    with toy():
        mask = UnitMask.full(architecture, ["toy"])
        mask.units["toy"][1, 2] = False
        plan = plan_of(mask, architecture)
    _, _, read = parse_description(tmp_path, describe(architecture, 2, plan))
    assert read == plan
    assert [layer.inner is None for layer in read] == [True, False, True]
    assert set(range(48)) - set(read[1].inner) == {8, 9, 10, 11}
