"""Step import_masks: a mask made elsewhere -> the good mask of one (model, task, seed, method)."""

from __future__ import annotations

from pathlib import Path

from lottery import files
from lottery.files.errors import blaming
from lottery.models.architecture import Architecture
from lottery.pruning.algorithms.imported import read_imported
from lottery.pruning.masks import MaskInfo, write_mask

VERSION = 1


def import_masks(
    *,
    path_to_config: Path,
    path_to_mask: Path,
    model: str,
    task: str,
    seed: int,
    method: str,
    masks: str,
    task_name: str,
    emptied_attention: str,
    paths_to_authors: list[Path] | None = None,
) -> None:
    """Reads a mask from a folder or an npz file, checks it, and writes it as the good one.

    Args:
        path_to_config: config.json of the model, for its sizes.
        task_name: the task's name in the folder or file `masks`.
        paths_to_authors: the two files of the authors' mask, where `masks` is authors.
    """
    config = files.read_json(path_to_config)
    architecture = Architecture.from_config(config, str(path_to_config))
    with blaming(f"methods.{method}.masks"):
        place = paths_to_authors[0].parents[2] if paths_to_authors else files.expanded(masks)
        mask = read_imported(place, task_name, seed, architecture, emptied_attention)
    kept = mask.kept_fraction(architecture)
    info = MaskInfo("imported", model, task, str(seed), method, "good", kept)
    write_mask(path_to_mask, mask, info)
