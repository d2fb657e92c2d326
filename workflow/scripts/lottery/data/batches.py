"""Batches of tokenised examples as tensors, and the orders in which examples are visited."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lottery.data.tokens import Tokens


@dataclass(frozen=True)
class Batch:
    """B examples, padded to the longest of them (T tokens).

    Attributes:
        input_ids: int64 [B, T].
        token_types: int64 [B, T].
        attention_mask: bool [B, T], False for padding.
        labels: int64 [B], or float32 [B] for regression.
        rows: int64 numpy array [B], the examples' rows in the split.
    """

    input_ids: Tensor
    token_types: Tensor
    attention_mask: Tensor
    labels: Tensor
    rows: np.ndarray

    @property
    def inputs(self) -> tuple[Tensor, Tensor, Tensor]:
        """What the encoder takes."""
        return self.input_ids, self.token_types, self.attention_mask


def collate(tokens: Tokens, rows: np.ndarray, device: torch.device) -> Batch:
    """Makes one batch of some rows of a split, in the order given."""
    starts = tokens.offsets[rows]
    lengths = tokens.offsets[rows + 1] - starts
    columns = np.arange(lengths.max())
    present = columns < lengths[:, None]  # [B, T]
    # Padded places read token 0 and are then overwritten, so that no index leaves the array.
    places = np.where(present, starts[:, None] + columns, 0)
    input_ids = np.where(present, tokens.input_ids[places], 0)
    token_types = np.where(present, tokens.token_types[places], 0)

    def move(array: np.ndarray, dtype: torch.dtype) -> Tensor:
        return torch.from_numpy(array).to(device=device, dtype=dtype, non_blocking=True)

    is_regression = tokens.labels.dtype.kind == "f"
    return Batch(
        input_ids=move(input_ids, torch.int64),
        token_types=move(token_types, torch.int64),
        attention_mask=move(present, torch.bool),
        labels=move(tokens.labels[rows], torch.float32 if is_regression else torch.int64),
        rows=rows,
    )


def ordered_rows(tokens: Tokens, batch_size: int, order: str) -> Iterator[np.ndarray]:
    """Yields the rows of a split batch by batch, for steps that look at every example once.

    Args:
        tokens: a split.
        batch_size: of all batches but the last.
        order: "file", or "length" (shortest first, ties in file order), which pads least.
    """
    lengths = np.diff(tokens.offsets)
    rows = np.arange(len(tokens)) if order == "file" else np.argsort(lengths, kind="stable")
    for start in range(0, len(rows), batch_size):
        yield rows[start : start + batch_size]


def shuffled_rows(count: int, batch_size: int, generator: torch.Generator) -> Iterator[np.ndarray]:
    """Yields one epoch of seeded random batches: rows of `count` examples, the last batch short."""
    rows = torch.randperm(count, generator=generator).numpy()
    for start in range(0, count, batch_size):
        yield rows[start : start + batch_size]
