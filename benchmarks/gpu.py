"""Tokens per second and share of the bf16 matrix peak on a GPU, against transformers' model.

Builds its inputs itself: BERT-base with random weights, and examples whose lengths follow the
deciles of RTE and SST-2 that drawn.py states. Measured are fine-tuning at batch 32, importance
passes and evaluation; against them a tuned loop around transformers' model on the same card (length
groups, dynamic padding, bf16, fused AdamW; in passes, the gates alone get gradients). The peak is
the rate of one large bf16 product in the same run. From the rates follow the GPU-hours of the
paper's grid (grid_hours.py). Without a GPU it says so and ends well. From the root:

    PYTHONPATH=workflow/scripts python benchmarks/gpu.py --json build/bench/gpu.json
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from drawn import (
    DEV_LENGTHS,
    TASKS,
    TRAIN_LENGTHS,
    bert_base,
    drawn_lengths,
    drawn_model,
    drawn_tokens,
)
from grid_hours import AUTHORS_HOURS, hours
from lottery.data.tokens import Tokens
from lottery.evaluation.predict import predict
from lottery.models.encoder import Encoder
from lottery.pruning.criteria import CRITERIA
from lottery.pruning.importance import measure
from lottery.pruning.masks import UnitMask
from lottery.steps.setup import prepare_torch
from lottery.training.loop import Recipe, train
from measuring import arguments, gemm_rate, linear_flops, machine, median_seconds, parsed
from rows import Row, finish, not_measured

try:
    from reference import GatedTwin, inputs_of, train_tuned, twin_of
except ModuleNotFoundError:  # a machine with torch alone measures its own side
    twin_of = None

RECIPE = Recipe(epochs=1, precision="bf16")
SPEEDUP, PEAK_SHARE, GRID_HOURS = 5.0, 0.4, 2.0  # targets: of fine-tuning twice, of the grid
STEPS = 600  # of a timed training
DEV_EXAMPLES = 4096
PASS_BATCH, EVALUATION_BATCH = 64, 128  # as in the published search and the config
# See `linear_flops`.
PER_WEIGHT = {"fine-tune": 6, "importance pass": 4, "evaluate": 2}
PEAK_SIZE = 8192  # rows and columns of the product that gives the peak
TUNED = "tuned transformers loop, bf16"
NO_GPU = "not measured: no GPU"

Works = dict[str, Callable[[], Callable[[], Any]]]


def ordered_batches(tokens: Tokens, size: int) -> list[np.ndarray]:
    """Rows of batches of like lengths."""
    order = np.argsort(tokens.lengths, kind="stable")
    return [order[start : start + size] for start in range(0, len(order), size)]


def evaluate_twin(twin: torch.nn.Module, tokens: Tokens) -> None:
    """Evaluation around transformers' model: batches of like lengths, bf16."""
    twin.eval()
    with torch.inference_mode(), torch.autocast(twin.device.type, dtype=torch.bfloat16):
        for rows in ordered_batches(tokens, EVALUATION_BATCH):
            twin(**inputs_of(tokens, rows, twin.device)).logits.float().cpu()


def pass_twin(gated: GatedTwin, tokens: Tokens, shape: tuple[int, int]) -> torch.Tensor:
    """An importance pass around transformers' model: gates per example, frozen weights, bf16."""
    device = gated.twin.requires_grad_(False).device
    total = torch.zeros(shape[0], shape[1] + 1, device=device)
    for rows in ordered_batches(tokens, PASS_BATCH):
        inputs = inputs_of(tokens, rows, device)
        gate = torch.ones(len(rows), *total.shape, device=device, requires_grad=True)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            logits = gated.logits(inputs, gate[:, :, :-1], gate[:, :, -1])
        loss = functional.cross_entropy(logits.float(), inputs["labels"], reduction="sum")
        total += torch.autograd.grad(loss, gate)[0].abs().sum(dim=0)
        logits.detach().float().cpu()
    return total.cpu()


def our_works(prototype: Encoder, training: Tokens, dev: Tokens, device: torch.device) -> Works:
    """This project's three kinds of work, each with a copy of the model on the device."""
    mask = UnitMask.full(prototype.architecture)

    def model() -> Encoder:
        return deepcopy(prototype).to(device)

    return {
        "fine-tune": lambda: partial(train, model(), training, RECIPE, 0),
        "importance pass": lambda: partial(
            measure, model(), dev, mask, CRITERIA["per_example"], PASS_BATCH, "length"
        ),
        "evaluate": lambda: partial(predict, model(), dev, EVALUATION_BATCH),
    }


