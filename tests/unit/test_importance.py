"""Importances against slow, obvious references."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_masks import full_mask, unit_mask
from test_units import owners
from tiny import gates_of, random_mask, tiny_architecture, tiny_model, tiny_tokens
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from lottery.data.batches import collate
from lottery.evaluation.predict import predict
from lottery.models.encoder import ClosedHeads, Encoder, Gates, draw_weights
from lottery.models.units import KINDS, part_shapes
from lottery.pruning import importance
from lottery.pruning.criteria import BATCH, CRITERIA, ORDERED, Criterion
from lottery.pruning.gradients import mean_gradients
from lottery.pruning.importance import Sensitivity, logits_under, measure, normalise, rank_once
from lottery.pruning.masks import UnitMask
from lottery.pruning.shrink import shrink
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
    measured = measure(model, tokens, mask, CRITERIA[mode], 7, order)
    np.testing.assert_allclose(measured.units["head"], heads, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(measured.units["mlp"], mlps, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", ["per_example", "running_sum"])
def test_pruned_heads_get_no_backward_pass(monkeypatch, mode):
    """Half of the heads: the products of their backward pass are left out, and nothing else."""
    mask, tokens = UnitMask.full(tiny_architecture()), tiny_tokens()
    mask.units["head"][:, ::2] = False

    def measured() -> tuple[Sensitivity, int]:
        with FlopCounterMode(display=False) as counter:
            found = measure(tiny_model(), tokens, mask, CRITERIA[mode], 7, "file")
        return found, counter.get_total_flops()

    found, flops = measured()
    monkeypatch.setattr(importance, "_closed_heads", lambda model, mask: None)
    whole, flops_of_whole = measured()
    for kind, expected in whole.units.items():
        np.testing.assert_allclose(found.units[kind], expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.logits, whole.logits, atol=1e-6)
    forward = flops_of_whole / 2  # as many as backward, of frozen weights
    # Queries, keys and values are half of what goes back through a layer, and a bit of attention.
    assert 0.05 < (flops_of_whole - flops) / forward < 0.5


class Devices(TorchDispatchMode):
    """The devices that the operations inside a block touch."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        tensors = [each for each in tree_leaves((args, kwargs, out)) if torch.is_tensor(each)]
        self.seen |= {each.device.type for each in tensors}
        return out


@pytest.mark.parametrize("shrunk", [False, True])
def test_a_batch_on_a_device_reads_nothing_from_the_host(shrunk):
    """Run on torch's device without memory, which also refuses to give a number to Python."""
    meta, model = torch.device("meta"), tiny_model()
    model = (shrink(model, random_mask(3)) if shrunk else model).to(meta)
    sizes = model.architecture
    units = {
        "head": torch.ones(4, sizes.layers, sizes.heads, device=meta, requires_grad=True),
        "neuron": torch.ones(4, sizes.layers, sizes.intermediate, device=meta, requires_grad=True),
    }
    pruned = [np.arange(len(layer.heads)) == 0 for layer in model.plan]
    closed = [ClosedHeads.of(each, meta) for each in pruned]
    ids = torch.ones(4, 8, dtype=torch.int64, device=meta)
    with Devices() as devices:
        output = model(ids, ids, ids.bool(), Gates(units, None, closed))
        torch.autograd.grad(output.sum(), list(units.values()))
    assert devices.seen == {"meta"}


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
    measured = measure(model, tokens, mask, CRITERIA[mode], 6, "file")
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
    whole = measure(model, tokens, mask, CRITERIA[mode], 6, "file")
    kept = measure(model, tokens, mask, CRITERIA[mode], 6, "file", pruned=False)
    np.testing.assert_allclose(kept.logits, whole.logits, rtol=1e-4, atol=1e-5)
    for kind, state in mask.units.items():
        ours, theirs = kept.units[kind], whole.units[kind]
        np.testing.assert_allclose(ours[state], theirs[state], rtol=1e-3, atol=1e-5)
        assert not ours[~state].any()


