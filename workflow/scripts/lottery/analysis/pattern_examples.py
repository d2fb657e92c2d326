"""The attention map that each class is shown by."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lottery import files
from lottery.attention.classes import ATTENTION, CLASSES


def surest_examples(
    paths: Iterable[Path], tasks: Iterable[str]
) -> dict[tuple[str, str], dict[str, Any]]:
    """Picks, of every class, the fine-tuned map that the classifier is surest of.

    Args:
        paths: patterns.npz of the cells.
        tasks: the task of each.

    Returns:
        (attention, class) -> map (float [tokens, tokens]), task, layer, head, probability; of
        equally sure maps the first. A class that was never found is missing.
    """
    best: dict[tuple[str, str], dict[str, Any]] = {}
    for path, task in zip(paths, tasks, strict=True):
        arrays = files.read_npz(path)
        for number, place in enumerate(arrays["example_places"].tolist()):
            kind, label, layer, head, length = place
            key = (ATTENTION[kind], CLASSES[label])
            probability = float(arrays["example_probabilities"][number])
            if key not in best or probability > best[key]["probability"]:
                shown = arrays["example_maps"][number, :length, :length]
                where = {"task": task, "layer": layer, "head": head}
                best[key] = where | {"map": shown, "probability": probability}
    return best
