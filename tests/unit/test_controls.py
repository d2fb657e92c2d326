"""Random, bad and super_* masks: exact sizes, the right pools, the same draw again."""

from __future__ import annotations

import tempfile
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file
from synthetic_masks import unit_mask
from tiny import tiny_architecture

from lottery.models.architecture import describe, full_plan
from lottery.models.units import KINDS, around, body_size
from lottery.pruning.algorithms import magnitude
from lottery.pruning.controls import (
    bad_structured,
    control,
    generator,
    random_structured,
    random_units,
    super_structured,
)
from lottery.pruning.masks import UnitMask, WeightMask

seeds = st.integers(0, 2**31 - 1)
shares = st.floats(0, 1)


def mask_of(seed, share, shape=(6, 12)):
    rng = np.random.default_rng(seed)
    return unit_mask(rng.random(shape) < share, rng.random(shape[0]) < share)


def counts(mask):
    return mask.counts()["heads"], mask.counts()["mlps"]


@given(seeds, shares)
def test_bad_has_the_good_counts_and_takes_pruned_units_first(seed, share):
    good = mask_of(seed, share)
    bad = bad_structured(good, generator("x", seed))
    assert counts(bad) == counts(good)
    for kind in ("head", "mlp"):
        kept, chosen = good.units[kind], bad.units[kind]
        if kept.sum() >= (~kept).sum():
            assert (chosen | kept).all()
        else:
            assert not (chosen & kept).any()


@given(seeds, shares)
def test_random_units_have_the_counts(seed, share):
    half = mask_of(seed, share)
    assert counts(random_units(half, generator(seed))) == counts(half)


def test_random_matches_the_size_on_average_only():
    good = mask_of(0, 0.6, (12, 12))
    rng = generator("average")
    heads = [random_structured(good, rng).counts()["heads"] for _ in range(2000)]
    assert abs(np.mean(heads) - good.counts()["heads"]) < 0.5
    share = good.units["head"].mean()
    assert abs(np.std(heads) - np.sqrt(144 * share * (1 - share))) < 0.3


@given(seeds, st.lists(shares, min_size=2, max_size=5))
def test_super_masks(seed, shares_):
    goods = [mask_of([seed, i], share) for i, share in enumerate(shares_)]
    masks = super_structured(goods, generator("super", seed))
    always = np.logical_and.reduce([good.units["head"] for good in goods])
    never = ~np.logical_or.reduce([good.units["head"] for good in goods])
    assert np.array_equal(masks["super_good"].units["head"], always)
    assert len({counts(mask) for mask in masks.values()}) == 1
    bad = masks["super_bad"].units["head"]
    if never.sum() >= always.sum():
        assert not (bad & ~never).any()
    else:
        assert (bad | ~never).all()
    if 2 * always.sum() <= (~never | ~always).sum() and always.sum() <= never.sum():
        assert not (masks["super_random"].units["head"] & (always | bad)).any()


def test_draws_repeat_and_differ_by_name():
    half = mask_of(3, 0.5)
    draws = [
        random_units(half, generator("m", "t", 1, name)).units["head"] for name in ("a", "a", "b")
    ]
    assert np.array_equal(draws[0], draws[1]) and not np.array_equal(draws[0], draws[2])


def test_draws_are_the_same_on_every_machine():
    """A changed number here would silently change every control of every study."""
    rng = generator("bert_base", "rte", 42, "structured", "random")
    assert rng.integers(0, 10**6, 3).tolist() == [945084, 672942, 705695]


@given(seeds, st.integers(0, 30), st.integers(1, 9))
def test_smallest_weights_are_those_that_sorting_puts_first(seed, count, values):
    """Few values, so that many weights are equally large; of those the first count."""
    rng = np.random.default_rng(seed)
    shapes = {"a": (4, 5), "b": (10,)}
    weights = {
        name: rng.integers(-values, values + 1, shape).astype(np.float32)
        for name, shape in shapes.items()
    }
    source = WeightMask.from_vector(rng.permutation(np.arange(30) < count), shapes)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.safetensors")
        description = describe(tiny_architecture(), 1, full_plan(tiny_architecture()))
        save_file(weights | {"head": np.zeros(3, np.float32)}, path, description)
        chosen = magnitude.sample("bad", source, path, rng)
    flat = [abs(value) for name in shapes for value in weights[name].ravel().tolist()]
    first = sorted(range(30), key=lambda place: flat[place])[:count]
    assert np.flatnonzero(chosen.vector).tolist() == sorted(first)


