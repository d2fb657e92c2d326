"""Times one epoch of fine-tuning: ours, two ways of others, and the floor of the matrix products.

The embedded model, batches of 32, two threads, 640 examples of RTE and 1920 of SST-2 (real GLUE
with GLUE_DIR, generated tasks otherwise). Compared are

- run_glue's way: transformers' model, all padded to 128, fp32, torch's AdamW. Its steps all cost
  the same, so a few are timed and scaled to the epoch;
- Trainer at its best: length groups, dynamic padding, bf16, fused AdamW, in a bare loop around
  transformers' model (reference.py says why Trainer itself is not run);
- the floor: the FLOPs of the linear layers on real tokens, at the rate at which this machine
  multiplies bf16 matrices of these sizes, measured in the same run.

`--scores`, as in `make bench`, adds the development scores of our training and the tuned loop over
five seeds, three epochs each (a quarter of an hour). From the root:

    PYTHONPATH=workflow/scripts python benchmarks/finetuning.py --json build/bench/finetuning.json
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lottery.data.tokens import Tokens
from lottery.evaluation.predict import predict
from lottery.evaluation.scoring import decide
from lottery.tasks import metrics
from lottery.training.loop import Recipe, train
from material import MAX_LENGTH, Case, Embedded, case_of
from measuring import (
    arguments,
    gemm_rate,
    linear_flops,
    linear_shapes,
    machine,
    median_seconds,
    parsed,
)
from reference import copy_back, train_padded, train_tuned, twin_of
from rows import Row, finish, share, speedup

# Task, training examples, target over run_glue's way.
CASES = (("rte", 640, 5.0), ("sst2", 1920, 25.0))
FLOOR_TARGET = 2.0
RECIPE = Recipe(epochs=1, precision="bf16")
PADDED_STEPS = 4
SCORE_RECIPE = Recipe(learning_rate=5e-5, epochs=3, precision="bf16")
SCORE_SEEDS = (0, 1, 2, 3, 4)
SCORE_ERRORS = 2.0  # standard errors by which two mean scores may differ

RUN_GLUE = "run_glue's way: padded to 128, fp32"
TUNED = "tuned transformers loop: length groups, dynamic padding, bf16"


def works(
    embedded: Embedded, case: Case, recipe: Recipe
) -> dict[str, Callable[[], Callable[[], Any]]]:
    """The three trainings, each with a fresh model."""

    def ours() -> Callable[[], Any]:
        return partial(train, embedded.model(case.task.n_outputs), case.train, recipe, 0)

    def other(loop: Callable[..., None], **more: int) -> Callable[[], Any]:
        twin = twin_of(embedded.model(case.task.n_outputs))
        return partial(loop, twin, case.train, recipe, 0, **more)

    return {
        "ours": ours,
        "tuned": partial(other, train_tuned),
        "padded": partial(other, train_padded, length=MAX_LENGTH, steps=PADDED_STEPS),
    }


def floor_seconds(
    embedded: Embedded, tokens: Tokens, batch_size: int, window: float
) -> tuple[float, float]:
    """The floor of one epoch in seconds, and the rate behind it in FLOP/s."""
    architecture = embedded.model(2).architecture
    rows = round(batch_size * float(tokens.lengths.mean()))
    shapes = linear_shapes(architecture)
    rate = gemm_rate(shapes, rows, torch.bfloat16, torch.device("cpu"), window)
    return linear_flops(architecture, int(tokens.lengths.sum())) / rate, rate


def measure(
    embedded: Embedded, case: Case, target: float, options: argparse.Namespace
) -> tuple[list[Row], dict[str, Any]]:
    """The rows of one task, and the numbers behind them."""
    window = 0.05 if options.quick else 1.0
    floor = partial(floor_seconds, embedded, case.train, RECIPE.batch_size, window)
    before = floor()
    seconds = median_seconds(works(embedded, case, RECIPE), options.repeats)
    # The machine may be faster at one time than at another: the higher rate makes the floor.
    best, rate = min(before, floor())
    steps = -(-len(case.train) // RECIPE.batch_size)
    timed = min(PADDED_STEPS, steps)
    padded = seconds["padded"] * steps / timed
    name = f"fine-tune, {case.label}, {len(case.train)} examples, one epoch"
    note = f"{timed} of {steps} equal steps timed"
    rows = [
        share(f"{name}: over the floor", seconds["ours"], "floor", best, FLOOR_TARGET),
        speedup(name, seconds["ours"], RUN_GLUE, padded, target, note),
        speedup(name, seconds["ours"], TUNED, seconds["tuned"], 1.0),
    ]
    details = {
        "bf16_gflops": rate / 1e9,
        "tokens": int(case.train.lengths.sum()),
        "tokens_per_second": float(case.train.lengths.sum() / seconds["ours"]),
        "seconds": seconds | {"padded": padded, "floor": best},
    }
    return rows, details


def score_row(embedded: Embedded, case: Case, seeds: tuple[int, ...]) -> tuple[Row, dict[str, Any]]:
    """Development scores of our training and the tuned loop, over seeds."""
    found: dict[str, list[float]] = {"ours": [], "tuned": []}

    def score(model: Any) -> float:
        predictions = decide(predict(model, case.dev, 64))
        return metrics.score(case.task.metric, case.dev.labels, predictions) or 0.0

    for seed in seeds:
        model = embedded.model(case.task.n_outputs, seed)
        train(model, case.train, SCORE_RECIPE, seed)
        found["ours"].append(score(model))
        model = embedded.model(case.task.n_outputs, seed)
        twin = twin_of(model)
        train_tuned(twin, case.train, SCORE_RECIPE, seed)
        found["tuned"].append(score(copy_back(twin, model)))
    means = {name: float(np.mean(values)) for name, values in found.items()}
    errors = apart(found["ours"], found["tuned"])
    name = f"dev {case.task.metric}, {case.label}, {len(seeds)} seeds: standard errors apart"
    row = Row(name, means["ours"], "", TUNED, means["tuned"], errors, SCORE_ERRORS)
    return row, found


def apart(ours: list[float], theirs: list[float]) -> float:
    """How many standard errors of their difference two means lie apart; 0 if they are equal."""
    difference = abs(float(np.mean(ours) - np.mean(theirs)))
    variances = [float(np.var(values, ddof=1)) / len(values) for values in (ours, theirs)]
    return difference / sum(variances) ** 0.5 if difference else 0.0


def main() -> None:
    """Measures, prints the rows and writes them as json."""
    parser = arguments(__doc__)
    parser.add_argument("--scores", action="store_true", help="also dev scores over five seeds")
    options = parsed(parser)
    facts, rows, details = machine(), [], {}
    with tempfile.TemporaryDirectory() as folder:
        embedded = Embedded(Path(folder))
        for task, train_examples, target in CASES:
            sizes = (16, 16) if options.quick else (train_examples, None)
            case = case_of(task, embedded.tokenizer, *sizes)
            found, details[case.label] = measure(embedded, case, target, options)
            rows += found
            if options.scores:
                seeds = SCORE_SEEDS[:2] if options.quick else SCORE_SEEDS
                row, details[case.label]["scores"] = score_row(embedded, case, seeds)
                rows.append(row)
    finish(options, facts, rows, **details)


if __name__ == "__main__":
    main()
