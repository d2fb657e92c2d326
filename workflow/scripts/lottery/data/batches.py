"""Batches of tokenised examples as tensors, and the orders in which examples are visited.

Examples of a random batch differ in length, and padded to the longest they are mostly padding. In a
packed batch whole examples share rows; each token sees the tokens of its own example alone and
counts its positions from that example's start, so every example is computed as if it were alone.
Packing is written here because fine-tuning is faster with it than with length groups and dynamic
padding, which is what transformers' collator gives (benchmarks/finetuning.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lottery.data.tokens import Tokens

# Tokens, padding included, that a CPU computes fast together: more are read from memory again and
# again, and with fewer the matrix products are too small.
CPU_TOKENS = 1536
# Tokens, padding included, that a GPU computes together, by examples of a batch: 32,768 where an
# evaluation takes 128, 16,384 where a search takes 64. Fewer leave it idle.
GPU_LENGTH = 256
GROUPED_BATCHES = 50  # whose examples are sorted by length together; as in transformers


class Packing(NamedTuple):
    """The places of B examples that share rows."""

    positions: Tensor  # int64 [R, T], of each token within its example
    firsts: Tensor  # int64 [R, Q], where in its row each example begins; zeros after the last
    places: Tensor  # int64 [B], the place of each example of the batch among the R * Q


@dataclass(frozen=True)
class Batch:
    """B examples: each in a row of its own, padded to the longest (R = B), or several in a row."""

    input_ids: Tensor  # int64 [R, T]
    token_types: Tensor  # int64 [R, T]
    # bool [B, T], False for padding; packed [R, T, T], whether the first token sees the second.
    attention_mask: Tensor
    labels: Tensor  # int64 [B], or float32 [B] for regression
    rows: np.ndarray  # int64 [B], the examples' rows in the split
    packing: Packing | None = None  # if examples share rows

    @property
    def inputs(self) -> tuple[Tensor, Tensor, Tensor]:
        """What the encoder takes of every batch."""
        return self.input_ids, self.token_types, self.attention_mask


@dataclass(frozen=True)
class Sizes:
    """The sizes that packed batches may have; multiples keep the number of different ones small."""

    row_length: int  # tokens of a row; more where an example is longer
    row_lengths: int = 1  # the length of rows is a multiple of it,
    rows: int = 1  # so is the number of rows of this,
    firsts: int = 1  # and the number of places for examples in a row of this


# Longer rows waste less at their ends, shorter ones less on attention between examples.
CPU_SIZES = Sizes(row_length=48)
# Small products cost a GPU no time.
GPU_SIZES = Sizes(row_length=64, row_lengths=64, rows=2, firsts=4)


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

    return Batch(
        input_ids=move(input_ids, torch.int64, device),
        token_types=move(token_types, torch.int64, device),
        attention_mask=move(present, torch.bool, device),
        labels=labels_of(tokens, rows, device),
        rows=rows,
    )


def labels_of(tokens: Tokens, rows: np.ndarray, device: torch.device) -> Tensor:
    """The labels of some rows: int64 [B], or float32 [B] for regression."""
    is_regression = tokens.labels.dtype.kind == "f"
    return move(tokens.labels[rows], torch.float32 if is_regression else torch.int64, device)


def move(array: np.ndarray, dtype: torch.dtype, device: torch.device) -> Tensor:
    """An array as a tensor on a device, without waiting for its arrival."""
    tensor = torch.from_numpy(array).to(dtype)
    if device.type == "cuda":
        tensor = tensor.pin_memory()  # from other memory the copy would wait for the device
    return tensor.to(device, non_blocking=True)


def pack(
    tokens: Tokens, rows: np.ndarray, device: torch.device, sizes: Sizes | None = None
) -> Batch:
    """Makes one packed batch of some rows of a split; labels and outputs keep the order given."""
    sizes = sizes or (CPU_SIZES if device.type == "cpu" else GPU_SIZES)
    chosen = tokens.select(rows)
    lengths = chosen.lengths
    width = _rounded_up(max(sizes.row_length, int(lengths.max())), sizes.row_lengths)
    row, column = place(lengths, width)
    n_rows = _rounded_up(int(row.max()) + 1, sizes.rows)
    within = np.arange(lengths.sum()) - np.repeat(chosen.offsets[:-1], lengths)
    targets = np.repeat(row * width + column, lengths) + within

    def spread(values: np.ndarray) -> np.ndarray:
        whole = np.zeros(n_rows * width, np.int64)
        whole[targets] = values
        return whole.reshape(n_rows, width)

    firsts, places = _firsts(row, column, n_rows, sizes.firsts)
    # What is left at the end of a row sees itself alone: no softmax lacks an entry.
    segments = move(spread(np.repeat(np.arange(1, len(rows) + 1), lengths)), torch.int64, device)
    return Batch(
        input_ids=move(spread(chosen.input_ids), torch.int64, device),
        token_types=move(spread(chosen.token_types), torch.int64, device),
        attention_mask=segments[:, :, None] == segments[:, None, :],
        labels=labels_of(tokens, rows, device),
        rows=rows,
        packing=Packing(
            positions=move(spread(within), torch.int64, device),
            firsts=move(firsts, torch.int64, device),
            places=move(places, torch.int64, device),
        ),
    )


def place(lengths: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Puts examples into rows, the longest first, each into the first row that has enough left.

    First fit decreasing: at most 11/9 of the fewest rows there could be, and 6/9 of a row (Dosa
    2007). No length is above `width`.

    Returns:
        Each example's row, and the column of its first token, int64 [B] both.
    """
    left: list[int] = []  # tokens that each row can still take
    rows, columns = np.empty((2, len(lengths)), np.int64)
    for example in np.argsort(-lengths, kind="stable"):
        length = int(lengths[example])
        row = next((row for row, tokens in enumerate(left) if tokens >= length), len(left))
        if row == len(left):
            left.append(width)
        rows[example], columns[example] = row, width - left[row]
        left[row] -= length
    return rows, columns


