"""Times one epoch of fine-tuning: ours, four ways of others, and the floor of the matrix products.

The embedded model, batches of 32, two threads, 640 examples of RTE and 1920 of SST-2 (real GLUE
with GLUE_DIR, generated tasks otherwise). The opponents (reference.py) train transformers' model:

- Trainer at its best: length groups, dynamic padding, bf16, fused AdamW;
- the same in a bare loop, and in that loop under torch.compile, whose time has a row of its own;
- run_glue's way: all padded to 128, fp32, torch's AdamW. Its steps all cost the same, so a few are
  timed and scaled to the epoch.

The target is held against the fastest of them. The floor is the FLOPs of the products with weights
that our training really does, at the rate at which this machine multiplies bf16 matrices of these
sizes, measured in the same run.

`--scores` adds the development scores of our training and the bare loop over five seeds, three
epochs each (a quarter of an hour). From the root:

    PYTHONPATH=workflow/scripts python benchmarks/finetuning.py --json build/bench/finetuning.json
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import BertForSequenceClassification

from lottery.data.tokens import Tokens
from lottery.evaluation.predict import predict
from lottery.evaluation.scoring import decide
from lottery.models.encoder import Encoder
from lottery.tasks import metrics
from lottery.training.loop import Recipe, train
from material import MAX_LENGTH, Case, Embedded, case_of
from measuring import (
    arguments,
    flops_done,
    gemm_rate,
    linear_shapes,
    machine,
    median_seconds,
    parsed,
    seconds_of,
)
from reference import compile_seconds, copy_back, train_padded, train_tuned, trainer, twin_of
from rows import Row, finish, share, speedup


class Targets(NamedTuple):
    """The targets of a task.

    Attributes:
        faster: how many times as fast as the strongest opponent.
        over_floor: how many times as long as the products; room for what is no product, of long
            examples attention and dropout, of short ones what a step costs at any length.
    """

    faster: float
    over_floor: float


# Task -> training examples and targets.
CASES = {"rte": (640, Targets(1.6, 1.8)), "sst2": (1920, Targets(1.3, 2.1))}
RECIPE = Recipe(epochs=1, precision="bf16")
PADDED_STEPS = 4
SCORE_RECIPE = Recipe(learning_rate=5e-5, epochs=3, precision="bf16")
SCORE_SEEDS = (0, 1, 2, 3, 4)
SCORE_ERRORS = 2.0  # standard errors by which two mean scores may differ

TRAINER = "Trainer: length groups, dynamic padding, bf16"
TUNED = "Trainer's settings in a bare loop"
COMPILED = "bare loop under torch.compile"
RUN_GLUE = "run_glue's way: padded to 128, fp32"
OURS = "ours"


def compiled_twin(embedded: Embedded, *, tiny: bool) -> BertForSequenceClassification:
    """transformers' model for two classes, to be compiled when it runs; tiny ones have a layer."""
    twin = twin_of(embedded.model(2))
    if tiny:
        twin.bert.encoder.layer = twin.bert.encoder.layer[:1]
    twin.compile(dynamic=True)
    return twin


def works(
    embedded: Embedded, case: Case, compiled: BertForSequenceClassification, folder: Path
) -> dict[str, Callable[[], Callable[[], Any]]]:
    """The trainings that are timed in turn; all but the compiled one with a fresh model."""

    def model() -> Encoder:
        return embedded.model(case.task.n_outputs)

    return {
        OURS: lambda: partial(train, model(), case.train, RECIPE, 0),
        TRAINER: lambda: trainer(twin_of(model()), case.train, RECIPE, 0, folder),
        TUNED: lambda: partial(train_tuned, twin_of(model()), case.train, RECIPE, 0),
        COMPILED: lambda: partial(train_tuned, compiled, case.train, RECIPE, 0),
    }


def floor_seconds(
    embedded: Embedded, tokens: Tokens, batch_size: int, window: float
) -> tuple[float, float]:
    """The floor of one epoch in seconds, and the rate behind it in FLOP/s."""
    architecture = embedded.model(2).architecture
    rows = round(batch_size * float(tokens.lengths.mean()))
    shapes = linear_shapes(architecture)
    rate = gemm_rate(shapes, rows, torch.bfloat16, torch.device("cpu"), window)
    return flops_done(architecture, tokens.lengths) / rate, rate


