"""Importances against slow, obvious references."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_masks import full_mask, unit_mask
from tiny import random_mask, tiny_model, tiny_tokens

from lottery.data.batches import collate
from lottery.models.encoder import Gates
from lottery.pruning.criteria import CRITERIA, ORDERED
from lottery.pruning.importance import measure, normalise
from lottery.training.loop import loss_of

CPU = torch.device("cpu")


def gradients(model, tokens, rows, mask, reduction):
    """Gradients of a batch's loss with respect to the gates, all parameters trainable."""
    gates = Gates(
        {
            kind: torch.tensor(kept[None], dtype=torch.float32, requires_grad=True)
            for kind, kept in mask.units.items()
        }
    )
    batch = collate(tokens, rows, CPU)
    losses = loss_of(model(*batch.inputs, gates), batch.labels)
    getattr(losses, reduction)().backward()
    return [gate.grad[0].double().numpy() for gate in gates.units.values()]


@pytest.mark.parametrize(("mode", "size"), [("per_example", np.abs), ("fisher", np.square)])
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("order", ["file", "length"])
def test_criteria_of_examples_equal_a_loop_over_single_examples(mode, size, n_outputs, order):
    model, tokens = tiny_model(n_outputs=n_outputs), tiny_tokens(n_outputs=n_outputs)
    mask = random_mask(4)
    heads, mlps = np.zeros((3, 4)), np.zeros(3)
    for row in range(len(tokens)):
        head, mlp = gradients(model, tokens, np.array([row]), mask, "mean")
        heads, mlps = heads + size(head), mlps + size(mlp)
    measured = measure(model, tokens, mask, mode, 7, order)
    np.testing.assert_allclose(measured.units["head"], heads, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(measured.units["mlp"], mlps, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", ["running_sum", "per_batch"])
def test_batch_modes_equal_a_literal_re_enactment(mode):
    """The published sums: grad += d loss / d mask without reset; imp += |grad|."""
    model, tokens, mask = tiny_model(), tiny_tokens(), random_mask(4)
    grad_h, grad_m, imp_h, imp_m = np.zeros((3, 4)), np.zeros(3), np.zeros((3, 4)), np.zeros(3)
    for start in range(0, len(tokens), 6):
        rows = np.arange(start, min(start + 6, len(tokens)))
        head, mlp = gradients(model, tokens, rows, mask, "mean")
        if mode == "per_batch":
            grad_h, grad_m = np.zeros((3, 4)), np.zeros(3)
        grad_h, grad_m = grad_h + head, grad_m + mlp
        imp_h, imp_m = imp_h + np.abs(grad_h), imp_m + np.abs(grad_m)
    measured = measure(model, tokens, mask, mode, 6, "file")
    np.testing.assert_allclose(measured.units["head"], imp_h, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(measured.units["mlp"], imp_m, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("mode", ["per_example", "running_sum"])
@given(seed=st.integers(0, 30), empty=st.sampled_from(["", "heads", "mlps", "all"]))
@settings(max_examples=12, deadline=None)
def test_without_the_pruned_units_the_kept_ones_measure_the_same(mode, seed, empty):
    model, tokens, mask = tiny_model(), tiny_tokens(), random_mask(seed)
    mask = unit_mask(
        mask.units["head"] & (empty not in ("heads", "all")),
        mask.units["mlp"] & (empty not in ("mlps", "all")),
    )
    whole = measure(model, tokens, mask, mode, 6, "file")
    kept = measure(model, tokens, mask, mode, 6, "file", pruned=False)
    np.testing.assert_allclose(kept.logits, whole.logits, rtol=1e-4, atol=1e-5)
    for kind, state in mask.units.items():
        ours, theirs = kept.units[kind], whole.units[kind]
        np.testing.assert_allclose(ours[state], theirs[state], rtol=1e-3, atol=1e-5)
        assert not ours[~state].any()


def test_every_two_criteria_differ():
    model, tokens, full = tiny_model(), tiny_tokens(), full_mask(3, 4)
    heads = [measure(model, tokens, full, mode, 6, "file").units["head"] for mode in CRITERIA]
    shares = [scores / scores.sum() for scores in heads]
    for one, other in combinations(shares, 2):
        assert np.abs(one - other).max() > 1e-3


@pytest.mark.parametrize("mode", CRITERIA)
def test_a_criterion_says_whether_the_order_of_the_examples_matters(mode):
    model, tokens, mask = tiny_model(), tiny_tokens(), random_mask(4)
    one, other = (measure(model, tokens, mask, mode, 6, order) for order in ("file", "length"))
    alike = all(np.allclose(one.units[k], other.units[k], rtol=1e-4, atol=1e-6) for k in one.units)
    assert alike != (mode in ORDERED)


def test_the_logits_of_a_measurement_are_the_masked_models():
    from tiny import gates_of

    from lottery.evaluation.predict import predict

    model, tokens, mask = tiny_model(), tiny_tokens(), random_mask(2)
    measured = measure(model, tokens, mask, "per_example", 7, "length")
    expected = predict(model, tokens, 5, gates_of(mask, CPU))
    np.testing.assert_allclose(measured.logits, expected, atol=1e-5)
    assert not any(p.requires_grad for p in model.parameters())


def test_published_normalisation():
    rng = np.random.default_rng(0)
    heads, mlps, mask = rng.random((3, 4)), rng.random(3), random_mask(1)
    scaled = np.stack([row / (np.sqrt((row**2).sum()) + 1e-20) for row in heads])
    expected = (scaled - scaled.min()) / (scaled.max() - scaled.min())
    got = normalise({"head": heads, "mlp": mlps}, mask, "all", "l2")
    np.testing.assert_allclose(got["head"], expected)
    np.testing.assert_allclose(got["mlp"], (mlps - mlps.min()) / (mlps.max() - mlps.min()))


@given(st.integers(0, 200), st.sampled_from(["l2", "none"]))
def test_strict_normalisation_does_not_look_at_pruned_units(seed, layer_norm):
    rng = np.random.default_rng(seed)
    scores, mask = {"head": rng.random((3, 4)), "mlp": rng.random(3)}, random_mask(seed)
    others = {kind: np.where(kept, scores[kind], 9.0) for kind, kept in mask.units.items()}
    first = normalise(scores, mask, "kept", layer_norm)
    second = normalise(others, mask, "kept", layer_norm)
    for kind, kept in mask.units.items():
        one, other = first[kind], second[kind]
        np.testing.assert_array_equal(one, other)
        assert np.isnan(one[~kept]).all()
        assert kept.sum() == 0 or (one[kept].min() == 0 and one[kept].max() <= 1)


def test_layers_of_zeros_stay_zeros():
    heads = np.zeros((2, 3))
    got = normalise({"head": heads, "mlp": np.ones(2)}, full_mask(2, 3), "all", "l2")
    assert not got["head"].any() and not got["mlp"].any()