def _firsts(
    row: np.ndarray, column: np.ndarray, n_rows: int, multiple: int
) -> tuple[np.ndarray, np.ndarray]:
    """`firsts` and `places` of a `Packing`."""
    counts = np.bincount(row, minlength=n_rows)
    order = np.argsort(row, kind="stable")
    number = np.empty_like(row)  # of an example within its row
    number[order] = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    firsts = np.zeros((n_rows, _rounded_up(int(counts.max()), multiple)), np.int64)
    firsts[row, number] = column
    return firsts, row * firsts.shape[1] + number


def _rounded_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


def ordered_rows(tokens: Tokens, batch_size: int, order: str) -> Iterator[np.ndarray]:
    """Yields the rows of a split batch by batch, for steps that look at every example once.

    The order is "file", or "length" (shortest first, ties in file order), which pads least.
    """
    rows = np.arange(len(tokens)) if order == "file" else np.argsort(tokens.lengths, kind="stable")
    for start in range(0, len(rows), batch_size):
        yield rows[start : start + batch_size]


def large_batches(
    tokens: Tokens, batch_size: int, order: str, device: torch.device
) -> Iterator[np.ndarray]:
    """Yields the rows of a split, for steps whose result does not depend on the batches.

    On a CPU the batches are those of `ordered_rows`. On a GPU a batch has examples of like lengths,
    as many as fit into `batch_size` times `GPU_LENGTH` tokens.
    """
    if device.type == "cpu":
        yield from ordered_rows(tokens, batch_size, order)
    else:
        yield from _of_like_lengths(tokens, np.arange(len(tokens)), batch_size * GPU_LENGTH)


def parts(tokens: Tokens, rows: np.ndarray, device: torch.device) -> Iterator[np.ndarray]:
    """Splits a batch of `large_batches` into parts of like lengths that suit the device.

    On a CPU a part is padded little, and what is computed of it stays in the caches; on a GPU the
    batch stays whole.
    """
    if device.type == "cpu":
        yield from _of_like_lengths(tokens, rows, CPU_TOKENS)
    else:
        yield rows


def _of_like_lengths(tokens: Tokens, rows: np.ndarray, most: int) -> Iterator[np.ndarray]:
    """Yields rows, the shortest examples first, in parts of at most `most` tokens or one example.

    Padding counts as tokens.
    """
    lengths = tokens.lengths[rows]
    order = np.argsort(lengths, kind="stable")
    start = 0
    for end, length in enumerate(lengths[order]):
        if end > start and length * (end + 1 - start) > most:
            yield rows[order[start:end]]
            start = end
    yield rows[order[start:]]


def shuffled_rows(count: int, batch_size: int, generator: torch.Generator) -> Iterator[np.ndarray]:
    """Yields one epoch of seeded random batches: rows of `count` examples, the last batch short."""
    rows = torch.randperm(count, generator=generator).numpy()
    for start in range(0, count, batch_size):
        yield rows[start : start + batch_size]


def length_grouped_rows(
    lengths: np.ndarray, batch_size: int, generator: torch.Generator
) -> Iterator[np.ndarray]:
    """Yields one epoch of batches of like lengths, in random order.

    The shuffled examples are sorted by length within groups of `GROUPED_BATCHES` batches, as in
    transformers' Trainer, and the batches are then shuffled.
    """
    shuffled = torch.randperm(len(lengths), generator=generator).numpy()
    size = GROUPED_BATCHES * batch_size
    groups = (shuffled[start : start + size] for start in range(0, len(shuffled), size))
    rows = np.concatenate([group[np.argsort(lengths[group], kind="stable")] for group in groups])
    batches = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    for index in torch.randperm(len(batches), generator=generator).tolist():
        yield batches[index]
