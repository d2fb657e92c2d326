"""Structured pruning: whole attention heads and whole MLPs, by the gradients of their gates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lottery.models.units import KINDS, kinds_of
from lottery.pruning import controls
from lottery.pruning.algorithms.common import EMPTIED_ATTENTION, SEARCH_OPTIONS
from lottery.pruning.algorithms.declaration import (
    UNITS,
    Algorithm,
    Choice,
    Integer,
    Number,
    Option,
    UnitKinds,
)
from lottery.pruning.criteria import CRITERIA, ORDERED
from lottery.pruning.masks import UnitMask
from lottery.pruning.subnetworks import draws

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from lottery.pruning.algorithms.search_context import SearchContext, SearchResult
    from lottery.pruning.algorithms.search_structured import Measure

OPTIONS: dict[str, Option] = SEARCH_OPTIONS | {
    "importance": Option(
        "running_sum",
        "per_example",
        Choice(*CRITERIA),
        "What the importance of a unit sums - "
        + "; ".join(f"{name} {criterion.help}" for name, criterion in CRITERIA.items())
        + f". {' and '.join(ORDERED)} depend on the order of the data.",
    ),
    "units": Option(
        ["head", "mlp"],
        ["head", "mlp"],
        UnitKinds(),
        "What is pruned - attention heads, MLPs, or both; heads, mlps and both are words for the "
        "lists.",
    ),
    "normalisation": Option(
        "all",
        "kept",
        Choice("all", "kept"),
        "Whether removed units take part when importances are normalised (all) or not (kept).",
    ),
    "layer_norm": Option(
        "l2",
        "l2",
        Choice("l2", "none"),
        "Whether the importances of a layer's heads are divided by their L2 norm before the "
        "min-max over all heads.",
    ),
    "stage_start": Option(
        "stale",
        "recompute",
        Choice("stale", "recompute"),
        "Importances at the first step of the stages heads and mlps - stale keeps those of the "
        "state that failed, recompute takes those of the kept one.",
    ),
    "head_step": Option(
        0.1,
        0.1,
        Number(above=0, at_most=1),
        "Heads removed per step as a share of all heads, rounded down; half as many in the stage "
        "of heads alone that follows the stage of both.",
    ),
    "mlp_step": Option(1, 1, Integer(at_least=1), "MLPs removed per step."),
    "emptied_attention": EMPTIED_ATTENTION,
}

# Control -> the mask it is drawn from.
SOURCES = {"random": "good", "bad": "good", "random_half": "good_half"}


def search(context: SearchContext) -> SearchResult:
    """Searches for the good subnetwork, and with `halves` walks to the good and the bad half."""
    from lottery.pruning.algorithms.search_context import SearchResult
    from lottery.pruning.algorithms.search_structured import (
        StructuredSearch,
        other_half,
        walk_to_half,
    )

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
    from lottery.pruning.algorithms.measurement_cache import number
    from lottery.pruning.algorithms.search_structured import Measurement
    from lottery.pruning.importance import measure, normalise

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


def check(options: Mapping[str, Any], root: Path) -> str | None:
    """Rejects an importance that depends on the order of the examples under another order."""
    if options["importance"] in ORDERED and options["search_order"] != "file":
        return (
            f"importance is {options['importance']}, which depends on the order of the examples, "
            f"and search_order is {options['search_order']}; it must be file"
        )
    return None


ALGORITHM = Algorithm(
    name="structured",
    summary="Removes attention heads and MLPs by the gradients of their gates.",
    granularity=UNITS,
    version=3,
    options=OPTIONS,
    subnetworks={
        "published": ("good", "random", "bad", "super_good", "super_random", "super_bad"),
        "strict": ("good", "good_half", "random_half", "bad_half", "super_good"),
    },
    default_subnetworks={
        "published": ("good", "random", "bad"),
        "strict": ("good", "good_half", *draws("random_half", 3), "bad_half"),
    },
    sources=SOURCES,
    search=search,
    sample=sample,
    check=check,
    to_threshold=True,
    importance=True,
    walks_to_half=True,
    units=("head", "mlp"),
    paper="structured",
)
