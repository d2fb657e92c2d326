"""How long two models take for the same examples, in turns, so that both meet the same machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from lottery.data.batches import collate
from lottery.data.tokens import Tokens
from lottery.models.encoder import Encoder

Pass = Callable[[int], None]


@dataclass(frozen=True)
class Effort:
    """How long to measure: rounds until there are `most`, or `least` and the seconds are over."""

    warm_up: int = 3
    least: int = 11
    most: int = 1001
    seconds: float = 2.0


def spread_examples(tokens: Tokens, count: int) -> np.ndarray:
    """Rows of examples whose lengths are spread like those of the split: int64 [count].

    They are the evenly spaced ones of the split in the order of lengths. A split of fewer examples
    gives some several times.
    """
    order = np.argsort(tokens.lengths, kind="stable")
    return order[((np.arange(count) + 0.5) * len(order) / count).astype(np.int64)]


def forward_pass(model: Encoder, tokens: Tokens, rows: np.ndarray, batch_size: int) -> Pass:
    """A forward pass without dropout, over one batch of some rows, padded to its longest.

    Round after round the next batch is taken. All batches are on the model's device beforehand.
    """
    device = model.classifier.weight.device
    parts = np.split(rows, range(batch_size, len(rows), batch_size))
    batches = [collate(tokens, part, device) for part in parts]
    model.eval()

    def run(number: int) -> None:
        with torch.inference_mode():
            model(*batches[number % len(batches)].inputs)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return run


def alternate(
    first: Pass,
    second: Pass,
    effort: Effort | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> np.ndarray:
    """Times two passes in rounds of one pass each; which one begins changes from round to round.

    Args:
        first, second: called with the number of the round, and done when they return.
        effort: how long to measure.
        clock: gives seconds.

    Returns:
        Seconds, float64 [rounds, 2].
    """
    effort = effort or Effort()
    for number in range(effort.warm_up):
        first(number)
        second(number)
    taken: list[list[float]] = []
    start = clock()
    while len(taken) < effort.most and (
        len(taken) < effort.least or clock() - start < effort.seconds
    ):
        number, seconds = len(taken), [0.0, 0.0]
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            before = clock()
            (first, second)[which](number)
            seconds[which] = clock() - before
        taken.append(seconds)
    return np.array(taken)
