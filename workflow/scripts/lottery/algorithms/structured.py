"""Structured pruning: whole attention heads and whole MLPs, by the gradients of their gates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lottery import controls
from lottery.algorithms.common import SEARCH_OPTIONS, Option, draws
from lottery.masks import UnitMask
from lottery.units import KINDS, kinds_of

if TYPE_CHECKING:
    from pathlib import Path

    from lottery.algorithms.search_context import SearchContext, SearchResult
    from lottery.algorithms.search_structured import Measure

OPTIONS: dict[str, Option] = SEARCH_OPTIONS | {
    #                            published      strict
    "importance": Option("running_sum", "per_example", ("running_sum", "per_batch", "per_example")),
    "units": Option("both", "both", ("both", "heads", "mlps")),
    "normalisation": Option("all", "kept", ("all", "kept")),
    "layer_norm": Option("l2", "l2", ("l2", "none")),
    "stage_start": Option("stale", "recompute", ("stale", "recompute")),
    "head_step": Option(0.1, 0.1),
    "mlp_step": Option(1, 1),
    "emptied_attention": Option(
        "drop_bias", "keep_bias", ("drop_bias", "keep_bias"), applies_to="model"
    ),
}

SUBNETWORKS = {
    "published": ("good", "random", "bad", "super_good", "super_random", "super_bad"),
    "strict": ("good", "good_half", "random_half", "bad_half", "super_good"),
}
DEFAULT_SUBNETWORKS = {
    "published": ("good", "random", "bad"),
    "strict": ("good", "good_half", *draws("random_half", 3), "bad_half"),
}

HAS_IMPORTANCE = True  # the search writes importance.npz
HALVES_ARE_WALKED = True  # a half needs steps of its own, which halves.csv shows

# Which masks a control is drawn from.
SOURCES = {"random": "good", "bad": "good", "random_half": "good_half"}


def search(context: SearchContext) -> SearchResult:
    """Searches for the good subnetwork, and with `halves` walks to the good and the bad half."""
    from lottery.algorithms.search_context import SearchResult
    from lottery.algorithms.search_structured import StructuredSearch, other_half, walk_to_half

    options, measure = context.options, _measured_once(context)
    kinds = kinds_of(options["units"])
    full = UnitMask.full(context.model.architecture, kinds, options["emptied_attention"])
    found = StructuredSearch(measure, context.threshold, full, options)
    masks, steps = {"good": found.run()}, []
    if options["halves"]:
        masks["good_half"], steps = walk_to_half(measure, full, options)
        masks["bad_half"] = other_half(masks["good_half"], kinds)
    importance = {
        KINDS[kind].array: np.stack([each.importance[kind] for each in found.measurements])
        for kind in full.units
    }
    importance = {name: array.astype(np.float32) for name, array in importance.items()}
    return SearchResult(masks, found.steps, found.path(), importance, steps)


def sample(kind: str, source: UnitMask, path_to_model: Path, rng: np.random.Generator) -> UnitMask:
    """Draws a control of one seed.

    Args:
        kind: random, bad or random_half.
        source: the mask it is drawn from, see `SOURCES`.
        path_to_model: the fine-tuned model; structured controls do not look at it.
        rng: the generator of this control.
    """
    if kind == "random":
        return controls.random_structured(source, rng)
    if kind == "bad":
        return controls.bad_structured(source, rng)
    return controls.random_units(source, rng)


def _measured_once(context: SearchContext) -> Measure:
    """A function that measures a mask with the context's model, each mask once."""
    from lottery.algorithms.search_memory import number
    from lottery.algorithms.search_structured import Measurement
    from lottery.importance import measure, normalise

    options, architecture = context.options, context.model.architecture

    def measured(mask: UnitMask) -> dict[str, object]:
        passed = measure(
            context.model,
            context.tokens,
            mask,
            options["importance"],
            options["search_batch_size"],
            options["search_order"],
            pruned=options["normalisation"] == "all",
        )
        scores = normalise(passed.units, mask, options["normalisation"], options["layer_norm"])
        arrays = {KINDS[kind].array: array for kind, array in scores.items()}
        return arrays | {"score": context.score(passed.logits)}

    def recalled(mask: UnitMask) -> Measurement:
        bits = np.concatenate([kept.ravel() for kept in mask.units.values()])
        known = context.memory.recall(np.packbits(bits).tobytes().hex(), lambda: measured(mask))
        importance = {kind: known[KINDS[kind].array] for kind in mask.units}
        return Measurement(importance, number(known["score"]), mask.kept_fraction(architecture))

    return recalled
