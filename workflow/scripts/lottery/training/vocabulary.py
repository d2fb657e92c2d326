"""Trains with an embedding table cut to the words that occur, which changes no result.

Without weight decay, a word that never occurs in the training data gets a zero gradient at every
step, so AdamW never moves it. Most of a 30,000-word table is such words, and filling, clipping and
updating their rows costs a good part of a short training.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from lottery.data.tokens import Tokens
from lottery.models.encoder import Encoder


@contextmanager
def compact_vocabulary(model: Encoder, tokens: Tokens) -> Iterator[Tokens]:
    """Cuts a model's word embeddings to the words of some examples, for a block.

    Yields:
        The examples, their words numbered without gaps.
    """
    full = model.embeddings.word
    words = np.unique(tokens.input_ids)
    rows = torch.from_numpy(words.astype(np.int64)).to(full.weight.device)
    model.embeddings.word = nn.Embedding.from_pretrained(full.weight.detach()[rows], freeze=False)
    try:
        numbers = np.searchsorted(words, tokens.input_ids).astype(np.int32)
        yield replace(tokens, input_ids=numbers)
    finally:
        with torch.no_grad():
            full.weight[rows] = model.embeddings.word.weight
        model.embeddings.word = full
