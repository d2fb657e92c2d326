"""Step train_pattern_classifier: generated or annotated attention maps -> a small classifier."""

from __future__ import annotations

from pathlib import Path

from lottery import files
from lottery.attention.classes import long_note
from lottery.attention.classifier import learn, write_learned
from lottery.steps.setup import prepare_torch

VERSION = 1


def train_pattern_classifier(
    *,
    path_to_weights: Path,
    path_to_facts: Path,
    path_to_note: Path,
    training_maps: int,
    epochs: int,
    annotated_maps: str | None,
    torch_threads: int,
) -> None:
    """Trains the classifier of attention patterns of a study.

    Args:
        path_to_facts: JSON to write: accuracy, and on which maps.
        path_to_note: sentences on it, which captions include.
        training_maps: number of generated maps to learn from and to select by.
        epochs: passes over the maps.
        annotated_maps: a folder of maps (`lottery.attention.annotated`), or None.
    """
    device = prepare_torch(torch_threads)
    folder = None if annotated_maps is None else files.expanded(annotated_maps)
    write_learned(path_to_weights, path_to_facts, learn(folder, training_maps, epochs, device))
    with files.atomic(path_to_note) as temporary:
        temporary.write_text(f"{long_note(files.read_json(path_to_facts))}\n", encoding="utf-8")
