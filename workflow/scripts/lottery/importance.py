"""How much each head and each MLP matters: the loss's sensitivity to its gate.

The stated quantity is I = E_x |dL(x)/d gate| (Michel et al. 2019). What is summed differs:

- `per_example`: the expectation as stated, one gradient per example.
- `per_batch`: |gradient of the batch's mean loss|, so opposite examples of a batch cancel.
- `running_sum`: what the authors' code computes. Gradients are never reset between batches, so each
  batch adds |sum of the gradients of all batches so far|.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lottery.data.batches import Batch, collate, ordered_rows, parts
from lottery.data.packing import pack
from lottery.data.tokens import Tokens
from lottery.encoder import Encoder, Gates
from lottery.masks import StructuredMask
from lottery.shrink import plan_of, shrink
from lottery.training import loss_of

# Added to a layer's norm by the authors, so that a layer of zeros stays zeros.
NORM_EPSILON = 1e-20


@dataclass(frozen=True)
class Sensitivity:
    """What one pass over a split measures.

    Attributes:
        heads: float64 [layers, heads], summed absolute gradients.
        mlps: float64 [layers].
        logits: float32 [examples, n_outputs].
    """

    heads: np.ndarray
    mlps: np.ndarray
    logits: np.ndarray


def measure(
    model: Encoder,
    tokens: Tokens,
    mask: StructuredMask,
    mode: str,
    batch_size: int,
    order: str,
    *,
    pruned: bool = True,
) -> Sensitivity:
    """Measures importances and outputs of a masked model in one pass, forward and backward.

    Only the gates need gradients: the parameters are frozen here, which halves the backward pass.
    One gate per example gives each example's own gradient in that same pass.

    Args:
        model: the whole model, on the device to run on; frozen and put into evaluation mode.
        tokens: the split.
        mask: pruned units have their gates at zero; they still get gradients.
        mode: "per_example", "per_batch" or "running_sum".
        batch_size: examples per batch.
        order: "file" or "length". Unless the mode is "per_example" the result depends on both.
        pruned: whether pruned units are measured too; without them they are left out of the
            computation, and their sums are 0.
    """
    if not pruned:
        model = shrink(model, plan_of(mask, "keep_bias"))  # as gates do
    model.eval().requires_grad_(False)
    device = model.classifier.weight.device
    state = torch.from_numpy(np.column_stack([mask.heads, mask.mlps])).float().to(device)
    logits = np.empty((len(tokens), model.n_outputs), np.float32)
    total = torch.zeros(state.shape, dtype=torch.float64, device=device)
    running = torch.zeros_like(total)
    for rows in ordered_rows(tokens, batch_size, order):
        for batch, copies in _parts(tokens, rows, mode, device):
            gate = state.repeat(copies, 1, 1).requires_grad_()  # [copies, layers, heads + 1]
            gates = Gates(gate[:, :, :-1], gate[:, :, -1], mask.mlps)
            output = model(*batch.inputs, gates, batch.packing)
            gradient = _gradient(loss_of(output, batch.labels).sum(), gate).double()
            if mode == "per_example":
                total += gradient.abs().sum(dim=0)
            else:
                running += gradient.sum(dim=0) / len(rows)  # the batch's mean loss
            logits[batch.rows] = output.detach().float().cpu().numpy()
        if mode != "per_example":
            total += running.abs()
        if mode == "per_batch":
            running.zero_()
    sums = total.cpu().numpy()
    return Sensitivity(heads=sums[:, :-1], mlps=sums[:, -1], logits=logits)


def _parts(
    tokens: Tokens, rows: np.ndarray, mode: str, device: torch.device
) -> Iterator[tuple[Batch, int]]:
    """Yields the parts of a batch, and how many copies of the gates each needs."""
    if mode != "per_example":
        yield pack(tokens, rows, device), 1
        return
    for part in parts(tokens, rows, device):
        # A gate for each example needs a row for each.
        yield collate(tokens, part, device), len(part)


def _gradient(loss: Tensor, gate: Tensor) -> Tensor:
    """The gradient of the gates; zeros where no unit is left to be gated."""
    if not loss.requires_grad:
        return torch.zeros_like(gate)
    return torch.autograd.grad(loss, gate)[0]


def normalise(
    heads: np.ndarray, mlps: np.ndarray, mask: StructuredMask, over: str, layer_norm: str
) -> tuple[np.ndarray, np.ndarray]:
    """Makes importances comparable between layers, then maps each kind to [0, 1].

    The published code first divides MLP scores by the number of tokens; the min-max mapping undoes
    that, so it is left out.

    Args:
        heads: [layers, heads].
        mlps: [layers].
        mask: the state in which they were measured.
        over: "all" units take part in norm and range, or only the "kept" ones.
        layer_norm: "l2" divides each layer's heads by their L2 norm; "none" does not.

    Returns:
        Scores of heads and MLPs, float64. With "kept", pruned units score NaN.
    """
    if over == "kept":
        heads = np.where(mask.heads, heads, np.nan)
        mlps = np.where(mask.mlps, mlps, np.nan)
    if layer_norm == "l2":
        norms = np.sqrt(np.nansum(heads**2, axis=1, keepdims=True))
        heads = heads / (norms + NORM_EPSILON)
    return _to_unit_range(heads), _to_unit_range(mlps)


def _to_unit_range(scores: np.ndarray) -> np.ndarray:
    """Min-max; scores that are all equal become zeros."""
    if np.isnan(scores).all():
        return scores
    low, high = np.nanmin(scores), np.nanmax(scores)
    return (scores - low) / (high - low) if high > low else scores - low