MEASURED = [name for name, criterion in CRITERIA.items() if not criterion.once]


def test_every_two_criteria_differ():
    model, tokens, full = tiny_model(), tiny_tokens(), full_mask(3, 4)
    rng = np.random.default_rng(0)

    def score(mask):
        return float(logits_under(model, tokens, mask, 8).std())

    heads = [
        rank_once(model, full, criterion, score, rng)["head"]
        if criterion.once
        else measure(model, tokens, full, criterion, 6, "file").units["head"]
        for criterion in CRITERIA.values()
    ]
    shares = [scores / scores.sum() for scores in heads]
    for one, other in combinations(shares, 2):
        assert np.abs(one - other).max() > 1e-3


@pytest.mark.parametrize("mode", MEASURED)
def test_a_criterion_says_whether_the_order_of_the_examples_matters(mode):
    model, tokens, mask = tiny_model(), tiny_tokens(), random_mask(4)
    one, other = (
        measure(model, tokens, mask, CRITERIA[mode], 6, order) for order in ("file", "length")
    )
    alike = all(np.allclose(one.units[k], other.units[k], rtol=1e-4, atol=1e-6) for k in one.units)
    assert alike != (mode in ORDERED)


@pytest.mark.parametrize("mode", ["per_example", "taylor"])
def test_the_logits_of_a_measurement_are_the_masked_models(mode):
    model, tokens, mask = tiny_model(), tiny_tokens(), random_mask(2)
    measured = measure(model, tokens, mask, CRITERIA[mode], 7, "length")
    expected = predict(model, tokens, 5, gates_of(mask, CPU))
    np.testing.assert_allclose(measured.logits, expected, atol=1e-5)
    np.testing.assert_allclose(logits_under(model, tokens, mask, 5), expected, atol=1e-5)
    assert not any(p.requires_grad for p in model.parameters())


# Criteria of the units' own weights. The slow reference walks over single entries.


def every_kind(seed, architecture):
    """A mask of all kinds with a removed layer, a removed MLP and an emptied attention."""
    rng = np.random.default_rng(seed)
    full = UnitMask.full(architecture, KINDS)
    mask = full.with_units(
        {kind: rng.random(kept.shape) < 0.7 for kind, kept in full.units.items()}
    )
    mask.units["layer"][:] = [True, True, seed % 2 == 0]
    mask.units["head"][0] = False
    return mask


def by_entries(model, tensors, score):
    """kind -> score(tuples of an entry of each of some tensors, one by one) of every unit."""
    sizes = model.architecture
    found = {kind: np.zeros(KINDS[kind].shape(sizes)) for kind in KINDS}
    owned = {}
    for layer in range(sizes.layers):
        for part, shape in part_shapes(sizes).items():
            for place in np.ndindex(*shape):
                entry = tuple(float(each[f"layers.{layer}.{part}"][place]) for each in tensors)
                for kind, unit in owners(part, place, sizes):
                    if kind in KINDS:
                        where = (kind, layer) if unit is None else (kind, layer, unit)
                        owned.setdefault(where, []).append(entry)
    for (kind, *place), entries in owned.items():
        found[kind][tuple(place)] = score(np.array(entries))
    return found


