"""Made-up attention of a cell, in the study's format, and maps that show one form alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lottery import files
from lottery.attention.rules import ATTENTION, CLASSES, SCORES, WEIGHTS


def ideal_map(name: str, tokens: int) -> np.ndarray:
    """A map of one class, float32 [tokens, tokens], rows sum to one; or of another form."""
    places = np.arange(tokens)
    made = np.zeros((tokens, tokens))
    cut = tokens // 2
    match name:
        case "diagonal":
            made[places, places] = 1
        case "previous":
            made[places, np.maximum(places - 1, 0)] = 1
        case "next":
            made[places, np.minimum(places + 1, tokens - 1)] = 1
        case "vertical":
            made[:, [0, tokens - 1]] = 0.5
        case "vertical_diagonal":
            made = ideal_map("vertical", tokens) / 2 + ideal_map("previous", tokens) / 2
        case "block":
            made[:cut, :cut], made[cut:, cut:] = 1 / cut, 1 / (tokens - cut)
        case "even":
            made[:] = 1 / tokens
        case "heterogeneous":  # each token attends to another, all of them far away
            made[places, (places + 1 + tokens // 3) % tokens] = 1
    return made.astype(np.float32)


def write_patterns(path: Path, shape: tuple[int, int], seed: int, n_maps: int = 20) -> None:
    """patterns.npz of one cell; with `n_maps` 0 no map has enough tokens."""
    rng = np.random.default_rng(seed)
    places = (len(WEIGHTS), len(ATTENTION), *shape)
    shares = rng.dirichlet(np.array([3.0, 0.4, 2.0, 0.7, 1.5]) / 2, size=places)
    scores = rng.beta(1, 3, (*places, len(SCORES))) if n_maps else np.full((*places, 7), np.nan)
    names = CLASSES[: len(CLASSES) if n_maps else 0]
    maps = np.array([ideal_map(name, 24) for name in names]).reshape(-1, 1, 1, 24, 24)
    wanted = (len(names), len(WEIGHTS), len(ATTENTION))
    classes = np.broadcast_to(np.arange(len(names))[:, None, None], wanted)
    numbers = np.arange(len(names))
    arrays = {
        "counts": rng.multinomial(n_maps, shares),
        "scores": scores,
        "idx": np.arange(n_maps),
        "n_long_enough": np.array(n_maps),
        "n_examples": np.array(30),
        "sampled_maps": np.broadcast_to(maps, (*wanted, 24, 24)).astype(np.float32),
        "sampled_classes": classes.copy(),
        "sampled_places": np.column_stack(
            [numbers, numbers % shape[0], numbers % shape[1], np.full(len(names), 24)]
        ),
    }
    files.write_npz(path, arrays)
