"""Step copy_masks: a mask of another cell, to be applied in this one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lottery.files.errors import StudyError
from lottery.models.architecture import read_architecture
from lottery.pruning.masks import read_mask, write_mask

VERSION = 1


def copy_masks(
    *,
    path_to_source: Path,
    path_to_model: Path,
    path_to_mask: Path,
    model: str,
    task: str,
    seed: int,
    method: str,
    subnetwork: str,
) -> None:
    """Writes a mask under the name that it has here.

    Raises:
        StudyError: the models of the two cells have different shapes.
    """
    mask, info = read_mask(path_to_source)
    architecture = read_architecture(path_to_model)
    try:
        mask.shares(architecture)
        kept = mask.kept_fraction(architecture)
    except ValueError as error:
        raise StudyError(
            f"The mask of {info.model}, {info.task} does not fit {model} ({subnetwork} of {method} "
            f"on {task}): {error}."
        ) from error
    here = {"model": model, "task": task, "seed": str(seed), "method": method}
    info = replace(info, **here, subnetwork=subnetwork, kept_fraction=kept)
    write_mask(path_to_mask, mask, info)
