"""The subnetworks that a good one is compared with: random, bad and super_* masks. numpy only.

All draws come from a generator that the caller seeds, so a mask can be made again from its
provenance. What each one is for: docs/subnetworks.md.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection

import numpy as np

from lottery.models.units import around
from lottery.pruning.masks import UnitMask, WeightMask
from lottery.pruning.subnetworks import INVERTED, UNIFORM


def generator(*parts: str | int) -> np.random.Generator:
    """A generator seeded by names and numbers, the same on every machine and in every version."""
    words = [part if isinstance(part, int) else zlib.crc32(part.encode()) for part in parts]
    return np.random.Generator(np.random.PCG64(words))


def random_structured(good: UnitMask, rng: np.random.Generator) -> UnitMask:
    """Keeps each unit with the kept share of its kind, so that the size only matches on average."""
    units = good.units.items()
    return good.with_units({kind: rng.random(kept.shape) < kept.mean() for kind, kept in units})


def random_units(source: UnitMask, rng: np.random.Generator) -> UnitMask:
    """Keeps as many units of each kind as `source`, drawn uniformly."""
    return _drawn(source, source.units, lambda kept, among: _shuffled(kept, rng, among))


def bad_structured(good: UnitMask, rng: np.random.Generator) -> UnitMask:
    """Keeps the pruned units, cut or topped up with good ones to the good mask's counts."""

    def choose(kept: np.ndarray, among: np.ndarray) -> np.ndarray:
        return _fill(int(kept.sum()), [~kept & among, kept & among], rng)

    return _drawn(good, good.units, choose)


def super_structured(goods: list[UnitMask], rng: np.random.Generator) -> dict[str, UnitMask]:
    """Draws the super_* masks of one task, which serve all seeds.

    super_good holds the units kept by every seed's good mask. super_bad holds units pruned by every
    seed, topped up with units that are neither always kept nor never kept, then with any. For
    super_random the middle units come first, then any. The last two match super_good's counts. One
    draw is shared by all seeds (the released super_random differed by seed).
    """
    good, bad, drawn = {}, {}, {}
    for kind in goods[0].units:
        kept = np.stack([mask.units[kind] for mask in goods])
        always, never = np.all(kept, axis=0), ~np.any(kept, axis=0)
        count, rest = int(always.sum()), np.ones_like(always)
        good[kind] = always
        bad[kind] = _fill(count, [never, ~always & ~never, rest], rng)
        drawn[kind] = _fill(count, [~always & ~bad[kind], rest], rng)
    masks = {"super_good": good, "super_bad": bad, "super_random": drawn}
    return {name: goods[0].with_units(units) for name, units in masks.items()}


def random_weights(source: WeightMask, rng: np.random.Generator) -> WeightMask:
    """Keeps as many weights of the whole body as `source`, drawn uniformly."""
    return WeightMask.from_vector(_shuffled(source.vector, rng), source.shapes)


def control(
    kind: str, source: UnitMask | WeightMask, units: Collection[str], rng: np.random.Generator
) -> UnitMask | WeightMask:
    """Makes a control that every algorithm has (`lottery.pruning.subnetworks.CONTROLS`).

    Args:
        kind: random_uniform keeps as many units of each kind, or weights, as the source;
            random_layerwise as many in every layer, of weights in every matrix (Su et al. 2020);
            inverted is the complement. Units in a layer or MLP that is not kept count as pruned.
        source: the mask it is compared with, for inverted the mask of what it must not keep.
        units: the kinds that are pruned; of others everything stays.
        rng: of the draw.
    """
    if isinstance(source, WeightMask):
        if kind == UNIFORM:
            return random_weights(source, rng)
        if kind == INVERTED:
            return source.complement()
        drawn = {name: _shuffled(kept, rng) for name, kept in source.parameters.items()}
        return WeightMask(drawn)
    pruned = {name: source.units[name] for name in source.units if name in units}
    if kind == UNIFORM:
        return _drawn(source, pruned, lambda kept, among: _shuffled(kept, rng, among))
    if kind == INVERTED:
        return source.with_units({name: ~_within(source, name, pruned) for name in pruned})
    several = {name: kept for name, kept in pruned.items() if kept.ndim == 2}
    return source.with_units({name: rng.permuted(k, axis=1) for name, k in several.items()})


def _drawn(
    source: UnitMask,
    kinds: Collection[str],
    choose: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> UnitMask:
    """Draws units of some kinds.

    Where kinds nest, as neurons in layers, the layers are drawn first. Of units in a layer that is
    not kept nothing is left, so those in kept layers and those in other layers are drawn apart, as
    many as in the source. Counts and size are those of the source.

    Args:
        choose: takes the kept units of a kind and those it may choose from, and returns as many.
    """
    pruned = [name for name in kinds if not source.units[name].all()]
    if not any(around(name, pruned) for name in pruned):
        units = {name: source.units[name] for name in kinds}
        return source.with_units(
            {name: choose(kept, np.ones_like(kept)) for name, kept in units.items()}
        )
    drawn = source
    for name in sorted(kinds, key=lambda name: len(around(name, pruned))):
        every = drawn.with_units({name: np.ones_like(source.units[name])})
        among = _within(every, name, pruned)
        inside = _within(source, name, pruned)
        outside = source.units[name] & ~inside
        drawn = drawn.with_units({name: choose(inside, among) | choose(outside, ~among)})
    return drawn


def _within(mask: UnitMask, name: str, kinds: Collection[str]) -> np.ndarray:
    """The kept units of a kind in layers and MLPs that are kept too, of the kinds given."""
    kept = mask.units[name]
    for outer in around(name, kinds):
        parent = mask.units[outer]
        kept = kept & (parent[:, None] if kept.ndim == 2 else parent)
    return kept


def _shuffled(
    kept: np.ndarray, rng: np.random.Generator, among: np.ndarray | None = None
) -> np.ndarray:
    """As many kept entries in random places."""
    if among is None or among.all():
        return rng.permutation(kept.ravel()).reshape(kept.shape)
    return _fill(int(kept.sum()), [among], rng)


def _fill(count: int, pools: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Chooses `count` units: as many as needed from the first pool, the rest from the next ones."""
    chosen = np.zeros(pools[0].size, bool)
    for pool in pools:
        places = np.flatnonzero(pool.ravel() & ~chosen)
        missing = count - int(chosen.sum())
        if len(places) > missing:
            places = rng.choice(places, size=missing, replace=False)
        chosen[places] = True
    return chosen.reshape(pools[0].shape)
