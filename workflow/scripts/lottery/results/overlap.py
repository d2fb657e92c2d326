"""How much of a control subnetwork belongs to the good one: in units and in parameters."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lottery.files.errors import StudyError
from lottery.models.architecture import Architecture
from lottery.pruning.masks import Mask, MaskInfo, read_mask
from lottery.results.controls import reference_of

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
        pairs: mask files of a control and of its reference (`lottery.results.controls`); pairs with
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
    try:
        counts = control.overlap(reference, architecture)
    except ValueError as error:
        raise StudyError(f"{path} cannot be compared with its reference: {error}.") from error
    shares = {
        f"{name}_share": ratio(counts[f"{name}_shared"], count)
        for name, count in counts.items()
        if f"{name}_shared" in counts
    }
    return {name: number for name, number in (counts | shares).items() if name in COLUMNS}


def ratio(part: int, whole: int) -> float | None:
    """part / whole; None of nothing."""
    return part / whole if whole else None
