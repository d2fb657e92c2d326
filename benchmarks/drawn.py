"""Models with random weights and random examples of given lengths, made without any file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lottery.data.tokens import Tokens
from lottery.models.architecture import Architecture
from lottery.models.encoder import Encoder, draw_weights

TASKS = {"rte": "RTE", "sst2": "SST-2"}  # that are measured, real or by their lengths
# Deciles (0 to 100 %) of the number of tokens per example, BERT's uncased vocabulary, at most 128.
TRAIN_LENGTHS = {
    "rte": (13, 33, 40, 45, 50, 56, 62, 72, 103, 128, 128),
    "sst2": (3, 4, 6, 7, 8, 10, 13, 16, 20, 27, 62),
}
DEV_LENGTHS = {
    "rte": (17, 34, 38, 43, 48, 53, 59, 71, 98, 128, 128),
    "sst2": (4, 12, 16, 19, 21, 24, 27, 30, 34, 40, 55),
}

BERT_BASE = {
    "model_type": "bert",
    "vocab_size": 30522,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
}


def bert_base(layers: int = 12) -> Architecture:
    """The sizes of BERT-base, 110M parameters; with fewer layers on request."""
    return Architecture.from_config(BERT_BASE | {"num_hidden_layers": layers}, "BERT-base")


def drawn_model(architecture: Architecture, n_outputs: int = 2, seed: int = 0) -> Encoder:
    """A whole model with random weights."""
    model = Encoder(architecture, n_outputs)
    draw_weights(model, seed)
    return model


def drawn_lengths(deciles: Sequence[int], count: int, seed: int = 0) -> np.ndarray:
    """Draws lengths whose deciles are the given ones: int64 [count]."""
    places = np.random.default_rng(seed).random(count)
    grid = np.linspace(0, 1, len(deciles))
    return np.interp(places, grid, deciles).round().astype(np.int64)


def drawn_tokens(
    lengths: np.ndarray, architecture: Architecture, n_outputs: int = 2, seed: int = 0
) -> Tokens:
    """Random examples of given lengths, words drawn from the whole vocabulary."""
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Tokens(
        input_ids=rng.integers(1, architecture.vocabulary, offsets[-1]).astype(np.int32),
        token_types=np.zeros(offsets[-1], np.uint8),
        offsets=offsets,
        labels=rng.integers(0, n_outputs, len(lengths)),
        idx=np.arange(len(lengths)),
        half=(np.arange(len(lengths)) % 2).astype(np.uint8),
    )
