"""Random, bad and super_* masks: exact sizes, the right pools, the same draw again."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file
from synthetic_masks import unit_mask
from tiny import tiny_architecture

from lottery.models.architecture import describe, full_plan
from lottery.pruning.algorithms import magnitude
from lottery.pruning.controls import (
    bad_structured,
    generator,
    random_structured,
    random_units,
    super_structured,
)
from lottery.pruning.masks import WeightMask

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
