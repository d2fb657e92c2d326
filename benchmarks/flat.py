"""Bounds what one flat parameter buffer would gain in a training step on the CPU.

With all parameters in one tensor, the gradient's norm, AdamW and the casts to bf16 would each be
one operation, and the weights of queries, keys and values a view. Timed is what a step spends on
these now and what the same numbers cost in one tensor; the rest of the step would stay. Real GLUE
with GLUE_DIR, generated tasks otherwise. From the root:

    PYTHONPATH=workflow/scripts python benchmarks/flat.py --json build/bench/flat.json
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lottery.models.encoder import Encoder
from lottery.training.loop import Recipe, train
from lottery.training.optimizer import AdamW
from material import Case, Embedded, case_of
from measuring import arguments, machine, median_seconds, parsed
from rows import Row, finish

CASES = (("rte", 640), ("sst2", 1920))
RECIPE = Recipe(epochs=1, precision="bf16")
REPEATS = 20  # of the fixed work, within one measurement
WORTH = 1.05  # from which on the buffer would be built


def fixed_work(
    parameters: list[nn.Parameter], cast: Callable[[], list[Tensor]]
) -> Callable[[], None]:
    """What every step does to parameters whatever its batch: norm, AdamW, joins and casts.

    Args:
        parameters: that are trained.
        cast: gives the weights that autocast casts, joined as they are multiplied.
    """
    optimizer = AdamW(parameters, 0.9, 0.999, 1e-8, 0.0)
    gradients = [torch.randn_like(parameter) for parameter in parameters]

    def repeated() -> None:
        for _ in range(REPEATS):
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
            nn.utils.clip_grad_norm_(parameters, 1e6)
            optimizer.step(1e-9)
            for weight in cast():
                weight.detach().to(torch.bfloat16)

    return repeated


def trained_model(embedded: Embedded, case: Case) -> Encoder:
    """A model with the words that occur in training, as the loop cuts it."""
    model = embedded.model(case.task.n_outputs)
    words = len(np.unique(case.train.input_ids))
    model.embeddings.word = nn.Embedding(words, model.architecture.hidden)
    return model


def weights_of(model: Encoder) -> list[Tensor]:
    """The weights of the layers, queries, keys and values joined."""
    found = []
    for layer in model.layers:
        found.append(torch.cat([layer.query.weight, layer.key.weight, layer.value.weight]))
        found += [layer.attention_output.weight, layer.intermediate.weight, layer.output.weight]
    return found


def works(embedded: Embedded, case: Case) -> dict[str, Callable[[], Callable[[], Any]]]:
    """An epoch, and the fixed work on many tensors and on one."""

    def many() -> Callable[[], None]:
        model = trained_model(embedded, case)
        return fixed_work(list(model.parameters()), partial(weights_of, model))

    def one() -> Callable[[], None]:
        model = trained_model(embedded, case)
        flat = nn.Parameter(torch.cat([p.detach().flatten() for p in model.parameters()]))
        count = sum(weight.numel() for weight in weights_of(model))
        return fixed_work([flat], lambda: [flat[:count]])

    def epoch() -> Callable[[], Any]:
        return partial(train, embedded.model(case.task.n_outputs), case.train, RECIPE, 0)

    return {"epoch": epoch, "many": many, "one": one}


def row_of(case: Case, seconds: dict[str, float]) -> Row:
    """How many times as fast a step would be at best."""
    step = seconds["epoch"] / -(-len(case.train) // RECIPE.batch_size)
    saved = (seconds["many"] - seconds["one"]) / REPEATS
    name = f"a step with one flat parameter buffer, at best, {case.label}"
    note = f"built from {WORTH} on"
    return Row(name, step - saved, "s", "a step as it is", step, step / (step - saved), note=note)


def main() -> None:
    """Measures, prints the rows and writes them as json."""
    options = parsed(arguments(__doc__))
    facts, rows, details = machine(), [], {}
    with tempfile.TemporaryDirectory() as folder:
        embedded = Embedded(Path(folder))
        for task, examples in CASES:
            case = case_of(
                task, embedded.tokenizer, *((16, 16) if options.quick else (examples, 16))
            )
            seconds = median_seconds(works(embedded, case), options.repeats)
            details[case.label] = seconds
            rows.append(row_of(case, seconds))
    finish(options, facts, rows, seconds=details)


if __name__ == "__main__":
    main()
