"""Magnitude pruning: single weights of the body, the smallest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lottery.pruning import controls
from lottery.pruning.algorithms.common import SEARCH_OPTIONS
from lottery.pruning.algorithms.declaration import WEIGHTS, Algorithm, Integer, Number, Option
from lottery.pruning.masks import WeightMask
from lottery.pruning.subnetworks import draws

if TYPE_CHECKING:
    from pathlib import Path

    from lottery.pruning.algorithms.search_context import SearchContext, SearchResult

OPTIONS: dict[str, Option] = SEARCH_OPTIONS | {
    "step": Option(
        0.05, 0.05, Number(above=0, below=1), "Share of the remaining weights removed per step."
    ),
    "max_steps": Option(30, 30, Integer(at_least=1), "Steps after which the search ends."),
}

# Control -> the mask it is drawn from.
SOURCES = {"random": "good", "bad": "good", "random_half": "good_half"}


def search(context: SearchContext) -> SearchResult:
    """Removes the smallest weights step by step until the score falls below the threshold.

    The weights are not retrained on the way. After the last step that may be taken the mask is
    kept as it was before it, as published: N steps keep N - 1 removals.
    """
    from lottery.evaluation.predict import predict
    from lottery.pruning.algorithms.measurement_cache import number
    from lottery.pruning.algorithms.search_context import SearchResult, Step, passes
    from lottery.pruning.algorithms.search_magnitude import MagnitudeRanking, body_of, kept_counts
    from lottery.pruning.shrink import zero_weights

    options = context.options
    size = sum(weights.numel() for weights in body_of(context.model).values())
    counts = list(kept_counts(size, options["step"], options["max_steps"] - 1))
    ranking = MagnitudeRanking(context.model, {size, *counts, size // 2})

    def score(mask: WeightMask | None) -> dict[str, float | None]:
        if mask is not None:
            # Masks of later steps lie within those of earlier ones, so zeros may simply pile up.
            zero_weights(context.model, mask)
        logits = predict(context.model, context.tokens, options["search_batch_size"])
        return {"score": context.score(logits)}

    def recalled(count: int, mask: WeightMask | None) -> float | None:
        return number(context.memory.recall(str(count), lambda: score(mask))["score"])

    full_score = recalled(size, None)
    threshold = context.threshold(full_score)
    accepted = passes(full_score, threshold)
    steps = [Step("weights", None, None, 1.0, full_score, threshold, accepted)]
    good = size
    for count in counts if accepted else ():
        mask = ranking.keep_largest(count)
        step_score = recalled(count, mask)
        accepted = passes(step_score, threshold)
        steps.append(
            Step("weights", None, None, mask.kept_fraction(), step_score, threshold, accepted)
        )
        if not accepted:
            break
        good = count
    masks = {"good": ranking.keep_largest(good)}
    if options["halves"]:
        masks["good_half"] = ranking.keep_largest(size // 2)
        masks["bad_half"] = masks["good_half"].complement()
    path = ranking.path([size, *counts][: len(steps)])
    return SearchResult(masks, steps, path)


def sample(
    kind: str, source: WeightMask, path_to_model: Path, rng: np.random.Generator
) -> WeightMask:
    """Draws a control of one seed.

    Args:
        kind: random, bad or random_half.
        source: the mask whose size it takes, see `SOURCES`.
        path_to_model: the fine-tuned model, whose largest weights `bad` removes.
        rng: the generator of this control.
    """
    if kind == "bad":
        return controls.smallest_weights(source, path_to_model)
    return controls.random_weights(source, rng)


ALGORITHM = Algorithm(
    name="magnitude",
    summary="Removes single weights of the body, the smallest of the fine-tuned model first.",
    granularity=WEIGHTS,
    version=3,
    options=OPTIONS,
    subnetworks={
        "published": ("good", "random", "bad"),
        "strict": ("good", "good_half", "random_half", "bad_half"),
    },
    default_subnetworks={
        "published": ("good", "random", "bad"),
        "strict": ("good", "good_half", *draws("random_half", 3), "bad_half"),
    },
    sources=SOURCES,
    search=search,
    sample=sample,
    to_threshold=True,
    # The ranking that the search cuts gives the halves at once: walks_to_half is false.
    paper="magnitude",
)
