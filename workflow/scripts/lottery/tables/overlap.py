"""How much of a control subnetwork belongs to the good one: in units and in parameters."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from lottery.architecture import Architecture
from lottery.errors import StudyError
from lottery.masks import Mask, MaskInfo, StructuredMask, WeightMask, read_mask
from lottery.tables.controls import reference_of

# kept counts are the control's; *_shared those that the reference (good, or good_half for halves)
# keeps too; *_share = *_shared / kept, missing for a control that keeps none. Weights are counted
# in the body of magnitude pruning, parameters in the body of the mask's own algorithm.
COLUMNS = [
    "model",
    "task",
    "seed",
    "method",
    "subnetwork",
    "reference",
    "heads",
    "heads_shared",
    "heads_share",
    "mlps",
    "mlps_shared",
    "mlps_share",
    "weights",
    "weights_shared",
    "weights_share",
    "parameters",
    "parameters_shared",
    "parameters_share",
]


def compare(
    pairs: Iterable[tuple[Path, Path]], architectures: dict[str, Architecture]
) -> list[dict[str, Any]]:
    """Compares control masks with their references, row by row.

    A super_* mask serves all seeds: it comes once with each seed's good mask.

    Args:
        pairs: mask files of a control and of its reference (`lottery.tables.controls`); pairs with
            the same reference should follow each other, so that it is read once.
        architectures: model -> sizes of the full model.

    Returns:
        Rows with the keys `COLUMNS`, in the order of the pairs.

    Raises:
        StudyError: two masks do not belong together, or their sizes differ.
    """
    rows = []
    read = None
    for control_path, reference_path in pairs:
        if read != reference_path:
            reference, reference_info = read_mask(reference_path)
            read = reference_path
        control, info = read_mask(control_path)
        if not _belong_together(info, reference_info):
            raise StudyError(f"{reference_path} is not what {control_path} is to be compared with.")
        numbers = _compare_pair(control, reference, architectures[info.model], control_path)
        cell = {"model": info.model, "task": info.task, "seed": reference_info.seed}
        own = {
            "method": info.method,
            "subnetwork": info.subnetwork,
            "reference": reference_info.subnetwork,
        }
        rows.append(cell | own | numbers)
    return rows


def _belong_together(control: MaskInfo, reference: MaskInfo) -> bool:
    return (
        reference.subnetwork == reference_of(control.subnetwork)
        and control.seed in ("", reference.seed)
        and (control.model, control.task, control.method)
        == (reference.model, reference.task, reference.method)
    )


def _compare_pair(
    control: Mask, reference: Mask, architecture: Architecture, path: Path
) -> dict[str, Any]:
    if isinstance(control, StructuredMask) and isinstance(reference, StructuredMask):
        if control.heads.shape != reference.heads.shape:
            raise StudyError(f"{path} and its reference have different numbers of layers or heads.")
        return _compare_units(control, reference, architecture)
    if isinstance(control, WeightMask) and isinstance(reference, WeightMask):
        if control.parameters.keys() != reference.parameters.keys():
            raise StudyError(f"{path} and its reference name different parameters.")
        return _compare_weights(control, reference)
    raise StudyError(f"{path} and its reference are masks of different algorithms.")


def _compare_units(
    control: StructuredMask, reference: StructuredMask, architecture: Architecture
) -> dict[str, Any]:
    shared = StructuredMask(control.heads & reference.heads, control.mlps & reference.mlps)
    # The bias of an attention output belongs to a subnetwork that has a head in its layer.
    biases = control.heads.any(axis=1)
    shared_biases = biases & reference.heads.any(axis=1)
    parameters = parameters_of(control, biases, architecture)
    parameters_shared = parameters_of(shared, shared_biases, architecture)
    return {
        "heads": control.heads_kept,
        "heads_shared": shared.heads_kept,
        "heads_share": ratio(shared.heads_kept, control.heads_kept),
        "mlps": control.mlps_kept,
        "mlps_shared": shared.mlps_kept,
        "mlps_share": ratio(shared.mlps_kept, control.mlps_kept),
        "parameters": parameters,
        "parameters_shared": parameters_shared,
        "parameters_share": ratio(parameters_shared, parameters),
    }


def parameters_of(mask: StructuredMask, biases: np.ndarray, architecture: Architecture) -> int:
    """Number of parameters of the units of a mask.

    Args:
        mask: the units.
        biases: bool [layers], whether the bias of a layer's attention output counts.
        architecture: sizes of the full model.
    """
    return (
        mask.heads_kept * architecture.head_parameters
        + mask.mlps_kept * architecture.mlp_parameters
        + int(biases.sum()) * architecture.hidden
    )


def _compare_weights(control: WeightMask, reference: WeightMask) -> dict[str, Any]:
    kept = control.kept
    shared = sum(
        int(np.count_nonzero(array & reference.parameters[name]))
        for name, array in control.parameters.items()
    )
    return {
        "weights": kept,
        "weights_shared": shared,
        "weights_share": ratio(shared, kept),
        "parameters": kept,
        "parameters_shared": shared,
        "parameters_share": ratio(shared, kept),
    }


def ratio(part: int, whole: int) -> float | None:
    """part / whole; None of nothing."""
    return part / whole if whole else None
