"""Made-up counts of attention patterns, in the study's format."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lottery import files
from lottery.attention.classes import ATTENTION, CLASSES, WEIGHTS
from lottery.attention.generate import HELD_OUT, draw_map

FACTS = {
    "annotated": False,
    "n_train": 1600,
    "n_select": 400,
    "n_test": 500,
    "epoch": 29,
    "select_accuracy": 0.93,
    "accuracy": 0.974,
    "class_accuracy": dict.fromkeys(CLASSES, 0.974),
}


def write_facts(path: Path, annotated: tuple[str, ...] = ()) -> None:
    """pattern_classifier.json."""
    facts = {
        kind: FACTS | ({"annotated": True, "n_test": 80} if kind in annotated else {})
        for kind in ATTENTION
    }
    files.write_json(path, {"format": 1, "classes": list(CLASSES)} | facts)


def write_patterns(path: Path, shape: tuple[int, int], seed: int, n_maps: int = 20) -> np.ndarray:
    """patterns.npz of one cell; gives its counts."""
    rng = np.random.default_rng(seed)
    places = (len(WEIGHTS), len(ATTENTION), *shape)
    shares = rng.dirichlet(np.array([3.0, 0.4, 2.0, 0.7, 1.5]) / 2, size=places)
    counts = rng.multinomial(n_maps, shares)
    kinds = [(a, c) for a in range(len(ATTENTION)) for c in range(len(CLASSES))]
    maps = [draw_map(CLASSES[c], HELD_OUT, rng)[:40, :40] for _, c in kinds]
    stacked = np.zeros((len(kinds), 40, 40), np.float32)
    for number, each in enumerate(maps):
        stacked[number, : len(each), : len(each)] = each / each.max()
    where = [(a, c, c % shape[0], a, len(each)) for (a, c), each in zip(kinds, maps, strict=True)]
    arrays = {
        "counts": counts,
        "probability": rng.uniform(0.6, 1.0, places),
        "idx": np.arange(n_maps),
        "example_maps": stacked,
        "example_places": np.array(where),
        "example_probabilities": rng.uniform(0.8, 1.0, len(kinds)),
    }
    files.write_npz(path, arrays)
    return counts