NESTED = [
    kinds
    for size in (2, 3, 4)
    for kinds in combinations(KINDS, size)
    if any(around(name, kinds) for name in kinds)
]
SMALL = tiny_architecture()


def nested_mask(seed, kinds, shares_, emptied="keep_bias"):
    """A mask of the kinds given, with a share of each."""
    rng = np.random.default_rng(seed)
    full = UnitMask.full(SMALL, kinds, emptied)
    return full.with_units(
        {name: rng.random(full.units[name].shape) < shares_[name] for name in kinds}
    )


def test_which_kinds_nest():
    found = {name: around(name, KINDS) for name in KINDS}
    assert found == {
        "head": ("layer",),
        "mlp": ("layer",),
        "neuron": ("mlp", "layer"),
        "layer": (),
    }


nested = st.builds(
    nested_mask,
    seeds,
    st.shared(st.sampled_from(NESTED), key="kinds"),
    st.fixed_dictionaries(dict.fromkeys(KINDS, shares)),
    st.sampled_from(["keep_bias", "drop_bias"]),
)


@given(nested, st.shared(st.sampled_from(NESTED), key="kinds"), seeds)
@settings(deadline=None)
def test_where_kinds_nest_controls_have_the_size_of_the_good_mask(good, kinds, seed):
    """Equal, but for the biases of layers without heads where these go with the heads."""
    size = body_size(SMALL) * good.kept_fraction(SMALL)
    drop = good.emptied_attention == "drop_bias"
    spare = drop * SMALL.layers * SMALL.hidden
    masks = {
        "uniform": control("random_uniform", good, kinds, generator(seed)),
        "layerwise": control("random_layerwise", good, kinds, generator(seed)),
        "units": random_units(good, generator(seed)),
        "bad": bad_structured(good, generator(seed)),
    }
    for name, mask in masks.items():
        assert abs(body_size(SMALL) * mask.kept_fraction(SMALL) - size) < spare + 0.5, name
        assert mask.counts() == good.counts()


@given(seeds, shares)
def test_inverted_keeps_whole_layers_that_good_pruned(seed, share):
    """Of good's layers it keeps nothing, whatever good pruned of their neurons."""
    good = nested_mask(seed, ("neuron", "layer"), {"neuron": share, "layer": 0.5})
    other = control("inverted", good, ("neuron", "layer"), generator(seed))
    pruned = 1 - good.units["layer"].mean()
    assert other.kept_fraction(SMALL) == pytest.approx(pruned)
    assert good.overlap(other, SMALL)["parameters_shared"] == 0


@given(seeds, shares)
@settings(deadline=None)
def test_bad_keeps_layers_and_their_neurons_that_good_pruned_first(seed, share):
    good = nested_mask(seed, ("neuron", "layer"), {"neuron": share, "layer": 0.5})
    bad = bad_structured(good, generator(seed))
    both = good.units["layer"] & bad.units["layer"]
    assert both.sum() == max(0, 2 * good.units["layer"].sum() - SMALL.layers)


@given(seeds, shares, shares, st.sampled_from([["neuron"], ["layer"], ["head", "mlp"]]))
def test_where_kinds_do_not_nest_draws_are_as_they_were(seed, share, other, kinds):
    good = nested_mask(seed, kinds, dict(zip(kinds, (share, other), strict=False)))
    rng = generator(seed)
    before = {name: rng.permutation(good.units[name].ravel()) for name in KINDS if name in kinds}
    uniform = control("random_uniform", good, kinds, generator(seed))
    for name, drawn in before.items():
        assert np.array_equal(uniform.units[name].ravel(), drawn)
    rng = generator(seed)
    before = {name: rng.permutation(kept.ravel()) for name, kept in good.units.items()}
    ours = random_units(good, generator(seed))
    for name, drawn in before.items():
        assert np.array_equal(ours.units[name].ravel(), drawn)
