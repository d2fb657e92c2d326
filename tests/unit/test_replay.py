"""Replayed steps do what single steps do, and batches of a training have few sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_shrink import random_weights
from tiny import tiny_model, tiny_tokens

from lottery.data.batches import GPU_SIZES, Batch, collate, pack, shuffled_rows
from lottery.pruning.shrink import check_under, zero_weights
from lottery.training import loop
from lottery.training.cuda_graphs import MOST_RECORDINGS, UNRECORDED, Replayed
from lottery.training.loop import GRAPH_STEPS, Recipe, recorder_for, train

CPU = torch.device("cpu")
RECIPE = Recipe(learning_rate=3e-3, batch_size=8, epochs=4, log_every=1)


class Repeats:
    """Stands in for CUDA graphs: a replay computes again, from the memory of the recording."""

    def __init__(self) -> None:
        self.recordings = 0
        self.replays = 0

    def __call__(self, work: Callable[[], None]) -> Callable[[], None]:
        self.recordings += 1

        def again() -> None:
            self.replays += 1
            work()

        return again


@pytest.fixture
def few_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        loop, "pack", lambda tokens, rows, device: pack(tokens, rows, device, GPU_SIZES)
    )


@pytest.mark.usefixtures("few_sizes")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_replayed_training_is_the_same_bit_for_bit(precision):
    tokens, recipe = tiny_tokens(60), replace(RECIPE, precision=precision)
    single, replayed, repeats = tiny_model(), tiny_model(), Repeats()
    mask = random_weights(single)
    histories = [
        train(single, tokens, recipe, 1, zero_weights(single, mask)),
        train(replayed, tokens, recipe, 1, zero_weights(replayed, mask), graphs=repeats),
    ]
    for mine, other in zip(replayed.parameters(), single.parameters(), strict=True):
        assert torch.equal(mine, other)
    losses = [[row["loss"] for row in history] for history in histories]
    assert losses[0] == losses[1]
    check_under(replayed, mask)
    # The last batch of an epoch is short and has a size of its own.
    assert repeats.recordings >= 2
    assert repeats.replays >= recipe.epochs * 8 - UNRECORDED * repeats.recordings - 8


def batches(sizes: list[int]) -> list[Batch]:
    tokens = replace(tiny_tokens(64), offsets=np.arange(65) * 5)
    return [collate(tokens, np.arange(size), CPU) for size in sizes]


def test_a_shape_is_recorded_when_it_comes_up_again():
    done, repeats = [], Repeats()
    run = Replayed(lambda batch: done.append(len(batch.labels)), repeats)
    for batch in batches([2] * (UNRECORDED + 3) + [3] * UNRECORDED):
        run(batch)
    assert done == [2] * (UNRECORDED + 3) + [3] * UNRECORDED
    assert (repeats.recordings, repeats.replays) == (1, 3)


def test_there_are_no_more_recordings_than_have_room():
    repeats = Repeats()
    run = Replayed(lambda batch: None, repeats)
    for _ in range(UNRECORDED + 1):
        for batch in batches(list(range(1, MOST_RECORDINGS + 5))):
            run(batch)
    assert repeats.recordings == MOST_RECORDINGS


def test_a_replay_reads_every_tensor_of_its_own_batch():
    tokens, seen = tiny_tokens(64), []
    rows = [np.arange(start, start + 8) for start in range(0, 40, 8)]
    sizes = replace(GPU_SIZES, rows=8, firsts=8)
    run = Replayed(lambda batch: seen.append([t.clone() for t in batch.tensors]), Repeats())
    packed = [pack(tokens, each, CPU, sizes) for each in rows]
    for batch in packed:
        run(batch)
    assert len({tuple(t.shape for t in batch.tensors) for batch in packed}) == 1
    for batch, tensors in zip(packed, seen, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(batch.tensors, tensors, strict=True))


@pytest.mark.parametrize(
    ("middle", "spread", "longest"), [(2.4, 0.6, 60), (4.1, 0.5, 128)], ids=["as SST-2", "as RTE"]
)
def test_batches_for_a_gpu_have_few_sizes_and_little_padding(middle, spread, longest):
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(middle, spread, 4000).astype(int), 3, longest)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    count = offsets[-1]
    tokens = replace(
        tiny_tokens(4000),
        input_ids=np.ones(count, np.int32),
        token_types=np.zeros(count, np.uint8),
        offsets=offsets,
    )
    shapes, places = set(), 0
    for rows in shuffled_rows(4000, 32, torch.Generator().manual_seed(0)):
        batch = pack(tokens, rows, CPU, GPU_SIZES)
        shapes.add(tuple(tensor.shape for tensor in batch.tensors))
        places += batch.input_ids.numel()
        assert batch.input_ids.shape[1] % GPU_SIZES.row_lengths == 0
        assert len(batch.input_ids) % GPU_SIZES.rows == 0
        assert batch.packing.firsts.shape[1] % GPU_SIZES.firsts == 0
    assert len(shapes) <= 16
    assert places <= 1.25 * count


def test_only_long_trainings_on_a_gpu_are_recorded():
    long = GRAPH_STEPS * RECIPE.batch_size
    cuda, once = torch.device("cuda"), replace(RECIPE, epochs=1)
    assert recorder_for(True, CPU, RECIPE, long) is None
    assert recorder_for(True, cuda, once, long - RECIPE.batch_size) is None
    assert recorder_for(False, cuda, once, long) is None
    assert recorder_for(True, cuda, once, long) is not None
