"""Step compare_controls: masks of controls and of good subnetworks -> overlap.csv and notes."""

from __future__ import annotations

from pathlib import Path

from lottery import files
from lottery.architecture import Architecture
from lottery.tables import overlap
from lottery.tables.overlap_caption import overlap_sentence


def compare_controls(
    *,
    paths_to_controls: list[Path],
    paths_to_references: list[Path],
    paths_to_configs: list[Path],
    path_to_overlap: Path,
    paths_to_notes: list[Path],
    models: list[str],
) -> None:
    """Writes how much of every control belongs to the good subnetwork, in units and parameters.

    Args:
        paths_to_controls: the controls' masks; a super_* mask once for each seed.
        paths_to_references: for each control the mask that it is compared with: good, or good_half
            for halves (`lottery.tables.controls.reference_of`), of the same cell.
        paths_to_configs: config.json of the models.
        path_to_overlap: results/tables/overlap.csv.
        paths_to_notes: {model}/{method}/overlap_note.rst: what the captions of good-versus-bad
            figures include, nothing where no control overlaps notably.
        models: ids of the models, in the order of `paths_to_configs`.
    """
    architectures = {
        model: Architecture.from_config(files.read_json(path), str(path))
        for model, path in zip(models, paths_to_configs, strict=True)
    }
    pairs = zip(paths_to_controls, paths_to_references, strict=True)
    files.write_csv(path_to_overlap, overlap.compare(pairs, architectures), overlap.COLUMNS)
    rows = files.read_csv(path_to_overlap)
    for path in paths_to_notes:
        model, method = path.parts[-3:-1]
        with files.atomic(path) as temporary:
            temporary.write_text(f"{overlap_sentence(rows, model, method)}\n", encoding="utf-8")
