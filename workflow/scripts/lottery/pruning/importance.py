"""How much each unit matters, by one of the criteria."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from lottery.data.batches import collate, large_batches, ordered_rows, pack, parts
from lottery.data.tokens import Tokens
from lottery.evaluation.predict import in_order, predict
from lottery.models.encoder import ClosedHeads, Encoder, Gates
from lottery.models.units import KINDS, split
from lottery.pruning.criteria import DRAW, EXAMPLE, GRADIENTS, WEIGHTS, Criterion
from lottery.pruning.gradients import Parts, mean_gradients, parts_of
from lottery.pruning.masks import UnitMask
from lottery.pruning.shrink import shrink
from lottery.training.loop import loss_of

# Added to a layer's norm by the authors, so that a layer of zeros stays zeros.
NORM_EPSILON = 1e-20


@dataclass(frozen=True)
class Sensitivity:
    """What one pass over a split measures.

    Attributes:
        units: kind -> float64 [layers, units] or [layers], the scores of the criterion.
        logits: float32 [examples, n_outputs].
    """

    units: dict[str, np.ndarray]
    logits: np.ndarray


def measure(
    model: Encoder,
    tokens: Tokens,
    mask: UnitMask,
    criterion: Criterion,
    batch_size: int,
    order: str,
    *,
    pruned: bool = True,
) -> Sensitivity:
    """Measures importances and outputs of a masked model in one pass, forward and backward.

    Of criteria of gates only the gates need gradients: the parameters are frozen here, which halves
    the backward pass. One gate per example gives each example's own gradient in that same pass.

    Args:
        model: whole; frozen and put into evaluation mode.
        mask: its kinds of unit are measured. Pruned units have their gates at zero; they still get
            gradients.
        criterion: one that needs gradients; for the others, see `rank_once`.
        order: "file" or "length".
        pruned: whether pruned units are measured too; without them they are left out of the
            computation of gates' gradients, and their scores are 0.
    """
    if criterion.needs == GRADIENTS:
        gates = _gates_of(mask, model.classifier.weight.device)
        gradients, outputs = mean_gradients(model, tokens, batch_size, order, gates)
        return Sensitivity(_of_parts(criterion, mask, parts_of(model), gradients), outputs)
    if not pruned:
        model = shrink(model, replace(mask, emptied_attention="keep_bias"))  # as gates do
    of_examples = criterion.needs == EXAMPLE
    model.eval().requires_grad_(False)
    device = model.classifier.weight.device
    columns, open_mlps, closed_heads = _columns(mask), _open_mlps(mask), _closed_heads(model, mask)
    state = torch.from_numpy(np.column_stack(list(mask.units.values()))).float().to(device)
    logits = []
    total = torch.zeros(state.shape, dtype=torch.float64, device=device)
    running = torch.zeros_like(total)
    batches = (
        large_batches(tokens, batch_size, order, device)
        if of_examples
        else ordered_rows(tokens, batch_size, order)
    )
    for rows in batches:
        # A gate for each example needs a row for each.
        each = (collate(tokens, part, device) for part in parts(tokens, rows, device))
        for batch in each if of_examples else [pack(tokens, rows, device)]:
            copies = len(batch.labels) if of_examples else 1
            gate = state.repeat(copies, 1, 1).requires_grad_()  # [copies, layers, units]
            units = {k: gate[:, :, c] for k, c in columns.items()}
            gates = Gates(units, open_mlps, closed_heads)
            output = model(*batch.inputs, gates, batch.packing)
            gradient = _gradient(loss_of(output, batch.labels).sum(), gate).double()
            if of_examples:
                total += criterion.score(gradient).sum(dim=0)
            else:
                running += gradient.sum(dim=0) / len(rows)  # the batch's mean loss
            logits.append((batch.rows, output.detach()))
        if not of_examples:
            total += criterion.score(running)
            if not criterion.never_reset:
                running.zero_()
    sums = total.cpu().numpy()
    return Sensitivity({kind: sums[:, place] for kind, place in columns.items()}, in_order(logits))


def rank_once(
    model: Encoder,
    mask: UnitMask,
    criterion: Criterion,
    score: Callable[[UnitMask], float | None],
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Scores the units of the full model, for criteria that do so once.

    Args:
        model: whole.
        mask: the full one.
        score: mask -> score of the model under it; one that is undefined counts as chance, 0.
        rng: of criteria that draw.

    Returns:
        Kind -> float64 [layers, units] or [layers].
    """
    if criterion.needs == WEIGHTS:
        return _of_parts(criterion, mask, parts_of(model))
    if criterion.needs == DRAW:
        return {kind: criterion.score(rng, kept.shape) for kind, kept in mask.units.items()}
    whole = score(mask) or 0.0
    found = {}
    for kind, kept in mask.units.items():
        found[kind] = np.empty(kept.shape)
        for place in np.ndindex(kept.shape):
            without = kept.copy()
            without[place] = False
            known = score(mask.with_units({kind: without})) or 0.0
            found[kind][place] = criterion.score(whole, known)
    return found


def logits_under(model: Encoder, tokens: Tokens, mask: UnitMask, batch_size: int) -> np.ndarray:
    """What a model computes under a mask, float32 [examples, n_outputs], as with gates at zero."""
    return predict(shrink(model, replace(mask, emptied_attention="keep_bias")), tokens, batch_size)


def _of_parts(criterion: Criterion, mask: UnitMask, *of_model: Parts) -> dict[str, np.ndarray]:
    """The scores by a function of matrices [units, entries], one of each of some sets of parts."""
    found = {}
    for kind, kept in mask.units.items():
        count = kept.shape[1] if kept.ndim == 2 else 1
        scores = [
            criterion.score(*(_matrix(parts, kind, count) for parts in of_layer))
            for of_layer in zip(*of_model, strict=True)
        ]
        found[kind] = torch.stack(scores).cpu().numpy().reshape(kept.shape)
    return found


def _matrix(parts: Mapping[str, Tensor], kind: str, count: int) -> Tensor:
    """What the units of a layer own, float64 [units, entries]."""
    owned = [
        split(parts[each.part].double(), each.axis, count).reshape(count, -1)
        for each in KINDS[kind].owns
        if each.part in parts
    ]
    return torch.cat(owned, dim=1)


def _gates_of(mask: UnitMask, device: torch.device) -> Gates:
    """The gates of a mask, the same for all examples."""
    units = {
        kind: torch.from_numpy(kept).float()[None].to(device) for kind, kept in mask.units.items()
    }
    return Gates(units, _open_mlps(mask))


def _open_mlps(mask: UnitMask) -> np.ndarray:
    return mask.units["mlp"] & mask.units.get("layer", True)


def _closed_heads(model: Encoder, mask: UnitMask) -> list[ClosedHeads | None]:
    """Of each layer the heads that a mask prunes, of those that the model holds."""
    device = model.classifier.weight.device
    kept = mask.units["head"] & np.asarray(mask.units.get("layer", True))[..., None]
    return [
        ClosedHeads.of(~kept[index, list(layer.heads)], device)
        for index, layer in enumerate(model.plan)
    ]


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
