"""Steps that are recorded once for each shape of batch, and replayed in one launch.

A training step launches some hundred small kernels. On a fast GPU, launching them takes longer than
computing them when batches are small. A CUDA graph keeps all launches of a step; replaying it costs
one. It reads and writes the memory it was recorded with, so a batch is first copied there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import torch

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
        self._recordings: dict[tuple[torch.Size, ...], _Recording] = {}

    def __call__(self, batch: Batch) -> None:
        """Does the work on one batch."""
        shape = tuple(tensor.shape for tensor in batch.tensors)
        recording = self._recordings.get(shape)
        if recording is None:
            self._seen[shape] += 1
            if self._seen[shape] <= UNRECORDED or len(self._recordings) >= MOST_RECORDINGS:
                self._work(batch)
                return
            recording = _Recording(self._work, batch, self._record)
            self._recordings[shape] = recording
        recording.replay(batch)


class _Recording:
    """The work on batches of one shape, and the memory in which it finds them."""

    def __init__(self, work: Work, batch: Batch, record: Recorder) -> None:
        self._memory = [tensor.clone() for tensor in batch.tensors]
        mine = batch.holding(self._memory)
        self._run = record(lambda: work(mine))

    def replay(self, batch: Batch) -> None:
        for memory, tensor in zip(self._memory, batch.tensors, strict=True):
            memory.copy_(tensor, non_blocking=True)
        self._run()


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
