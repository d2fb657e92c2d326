"""Training learns, repeats itself bit for bit, and leaves pruned weights at zero."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_shrink import random_weights
from tiny import random_mask, tiny_model, tiny_tokens

from lottery.data.batches import length_grouped_rows
from lottery.files.errors import StudyError
from lottery.pruning.shrink import check_under, shrink, zero_weights
from lottery.training.loop import Recipe, scheduled_rate, train

LIBRARY = Path(__file__).resolve().parents[2] / "workflow" / "scripts"
RECIPE = Recipe(learning_rate=3e-3, batch_size=8, epochs=3, log_every=1)


def weights(model):
    return {name: p.detach().clone() for name, p in model.named_parameters()}


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_the_loss_falls(n_outputs):
    model, tokens = tiny_model(n_outputs=n_outputs, scale=1.0), tiny_tokens(64, n_outputs=n_outputs)
    history = train(model, tokens, replace(RECIPE, epochs=12), seed=1)
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]
    assert [row["step"] for row in history] == list(range(1, 97))


def test_same_seed_same_weights_and_another_seed_others():
    trained = []
    for seed in (1, 1, 2):
        model = tiny_model()
        torch.rand(seed)  # the global state before must not matter
        train(model, tiny_tokens(), RECIPE, seed)
        trained.append(weights(model))
    assert all(torch.equal(trained[0][name], trained[1][name]) for name in trained[0])
    assert any(not torch.equal(trained[0][name], trained[2][name]) for name in trained[0])


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_masked_weights_are_exactly_zero_after_training(decay):
    model = tiny_model()
    mask = random_weights(model)
    kept = zero_weights(model, mask)
    before = weights(model)
    train(model, tiny_tokens(), replace(RECIPE, weight_decay=decay), 1, kept)
    check_under(model, mask)
    after = weights(model)
    assert all(not torch.equal(before[name], after[name]) for name in before if "query" in name)


def test_masked_training_equals_reparametrised_training():
    """As the authors did it: weight = parameter * mask in each forward pass, Adam on parameter."""
    from torch.nn.utils import prune

    ours, theirs = tiny_model(), tiny_model()
    mask = random_weights(ours)
    kept = zero_weights(ours, mask)
    modules = dict(theirs.named_modules())
    names = {theirs.architecture.family.checkpoint_name(n): n for n, _ in theirs.named_parameters()}
    pruned = []
    for name, array in mask.parameters.items():
        module, kind = names[name].rsplit(".", 1)
        prune.custom_from_mask(modules[module], kind, torch.from_numpy(array))
        pruned.append((modules[module], kind, name))
    # The encoder reads some weights without calling the module they are in.
    hooks = [(each, hook) for each, _, _ in pruned for hook in each._forward_pre_hooks.values()]
    theirs.register_forward_pre_hook(lambda *_: [hook(each, None) for each, hook in hooks] and None)
    train(ours, tiny_tokens(), RECIPE, 1, kept)
    train(theirs, tiny_tokens(), RECIPE, 1)
    mine = ours.checkpoint_parameters()
    for module, kind, name in pruned:
        masked = getattr(module, f"{kind}_orig") * getattr(module, f"{kind}_mask")
        torch.testing.assert_close(mine[name], masked, atol=2e-5, rtol=1e-4)


def test_words_that_do_not_occur_never_move():
    model, tokens = tiny_model(), tiny_tokens(12)
    before = model.embeddings.word.weight.detach().clone()
    train(model, tokens, RECIPE, 1)
    after = model.embeddings.word.weight.detach()
    used = np.unique(tokens.input_ids)
    unused = np.setdiff1d(np.arange(len(before)), used)
    assert len(unused) > 5
    assert torch.equal(before[unused], after[unused])
    assert bool((before[used] != after[used]).any(dim=1).all())


def test_the_compact_vocabulary_changes_no_result(monkeypatch):
    import contextlib

    from lottery.training import loop

    compact, whole = tiny_model(), tiny_model()
    train(compact, tiny_tokens(), RECIPE, 1)
    monkeypatch.setattr(
        loop, "_trained_words", lambda model, tokens, recipe: contextlib.nullcontext(tokens)
    )
    train(whole, tiny_tokens(), RECIPE, 1)
    for name, parameter in weights(whole).items():
        torch.testing.assert_close(weights(compact)[name], parameter, atol=1e-6, rtol=0)


@pytest.mark.parametrize("emptied", ["drop_bias", "keep_bias"])
def test_a_shrunk_model_trains(emptied):
    mask = random_mask(3)
    assert not mask.units["head"].any(axis=1).all()
    model = shrink(tiny_model(), replace(mask, emptied_attention=emptied))
    history = train(model, tiny_tokens(), replace(RECIPE, epochs=8), seed=1)
    assert history[-1]["loss"] < history[0]["loss"]


def test_a_loss_that_is_not_finite_is_one_sentence():
    model, tokens = tiny_model(n_outputs=1), tiny_tokens(n_outputs=1)
    with pytest.raises(StudyError, match="look at the model and the labels"):
        train(model, replace(tokens, labels=tokens.labels * np.float32(1e30)), RECIPE, 1)


def test_length_groups_hold_examples_of_like_lengths():
    lengths = np.random.default_rng(0).integers(3, 100, 1000)
    epochs = [
        list(length_grouped_rows(lengths, 8, torch.Generator().manual_seed(seed)))
        for seed in (1, 1, 2)
    ]
    for batches in epochs:
        assert sorted(np.concatenate(batches)) == list(range(1000))
        assert [len(rows) for rows in batches] == [8] * 125
    spread = np.mean([np.ptp(lengths[rows]) for rows in epochs[0]])
    assert spread < 0.2 * np.mean([np.ptp(lengths[start : start + 8]) for start in range(992)])
    # The batches come in no order of their lengths.
    means = [lengths[rows].mean() for rows in epochs[0]]
    assert abs(np.corrcoef(means, np.arange(125))[0, 1]) < 0.3
    assert all(np.array_equal(a, b) for a, b in zip(epochs[0], epochs[1], strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(epochs[0], epochs[2], strict=True))


def test_batching_is_an_option_of_the_training():
    trained = []
    for batching in ("seeded", "length_groups"):
        model = tiny_model()
        recipe = Recipe.from_options({"batching": batching, "batch_size": 8, "epochs": 1})
        train(model, tiny_tokens(40), recipe, 1)
        trained.append(weights(model))
    assert any(not torch.equal(trained[0][name], trained[1][name]) for name in trained[0])


def test_the_schedule_is_linear():
    recipe = replace(RECIPE, learning_rate=1.0, warmup_steps=0.2)
    rates = [scheduled_rate(recipe, step, 10) for step in range(10)]
    expected = [0, 0.5, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8]
    np.testing.assert_allclose(rates, expected)
    no_warmup = [scheduled_rate(RECIPE, step, 4) / RECIPE.learning_rate for step in range(4)]
    np.testing.assert_allclose(no_warmup, [1, 0.75, 0.5, 0.25])


def test_bf16_trains():
    model = tiny_model(scale=1.0)
    history = train(model, tiny_tokens(), replace(RECIPE, precision="bf16", epochs=10), seed=1)
    assert history[-1]["loss"] < history[0]["loss"]
    assert all(p.dtype == torch.float32 for p in model.parameters())


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_the_optimizer_is_torchs_bit_for_bit(decay):
    from lottery.training.optimizer import AdamW

    ours, theirs = tiny_model(), tiny_model()
    optimizer = AdamW(list(ours.parameters()), 0.8, 0.99, 1e-7, decay)
    matrices = [p for p in theirs.parameters() if p.ndim > 1]
    others = [p for p in theirs.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    reference = torch.optim.AdamW(groups, lr=1e-3, betas=(0.8, 0.99), eps=1e-7, fused=True)
    generator = torch.Generator().manual_seed(0)
    for step in range(5):
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            mine.grad = torch.randn(mine.shape, generator=generator)
            other.grad = mine.grad.clone()
        optimizer.step(1e-3 * (step + 1))
        for group in reference.param_groups:
            group["lr"] = 1e-3 * (step + 1)
        reference.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(mine, other)
    assert all(p.grad is None for p in ours.parameters())


def test_training_loads_no_compiler():
    """It would cost every short training more than a second."""
    code = (
        f"import sys; sys.path[:0] = [{str(LIBRARY)!r}]\n"
        "import torch\nfrom lottery.training.optimizer import AdamW\n"
        "p = torch.nn.Parameter(torch.ones(2, 2)); p.grad = torch.ones(2, 2)\n"
        "AdamW([p], 0.9, 0.999, 1e-8, 0.0).step(1e-3)\n"
        "print('torch._dynamo' in sys.modules, 'sympy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
