"""Step classify_patterns: the attention maps of one model and its start -> counts of patterns."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lottery import files
from lottery.attention.classifier import read_classifiers
from lottery.attention.count import count_patterns
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
        paths_to_tokens: the tokenised splits, all in one folder.
        path_to_patterns: npz to write (docs/files.md).
        task, seed: of the cell; they seed the choice of examples, the same for both models.
        maps_per_cell: number of validation examples; all, where there are fewer.
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
    tallies = [
        count_patterns(model.to(device), tokens, rows, classifiers)
        for model in (fine_tuned, pretrained)
    ]
    examples = tallies[0].examples.items()
    maps = [each["map"] for _, each in examples]
    side = max(map(len, maps))
    arrays = {
        # [weights, attention, layers, heads, classes]
        "counts": np.stack([tally.counts for tally in tallies]),
        "probability": np.stack([tally.probability for tally in tallies]) / count,
        "idx": tokens.idx[rows],
        # [examples, side, side], filled up with zeros
        "example_maps": np.stack([np.pad(each, (0, side - len(each))) for each in maps]),
        "example_places": np.array(
            [(*key, each["layer"], each["head"], len(each["map"])) for key, each in examples]
        ),
        "example_probabilities": np.array([each["probability"] for _, each in examples]),
    }
    files.write_npz(path_to_patterns, arrays)
