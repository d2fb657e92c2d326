"""Step classify_patterns: the attention maps of one model and its start -> scores and classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lottery import files
from lottery.attention.measure import measure_maps
from lottery.data.tokens import Tokens, added_tokens, load_tokenizer, read_tokens, tokens_of
from lottery.models.checkpoints import load_model, load_pretrained
from lottery.pruning.controls import generator
from lottery.steps.setup import prepare_torch

VERSION = 4

SAMPLES = 10  # examples of which one head's maps are kept, as examples and to be annotated


def classify_patterns(
    *,
    path_to_model: Path,
    path_to_pretrained: Path,
    path_to_tokenizer: Path,
    paths_to_tokens: list[Path],
    path_to_texts: Path | None = None,
    path_to_patterns: Path,
    task: str,
    seed: int,
    maps_per_cell: int,
    least_map_tokens: int,
    max_length: int,
    torch_threads: int,
) -> None:
    """Scores the maps of all heads, of the intact fine-tuned model and of the pretrained one.

    Args:
        paths_to_tokens: the tokenised splits, all in one folder.
        path_to_texts: longer texts that take the place of validation (generated tasks).
        path_to_patterns: npz to write (docs/files.md).
        task, seed: of the cell; they seed the choice of examples, the same for both models.
        maps_per_cell: number of examples; all, where there are fewer.
        least_map_tokens: tokens that an example needs, special ones included.
        max_length: most tokens of a longer text.
    """
    device = prepare_torch(torch_threads)
    if path_to_texts is None:
        tokens = read_tokens(paths_to_tokens[0].parent, "validation")
    else:
        tokens = _tokenized(path_to_texts, path_to_tokenizer, max_length)
    long_enough = np.flatnonzero(tokens.lengths >= least_map_tokens)
    count = min(maps_per_cell, len(long_enough))
    rng = generator("patterns", task, seed)
    rows = np.sort(rng.choice(long_enough, size=count, replace=False))
    fine_tuned = load_model(path_to_model)
    pretrained = load_pretrained(path_to_pretrained, n_outputs=1, seed=0)  # logits are not read
    sizes = fine_tuned.architecture
    chosen = rng.choice(rows, size=min(SAMPLES, count), replace=False)
    places = [chosen, *(rng.integers(n, size=len(chosen)) for n in (sizes.layers, sizes.heads))]
    samples = np.stack(places, axis=1)
    special = added_tokens(path_to_tokenizer)
    found = [
        measure_maps(model.to(device), tokens, rows, special, samples)
        for model in (fine_tuned, pretrained)
    ]
    arrays = {
        # [weights, attention, layers, heads, classes or scores]
        "counts": np.stack([each.counts for each in found]),
        "scores": np.stack([each.scores for each in found]),
        "idx": tokens.idx[rows],
        "n_long_enough": np.array(len(long_enough)),
        "n_examples": np.array(len(tokens)),
        # [samples, weights, attention, side, side], filled up with zeros
        "sampled_maps": np.stack([each.sampled for each in found], axis=1),
        "sampled_classes": np.stack([each.sampled_classes for each in found], axis=1),
        # example, layer, head, tokens
        "sampled_places": np.column_stack(
            [tokens.idx[chosen], samples[:, 1:], tokens.lengths[chosen]]
        ),
    }
    files.write_npz(path_to_patterns, arrays)


def _tokenized(path_to_texts: Path, path_to_tokenizer: Path, max_length: int) -> Tokens:
    table = files.read_parquet(path_to_texts)
    pairs = "text_b" in table.column_names
    return tokens_of(table, load_tokenizer(path_to_tokenizer, max_length, pairs=pairs))[0]
