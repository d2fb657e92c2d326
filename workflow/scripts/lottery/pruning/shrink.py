"""Puts a model under a mask: masks of units by removing units, masks of weights by zeros.

Every step that applies a mask also checks that it acts, lasts and fits; a violation is an error.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lottery.data.tokens import Tokens
from lottery.evaluation.predict import predict
from lottery.models.architecture import Architecture, Plan
from lottery.models.encoder import Encoder
from lottery.models.units import OUTPUT_BIAS, Kept, kept_entries
from lottery.pruning.masks import Mask, UnitMask, WeightMask, plan_of

PROBE_EXAMPLES = 8


class MaskError(RuntimeError):
    """A mask did not act, did not last or did not fit: a fault of the code, not of the user."""


def shrink(model: Encoder, mask: UnitMask) -> Encoder:
    """Removes all that a mask prunes from a whole model.

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
    for axis, kept in enumerate(_axes(name, entries)):
        if not kept.all():
            places = torch.from_numpy(np.flatnonzero(kept)).to(tensor.device)
            tensor = tensor.index_select(axis, places)
    return tensor


def _axes(name: str, entries: list[Kept]) -> tuple[np.ndarray, ...]:
    """Which indices of each axis of a parameter are kept; nothing for what is never cut."""
    module, *rest = name.split(".", 2)
    return entries[int(rest[0])].get(rest[1], ()) if module == "layers" else ()


def widen(model: Encoder) -> Encoder:
    """Puts zeros where a shrunk model has nothing: the inverse of `shrink`.

    A head whose projections are zero adds zero, and so does an MLP whose weights and biases are. An
    emptied attention, and an MLP without neurons, keep the bias of their output if the shrunk model
    has it.

    Returns:
        A whole model with copies of the weights and the same logits, in evaluation mode.
    """
    entries = _entries_of(model.plan, model.architecture)
    whole = Encoder(model.architecture, model.n_outputs)
    small = model.state_dict()
    state = {
        name: _scattered(small.get(name), like.shape, _axes(name, entries))
        for name, like in whole.state_dict().items()
    }
    whole.load_state_dict(state, strict=True, assign=True)
    return whole.requires_grad_(True).eval()


def _entries_of(plan: Plan, architecture: Architecture) -> list[Kept]:
    """Which entries of each layer's parameters a plan keeps."""

    def marked(count: int, kept: tuple[int, ...] | None) -> np.ndarray:
        return np.ones(count, bool) if kept is None else np.isin(np.arange(count), kept)

    units = {
        "head": np.stack([marked(architecture.heads, layer.heads) for layer in plan]),
        "mlp": np.array([layer.mlp for layer in plan]),
        "neuron": np.stack([marked(architecture.intermediate, layer.inner) for layer in plan]),
    }
    entries = kept_entries(units, architecture, drop_bias=False)
    for layer, kept in zip(plan, entries, strict=True):
        if OUTPUT_BIAS in kept:
            kept[OUTPUT_BIAS][0][:] = layer.attention_bias
    return entries


def _scattered(tensor: Tensor | None, shape: torch.Size, axes: tuple[np.ndarray, ...]) -> Tensor:
    """A parameter in its full shape: zeros but for the entries that are kept."""
    if tensor is None:
        return torch.zeros(shape)
    if not axes:
        return tensor.detach().clone()
    full = tensor.new_zeros(shape)
    full[np.ix_(*axes)] = tensor.detach()
    return full


def zero_weights(model: Encoder, mask: WeightMask) -> dict[str, Tensor]:
    """Sets the pruned entries of a model's body to zero, in place.

    Returns:
        The mask as bool tensors on the parameters' devices, by checkpoint name.
    """
    parameters = model.checkpoint_parameters()
    kept = {}
    with torch.no_grad():
        for name, array in mask.parameters.items():
            kept[name] = torch.from_numpy(array).to(parameters[name].device)
            parameters[name].mul_(kept[name])
    return kept


def apply_mask(
    model: Encoder, mask: Mask, tokens: Tokens
) -> tuple[Encoder, dict[str, Tensor] | None]:
    """Puts a whole model under a mask, and checks on a few examples that the outputs changed.

    Returns:
        The model under the mask, in evaluation mode: a shrunk one for a mask of units, the same
        one, changed in place, for a mask of weights; and of the latter the mask's tensors (see
        `zero_weights`), which training needs to keep pruned weights at zero.

    Raises:
        MaskError: the outputs are those of the full model though something is pruned, or differ
            though nothing is; or the model does not hold what the mask keeps.
    """
    probe = tokens.select(np.arange(min(PROBE_EXAMPLES, len(tokens))))
    before = predict(model, probe, PROBE_EXAMPLES)
    kept = None
    if isinstance(mask, UnitMask):
        model = shrink(model, mask)
    else:
        kept = zero_weights(model, mask)
    check_under(model, mask)
    same = np.array_equal(before, predict(model, probe, PROBE_EXAMPLES))
    if same != mask.is_full:
        state = "keeps everything" if mask.is_full else "prunes something"
        raise MaskError(f"the mask {state}, but the outputs {'did not change' if same else 'did'}")
    return model, kept


def check_under(model: Encoder, mask: Mask) -> None:
    """Checks that a model holds exactly what a mask keeps."""
    if isinstance(mask, UnitMask):
        if model.plan != plan_of(mask, model.architecture):
            raise MaskError("the shrunk model does not hold the units that its mask keeps")
        return
    parameters = model.checkpoint_parameters()
    for name, array in mask.parameters.items():
        wrong = int((parameters[name].detach()[torch.from_numpy(~array)] != 0).sum())
        if wrong:
            raise MaskError(f"{name}: {wrong} pruned entries are not zero")
