"""Step classify_patterns: the attention maps of one model and its start -> counts of patterns."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lottery import files
from lottery.attention.classes import ATTENTION, CLASSES
from lottery.attention.count import Example, Tally, count_patterns
from lottery.attention.learned import read_classifiers
from lottery.data.tokens import read_tokens
from lottery.models.checkpoints import load_model, load_pretrained
from lottery.pruning.controls import generator
from lottery.steps.setup import prepare_torch

VERSION = 3


def classify_patterns(
    *,
    path_to_model: Path,
    path_to_pretrained: Path,
    paths_to_tokens: list[Path],
    path_to_classifier: Path,
    path_to_patterns: Path,
    task: str,
    seed: int,
    maps_per_cell: int,
    torch_threads: int,
) -> None:
    """Classifies the maps of all heads, of the intact fine-tuned model and of the pretrained one.

    Args:
        path_to_model: the fine-tuned model.
        path_to_pretrained: the model it comes from.
        paths_to_tokens: the tokenised splits, all in one folder.
        path_to_classifier: the classifiers' weights.
        path_to_patterns: npz to write (docs/files.md).
        task, seed: of the cell; they seed the choice of examples, the same for both models.
        maps_per_cell: number of validation examples; all, where there are fewer.
        torch_threads: see `prepare_torch`.
    """
    device = prepare_torch(torch_threads)
    tokens = read_tokens(paths_to_tokens[0].parent, "validation")
    count = min(maps_per_cell, len(tokens))
    rng = generator("patterns", task, seed)
    rows = np.sort(rng.choice(len(tokens), size=count, replace=False))
    read = read_classifiers(path_to_classifier)
    classifiers = {kind: each.to(device) for kind, each in read.items()}
    fine_tuned = load_model(path_to_model)
    pretrained = load_pretrained(path_to_pretrained, n_outputs=1, seed=0)  # logits are not read
    models = (fine_tuned, pretrained)
    tallies = [count_patterns(each.to(device), tokens, rows, classifiers) for each in models]
    files.write_npz(path_to_patterns, _arrays(tallies, tokens.idx[rows]))


def _arrays(tallies: list[Tally], idx: np.ndarray) -> dict[str, np.ndarray]:
    """The arrays of patterns.npz; W: fine-tuned and pretrained, A: raw and normed, E: examples."""
    arrays = {
        "counts": np.stack([tally.counts for tally in tallies]),  # [W, A, layers, heads, classes]
        "probability": np.stack([tally.probability for tally in tallies]) / len(idx),
        "idx": idx,
    }
    return arrays | _examples(tallies[0].examples)


def _examples(examples: dict[tuple[str, str], Example]) -> dict[str, np.ndarray]:
    """The fine-tuned model's examples as arrays; maps are filled up with zeros."""
    side = max(example.map.shape[0] for example in examples.values())
    maps = np.zeros((len(examples), side, side), np.float32)
    places, probabilities = [], []
    for number, ((kind, name), example) in enumerate(examples.items()):
        length = example.map.shape[0]
        maps[number, :length, :length] = example.map
        place = (ATTENTION.index(kind), CLASSES.index(name), example.layer, example.head, length)
        places.append(place)
        probabilities.append(example.probability)
    return {
        "example_maps": maps,  # [E, side, side]
        "example_places": np.array(places),  # [E, 5]: attention, class, layer, head, tokens
        "example_probabilities": np.array(probabilities),
    }
