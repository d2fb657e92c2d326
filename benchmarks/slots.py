"""Times trainings that share one GPU against trainings that have it one after the other.

What is faster decides `compute.slots_per_gpu`. BERT-base with random weights, batches of 32 with
RTE's or SST-2's lengths, bf16. With `--mps` trainings share the GPU under CUDA MPS as well: under
the daemon that runs, or one that is started for it and stopped at the end. Without a GPU it says so
and ends well. From the root:

    PYTHONPATH=workflow/scripts python benchmarks/slots.py --mps --json build/bench/slots.json
"""

from __future__ import annotations

import argparse
import signal
from collections.abc import Sequence

import numpy as np
import torch

from drawn import TASKS, TRAIN_LENGTHS, bert_base, drawn_lengths, drawn_model, drawn_tokens
from lottery.steps.setup import prepare_torch
from lottery.training.loop import Recipe, train
from measuring import arguments, machine, parsed
from mps import NoMPSError, with_mps, without_mps
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


def row_name(task: str, jobs: int, *, mps: bool) -> str:
    """The row of so many trainings at once."""
    how = "with CUDA MPS" if mps else "without CUDA MPS"
    return f"{jobs} trainings share a GPU {how}, lengths of {TASKS[task]}"


def measure(tasks: Sequence[str], *, quick: bool, mps: bool = False) -> list[Row]:
    """The rows of some tasks' lengths: several trainings at once over as many in turn."""

    def seconds(task: str, jobs: int, environment: dict[str, str]) -> float:
        return seconds_with(jobs, [__file__, "--worker", task, *["--quick"] * quick], environment)

    def shared(environment: dict[str, str], *, mps: bool) -> list[Row]:
        return [
            share(
                row_name(task, jobs, mps=mps),
                seconds(task, jobs, environment),
                "one after the other",
                jobs * alone[task],
            )
            for task, jobs in cases
        ]

    cases = [(task, jobs) for task in tasks for jobs in JOBS]
    with without_mps() as environment:
        alone = {task: seconds(task, 1, environment) for task in tasks}
        rows = shared(environment, mps=False)
    if mps:
        try:
            with with_mps() as environment:
                rows += shared(environment, mps=True)
        except NoMPSError as error:
            print(error, flush=True)
            rows += [not_measured(row_name(*case, mps=True), "no CUDA MPS") for case in cases]
    return rows


def main() -> None:
    """Measures where there is a GPU, prints the rows and writes them as json."""
    parser = arguments(__doc__, repeats=1)
    parser.add_argument("--mps", action="store_true", help="share the GPU under CUDA MPS, too")
    parser.add_argument("--worker", choices=TASKS, help=argparse.SUPPRESS)
    options = parsed(parser)
    if options.worker:
        work(options)
        return
    # So that a daemon that was started is stopped by it, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    facts = machine()
    if not torch.cuda.is_available():
        print("There is no CUDA device here, so no trainings share one.")
        finish(options, facts, [not_measured("trainings that share a GPU", "no GPU")])
        return
    finish(options, facts, measure([*TASKS], quick=options.quick, mps=options.mps))


if __name__ == "__main__":
    main()