def their_works(prototype: Encoder, training: Tokens, dev: Tokens, device: torch.device) -> Works:
    """The same around transformers' model."""
    shape = prototype.architecture.layers, prototype.architecture.heads

    def model() -> Encoder:
        return deepcopy(prototype).to(device)

    return {
        "fine-tune": lambda: partial(train_tuned, twin_of(model()), training, RECIPE, 0),
        "importance pass": lambda: partial(pass_twin, GatedTwin(model()), dev, shape),
        "evaluate": lambda: partial(evaluate_twin, twin_of(model()), dev),
    }


def rows_of(name: str, works: dict[str, dict[str, float]], tokens: int, peak: float) -> list[Row]:
    """The rows of one kind of work on one task's lengths.

    Args:
        name: kind of work and lengths.
        works: kind of work -> "ours" and "theirs" -> seconds.
        tokens: real ones of the work.
        peak: FLOP/s of the large product.
    """
    kind = name.split(",")[0]
    ours, theirs = works[name]["ours"], works[name].get("theirs")
    rate = linear_flops(bert_base(), tokens, PER_WEIGHT[kind]) / ours
    their_rate = None if theirs is None else tokens / theirs
    faster = None if theirs is None else theirs / ours
    targets = (SPEEDUP, PEAK_SHARE) if kind == "fine-tune" else (None, None)
    return [
        Row(name, tokens / ours, "tokens/s", TUNED, their_rate, faster, targets[0], True),
        Row(
            f"{name}: share of the peak",
            rate / 1e12,
            "TFLOP/s",
            "large bf16 product",
            peak / 1e12,
            rate / peak,
            targets[1],
            True,
        ),
    ]


def measured(options: argparse.Namespace) -> tuple[list[Row], dict[str, Any]]:
    """Times everything on the GPU; rows, and the numbers behind them."""
    device = prepare_torch(options.threads)
    # Ours runs as the workflow's jobs do, deterministic; the others need not be.
    steps, count = (8, 64) if options.quick else (STEPS, DEV_EXAMPLES)
    size = 1024 if options.quick else PEAK_SIZE
    peak = gemm_rate([(size, size)], size, torch.bfloat16, device)
    rows, seconds = [], {}
    rates: dict[str, dict[float, float]] = {kind: {} for kind in PER_WEIGHT}
    architecture = bert_base()
    prototype = drawn_model(architecture)
    for task, label in TASKS.items():
        lengths = drawn_lengths(TRAIN_LENGTHS[task], steps * RECIPE.batch_size)
        training = drawn_tokens(lengths, architecture)
        dev = drawn_tokens(drawn_lengths(DEV_LENGTHS[task], count), architecture)
        ours, theirs = (make(prototype, training, dev, device) for make in (our_works, their_works))
        for kind in ours:
            name = f"{kind}, BERT-base, lengths of {label}"
            torch.use_deterministic_algorithms(True)
            found = median_seconds({"ours": ours[kind]}, options.repeats, warm_ups=1)
            torch.use_deterministic_algorithms(False)
            if twin_of is not None and kind in theirs:
                found |= median_seconds({"theirs": theirs[kind]}, options.repeats, warm_ups=1)
            seconds[name] = found
            tokens = training if kind == "fine-tune" else dev
            rows += rows_of(name, seconds, int(tokens.lengths.sum()), peak)
            rates[kind][float(tokens.lengths.mean())] = tokens.lengths.sum() / found["ours"]
    return [*rows, *grid_rows(rates)], {"seconds": seconds, "peak_tflops": peak / 1e12}


def grid_rows(rates: dict[str, dict[float, float]]) -> list[Row]:
    """The paper's grid on this card, in GPU-hours, beside what the authors logged of it."""
    found = hours(rates)
    logged = "the authors' cards, logged"
    parts = [
        Row(f"the paper's grid, {kind}", found[kind], "GPU-hours", logged, theirs, None)
        for kind, theirs in AUTHORS_HOURS.items()
    ]
    whole = sum(found.values())
    target = "an afternoon"
    name = "the paper's whole grid"
    return [*parts, Row(name, whole, "GPU-hours", target, GRID_HOURS, whole, GRID_HOURS)]


def unmeasured_rows() -> list[Row]:
    """The rows with a target, where there is no GPU."""
    name = "fine-tune on a GPU, BERT-base"
    return [
        not_measured(name, "no GPU", SPEEDUP),
        not_measured(f"{name}: share of the peak", "no GPU", PEAK_SHARE),
        not_measured("the paper's whole grid, GPU-hours", "no GPU", GRID_HOURS, at_least=False),
    ]


def main() -> None:
    """Measures where there is a GPU, prints the rows and writes them as json."""
    options = parsed(arguments(__doc__))
    facts = machine()
    if not torch.cuda.is_available():
        print("There is no CUDA device here, so nothing is measured on a GPU.")
        finish(options, facts, unmeasured_rows(), status=NO_GPU)
        return
    rows, details = measured(options)
    finish(options, facts, rows, **details)


if __name__ == "__main__":
    main()
