"""The structured search, step by step, against a literal re-enactment of the paper's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_masks import full_mask, unit_mask
from tiny import tiny_model, tiny_tokens

from lottery.evaluation.scoring import decide
from lottery.models.units import kinds_of
from lottery.pruning.algorithms import structured
from lottery.pruning.algorithms.declaration import problem
from lottery.pruning.algorithms.search import MeasurementCache, SearchContext
from lottery.pruning.algorithms.structured import (
    Measurement,
    StructuredSearch,
    other_half,
    prune_to_half,
)
from lottery.pruning.criteria import CRITERIA, REMOVAL, Criterion
from lottery.pruning.importance import measure as measure_gates
from lottery.pruning.importance import normalise
from lottery.pruning.masks import UnitMask
from lottery.tasks import metrics

PUBLISHED = {name: option.published for name, option in structured.OPTIONS.items()}
STRICT = {name: option.strict for name, option in structured.OPTIONS.items()}


class Landscape:
    """Made-up importances and scores: any mask has its own, the same at every call."""

    def __init__(self, seed: int, shape: tuple[int, int], steepness: float) -> None:
        self.seed, self.shape, self.steepness = seed, shape, steepness
        self.asked: list[tuple[bytes, bytes]] = []

    def __call__(self, mask: UnitMask) -> Measurement:
        self.asked.append(tuple(kept.tobytes() for kept in mask.units.values()))
        pruned = 2 - mask.units["head"].mean() - mask.units["mlp"].mean()
        rng = np.random.default_rng([self.seed, *mask.counts().values()])
        score = 0.9 - self.steepness * pruned + 0.02 * rng.normal()
        importance = {"head": rng.random(self.shape), "mlp": rng.random(self.shape[0])}
        return Measurement(importance, score, 1.0)


def re_enact(evaluate, shape, n, keep=0.9):
    """The published loop, literally; returns masks and all scores."""
    scores = []

    def measured(heads, mlps):
        result = evaluate(unit_mask(heads.copy(), mlps.copy()))
        scores.append(result.score)
        return *(scores.copy() for scores in result.importance.values()), result.score

    def zero_least(array, importance, count):
        importance = importance.copy()
        importance[~array] = np.inf
        order = [i for i in np.argsort(importance, axis=None) if array.flat[i]][:count]
        for place in order:
            array.flat[place] = False
        return bool(order)

    H, M = np.ones(shape, bool), np.ones(shape[0], bool)
    hi, mi, s0 = measured(H, M)
    thr = keep * s0
    cur, Hkeep, Mkeep = s0, H.copy(), M.copy()
    while cur >= thr:
        Hkeep = H.copy()
        if not zero_least(H, hi, n):
            break
        Mkeep = M.copy()
        if not zero_least(M, mi, 1):
            break
        hi, mi, cur = measured(H, M)
    cur, H = s0, Hkeep.copy()
    while cur >= thr:
        Hkeep = H.copy()
        if not zero_least(H, hi, n // 2):
            break
        hi, mi, cur = measured(H, Mkeep)
    cur, M = s0, Mkeep.copy()
    while cur >= thr:
        Mkeep = M.copy()
        if not zero_least(M, mi, 1):
            break
        hi, mi, cur = measured(Hkeep, M)
    return Hkeep, Mkeep, scores


def threshold(score):
    return 0.9 * score


@given(st.integers(0, 10_000), st.sampled_from([(12, 12), (6, 12), (8, 3)]), st.floats(0.0, 0.6))
@settings(max_examples=150)
def test_the_published_search_is_the_papers(seed, shape, steepness):
    first, second = Landscape(seed, shape, steepness), Landscape(seed, shape, steepness)
    found = StructuredSearch(first, threshold, full_mask(*shape), PUBLISHED)
    mask = found.run()
    heads, mlps, scores = re_enact(second, shape, int(0.1 * shape[0] * shape[1]))
    assert np.array_equal(mask.units["head"], heads) and np.array_equal(mask.units["mlp"], mlps)
    assert [step.score for step in found.steps] == scores
    assert first.asked == second.asked


def test_the_search_of_a_model_is_the_papers():
    """The same with real gradients, scores and normalisation."""
    model, tokens = tiny_model(), tiny_tokens(60)

    def score(logits):
        return metrics.score("accuracy", predictions, decide(logits))

    full = full_mask(3, 4)
    predictions = decide(
        measure_gates(model, tokens, full, CRITERIA["per_batch"], 16, "file").logits
    )
    options = PUBLISHED | {"search_batch_size": 16, "keep_score": 0.5, "head_step": 0.2}
    context = SearchContext(model, tokens, options, score, lambda s: 0.5 * s)
    found = structured.search(context)

    def evaluate(mask):
        got = measure_gates(model, tokens, mask, CRITERIA["running_sum"], 16, "file")
        return Measurement(normalise(got.units, mask, "all", "l2"), score(got.logits), 1)

    heads, mlps, scores = re_enact(evaluate, (3, 4), n=int(0.2 * 12), keep=0.5)
    assert len(found.trajectory) > 4
    assert [step.score for step in found.trajectory] == scores
    assert np.array_equal(found.masks["good"].units["head"], heads)
    assert np.array_equal(found.masks["good"].units["mlp"], mlps)
    assert found.importance["heads"].shape == (len(scores), 3, 4)
    assert found.importance["mlps"].shape == (len(scores), 3)
    full = UnitMask.full(model.architecture)
    raw = measure_gates(model, tokens, full, CRITERIA["running_sum"], 16, "file").units
    np.testing.assert_allclose(found.importance["raw_heads"][0], raw["head"], rtol=1e-6)
    np.testing.assert_allclose(found.importance["raw_mlps"][0], raw["mlp"], rtol=1e-6)


def test_stale_and_recomputed_stage_starts():
    shape = (12, 12)
    stale, fresh = Landscape(1, shape, 0.15), Landscape(1, shape, 0.15)
    StructuredSearch(stale, threshold, full_mask(*shape), PUBLISHED).run()
    search = StructuredSearch(
        fresh, threshold, full_mask(*shape), PUBLISHED | {"stage_start": "recompute"}
    )
    search.run()
    stages = [step.stage for step in search.steps]
    first_of_heads = search.steps[stages.index("heads")]
    last_passed = [s for s in search.steps if s.stage == "both" and s.accepted][-1]
    assert (first_of_heads.heads_kept, first_of_heads.mlps_kept) == (
        last_passed.heads_kept,
        last_passed.mlps_kept,
    )
    assert stale.asked != fresh.asked


@pytest.mark.parametrize("score", [None, -0.2])
def test_nothing_is_pruned_from_a_model_without_a_score(score):
    def measured(mask):
        return Measurement({"head": np.ones((3, 4)), "mlp": np.ones(3)}, score, 1.0)

    search = StructuredSearch(measured, lambda s: None, full_mask(3, 4), PUBLISHED)
    mask = search.run()
    assert mask.is_full and len(search.steps) == 1 and not search.steps[0].accepted


def test_an_undefined_score_counts_as_failed():
    def measured(mask):
        score = 0.8 if mask.is_full else None
        return Measurement({"head": np.ones((3, 4)), "mlp": np.ones(3)}, score, 1.0)

    search = StructuredSearch(measured, threshold, full_mask(3, 4), PUBLISHED)
    assert search.run().is_full
    assert [step.stage for step in search.steps] == ["both", "both", "heads", "mlps"]


@given(st.integers(0, 1000), st.floats(0.0, 0.5), st.sampled_from(["both", "heads", "mlps"]))
def test_masks_nest_along_a_search_and_counts_fall_by_the_stride(seed, steepness, units):
    asked = []
    landscape = Landscape(seed, (12, 12), steepness)

    def measured(mask):
        asked.append(mask)
        return landscape(mask)

    search = StructuredSearch(measured, threshold, full_mask(12, 12), PUBLISHED | {"units": units})
    good = search.run()
    path = search.path()
    assert list(path) == ["heads", "mlps"]
    for number, (step, mask) in enumerate(zip(search.steps, asked, strict=True)):
        for name, array in mask.arrays().items():
            assert np.array_equal(path[name][number], array)
        if step.accepted:
            lost = good.units["head"] & ~mask.units["head"]
            assert not lost.any() or step.stage != search.steps[-1].stage
        if units == "both" and mask.counts()["heads"]:
            assert (144 - mask.counts()["heads"]) % 7 == 0
    if units == "heads":
        assert all(mask.units["mlp"].all() for mask in asked)
        assert {step.stage for step in search.steps} == {"heads"}
    if units == "mlps":
        assert all(mask.units["head"].all() for mask in asked)


@given(st.integers(0, 1000), st.sampled_from([(6, 12), (3, 4), (5, 3)]))
def test_halves_are_halves_and_complementary(seed, shape):
    for units in ("both", "heads", "mlps"):
        options = STRICT | {"units": units}
        half, steps = prune_to_half(Landscape(seed, shape, 0.9), full_mask(*shape), options)
        other = other_half(half, kinds_of(units))
        heads, mlps = shape[0] * shape[1], shape[0]
        assert half.counts()["heads"] == (heads if units == "mlps" else heads // 2)
        assert half.counts()["mlps"] == (mlps if units == "heads" else mlps // 2)
        assert (units == "mlps") == bool((half.units["head"] & other.units["head"]).any())
        assert all((half.units[kind] | other.units[kind]).all() for kind in half.units)
        assert (steps[0].heads_kept, steps[-1].heads_kept) == (heads, half.counts()["heads"])


def test_halves_begin_like_the_search():
    landscape = Landscape(3, (12, 12), 0.01)
    search = StructuredSearch(landscape, threshold, full_mask(12, 12), STRICT)
    search.run()
    walk = Landscape(3, (12, 12), 0.01)
    prune_to_half(walk, full_mask(12, 12), STRICT)
    assert walk.asked[:5] == landscape.asked[:5]


# Criteria other than gradients of gates.


def searched(importance, units, cache=None, preset=PUBLISHED):
    """The result of a search on a random model whose first three states pass."""
    model, tokens = tiny_model(), tiny_tokens(60)
    options = preset | {"importance": importance, "units": units, "search_batch_size": 16}
    asked = []

    def score(logits):
        asked.append(logits)
        return float(logits.std())

    context = SearchContext(
        model, tokens, options, score, lambda score: 0.5 * score, cache or MeasurementCache()
    )
    return structured.search(context), asked, context


@pytest.mark.parametrize("preset", [PUBLISHED, STRICT])
@pytest.mark.parametrize("importance", [n for n, c in CRITERIA.items() if c.once])
def test_a_ranking_made_once_is_kept_throughout(importance, preset):
    found, asked, context = searched(importance, ["head", "layer"], preset=preset)
    assert len(found.trajectory) > 4
    passes = 1 + 12 + 3 + 3 if importance == "leave_one_out" else 0
    states = {mask.tobytes() for mask in stacked(found.path)}
    halves = {step.kept_fraction for step in found.halves}
    assert passes + len(states) <= len(asked) <= passes + len(states) + len(halves)
    for name, array in found.importance.items():
        assert (array == array[0]).all(), name
    # Heads go in the order of their scores, ties by position.
    order = np.argsort(found.importance["heads"][0], axis=None, kind="stable")
    for kept in found.path["heads"]:
        count = int(kept.sum())
        assert set(np.flatnonzero(kept)) == set(order[12 - count :])
    # An interrupted search that starts again measures nothing twice.
    n = len(asked)
    again, more, _ = searched(importance, ["head", "layer"], context.cache, preset)
    assert n and not more
    assert again.masks["good"].counts() == found.masks["good"].counts()


def stacked(path):
    return np.concatenate([array.reshape(len(array), -1) for array in path.values()], axis=1)


def test_taylor_is_measured_in_every_state():
    found, asked, _ = searched("taylor", ["head", "neuron"])
    assert len(asked) == len({mask.tobytes() for mask in stacked(found.path)}) > 3
    assert not (found.importance["raw_heads"] == found.importance["raw_heads"][0]).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"importance": "leave_one_out", "units": ["head", "neuron"]}, "units holds neuron"),
        ({"importance": "running_sum", "search_order": "length"}, "it must be file"),
        ({"importance": "leave_one_out", "units": ["head", "layer"]}, None),
        ({"importance": "taylor", "units": ["neuron"], "search_order": "length"}, None),
    ],
)
def test_what_makes_no_sense_with_a_criterion_is_refused(options, words):
    found = structured.check(PUBLISHED | options, Path())
    assert found is None if words is None else words in found


def test_an_algorithm_with_a_criterion_of_its_own():
    once = Criterion("", REMOVAL, lambda whole, without: whole - without)
    declared = structured.with_criterion("mine", "Mine.", once)
    assert problem(declared) is None and "importance" not in declared.options
    options = {name: option.published for name, option in declared.options.items()}
    assert declared.check(options, Path()) is None
    refused = declared.check(options | {"units": ["neuron"]}, Path())
    assert refused.startswith("algorithm is mine, which runs the model once without each unit")
    model, tokens = tiny_model(), tiny_tokens(60)
    context = SearchContext(
        model, tokens, options, lambda logits: float(logits.std()), lambda score: 0.5 * score
    )
    found = declared.search(context)
    theirs, _, _ = searched("leave_one_out", ["head", "mlp"])
    np.testing.assert_array_equal(found.path["heads"], theirs.path["heads"])
    # Every control has the size of its source, as those of plugins must.
    good, rng = found.masks["good"], np.random.default_rng(0)
    for kind in ("random", "bad", "random_half"):
        assert declared.sample(kind, good, Path(), rng).counts() == good.counts()
