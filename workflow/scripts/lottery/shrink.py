"""Puts a model under a mask: structured masks by removing units, weight masks by zeros."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lottery.architecture import Architecture, LayerPlan, Plan
from lottery.encoder import Encoder, Gates
from lottery.masks import Mask, StructuredMask, WeightMask


def plan_of(mask: StructuredMask, emptied_attention: str) -> Plan:
    """The plan of a model shrunk to a mask.

    Args:
        mask: for the full model.
        emptied_attention: "keep_bias" or "drop_bias": whether a layer that loses all its heads
            keeps the bias of its attention output (gates keep it; the published evaluation and
            retraining drop it, though the published search keeps it).
    """
    keep_bias = emptied_attention == "keep_bias"
    return tuple(
        LayerPlan(
            heads=tuple(int(head) for head in np.flatnonzero(heads)),
            mlp=bool(mlp),
            attention_bias=bool(heads.any()) or keep_bias,
        )
        for heads, mlp in zip(mask.heads, mask.mlps, strict=True)
    )


def shrink(model: Encoder, plan: Plan) -> Encoder:
    """Removes all that a plan does not name from a whole model.

    Args:
        model: a whole model; it is not changed.
        plan: what to keep.

    Returns:
        A smaller model with copies of the kept weights, in the mode (training or evaluation) and
        on the device of the given one.
    """
    shrunk = Encoder(model.architecture, model.n_outputs, plan)
    full = model.state_dict()
    state = {
        name: _slice(name, full[name], model.architecture, plan) for name in shrunk.state_dict()
    }
    shrunk.load_state_dict(state, strict=True, assign=True)
    shrunk.requires_grad_(True)
    return shrunk.train(model.training)


def _slice(name: str, tensor: Tensor, architecture: Architecture, plan: Plan) -> Tensor:
    """Cuts one parameter down to the heads that its layer keeps."""
    tensor = tensor.detach().clone()
    room, *rest = name.split(".")
    if room != "layers":
        return tensor
    index, part, kind = rest
    heads = torch.tensor(plan[int(index)].heads, dtype=torch.long, device=tensor.device)
    size = architecture.head_size
    units = (heads[:, None] * size + torch.arange(size, device=tensor.device)).flatten()
    if part in ("query", "key", "value"):
        return tensor[units].contiguous()
    if part == "attention_output" and kind == "weight":
        return tensor[:, units].contiguous()
    return tensor


def gates_of(mask: StructuredMask, device: torch.device) -> Gates:
    """The gates that switch off what a mask prunes: float32 [1, layers, heads], [1, layers]."""
    return Gates(
        heads=torch.from_numpy(mask.heads).float()[None].to(device),
        mlps=torch.from_numpy(mask.mlps).float()[None].to(device),
    )


def zero_weights(model: Encoder, mask: WeightMask) -> dict[str, Tensor]:
    """Sets the pruned entries of a model's body to zero, in place.

    Args:
        model: whole, on any device.
        mask: covers the body's parameters by their checkpoint names.

    Returns:
        The mask as bool tensors on the parameters' devices, by checkpoint name.
    """
    parameters = model.checkpoint_parameters()
    kept = {}
    with torch.no_grad():
        for name, array in mask.parameters.items():
            parameter = parameters[name]
            kept[name] = torch.from_numpy(array).to(parameter.device)
            parameter.mul_(kept[name])
    return kept


def put_under(model: Encoder, mask: Mask, emptied_attention: str) -> Encoder:
    """Puts a whole model under a mask of either kind.

    Returns:
        A shrunk model for a structured mask; the same model, changed in place, for a weight mask.
    """
    if isinstance(mask, StructuredMask):
        return shrink(model, plan_of(mask, emptied_attention))
    zero_weights(model, mask)
    return model


class MaskError(RuntimeError):
    """A mask did not act, did not last or did not fit: a fault of the code, not of the user."""


def check_under(model: Encoder, mask: Mask) -> None:
    """Checks that a model holds exactly what a mask keeps.

    Raises:
        MaskError: a unit is there or missing against the mask, or a pruned entry is not zero.
    """
    if isinstance(mask, StructuredMask):
        heads = [list(layer.heads) for layer in model.plan]
        mlps = [layer.mlp for layer in model.plan]
        if heads != [list(np.flatnonzero(row)) for row in mask.heads] or mlps != mask.mlps.tolist():
            raise MaskError("the shrunk model does not hold the units that its mask keeps")
        return
    parameters = model.checkpoint_parameters()
    for name, array in mask.parameters.items():
        pruned = parameters[name].detach()[torch.from_numpy(~array)]
        if pruned.numel() and bool((pruned != 0).any()):
            raise MaskError(f"{name}: {int((pruned != 0).sum())} pruned entries are not zero")
