"""Attention maps: raw probabilities, and weighted by the vectors they move.

The encoder's fused kernel does not return the probabilities, so they are computed again from the
layer's parts, next to an unchanged forward pass.

Shapes: B examples, T tokens, H heads, D dimensions per head, C = hidden width.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from lottery.models.encoder import Encoder, Layer, Sight, turned
from lottery.models.units import HEAD, split


@dataclass(frozen=True)
class LayerMaps:
    """The attention of one layer.

    Attributes:
        raw: float [B, H, T, T], how much token i (row) attends to token j (column); rows are
            distributions over the tokens that are no padding.
        norms: float [B, H, T], the length of the vector that token j hands on through a head.
    """

    raw: Tensor
    norms: Tensor

    @property
    def normed(self) -> Tensor:
        """The norms of the weighted vectors, float [B, H, T, T] (Kobayashi et al. 2020)."""
        return self.raw * self.norms[:, :, None, :]


def attention_maps(
    model: Encoder, input_ids: Tensor, token_types: Tensor, attention_mask: Tensor
) -> Iterator[LayerMaps]:
    """Yields the maps of every layer of an intact model in evaluation mode, first layer first.

    Args:
        input_ids, token_types: int64 [B, T].
        attention_mask: bool [B, T], False for padding; rows of padding mean nothing.
    """
    x = model.embeddings(input_ids, token_types)  # [B, T, C]
    for layer, sight in zip(model.layers, model.sights(attention_mask), strict=True):
        yield LayerMaps(probabilities(layer, x, sight), transformed_norms(layer, x))
        x = layer(x, sight, {})


def probabilities(layer: Layer, x: Tensor, sight: Sight) -> Tensor:
    """The attention probabilities of a whole layer, float [B, H, T, T].

    Args:
        x: its input, float [B, T, C].
        sight: which tokens it attends to; outside a window probabilities are 0.
    """
    seen = layer.attention_input(x)
    query, key = (split_heads(layer, part(seen)) for part in (layer.query, layer.key))
    if sight.turns is not None:
        query, key = (turned(each, sight.turns[1]) for each in (query, key))
    scores = query @ key.transpose(-1, -2) / layer.head_size**0.5  # [B, H, T, T]
    return scores.masked_fill(~sight.allowed, -torch.inf).softmax(dim=-1)


def transformed_norms(layer: Layer, x: Tensor) -> Tensor:
    """The length of f_h(x_j), head by head and token by token: [B, T, C] -> [B, H, T].

    f_h(x) = (x W_V,h + b_V,h) W_O,h of what the attention reads: the value of head h, through the
    part of the output projection that belongs to the head. The projection's weight lies as
    (out, in), so a head owns D *columns*.
    The vectors themselves, C wide, are never built: with P the head's columns (C x D) and G = P'P
    (D x D), the squared length of P v is v'G v.
    """
    value = split_heads(layer, layer.value(layer.attention_input(x)))  # [B, H, T, D]
    parts = head_columns(layer)  # [H, C, D]
    gram = parts.transpose(-1, -2) @ parts  # [H, D, D]
    squared = ((value @ gram) * value).sum(dim=-1)  # [B, H, T]
    return squared.clamp_min(0).sqrt()  # rounding may leave a zero just below zero


def head_columns(layer: Layer) -> Tensor:
    """Each head's columns of the attention output projection: float [H, C, D]."""
    (axis,) = (owned.axis for owned in HEAD.owns if owned.part == "attention_output.weight")
    return split(layer.attention_output.weight, axis, layer.heads)


def split_heads(layer: Layer, x: Tensor) -> Tensor:
    """[B, T, H * D] -> [B, H, T, D]."""
    batch, tokens, _ = x.shape
    return x.view(batch, tokens, layer.heads, layer.head_size).transpose(1, 2)
