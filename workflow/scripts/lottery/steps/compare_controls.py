"""Step compare_controls: masks of controls and of good subnetworks -> overlap.csv and notes."""

from __future__ import annotations

from pathlib import Path

from lottery import files
from lottery.models.architecture import Architecture
from lottery.results import overlap

VERSION = 2


def compare_controls(
    *,
    paths_to_controls: list[Path],
    paths_to_references: list[Path],
    path_to_config: Path,
    path_to_overlap: Path,
    path_to_note: Path,
) -> None:
    """Writes how much of every control belongs to the good subnetwork, in units and parameters.

    Args:
        paths_to_controls: the controls' masks; a super_* mask once for each seed.
        paths_to_references: for each control the mask of the same cell that it is compared with
            (`lottery.pruning.subnetworks.reference_of`), equal ones next to each other.
        path_to_note: rst that the captions of good-versus-bad figures include; empty where no
            control overlaps notably.
    """
    config = files.read_json(path_to_config)
    pairs = zip(paths_to_controls, paths_to_references, strict=True)
    frame = overlap.compare(pairs, Architecture.from_config(config, str(path_to_config)))
    files.write_table(path_to_overlap, frame, overlap.SCHEMA)
    with files.atomic(path_to_note) as temporary:
        temporary.write_text(f"{overlap.overlap_sentence(frame)}\n", encoding="utf-8")
