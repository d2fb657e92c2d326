"""Puts a model under a mask: masks of units by removing units, masks of weights by zeros."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lottery.models.architecture import Architecture, LayerPlan, Plan
from lottery.models.encoder import Encoder, Gates
from lottery.models.units import OUTPUT_BIAS, Kept
from lottery.pruning.masks import Mask, UnitMask, WeightMask


def plan_of(mask: UnitMask, architecture: Architecture) -> Plan:
    """The plan of a model shrunk to a mask.

    Raises:
        ValueError: the mask does not have the model's size.
    """
    return tuple(_plan_of_layer(kept, architecture) for kept in mask.entries(architecture))


def _plan_of_layer(kept: Kept, architecture: Architecture) -> LayerPlan:
    heads = kept["query.bias"][0].reshape(architecture.heads, -1).any(axis=1)
    inner = kept["intermediate.bias"][0]
    mlp = bool(kept["output.bias"][0].any())
    return LayerPlan(
        heads=tuple(np.flatnonzero(heads).tolist()),
        mlp=mlp,
        attention_bias=bool(kept[OUTPUT_BIAS][0].any()),
        inner=tuple(np.flatnonzero(inner).tolist()) if mlp and not inner.all() else None,
    )


def shrink(model: Encoder, mask: UnitMask) -> Encoder:
    """Removes all that a mask prunes from a whole model.

    Args:
        model: a whole model; it is not changed.
        mask: of the model's size.

    Returns:
        A smaller model with copies of the kept weights, in the mode (training or evaluation) and
        on the device of the given one.
    """
    entries = mask.entries(model.architecture)
    shrunk = Encoder(model.architecture, model.n_outputs, plan_of(mask, model.architecture))
    full = model.state_dict()
    state = {name: _cut(name, full[name], entries) for name in shrunk.state_dict()}
    shrunk.load_state_dict(state, strict=True, assign=True)
    shrunk.requires_grad_(True)
    return shrunk.train(model.training)


def _cut(name: str, tensor: Tensor, entries: list[Kept]) -> Tensor:
    """A copy of a parameter, cut down to the entries that are kept."""
    tensor = tensor.detach().clone()
    module, *rest = name.split(".", 2)
    axes = entries[int(rest[0])].get(rest[1], ()) if module == "layers" else ()
    for axis, kept in enumerate(axes):
        if not kept.all():
            places = torch.from_numpy(np.flatnonzero(kept)).to(tensor.device)
            tensor = tensor.index_select(axis, places)
    return tensor


def gates_of(mask: UnitMask, device: torch.device) -> Gates:
    """The gates that switch off what a mask prunes: float32 [1, layers, units] or [1, layers]."""
    return Gates(
        {name: torch.from_numpy(kept).float()[None].to(device) for name, kept in mask.units.items()}
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


def put_under(model: Encoder, mask: Mask) -> tuple[Encoder, dict[str, Tensor] | None]:
    """Puts a whole model under a mask of either granularity.

    Returns:
        A shrunk model for a mask of units; the same model, changed in place, for a mask of weights.
        With the latter the mask as bool tensors (see `zero_weights`), which training needs to keep
        pruned weights at zero; None with the former.
    """
    if mask.granularity == "units":
        return shrink(model, mask), None
    return model, zero_weights(model, mask)


class MaskError(RuntimeError):
    """A mask did not act, did not last or did not fit: a fault of the code, not of the user."""


def check_under(model: Encoder, mask: Mask) -> None:
    """Checks that a model holds exactly what a mask keeps.

    Raises:
        MaskError: a unit is there or missing against the mask, or a pruned entry is not zero.
    """
    if mask.granularity == "units":
        if model.plan != plan_of(mask, model.architecture):
            raise MaskError("the shrunk model does not hold the units that its mask keeps")
        return
    parameters = model.checkpoint_parameters()
    for name, array in mask.parameters.items():
        pruned = parameters[name].detach()[torch.from_numpy(~array)]
        if pruned.numel() and bool((pruned != 0).any()):
            raise MaskError(f"{name}: {int((pruned != 0).sum())} pruned entries are not zero")
