"""Times trainings that share one GPU against trainings that have it one after the other.

What is faster decides `compute.slots_per_gpu`. BERT-base with random weights, batches of 32 with
RTE's or SST-2's lengths, bf16. Without a GPU it says so and ends well. From the root:

    PYTHONPATH=workflow/scripts python benchmarks/slots.py --json build/bench/slots.json
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from drawn import TASKS, TRAIN_LENGTHS, bert_base, drawn_lengths, drawn_model, drawn_tokens
from lottery.steps.setup import prepare_torch
from lottery.training.loop import Recipe, train
from measuring import arguments, machine, parsed
from rows import Row, finish, not_measured, share
from workers import seconds_with, work_when_told

RECIPE = Recipe(epochs=1, precision="bf16")
STEPS, QUICK_STEPS = 400, 8
JOBS = (2, 4)
LAYERS, QUICK_LAYERS = 12, 1


def work(options: argparse.Namespace) -> None:
    """What a worker does: makes ready, and trains when it is told."""
    device = prepare_torch(options.threads)
    architecture = bert_base(QUICK_LAYERS if options.quick else LAYERS)
    steps = QUICK_STEPS if options.quick else STEPS
    lengths = drawn_lengths(TRAIN_LENGTHS[options.worker], steps * RECIPE.batch_size)
    tokens = drawn_tokens(lengths, architecture)
    first = tokens.select(np.arange(RECIPE.batch_size))
    train(drawn_model(architecture).to(device), first, RECIPE, 0)  # starts the device
    model = drawn_model(architecture).to(device)

    def training() -> None:
        train(model, tokens, RECIPE, 0)
        model.classifier.weight.detach().cpu()  # waits for the device

    work_when_told(training)


def measure(task: str, *, quick: bool) -> list[Row]:
    """The rows of one task's lengths: several trainings at once over as many in turn."""
    words = [__file__, "--worker", task, *["--quick"] * quick]
    alone = seconds_with(1, words)
    return [
        share(
            f"{jobs} trainings share a GPU, lengths of {TASKS[task]}",
            seconds_with(jobs, words),
            "one after the other",
            jobs * alone,
        )
        for jobs in JOBS
    ]


def main() -> None:
    """Measures where there is a GPU, prints the rows and writes them as json."""
    parser = arguments(__doc__, repeats=1)
    parser.add_argument("--worker", choices=TASKS, help=argparse.SUPPRESS)
    options = parsed(parser)
    if options.worker:
        work(options)
        return
    facts, rows = machine(), []
    if not torch.cuda.is_available():
        print("There is no CUDA device here, so no trainings share one.")
        finish(options, facts, [not_measured("trainings that share a GPU", "no GPU")])
        return
    for task in TASKS:
        rows += measure(task, quick=options.quick)
    finish(options, facts, rows)


if __name__ == "__main__":
    main()
