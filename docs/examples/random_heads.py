"""Prunes attention heads in a random order until the score falls below the threshold.

A baseline for methods that rank heads: what do they gain over no ranking at all?
"""

from functools import partial

import numpy as np

from lottery.pruning import controls
from lottery.pruning.algorithms import (
    EMPTIED_ATTENTION,
    SCORE_OPTIONS,
    THRESHOLD_OPTIONS,
    Algorithm,
    Choice,
    Option,
)

OPTIONS = (
    SCORE_OPTIONS
    | THRESHOLD_OPTIONS
    | {
        "at_once": Option(
            published="tenth",
            strict="head",
            values=Choice("head", "tenth"),
            help="How much a step removes - one head, or a tenth of all heads, rounded down.",
        ),
        "emptied_attention": EMPTIED_ATTENTION,
    }
)


def search(context):
    """Draws an order of the heads, and removes them in that order."""
    from lottery.evaluation.predict import predict
    from lottery.pruning.algorithms.search import SearchResult, Step, passes
    from lottery.pruning.masks import UnitMask
    from lottery.pruning.shrink import shrink

    options, architecture = context.options, context.model.architecture
    good = UnitMask.full(architecture, emptied_attention=options["emptied_attention"])
    shape = good.units["head"].shape  # layers, heads
    order = context.rng.permutation(good.units["head"].size)
    stride = max(1, len(order) // 10) if options["at_once"] == "tenth" else 1

    def measure(mask):
        pruned = shrink(context.model, mask)
        logits = predict(pruned, context.tokens, options["search_batch_size"])
        return {"score": context.score(logits)}

    steps, masks, threshold = [], [], None
    for removed in range(0, len(order) + 1, stride):
        kept = np.ones(len(order), bool)
        kept[order[:removed]] = False
        mask = good.with_units({"head": kept.reshape(shape)})
        score = context.cache.get(str(removed), partial(measure, mask))["score"]
        if removed == 0:
            threshold = context.threshold(score)
        accepted = passes(score, threshold)
        masks.append(mask)
        steps.append(
            Step(
                stage="heads",
                heads_kept=int(mask.units["head"].sum()),
                mlps_kept=int(mask.units["mlp"].sum()),
                kept_fraction=mask.kept_fraction(architecture),
                score=score,
                threshold=threshold,
                accepted=accepted,
            )
        )
        if not accepted:
            break
        good = mask
    path = {
        "heads": np.stack([mask.units["head"] for mask in masks]).astype(np.uint8),
        "mlps": np.stack([mask.units["mlp"] for mask in masks]).astype(np.uint8),
    }
    return SearchResult({"good": good}, steps, path=path)


def sample(kind, source, path_to_model, rng):
    """Draws as many heads as the source keeps: any, or for `bad` first those that it prunes."""
    if kind == "random":
        return controls.random_units(source, rng)
    return controls.bad_structured(source, rng)


KINDS = ("good", "random", "bad", "super_good", "super_random", "super_bad")
ALGORITHM = Algorithm(
    name="random_heads",
    summary="Removes attention heads in a random order.",
    granularity="units",
    version=1,
    options=OPTIONS,
    subnetworks={"published": KINDS, "strict": KINDS},
    default_subnetworks={"published": KINDS[:3], "strict": KINDS[:3]},
    sources={"random": "good", "bad": "good"},
    search=search,
    sample=sample,
    to_threshold=True,
    units=("head",),
)
