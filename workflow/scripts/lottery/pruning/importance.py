"""How much each unit matters: the loss's sensitivity to its gate, by one of the criteria."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from lottery.data.batches import Batch, collate, ordered_rows, pack, parts
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
        model: the whole model, on the device to run on; frozen and put into evaluation mode.
        tokens: the split.
        mask: its kinds of unit are measured. Pruned units have their gates at zero; they still get
            gradients.
        mode: one of `lottery.pruning.criteria.CRITERIA`.
        batch_size: examples per batch.
        order: "file" or "length". If the criterion is `ordered`, the result depends on both.
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
    state = torch.from_numpy(np.column_stack(list(mask.units.values()))).float().to(device)
    logits = np.empty((len(tokens), model.n_outputs), np.float32)
    total = torch.zeros(state.shape, dtype=torch.float64, device=device)
    running = torch.zeros_like(total)
    for rows in ordered_rows(tokens, batch_size, order):
        for batch, copies in _parts(tokens, rows, of_examples, device):
            gate = state.repeat(copies, 1, 1).requires_grad_()  # [copies, layers, units]
            gates = Gates({k: gate[:, :, c] for k, c in columns.items()}, mask.units["mlp"])
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


def _parts(
    tokens: Tokens, rows: np.ndarray, of_examples: bool, device: torch.device
) -> Iterator[tuple[Batch, int]]:
    """Yields the parts of a batch, and how many copies of the gates each needs."""
    if not of_examples:
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
        Scores by kind, float64. With "kept", pruned units score NaN.
    """
    scores = {}
    for kind, measured in units.items():
        values = np.where(mask.units[kind], measured, np.nan) if over == "kept" else measured
        if layer_norm == "l2" and values.ndim == 2:
            norms = np.sqrt(np.nansum(values**2, axis=1, keepdims=True))
            scores[kind] = _to_unit_range(values / (norms + NORM_EPSILON))
        else:
            scores[kind] = _to_unit_range(values)
    return scores


def _to_unit_range(scores: np.ndarray) -> np.ndarray:
    """Min-max; scores that are all equal become zeros."""
    if np.isnan(scores).all():
        return scores
    low, high = np.nanmin(scores), np.nanmax(scores)
    return (scores - low) / (high - low) if high > low else scores - low
