"""Times two trainings: side by side with one thread each, or one after the other with two threads.

What is faster decides how many threads a job should ask for (`compute.torch_threads`). Both ways
train the embedded model for one epoch on the same examples of RTE and SST-2 (generated tasks
without GLUE_DIR), in fp32 and in bf16. Starting Python and reading the model is not counted. From
the root:

    PYTHONPATH=workflow/scripts python benchmarks/processes.py --json build/bench/processes.json
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from lottery.training.loop import Recipe, train
from material import Embedded, case_of
from measuring import arguments, machine, parsed
from rows import Row, finish, share
from workers import seconds_with, work_when_told

# Task and training examples.
CASES = (("rte", 160), ("sst2", 480))
PRECISIONS = ("fp32", "bf16")


def work(options: argparse.Namespace) -> None:
    """What a worker does: makes ready, and trains when it is told."""
    with tempfile.TemporaryDirectory() as folder:
        embedded = Embedded(Path(folder))
        case = case_of(options.task, embedded.tokenizer, options.examples, 8)
        models = [embedded.model(case.task.n_outputs) for _ in range(options.trainings)]

    def trainings() -> None:
        for seed, model in enumerate(models):
            train(model, case.train, Recipe(epochs=1, precision=options.precision), seed)

    work_when_told(trainings)


def measure(task: str, examples: int, precision: str, repeats: int) -> Row:
    """One row: one thread each over two threads in turn."""
    of = [__file__, "--task", task, "--examples", str(examples), "--precision", precision]
    one_each = [*of, "--threads", "1", "--trainings", "1"]
    in_turn = [*of, "--threads", "2", "--trainings", "2"]
    apart = min(seconds_with(2, one_each) for _ in range(repeats))
    together = min(seconds_with(1, in_turn) for _ in range(repeats))
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
    cases = [("rte", 32)] if options.quick else CASES
    rows = [
        measure(task, examples, precision, options.repeats)
        for task, examples in cases
        for precision in PRECISIONS
    ]
    finish(options, facts, rows)


if __name__ == "__main__":
    main()
