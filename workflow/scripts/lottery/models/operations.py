"""Dropout and softmax attention as torch defines them, in forms that are cheap on a CPU.

On a CPU torch draws one 32-bit number for every entry, which can take as long as half of the matrix
products around it. Here a number of 64 bits serves four entries with 16 bits each. Both use torch's
own generator; the probability is off by less than 1 / 131072.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

LANES = 4
STATES = 2**16  # values of a lane


def drop(x: Tensor, probability: float, training: bool = True) -> Tensor:
    """Sets entries to zero with some probability and scales the others to keep the mean."""
    if not training or probability == 0.0:
        return x
    if x.device.type != "cpu" or round(probability * STATES) >= STATES:
        return functional.dropout(x, probability)
    return _Dropout.apply(x, probability)


def keep_mask(shape: torch.Size, probability: float, dtype: torch.dtype) -> Tensor:
    """Draws which entries stay: ones and zeros, on the CPU."""
    count = shape.numel()
    numbers = torch.empty(-(-count // LANES), dtype=torch.int64).random_(-(2**63), None)
    dropped = round(probability * STATES)
    lanes = numbers.view(torch.int16)[:count].view(shape)
    return torch.ge(lanes, dropped - STATES // 2, out=torch.empty(shape, dtype=dtype))


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, probability: float) -> Tensor:
        keep = keep_mask(x.shape, probability, x.dtype)
        # What is kept is scaled by what the lanes' probability is, so that the mean is exact.
        ctx.scale = STATES / (STATES - round(probability * STATES))
        ctx.save_for_backward(keep)
        return _scaled(x, keep, ctx.scale)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (keep,) = ctx.saved_tensors
        return _scaled(gradient, keep, ctx.scale), None


def _scaled(x: Tensor, keep: Tensor, scale: float) -> Tensor:
    """x * keep * scale, in one pass and rounded once; five times as fast as choosing by a bool."""
    return torch.addcmul(x.new_zeros(()), x, keep, value=scale)


def attend(query: Tensor, key: Tensor, value: Tensor, allowed: Tensor, dropout: float) -> Tensor:
    """Softmax attention with dropout of its probabilities.

    Args:
        query, key, value: [R, H, T, D].
        allowed: bool, broadcast to [R, H, T, T]; no row of it is False throughout.
        dropout: probability.

    Returns:
        [R, H, T, D].
    """
    if query.device.type != "cpu":
        return functional.scaled_dot_product_attention(
            query, key, value, attn_mask=allowed, dropout_p=dropout
        )
    # torch's kernels for CPUs have no dropout, and their backward pass takes twice as long as this.
    hidden = torch.where(allowed, 0.0, -torch.inf).to(query.dtype)
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2) + hidden
    return drop(scores.softmax(-1), dropout) @ value
