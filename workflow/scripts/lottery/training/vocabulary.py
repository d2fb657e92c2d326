"""Trains with an embedding table cut to the words that occur, and puts it back exactly.

Without weight decay, a word that never occurs in the training data gets a zero gradient at every
step, so AdamW never moves it. Most of a 30,000-word table is such words, and filling, clipping and
updating their rows costs a good part of a short training. Cutting the table changes no result.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from lottery.data.tokens import Tokens
from lottery.models.encoder import Encoder


class CompactVocabulary:
    """The words of some examples, numbered without gaps.

    Args:
        model: its word embeddings are replaced by the rows that occur, until `restore`.
        tokens: the examples.
    """

    def __init__(self, model: Encoder, tokens: Tokens) -> None:
        self._model = model
        self._full = model.embeddings.word
        self._words = np.unique(tokens.input_ids)
        words = torch.from_numpy(self._words.astype(np.int64)).to(self._full.weight.device)
        rows = self._full.weight.detach()[words]
        model.embeddings.word = nn.Embedding.from_pretrained(rows, freeze=False)
        self._rows = words

    def encode(self, tokens: Tokens) -> Tokens:
        """Renumbers the words of examples; all of them must occur in the ones given before."""
        return replace(
            tokens, input_ids=np.searchsorted(self._words, tokens.input_ids).astype(np.int32)
        )

    def restore(self) -> None:
        """Puts the trained rows back into the whole table."""
        with torch.no_grad():
            self._full.weight[self._rows] = self._model.embeddings.word.weight
        self._model.embeddings.word = self._full
