"""Several examples in one row: batches of the same examples with hardly any padding.

Examples of a random batch differ in length, and padded to the longest they are mostly padding. Here
whole examples share rows; each token sees the tokens of its own example alone and counts its
positions from that example's start, so every example is computed as if it stood by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from lottery.data.batches import Batch, Packing, labels_of, move
from lottery.data.tokens import Tokens


@dataclass(frozen=True)
class Sizes:
    """The sizes that packed batches may have; multiples keep the number of different ones small.

    Attributes:
        row_length: tokens of a row; more where an example is longer.
        row_lengths: the length of rows is a multiple of it.
        rows: so is the number of rows of it,
        firsts: and the number of places for examples in a row of it.
    """

    row_length: int
    row_lengths: int = 1
    rows: int = 1
    firsts: int = 1


# Longer rows waste less at their ends, shorter ones less on attention between examples.
CPU_SIZES = Sizes(row_length=48)
# A step is recorded once for each size (lottery.training.cuda_graphs), and small products cost a
# GPU no time.
GPU_SIZES = Sizes(row_length=64, row_lengths=64, rows=2, firsts=4)


def sizes_for(device: torch.device) -> Sizes:
    """The sizes of batches that are computed on a device."""
    return CPU_SIZES if device.type == "cpu" else GPU_SIZES


def pack(
    tokens: Tokens, rows: np.ndarray, device: torch.device, sizes: Sizes | None = None
) -> Batch:
    """Makes one batch of some rows of a split, several of them in a row of the batch.

    Args:
        tokens: the split.
        rows: which examples; labels and outputs keep this order.
        device: where the tensors are put.
        sizes: of the batch; the device's own when None.

    Returns:
        A batch whose `attention_mask` is [R, T, T] and whose `packing` says where examples begin.
    """
    sizes = sizes or sizes_for(device)
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
    # What is left at the end of a row sees itself, and nobody sees it: no softmax lacks an entry.
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
    """Puts examples into rows, the longest first, each into the first row that has room.

    First fit decreasing: at most 11/9 of the fewest rows there could be, and 6/9 of a row (Dosa
    2007).

    Args:
        lengths: int [B], none above `width`.
        width: tokens of a row.

    Returns:
        Each example's row, and the column of its first token, int64 [B] both.
    """
    room: list[int] = []
    rows, columns = np.empty((2, len(lengths)), np.int64)
    for example in np.argsort(-lengths, kind="stable"):
        length = int(lengths[example])
        row = next((row for row, left in enumerate(room) if left >= length), len(room))
        if row == len(room):
            room.append(width)
        rows[example], columns[example] = row, width - room[row]
        room[row] -= length
    return rows, columns


def _firsts(
    row: np.ndarray, column: np.ndarray, n_rows: int, multiple: int
) -> tuple[np.ndarray, np.ndarray]:
    """`firsts` and `places` of a `Packing`, from each example's row and column."""
    counts = np.bincount(row, minlength=n_rows)
    order = np.argsort(row, kind="stable")
    number = np.empty_like(row)  # of an example within its row
    number[order] = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    firsts = np.zeros((n_rows, _rounded_up(int(counts.max()), multiple)), np.int64)
    firsts[row, number] = column
    return firsts, row * firsts.shape[1] + number


def _rounded_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
