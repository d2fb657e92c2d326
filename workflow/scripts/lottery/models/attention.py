"""Softmax attention, written out for CPUs: with a cheap dropout, and a cheap backward pass."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from lottery.models.dropout import drop


def attend(query: Tensor, key: Tensor, value: Tensor, visible: Tensor, dropout: float) -> Tensor:
    """Softmax attention with dropout of its probabilities.

    Args:
        query, key, value: [R, H, T, D].
        visible: bool, broadcast to [R, H, T, T]; no row of it is False throughout.
        dropout: probability.

    Returns:
        [R, H, T, D].
    """
    if query.device.type != "cpu":
        return functional.scaled_dot_product_attention(
            query, key, value, attn_mask=visible, dropout_p=dropout
        )
    # torch's kernels for CPUs have no dropout, and their backward pass takes twice as long as this.
    hidden = torch.where(visible, 0.0, -torch.inf).to(query.dtype)
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2) + hidden
    return drop(scores.softmax(-1), dropout) @ value
