"""The magnitude search against torch's own iterated global pruning."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_shrink import random_weights
from tiny import tiny_model, tiny_tokens
from torch.nn.utils import prune

from drawn import bert_base
from lottery.evaluation.predict import predict
from lottery.evaluation.scoring import decide
from lottery.files.errors import StudyError
from lottery.models.checkpoints import save_model
from lottery.pruning.algorithms import magnitude
from lottery.pruning.algorithms.magnitude import (
    MagnitudeRanking,
    body_of,
    kept_counts,
    mask_of_step,
)
from lottery.pruning.algorithms.search import SearchContext
from lottery.pruning.masks import body_shapes
from lottery.tasks import metrics

OPTIONS = {name: option.published for name, option in magnitude.OPTIONS.items()}
STRICT = {name: option.strict for name, option in magnitude.OPTIONS.items()}


def pruned_by_torch(model, step, steps):
    """Masks after each of several calls of global_unstructured over the same tensors."""
    modules = dict(model.named_modules())
    names = {model.architecture.family.checkpoint_name(n): n for n, _ in model.named_parameters()}
    places = [names[name].rsplit(".", 1) for name in body_shapes(model.architecture)]
    parameters = [(modules[module], kind) for module, kind in places]
    for _ in range(steps):
        prune.global_unstructured(parameters, prune.L1Unstructured, amount=step)
        yield [getattr(module, f"{kind}_mask").bool().numpy() for module, kind in parameters]


def test_every_step_equals_torchs_iterated_pruning():
    counts = list(kept_counts(body_size(tiny_model()), 0.05, 12))
    ranking = MagnitudeRanking(body_weights(tiny_model()), counts)
    for count, theirs in zip(counts, pruned_by_torch(tiny_model(), 0.05, 12), strict=True):
        ours = ranking.keep_largest(count)
        assert ours.kept == count
        for mine, other in zip(ours.parameters.values(), theirs, strict=True):
            assert np.array_equal(mine, other)


def body_size(model):
    return sum(weights.numel() for weights in body_of(model).values())


def body_weights(model):
    return {name: weights.detach().numpy() for name, weights in body_of(model).items()}


@given(st.lists(st.integers(0, 5), min_size=1, max_size=9), st.integers(0, 10**6))
def test_equal_magnitudes_are_pruned_by_position(levels, seed):
    model = tiny_model()
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for weights in body_of(model).values():
            drawn = rng.choice(levels, weights.shape) * rng.choice([-1, 1], weights.shape)
            weights.copy_(torch.from_numpy(drawn))
    magnitudes = torch.cat([weights.abs().ravel() for weights in body_of(model).values()])
    ranking = torch.argsort(magnitudes, stable=True)
    counts = sorted({0, 1, len(ranking), *rng.integers(0, len(ranking), 5).tolist()})
    cuts = MagnitudeRanking(body_weights(model), counts)
    for count in counts:
        expected = np.ones(len(ranking), bool)
        expected[ranking[: len(ranking) - count]] = False
        assert np.array_equal(cuts.keep_largest(count).vector, expected)
    path, weights = cuts.path(counts), weights_of(model)
    for step, count in enumerate(counts):
        derived = mask_of_step(weights, model.architecture, path, step)
        assert np.array_equal(derived.vector, cuts.keep_largest(count).vector)


def weights_of(model):
    """The weights as a model's file holds them."""
    return {name: p.detach().numpy() for name, p in model.checkpoint_parameters().items()}


@given(st.integers(0, 10**6), st.floats(0.01, 0.5))
def test_the_path_gives_the_mask_of_every_step(seed, step):
    model = tiny_model(seed)
    size = body_size(model)
    counts = [size, *kept_counts(size, step, 8)]
    ranking = MagnitudeRanking(body_weights(model), counts)
    path = ranking.path(counts)
    kinds = {name: array.dtype for name, array in path.items()}
    assert kinds == {"counts": np.int64, "threshold": np.float32, "ties": np.int64}
    for row, count in enumerate(counts):
        derived = mask_of_step(weights_of(model), model.architecture, path, row)
        expected = ranking.keep_largest(count)
        assert derived.shapes == expected.shapes
        assert np.array_equal(derived.vector, expected.vector)


