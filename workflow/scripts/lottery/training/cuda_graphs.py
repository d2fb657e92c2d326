"""Steps that are recorded once for each shape of batch, and replayed in one launch.

A training step launches some hundred small kernels. On a fast GPU, launching them takes longer than
computing them when batches are small. A CUDA graph keeps all launches of a step; replaying it costs
one. It reads and writes the memory it was recorded with, so a batch is first copied there.
`torch.cuda.make_graphed_callables` records forward and backward passes of one shape; here the
masking of gradients, the clipping and AdamW are part of the recording, and there are many shapes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from lottery.data.batches import Batch

Work = Callable[[Batch], None]
# Makes a replay of what a function does on the device; the function runs at most once for it.
Recorder = Callable[[Callable[[], None]], Callable[[], None]]

# Kernels and libraries load at their first use, which may not be recorded.
UNRECORDED = 2
# Of shapes; a rarer one than these is computed step by step.
MOST_RECORDINGS = 32


class Replayed:
    """Does a piece of work on batches, from a recording where their shape has come up before.

    Args:
        work: computes on the device alone: it asks for no value of a tensor, and all that lasts
            beyond it (weights, moments, sums) is changed in place.
        record: makes the recordings; see `CudaGraphs`.
    """

    def __init__(self, work: Work, record: Recorder) -> None:
        self._work = work
        self._record = record
        self._seen: Counter[tuple[torch.Size, ...]] = Counter()
        # Shape -> the memory of its recording's batch, and the replay.
        self._recordings: dict[tuple[torch.Size, ...], tuple[list[Tensor], Callable[[], None]]] = {}

    def __call__(self, batch: Batch) -> None:
        """Does the work on one batch."""
        shape = tuple(tensor.shape for tensor in batch.tensors)
        if shape not in self._recordings:
            self._seen[shape] += 1
            if self._seen[shape] <= UNRECORDED or len(self._recordings) >= MOST_RECORDINGS:
                self._work(batch)
                return
            memory = [tensor.clone() for tensor in batch.tensors]
            replay = self._record(partial(self._work, batch.holding(memory)))
            self._recordings[shape] = memory, replay
        memory, replay = self._recordings[shape]
        for kept, tensor in zip(memory, batch.tensors, strict=True):
            kept.copy_(tensor, non_blocking=True)
        replay()


class CudaGraphs:
    """Records work as CUDA graphs. They share their memory, since no two run at the same time."""

    def __init__(self) -> None:
        self._pool: tuple[int, int] | None = None

    def __call__(self, work: Callable[[], None]) -> Callable[[], None]:
        """Records what `work` launches, without computing it."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            work()
        self._pool = graph.pool()
        return graph.replay
