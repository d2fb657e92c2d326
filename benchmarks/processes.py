"""Times two trainings: side by side with one thread each, or one after the other with two threads.

What is faster decides how many threads a job should ask for (`compute.torch_threads`). Both ways
train the embedded model for one epoch on the same examples of RTE and SST-2 (generated tasks
without GLUE_DIR), in fp32 and in bf16. Starting Python and reading the model is not counted. From
the root:

    PYTHONPATH=workflow/scripts python benchmarks/processes.py --json build/bench/processes.json
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from lottery.training import Recipe, train
from material import Embedded, case_of
from measuring import arguments, machine, parsed
from rows import Row, finish, share

# Task and training examples.
CASES = (("rte", 320), ("sst2", 960))
PRECISIONS = ("fp32", "bf16")


def work(options: argparse.Namespace) -> None:
    """What a worker does: makes ready, waits for a line, trains, says so."""
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        embedded = Embedded(Path(folder))
        case = case_of(options.task, embedded.tokenizer, options.examples, 8)
        models = [embedded.model(case.task.n_outputs) for _ in range(options.trainings)]
    print("ready", flush=True)
    sys.stdin.readline()
    for seed, model in enumerate(models):
        train(model, case.train, Recipe(epochs=1, precision=options.precision), seed)
    print("done", flush=True)


def seconds_with(workers: int, threads: int, trainings: int, of: list[str]) -> float:
    """Wall time of some workers that begin together, until the last one is done."""
    command = [sys.executable, __file__, "--threads", str(threads), "--trainings", str(trainings)]
    started = [
        subprocess.Popen(
            [*command, *of], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        for _ in range(workers)
    ]
    for worker in started:
        _expect(worker, "ready")
    begun = time.perf_counter()
    for worker in started:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in started:
        _expect(worker, "done")
    seconds = time.perf_counter() - begun
    for worker in started:
        worker.communicate()
    return seconds


def _expect(worker: subprocess.Popen[str], word: str) -> None:
    for line in worker.stdout:
        if line.strip() == word:
            return
    sys.exit(f"A worker ended before it was {word}.")


def measure(task: str, examples: int, precision: str, repeats: int) -> Row:
    """One row: one thread each over two threads in turn."""
    of = ["--task", task, "--examples", str(examples), "--precision", precision]
    apart = min(seconds_with(2, 1, 1, of) for _ in range(repeats))
    together = min(seconds_with(1, 2, 2, of) for _ in range(repeats))
    name = f"two trainings side by side, one thread each: {task}, {precision}"
    return share(name, apart, "one after the other, two threads", together)


def main() -> None:
    """Measures, prints the rows and writes them as json."""
    parser = arguments(__doc__, repeats=2)
    parser.add_argument("--task", help=argparse.SUPPRESS)
    parser.add_argument("--examples", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--precision", help=argparse.SUPPRESS)
    parser.add_argument("--trainings", type=int, help=argparse.SUPPRESS)
    options = parsed(parser)
    if options.task:
        work(options)
        return
    facts = machine()
    rows = [
        measure(task, 32 if options.quick else examples, precision, options.repeats)
        for task, examples in CASES
        for precision in PRECISIONS
    ]
    finish(options, facts, rows)


if __name__ == "__main__":
    main()
