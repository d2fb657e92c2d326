"""Step check_pattern_rules: annotated attention maps, if given -> how well the rules agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from lottery import files
from lottery.attention.annotated import AGREEMENT, agreement, note, read_annotated
from lottery.attention.rules import class_of
from lottery.attention.scores import score_maps

VERSION = 1


def check_pattern_rules(
    *, path_to_agreement: Path, path_to_note: Path, annotated_maps: str | None
) -> None:
    """Compares the classes that the rules give with those of annotated maps.

    Args:
        path_to_agreement: csv to write; without annotated maps it has no rows.
        path_to_note: sentences on it, which captions include.
        annotated_maps: a folder of maps (`lottery.attention.annotated`), or None.
    """
    rows = []
    if annotated_maps is not None:
        for kind, (maps, labels) in read_annotated(files.expanded(annotated_maps)).items():
            rows += agreement(kind, labels, np.array([_class_of_map(values) for values in maps]))
    files.write_csv(path_to_agreement, rows, list(AGREEMENT))
    with files.atomic(path_to_note) as temporary:
        temporary.write_text(f"{note(rows)}\n", encoding="utf-8")


def _class_of_map(values: np.ndarray) -> int:
    # Which tokens are special is not known, and no class depends on it.
    special = torch.zeros(1, len(values), dtype=torch.bool)
    return int(class_of(score_maps(torch.from_numpy(values)[None], special).numpy())[0])
