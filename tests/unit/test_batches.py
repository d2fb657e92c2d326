"""Parts of a batch hold all its examples once, of like lengths, and few tokens."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import random_mask, tiny_model, tiny_tokens

from drawn import bert_base, drawn_tokens
from lottery.data import batches
from lottery.data.batches import CPU_TOKENS, parts
from lottery.evaluation.predict import predict
from lottery.pruning.importance import measure

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


@pytest.mark.parametrize("limit", [1, 40])
def test_what_is_computed_together_changes_nothing(monkeypatch, limit):
    model, tokens, mask = tiny_model(), tiny_tokens(), random_mask(3)
    logits = predict(model, tokens, 9)
    measured = measure(model, tokens, mask, "per_example", 9, "file")
    monkeypatch.setattr(batches, "CPU_TOKENS", limit)
    again = measure(model, tokens, mask, "per_example", 9, "file")
    np.testing.assert_allclose(predict(model, tokens, 9), logits, atol=1e-5)
    np.testing.assert_allclose(again.units["head"], measured.units["head"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(again.units["mlp"], measured.units["mlp"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(again.logits, measured.logits, atol=1e-5)
