"""Dropout drops the share that it should, each entry by itself, and keeps the mean."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from lottery.models.operations import attend, drop, keep_mask


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_the_share_dropped_is_the_probability(probability):
    torch.manual_seed(0)
    count = 1_000_003  # no multiple of what one number serves
    kept = keep_mask(torch.Size([count]), probability, torch.bfloat16).double()
    sd = (probability * (1 - probability) / count) ** 0.5
    assert abs(float(kept.mean()) - (1 - probability)) < 5 * sd
    # Neighbours, which share a number, and those beyond it are independent.
    for distance in (1, 2, 3, 4, 5):
        together = float((kept[:-distance] * kept[distance:]).mean())
        assert abs(together - (1 - probability) ** 2) < 5 * sd


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_stays_is_scaled_and_the_gradient_takes_the_same_way(dtype):
    torch.manual_seed(1)
    x = torch.randn(50, 41, dtype=dtype, requires_grad=True)
    out = drop(x, 0.25)
    kept = out != 0
    assert out.dtype == dtype and 0.6 < kept.float().mean() < 0.9
    torch.testing.assert_close(out[kept], (x / 0.75)[kept].to(dtype), rtol=1e-2, atol=1e-6)
    (gradient,) = torch.autograd.grad(out.float().sum(), x)
    torch.testing.assert_close(gradient.float(), kept / 0.75, rtol=1e-2, atol=0)


def test_the_state_of_torchs_generator_decides():
    torch.manual_seed(2)
    state = torch.get_rng_state()
    first, second = drop(torch.ones(999), 0.1), drop(torch.ones(999), 0.1)
    torch.set_rng_state(state)
    assert torch.equal(drop(torch.ones(999), 0.1), first)
    assert not torch.equal(first, second)


def test_nothing_is_dropped_outside_training():
    x = torch.ones(9)
    assert drop(x, 0.5, training=False) is x
    assert drop(x, 0.0) is x
    assert torch.equal(drop(x, 1.0), torch.zeros(9))


def test_attention_with_hardly_any_dropout_is_torchs():
    generator = torch.Generator().manual_seed(0)
    query, key, value = torch.randn(3, 2, 4, 6, 8, generator=generator)
    visible = torch.eye(6, dtype=torch.bool) | torch.randn(2, 1, 6, 6, generator=generator).gt(0)
    expected = functional.scaled_dot_product_attention(query, key, value, attn_mask=visible)
    torch.testing.assert_close(attend(query, key, value, visible, 0.0), expected)
    torch.testing.assert_close(attend(query, key, value, visible, 1e-9), expected)
    assert not torch.allclose(attend(query, key, value, visible, 0.5), expected, atol=0.01)
