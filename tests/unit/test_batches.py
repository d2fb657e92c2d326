"""Batches: parts of like lengths, and examples that share rows, computed as if each were alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import gates_of, random_mask, tiny_architecture, tiny_model, tiny_tokens

from drawn import bert_base, drawn_tokens
from lottery.data import batches
from lottery.data.batches import (
    CPU_TOKENS,
    GPU_LENGTH,
    GPU_SIZES,
    Sizes,
    collate,
    large_batches,
    ordered_rows,
    pack,
    parts,
    place,
    shuffled_rows,
)
from lottery.evaluation.predict import predict
from lottery.models.encoder import Encoder, draw_weights
from lottery.pruning.criteria import CRITERIA
from lottery.pruning.importance import measure
from lottery.pruning.shrink import shrink
from lottery.training.loop import Recipe, loss_of, scheduled_rate, train

CPU = torch.device("cpu")


@given(st.lists(st.integers(1, 512), min_size=1, max_size=80), st.integers(0, 99))
def test_parts_hold_a_batch_once_and_fit_the_caches(lengths, seed):
    tokens = drawn_tokens(np.array(lengths), bert_base(1))
    rows = np.random.default_rng(seed).permutation(len(lengths))
    found = list(parts(tokens, rows, CPU))
    assert sorted(np.concatenate(found)) == list(range(len(lengths)))
    longest = [tokens.lengths[part].max() for part in found]
    assert longest == sorted(longest)
    for part, length in zip(found, longest, strict=True):
        assert len(part) == 1 or len(part) * length <= CPU_TOKENS


def test_a_batch_stays_whole_where_it_is_not_split():
    tokens = tiny_tokens(20)
    rows = np.array([5, 3, 19])
    (whole,) = parts(tokens, rows, torch.device("cuda"))
    assert whole is rows


@given(
    st.lists(st.integers(1, 512), min_size=1, max_size=300),
    st.integers(1, 8),
    st.sampled_from(["file", "length"]),
)
def test_a_gpu_computes_as_many_tokens_as_are_allowed(lengths, batch_size, order):
    tokens, allowed = drawn_tokens(np.array(lengths), bert_base(1)), batch_size * GPU_LENGTH
    found = list(large_batches(tokens, batch_size, order, torch.device("cuda")))
    assert sorted(np.concatenate(found)) == list(range(len(lengths)))
    sizes = [len(rows) * tokens.lengths[rows].max() for rows in found]
    assert all(size <= allowed or len(rows) == 1 for size, rows in zip(sizes, found, strict=True))
    for rows, following in pairwise(found):  # one more example would not have fitted
        assert (len(rows) + 1) * tokens.lengths[following[0]] > allowed
    on_cpu = list(large_batches(tokens, batch_size, order, CPU))
    assert [list(r) for r in on_cpu] == [list(r) for r in ordered_rows(tokens, batch_size, order)]


@pytest.mark.parametrize("limit", [1, 40])
def test_what_is_computed_together_changes_nothing(monkeypatch, limit):
    model, tokens, mask = tiny_model(), tiny_tokens(), random_mask(3)
    logits = predict(model, tokens, 9)
    measured = measure(model, tokens, mask, CRITERIA["per_example"], 9, "file")
    monkeypatch.setattr(batches, "CPU_TOKENS", limit)
    again = measure(model, tokens, mask, CRITERIA["per_example"], 9, "file")
    np.testing.assert_allclose(predict(model, tokens, 9), logits, atol=1e-5)
    np.testing.assert_allclose(again.units["head"], measured.units["head"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(again.units["mlp"], measured.units["mlp"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(again.logits, measured.logits, atol=1e-5)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=60), st.integers(30, 90))
def test_every_example_has_places_of_its_own(lengths, width):
    rows, columns = place(np.array(lengths), width)
    taken = np.zeros((rows.max() + 1, width), int)
    for row, column, length in zip(rows, columns, lengths, strict=True):
        assert column + length <= width
        taken[row, column : column + length] += 1
    assert taken.max() == 1
    assert (taken.sum(axis=1) > 0).all()
    # No two rows of first fit are half empty.
    assert (taken.sum(axis=1) * 2 <= width).sum() <= 1


def variants():
    model, mask = tiny_model(), random_mask(4)
    yield "whole", model, None
    yield "gated", model, gates_of(mask, CPU)
    for kept in ("keep_bias", "drop_bias"):
        yield kept, shrink(model, replace(mask, emptied_attention=kept)).eval(), None


@pytest.mark.parametrize(
    ("model", "gates"), [v[1:] for v in variants()], ids=[v[0] for v in variants()]
)
@pytest.mark.parametrize(
    "sizes", [Sizes(1), Sizes(20), Sizes(100), GPU_SIZES, Sizes(20, 8, 3, 5)], ids=str
)
def test_logits_and_gradients_are_those_of_padded_examples(model, gates, sizes):
    tokens = tiny_tokens(40)
    rows = np.random.default_rng(0).permutation(40)[:17]
    results = []
    for batch in (collate(tokens, rows, CPU), pack(tokens, rows, CPU, sizes)):
        model.requires_grad_(True)
        model.zero_grad()
        logits = model(*batch.inputs, gates, batch.packing)
        loss_of(logits, batch.labels).sum().backward()
        results.append((logits.detach(), [p.grad for p in model.parameters()]))
    (expected, expected_gradients), (logits, gradients) = results
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)
    for mine, reference in zip(gradients, expected_gradients, strict=True):
        assert (mine is None) == (reference is None)
        if mine is not None:
            torch.testing.assert_close(mine, reference, atol=2e-4, rtol=1e-4)


def test_rows_hold_hardly_any_padding():
    tokens = tiny_tokens(64)
    batch = pack(tokens, np.arange(64), CPU)
    assert tokens.lengths.sum() / batch.input_ids.numel() > 0.9
    assert len(batch.rows) == 64 and len(batch.input_ids) < 32


def test_labels_keep_the_order_of_the_rows():
    tokens = tiny_tokens(30, n_outputs=1)
    rows = np.array([7, 3, 29, 0])
    batch = pack(tokens, rows, CPU)
    assert batch.labels.dtype == torch.float32
    np.testing.assert_array_equal(batch.labels, tokens.labels[rows])


def without_dropout() -> Encoder:
    off = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    model = Encoder(tiny_architecture(**off), 3)
    draw_weights(model, 0)
    return model


def test_training_equals_a_plain_loop_without_dropout():
    """Padded batches, torch's own AdamW and the whole table of words give the same weights."""
    ours, plain, tokens = without_dropout(), without_dropout(), tiny_tokens(50)
    recipe = Recipe(learning_rate=1e-3, batch_size=8, epochs=2, log_every=1)
    history = train(ours, tokens, recipe, seed=3)
    optimizer = torch.optim.AdamW(plain.parameters(), recipe.learning_rate, weight_decay=0.0)
    order, losses, total = torch.Generator().manual_seed(3), [], 14
    for _ in range(recipe.epochs):
        for rows in shuffled_rows(50, recipe.batch_size, order):
            batch = collate(tokens, rows, CPU)
            for group in optimizer.param_groups:
                group["lr"] = scheduled_rate(recipe, len(losses), total)
            loss = loss_of(plain(*batch.inputs), batch.labels).mean()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(plain.parameters(), recipe.max_grad_norm)
            optimizer.step()
            losses.append(loss.item())
    assert [row["loss"] for row in history] == pytest.approx(losses, abs=1e-5)
    for mine, reference in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine, reference, atol=1e-4, rtol=1e-3)