def padded_row(embedded: Embedded, case: Case, name: str, ours: float) -> Row:
    """The row on run_glue's way, of which some steps are timed."""
    steps = -(-len(case.train) // RECIPE.batch_size)
    timed = min(PADDED_STEPS, steps)
    twin = twin_of(embedded.model(case.task.n_outputs))
    run = partial(train_padded, twin, case.train, RECIPE, 0, length=MAX_LENGTH, steps=timed)
    padded = seconds_of(run) * steps / timed
    return speedup(name, ours, RUN_GLUE, padded, note=f"{timed} of {steps} equal steps timed")


def rows_of(name: str, seconds: dict[str, float], floor: float, targets: Targets) -> list[Row]:
    """The rows on the floor, on the strongest opponent and on the others.

    Args:
        name: what was trained.
        seconds: of `OURS` and of each opponent.
        floor: seconds of the products.
        targets: of the task.
    """
    ours = seconds[OURS]
    opponents = sorted((key for key in seconds if key != OURS), key=seconds.__getitem__)
    first, *others = (speedup(name, ours, key, seconds[key]) for key in opponents)
    return [
        share(f"{name}: over the floor", ours, "products done", floor, targets.over_floor),
        replace(first, against=f"strongest: {first.against}", target=targets.faster),
        *others,
    ]


def measure(
    embedded: Embedded,
    case: Case,
    compiled: BertForSequenceClassification,
    targets: Targets,
    options: argparse.Namespace,
    folder: Path,
) -> tuple[list[Row], dict[str, Any]]:
    """The rows of one task, and the numbers behind them."""
    window = 0.05 if options.quick else 1.0
    floor = partial(floor_seconds, embedded, case.train, RECIPE.batch_size, window)
    before = floor()
    compiling = compile_seconds(compiled, case.train, RECIPE, 0)
    seconds = median_seconds(works(embedded, case, compiled, folder), options.repeats)
    # The machine may be faster at one time than at another: the higher rate makes the floor.
    best, rate = min(before, floor())
    name = f"fine-tune, {case.label}, {len(case.train)} examples, one epoch"
    rows = rows_of(name, seconds, best, targets)
    rows.append(padded_row(embedded, case, name, seconds[OURS]))
    details = {
        "bf16_gflops": rate / 1e9,
        "tokens": int(case.train.lengths.sum()),
        "tokens_per_second": float(case.train.lengths.sum() / seconds[OURS]),
        "seconds": seconds | {"compiling": compiling, "floor": best},
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
    parser = arguments(__doc__, repeats=2)
    parser.add_argument("--scores", action="store_true", help="also dev scores over five seeds")
    options = parsed(parser)
    if importlib.util.find_spec("accelerate") is None:
        sys.exit("transformers' Trainer needs accelerate: pip install 'accelerate>=1.10'.")
    facts, rows, details = machine(), [], {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # What an earlier run has compiled would make compiling look cheap.
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder / "inductor")
        embedded = Embedded(folder)
        compiled = compiled_twin(embedded, tiny=options.quick)
        for task, (train_examples, targets) in CASES.items():
            sizes = (16, 16) if options.quick else (train_examples, None)
            case = case_of(task, embedded.tokenizer, *sizes)
            found, details[case.label] = measure(
                embedded, case, compiled, targets, options, folder / "trainer"
            )
            rows += found
            if options.scores:
                seeds = SCORE_SEEDS[:2] if options.quick else SCORE_SEEDS
                row, details[case.label]["scores"] = score_row(embedded, case, seeds)
                rows.append(row)
    compiling = sum(each["seconds"]["compiling"] for each in details.values())
    rows.append(Row(f"{COMPILED}: compiling", None, "s", "both tasks", compiling, None))
    finish(options, facts, rows, **details)


if __name__ == "__main__":
    main()
