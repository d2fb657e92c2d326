"""Times training and evaluation of shrunk models relative to the whole one.

Random masks keep heads and MLPs in about 0.9 to 0.3 of the body, or all heads and a random half of
all neurons; the embedded model is shrunk to each and trained for an epoch (bf16, batches of 32) and
evaluated on the development set, in turn with the whole model. Real GLUE with GLUE_DIR, a generated
task otherwise. From the root:

    PYTHONPATH=workflow/scripts python benchmarks/shrinking.py --json build/bench/shrinking.json
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lottery.evaluation.predict import predict
from lottery.models.architecture import Architecture
from lottery.models.encoder import Encoder
from lottery.pruning.masks import UnitMask
from lottery.pruning.shrink import shrink
from lottery.training.loop import Recipe, train
from material import Case, Embedded, case_of
from measuring import arguments, machine, median_seconds, parsed
from rows import finish, share

FRACTIONS = (0.9, 0.7, 0.5, 0.3)  # of the body, without whole heads and MLPs
NEURONS = 0.5  # of all neurons, with all heads
# Two thirds of the products are left with half of the neurons.
TARGETS = {"kept_fraction 0.5": 0.55, "neurons": 0.75}
RECIPE = Recipe(epochs=1, precision="bf16")
EMPTIED = "drop_bias"
BATCH_SIZE = 128  # of evaluation, as in the config
WHOLE = "whole"


def mask_keeping(architecture: Architecture, fraction: float, seed: int = 0) -> UnitMask:
    """A random mask whose kept fraction is as near to `fraction` as whole units allow.

    Heads and MLPs are kept in the same proportion as far as their sizes let them.
    """
    rng = np.random.default_rng(seed)
    layers, heads = architecture.layers, architecture.heads
    order_heads, order_mlps = rng.permutation(layers * heads), rng.permutation(layers)
    mlps = np.zeros(layers, bool)
    mlps[order_mlps[: round(fraction * layers)]] = True

    def with_heads(count: int) -> UnitMask:
        kept = np.zeros(layers * heads, bool)
        kept[order_heads[:count]] = True
        return UnitMask({"head": kept.reshape(layers, heads), "mlp": mlps}, EMPTIED)

    def distance(mask: UnitMask) -> float:
        return abs(mask.kept_fraction(architecture) - fraction)

    return min((with_heads(count) for count in range(layers * heads + 1)), key=distance)


def mask_of_neurons(architecture: Architecture, fraction: float, seed: int = 0) -> UnitMask:
    """A random mask of a share of all neurons; layers keep different numbers of them."""
    full = UnitMask.full(architecture, ("neuron",), EMPTIED)
    kept = np.zeros(full.units["neuron"].size, bool)
    kept[np.random.default_rng(seed).permutation(kept.size)[: round(fraction * kept.size)]] = True
    return full.with_units({"neuron": kept.reshape(full.units["neuron"].shape)})


def masks_of(architecture: Architecture) -> dict[str, UnitMask]:
    """The masks that are measured, under the names of their targets."""
    of_units = {f"kept_fraction {f}": mask_keeping(architecture, f) for f in FRACTIONS}
    return of_units | {"neurons": mask_of_neurons(architecture, NEURONS)}


def works(
    model: Callable[[], Encoder], case: Case, masks: dict[str, UnitMask]
) -> dict[str, Callable[[], Callable[[], Any]]]:
    """Training and evaluation of the whole model and of each shrunk one."""

    def shrunk(mask: UnitMask | None) -> Encoder:
        whole = model()
        return whole if mask is None else shrink(whole, mask)

    def training(mask: UnitMask | None) -> Callable[[], Any]:
        return partial(train, shrunk(mask), case.train, RECIPE, 0)

    def evaluation(mask: UnitMask | None) -> Callable[[], Any]:
        return partial(predict, shrunk(mask), case.dev, BATCH_SIZE)

    return {
        f"{what} {name}": partial(prepare, mask)
        for what, prepare in (("train", training), ("evaluate", evaluation))
        for name, mask in [(WHOLE, None), *masks.items()]
    }


def main() -> None:
    """Measures, prints the rows and writes them as json."""
    options = parsed(arguments(__doc__))
    facts, rows = machine(), []
    with tempfile.TemporaryDirectory() as folder:
        embedded = Embedded(Path(folder))
        sizes = (16, 16) if options.quick else (320, None)
        case = case_of("rte", embedded.tokenizer, *sizes)
        model = partial(embedded.model, case.task.n_outputs)
        architecture = model().architecture
        masks = masks_of(architecture)
        seconds = median_seconds(works(model, case, masks), options.repeats)
    for what in ("train", "evaluate"):
        for name, mask in masks.items():
            kept = f"kept_fraction {mask.kept_fraction(architecture):.2f}"
            of = f"half of the neurons, {kept}" if name == "neurons" else kept
            ours, whole = seconds[f"{what} {name}"], seconds[f"{what} {WHOLE}"]
            target = TARGETS.get(name)
            rows.append(share(f"{what}, {case.label}, {of}", ours, "whole model", whole, target))
    finish(options, facts, rows, seconds=seconds)


if __name__ == "__main__":
    main()
