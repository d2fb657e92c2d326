"""Structured pruning: whole attention heads and whole MLPs, by the gradients of their gates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lottery import controls
from lottery.algorithms.common import SEARCH_OPTIONS, Option, draws
from lottery.masks import StructuredMask

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

    measure = _measured_once(context)
    architecture = context.model.architecture
    shape = (architecture.layers, architecture.heads)
    found = StructuredSearch(measure, context.threshold, shape, context.options)
    masks, steps = {"good": found.run()}, []
    if context.options["halves"]:
        masks["good_half"], steps = walk_to_half(measure, shape, context.options)
        masks["bad_half"] = other_half(masks["good_half"], context.options["units"])
    importance = {
        "heads": np.stack([measured.heads for measured in found.measurements]).astype(np.float32),
        "mlps": np.stack([measured.mlps for measured in found.measurements]).astype(np.float32),
    }
    return SearchResult(masks, found.steps, importance, steps)


def sample(
    kind: str, source: StructuredMask, path_to_model: Path, rng: np.random.Generator
) -> StructuredMask:
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

    def measured(mask: StructuredMask) -> dict[str, object]:
        passed = measure(
            context.model,
            context.tokens,
            mask,
            options["importance"],
            options["search_batch_size"],
            options["search_order"],
            pruned=options["normalisation"] == "all",
        )
        heads, mlps = normalise(
            passed.heads, passed.mlps, mask, options["normalisation"], options["layer_norm"]
        )
        return {"heads": heads, "mlps": mlps, "score": context.score(passed.logits)}

    def recalled(mask: StructuredMask) -> Measurement:
        units = np.concatenate([mask.heads.reshape(-1), mask.mlps])
        known = context.memory.recall(np.packbits(units).tobytes().hex(), lambda: measured(mask))
        kept_fraction = mask.kept_fraction(architecture, options["emptied_attention"])
        return Measurement(known["heads"], known["mlps"], number(known["score"]), kept_fraction)

    return recalled
