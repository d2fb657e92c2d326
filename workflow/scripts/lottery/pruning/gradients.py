"""Gradients of the mean loss over a split with respect to the encoder layers' parameters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lottery.data.batches import large_batches, pack
from lottery.data.tokens import Tokens
from lottery.evaluation.predict import in_order
from lottery.models.encoder import Encoder, Gates
from lottery.models.units import part_shapes
from lottery.training.loop import loss_of

# Of each layer: a key of `part_shapes` -> tensor.
Parts = Sequence[dict[str, Tensor]]


def parts_of(model: Encoder) -> list[dict[str, Tensor]]:
    """The parameters of a whole model's layers that pruning may remove, detached."""
    names = part_shapes(model.architecture)
    return [{part: layer.get_parameter(part).detach() for part in names} for layer in model.layers]


def mean_gradients(
    model: Encoder,
    tokens: Tokens,
    batch_size: int,
    order: str = "length",
    gates: Gates | None = None,
) -> tuple[list[dict[str, Tensor]], np.ndarray]:
    """Computes the gradients of the mean loss over all examples, without dropout.

    Args:
        model: whole; left frozen and in evaluation mode.
        order: "file" or "length"; it changes no more than the rounding.
        gates: the same for all examples.

    Returns:
        The gradients by layer and part, and the logits, float32 [examples, n_outputs].
    """
    model.eval().requires_grad_(False)
    device = model.classifier.weight.device
    names = part_shapes(model.architecture)
    leaves = [{part: layer.get_parameter(part) for part in names} for layer in model.layers]
    every = [parameter for parts in leaves for parameter in parts.values()]
    for parameter in every:
        parameter.requires_grad_(True)
    totals = [torch.zeros_like(parameter) for parameter in every]
    logits = []
    for rows in large_batches(tokens, batch_size, order, device):
        batch = pack(tokens, rows, device)
        output = model(*batch.inputs, gates, batch.packing)
        loss = loss_of(output, batch.labels).sum() / len(tokens)
        for total, gradient in zip(totals, torch.autograd.grad(loss, every), strict=True):
            total.add_(gradient)
        logits.append((batch.rows, output.detach()))
    model.requires_grad_(False)
    found = iter(totals)
    return [{part: next(found) for part in names} for _ in leaves], in_order(logits)