def test_the_path_of_another_model_is_one_sentence():
    model, other = tiny_model(), tiny_model(3)
    ranking = MagnitudeRanking(body_weights(model), [5000])
    with pytest.raises(StudyError, match="Step 0 of the search kept 5000 weights"):
        mask_of_step(weights_of(other), other.architecture, ranking.path([5000]), 0)


def search(keep_score, options, score=None):
    model, tokens = tiny_model(), tiny_tokens(60)
    truth = decide(predict(model, tokens, 16))

    def accuracy(logits):
        return metrics.score("accuracy", truth, decide(logits))

    context = SearchContext(
        model, tokens, options, score or accuracy, lambda s: None if s is None else keep_score * s
    )
    return magnitude.search(context)


def test_the_search_keeps_the_last_mask_that_passed():
    found = search(0.9, OPTIONS)
    *accepted, failed = found.trajectory
    assert all(step.accepted and step.score >= step.threshold for step in accepted)
    assert not failed.accepted and failed.score < failed.threshold
    assert found.masks["good"].kept_fraction() == accepted[-1].kept_fraction
    assert accepted[-1].kept_fraction == pytest.approx(0.95 ** (len(accepted) - 1), abs=1e-3)
    assert set(found.masks) == {"good"}
    path = found.path
    assert all(len(array) == len(found.trajectory) for array in path.values())
    model = tiny_model()
    derived = mask_of_step(weights_of(model), model.architecture, path, len(accepted) - 1)
    assert np.array_equal(derived.vector, found.masks["good"].vector)
    size = body_size(model)
    assert (path["counts"] / size).tolist() == [step.kept_fraction for step in found.trajectory]


def test_with_all_steps_used_up_one_removal_less_is_kept():
    found = search(0.0, OPTIONS | {"max_steps": 4})
    assert len(found.trajectory) == 4
    assert found.masks["good"].kept_fraction() == pytest.approx(0.95**3, abs=1e-3)


def test_an_undefined_score_prunes_nothing():
    found = search(0.9, OPTIONS, score=lambda logits: None)
    assert found.masks["good"].is_full and len(found.trajectory) == 1


def test_halves_are_the_larger_and_the_smaller_half():
    found = search(0.9, STRICT)
    good, bad = found.masks["good_half"], found.masks["bad_half"]
    assert good.kept == good.size // 2 and bad.kept == good.size - good.kept
    weights = tiny_model().checkpoint_parameters()
    kept = np.concatenate(
        [np.abs(weights[n].detach().numpy()[m]) for n, m in good.parameters.items()]
    )
    pruned = np.concatenate(
        [np.abs(weights[n].detach().numpy()[m]) for n, m in bad.parameters.items()]
    )
    assert kept.min() >= pruned.max()


@given(st.integers(1, 10**8), st.floats(0.01, 0.5))
def test_counts_are_torchs_rounding(size, step):
    left = size
    for count in kept_counts(size, step, 5):
        left -= prune._compute_nparams_toprune(step, left)
        assert count == left


def test_bad_keeps_the_smallest_weights_and_random_the_same_number(tmp_path):
    model = tiny_model()
    save_model(tmp_path / "model.safetensors", model)
    size = body_size(model)
    ranking = MagnitudeRanking(body_weights(model), [2000, size - 2000])
    good = ranking.keep_largest(2000)
    bad = magnitude.sample("bad", good, tmp_path / "model.safetensors", np.random.default_rng(0))
    assert bad.kept == 2000
    mirrored = ranking.keep_largest(size - 2000).complement()
    assert all(np.array_equal(bad.parameters[n], m) for n, m in mirrored.parameters.items())
    draw = magnitude.sample("random", good, tmp_path, np.random.default_rng(0))
    assert draw.kept == 2000
    expected = 2000 / size
    assert abs((draw.vector & good.vector).sum() / 2000 - expected) < 0.03


def test_the_body_of_bert_base_is_the_papers():
    from lottery.models.encoder import Encoder

    with torch.device("meta"):
        model = Encoder(bert_base(), 2)
    parameters = model.checkpoint_parameters()
    names = body_shapes(model.architecture)
    assert sum(parameters[name].numel() for name in names) == 85_008_384
    assert "bert.encoder.layer.0.output.dense.bias" not in names


def test_weights_are_zero_beyond_the_mask_of_each_step():
    model = tiny_model()
    mask = random_weights(model)
    assert mask.complement().complement().kept == mask.kept
    assert mask.complement().kept + mask.kept == mask.size
