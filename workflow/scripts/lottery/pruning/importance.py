"""How much each unit matters: the loss's sensitivity to its gate, by one of the criteria."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from lottery.data.batches import collate, ordered_rows, pack, parts
from lottery.data.tokens import Tokens
from lottery.models.encoder import Encoder, Gates
from lottery.pruning.criteria import CRITERIA, EXAMPLE
from lottery.pruning.masks import UnitMask
from lottery.pruning.shrink import shrink
from lottery.training.loop import loss_of

# Added to a layer's norm by the authors, so that a layer of zeros stays zeros.
NORM_EPSILON = 1e-20


@dataclass(frozen=True)
class Sensitivity:
    """What one pass over a split measures.

    Attributes:
        units: kind -> float64 [layers, units] or [layers], what the criterion sums.
        logits: float32 [examples, n_outputs].
    """

    units: dict[str, np.ndarray]
    logits: np.ndarray


def measure(
    model: Encoder,
    tokens: Tokens,
    mask: UnitMask,
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
        model: whole; frozen and put into evaluation mode.
        mask: its kinds of unit are measured. Pruned units have their gates at zero; they still get
            gradients.
        mode: one of `lottery.pruning.criteria.CRITERIA`.
        order: "file" or "length".
        pruned: whether pruned units are measured too; without them they are left out of the
            computation, and their sums are 0.
    """
    if not pruned:
        model = shrink(model, replace(mask, emptied_attention="keep_bias"))  # as gates do
    criterion = CRITERIA[mode]
    of_examples = criterion.of == EXAMPLE
    model.eval().requires_grad_(False)
    device = model.classifier.weight.device
    columns = _columns(mask)
    open_mlps = mask.units["mlp"] & mask.units.get("layer", True)
    state = torch.from_numpy(np.column_stack(list(mask.units.values()))).float().to(device)
    logits = np.empty((len(tokens), model.n_outputs), np.float32)
    total = torch.zeros(state.shape, dtype=torch.float64, device=device)
    running = torch.zeros_like(total)
    for rows in ordered_rows(tokens, batch_size, order):
        # A gate for each example needs a row for each.
        each = (collate(tokens, part, device) for part in parts(tokens, rows, device))
        for batch in each if of_examples else [pack(tokens, rows, device)]:
            copies = len(batch.labels) if of_examples else 1
            gate = state.repeat(copies, 1, 1).requires_grad_()  # [copies, layers, units]
            gates = Gates({k: gate[:, :, c] for k, c in columns.items()}, open_mlps)
            output = model(*batch.inputs, gates, batch.packing)
            gradient = _gradient(loss_of(output, batch.labels).sum(), gate).double()
            if of_examples:
                total += criterion.size(gradient).sum(dim=0)
            else:
                running += gradient.sum(dim=0) / len(rows)  # the batch's mean loss
            logits[batch.rows] = output.detach().float().cpu().numpy()
        if not of_examples:
            total += criterion.size(running)
            if not criterion.never_reset:
                running.zero_()
    sums = total.cpu().numpy()
    return Sensitivity({kind: sums[:, place] for kind, place in columns.items()}, logits)


def _columns(mask: UnitMask) -> dict[str, slice | int]:
    """Where each kind of unit is among the columns of all; a number for one unit per layer."""
    columns: dict[str, slice | int] = {}
    end = 0
    for kind, kept in mask.units.items():
        start, end = end, end + (kept.shape[1] if kept.ndim == 2 else 1)
        columns[kind] = slice(start, end) if kept.ndim == 2 else start
    return columns


def _gradient(loss: Tensor, gate: Tensor) -> Tensor:
    """The gradient of the gates; zeros where no unit is left to be gated."""
    if not loss.requires_grad:
        return torch.zeros_like(gate)
    return torch.autograd.grad(loss, gate)[0]


def normalise(
    units: Mapping[str, np.ndarray], mask: UnitMask, over: str, layer_norm: str
) -> dict[str, np.ndarray]:
    """Makes importances comparable between layers, then maps each kind to [0, 1].

    The published code first divides MLP scores by the number of tokens; the min-max mapping undoes
    that, so it is left out.

    Args:
        units: kind -> [layers, units] or [layers].
        mask: the state in which they were measured.
        over: "all" units take part in norm and range, or only the "kept" ones.
        layer_norm: "l2" divides the units of a kind in a layer by their L2 norm, if the kind has
            several in a layer; "none" does not.

    Returns:
        Scores by kind, float64: zeros if they are all equal. With "kept", pruned units score NaN.
    """
    scores = {}
    for kind, measured in units.items():
        values = np.where(mask.units[kind], measured, np.nan) if over == "kept" else measured
        if layer_norm == "l2" and values.ndim == 2:
            norms = np.sqrt(np.nansum(values**2, axis=1, keepdims=True))
            values = values / (norms + NORM_EPSILON)
        if not np.isnan(values).all():
            low, high = np.nanmin(values), np.nanmax(values)
            values = (values - low) / (high - low) if high > low else values - low
        scores[kind] = values
    return scores