def small_model(n_outputs=3):
    """Three layers, 8 wide, whose entries can be walked over."""
    sizes = tiny_architecture(
        num_hidden_layers=3, hidden_size=8, num_attention_heads=2, intermediate_size=12
    )
    model = Encoder(sizes, n_outputs)
    draw_weights(model, 0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name:
                parameter.mul_(10.0).add_(0.1 * torch.randn_like(parameter))
    return model.eval()


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("pruned", [True, False])
def test_taylor_is_the_absolute_sum_of_weight_times_gradient(n_outputs, seed, pruned):
    torch.manual_seed(0)
    model, tokens = small_model(n_outputs), tiny_tokens(n_outputs=n_outputs)
    mask = every_kind(seed, model.architecture)
    # The gradient of the mean over single examples.
    model.requires_grad_(True)
    for row in range(len(tokens)):
        batch = collate(tokens, np.array([row]), CPU)
        loss = loss_of(model(*batch.inputs, gates_of(mask, CPU)), batch.labels)
        (loss.sum() / len(tokens)).backward()
    weights = {name: p.detach().double().numpy() for name, p in model.named_parameters()}
    gradients = {name: p.grad.double().numpy() for name, p in model.named_parameters()}
    expected = by_entries(
        model, (weights, gradients), lambda entries: abs((entries[:, 0] * entries[:, 1]).sum())
    )
    model.zero_grad(set_to_none=True)
    found = measure(model, tokens, mask, CRITERIA["taylor"], 7, "file", pruned=pruned)
    assert not any(p.requires_grad or p.grad is not None for p in model.parameters())
    for kind, values in expected.items():
        np.testing.assert_allclose(found.units[kind], values, rtol=1e-3, atol=1e-6)
    assert found.units["layer"].max() > 1e-3


def test_the_taylor_sum_over_a_neurons_output_weights_is_the_gradient_of_its_gate():
    """An identity: the output is linear in these weights times the gate."""
    torch.manual_seed(0)
    model, tokens = small_model(), tiny_tokens()
    full = UnitMask.full(model.architecture, ["neuron"])
    gradients, _ = mean_gradients(model, tokens, 7)
    weights = [layer.output.weight.detach() for layer in model.layers]
    sums = [(w * g["output.weight"]).sum(0) for w, g in zip(weights, gradients, strict=True)]
    mean_gate = Criterion("", BATCH, lambda gradients: gradients)
    gate = measure(model, tokens, full, mean_gate, len(tokens), "file").units["neuron"]
    np.testing.assert_allclose(torch.stack(sums).numpy(), gate, rtol=1e-3, atol=1e-6)


def test_magnitude_is_the_root_mean_square_of_a_units_weights():
    torch.manual_seed(0)
    model = small_model()
    weights = {name: p.detach().double().numpy() for name, p in model.named_parameters()}
    expected = by_entries(model, (weights,), lambda entries: np.sqrt((entries**2).mean()))
    full = UnitMask.full(model.architecture, KINDS)
    found = rank_once(model, full, CRITERIA["magnitude"], None, None)
    for kind, values in expected.items():
        np.testing.assert_allclose(found[kind], values, rtol=1e-6)


def test_leave_one_out_is_the_score_lost_without_each_unit():
    model, tokens = tiny_model(), tiny_tokens(60)
    full, asked = UnitMask.full(model.architecture, ["layer"]), []

    def score(mask):
        asked.append(mask)
        return None if len(asked) == 3 else float(asked_score(mask))

    def asked_score(mask):
        return logits_under(model, tokens, mask, 8).std()

    found = rank_once(model, full, CRITERIA["leave_one_out"], score, None)
    # One pass for the model, and one for each of twelve heads, three MLPs and three layers.
    assert len(asked) == 1 + 12 + 3 + 3 and asked[0].is_full
    whole = asked_score(full)
    for kind, kept in full.units.items():
        for place in np.ndindex(kept.shape):
            gates = gates_of(full, CPU)
            gates.units[kind][0][place] = 0
            lost = whole - predict(model, tokens, 8, gates).std()
            if (kind, place) == ("head", (0, 1)):
                lost = whole  # the third score is undefined: chance
            assert found[kind][place] == pytest.approx(lost, abs=1e-5)


def test_random_scores_are_a_seeded_draw():
    full = UnitMask.full(tiny_architecture(), KINDS)
    one, same, other = (
        rank_once(None, full, CRITERIA["random"], None, np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    for kind, kept in full.units.items():
        assert one[kind].shape == kept.shape
        assert len(np.unique(one[kind])) == kept.size
        assert np.array_equal(one[kind], same[kind])
        assert not np.array_equal(one[kind], other[kind])


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
