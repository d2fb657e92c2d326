"""Step compare_controls: masks of controls and of good subnetworks -> overlap.csv."""

from __future__ import annotations

from pathlib import Path

from lottery import files
from lottery.architecture import Architecture
from lottery.tables import overlap


def compare_controls(
    *,
    paths_to_controls: list[Path],
    paths_to_references: list[Path],
    paths_to_configs: list[Path],
    path_to_overlap: Path,
    models: list[str],
) -> None:
    """Writes how much of every control belongs to the good subnetwork, in units and parameters.

    Args:
        paths_to_controls: the controls' masks; a super_* mask once for each seed.
        paths_to_references: for each control the mask that it is compared with: good, or good_half
            for halves (`lottery.tables.controls.reference_of`), of the same cell.
        paths_to_configs: config.json of the models.
        path_to_overlap: results/tables/overlap.csv.
        models: ids of the models, in the order of `paths_to_configs`.
    """
    architectures = {
        model: Architecture.from_config(files.read_json(path), str(path))
        for model, path in zip(models, paths_to_configs, strict=True)
    }
    pairs = zip(paths_to_controls, paths_to_references, strict=True)
    files.write_csv(path_to_overlap, overlap.compare(pairs, architectures), overlap.COLUMNS)
