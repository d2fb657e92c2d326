"""The criteria by which units, or single weights, are ranked: one entry each.

No torch at import: every job reads the options that are made of these entries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import methodcaller, sub
from typing import Any

# What a criterion is computed from, and what its `score` is given:
EXAMPLE = "gradients of gates, of each example"  # (gradients)
BATCH = "gradients of gates, of each batch's mean loss"  # (gradients)
WEIGHTS = "weights"  # (weights)
GRADIENTS = "weights and gradients of the mean loss"  # (weights, gradients)
PRETRAINED = "the same of the pretrained model"  # (weights, gradients)
INPUTS = "weights and norms of their inputs"  # (weights, norms)
REMOVAL = "a pass without each unit"  # (score of the model, score without the unit)
DRAW = "a seeded draw"  # (generator, shape)

# What the weights of a model compete within.
SCOPES = ("global", "layer", "output")

# The ranking of the full model serves the whole search.
ONCE = (WEIGHTS, REMOVAL, DRAW)


@dataclass(frozen=True)
class Criterion:
    """A criterion. It gives every unit, or every weight, a score; the lowest are removed first.

    Attributes:
        help: what the score is, in a few words.
        needs: EXAMPLE, BATCH, WEIGHTS, GRADIENTS, REMOVAL or DRAW. Gradients of the gates are those
            of the loss of each example, or of each batch's mean loss, which makes the result depend
            on the order of the examples. Gradients of weights are those of the mean loss over all
            examples.
        score: a function of what `needs` says. Gradients of gates -> what they add to the score, of
            the same shape. A unit's weights and gradients, float64 [units, entries that a unit
            owns] for each layer and kind -> the scores [units]; a parameter's, or its weights and
            the norms of their inputs -> the scores of the parameter's shape. Two scores of the
            search metric -> the unit's score. A numpy generator and a shape -> the scores of that
            shape.
        never_reset: whether the gradients of all batches so far are added up before they are
            scored; only for gradients of batches.
        per_parameter: whether scores of kinds of units of different sizes can be compared as they
            are; others are divided by a unit's parameters where they are compared.
        scope: the one of `SCOPES` in which a criterion of weights makes sense; None for all.
    """

    help: str
    needs: str
    score: Callable[..., Any]
    never_reset: bool = False
    per_parameter: bool = False
    scope: str | None = None

    @property
    def once(self) -> bool:
        """Whether units are ranked once, in the full model."""
        return self.needs in ONCE


CRITERIA: dict[str, Criterion] = {
    # What the authors' code computes.
    "running_sum": Criterion(
        "the absolute running sum of the batches' gradients, never reset", BATCH, abs, True
    ),
    # Opposite examples of a batch cancel.
    "per_batch": Criterion("the absolute gradient of each batch", BATCH, abs),
    # The expectation as stated: I = E_x |dL(x)/d gate| (Michel et al. 2019).
    "per_example": Criterion("the absolute gradient of each example", EXAMPLE, abs),
    # The diagonal of the empirical Fisher information of the gates (Kwon et al. 2022).
    "fisher": Criterion("the squared gradient of each example", EXAMPLE, methodcaller("square")),
    # First order of the change of the loss without the unit's weights (Molchanov et al. 2019).
    "taylor": Criterion(
        "the absolute sum of weight x gradient over the unit's weights",
        GRADIENTS,
        lambda weights, gradients: (weights * gradients).sum(1).abs(),
    ),
    # The norm over the square root of the number of weights, so that kinds can be compared.
    "magnitude": Criterion(
        "the root mean square of the unit's weights",
        WEIGHTS,
        lambda weights: weights.square().mean(1).sqrt(),
        per_parameter=True,
    ),
    "leave_one_out": Criterion("the search score lost without the unit", REMOVAL, sub),
    "random": Criterion(
        "a seeded draw", DRAW, lambda rng, shape: rng.random(shape), per_parameter=True
    ),
}

# Those that need the examples in the order of the file.
ORDERED = tuple(name for name, criterion in CRITERIA.items() if criterion.needs == BATCH)


def _product(weights: Any, gradients: Any) -> Any:
    return (weights * gradients).abs()


# Of single weights.
WEIGHT_CRITERIA: dict[str, Criterion] = {
    "magnitude": Criterion("|w|", WEIGHTS, abs),
    # First order of the change of the loss without the weight (Molchanov et al. 2019).
    "taylor": Criterion("|w x gradient|", GRADIENTS, _product),
    # Sun et al. 2023.
    "wanda": Criterion(
        "|w| x the L2 norm of its input over all tokens but padding",
        INPUTS,
        lambda weights, norms: weights.abs() * norms,
        scope="output",
    ),
    # Before training (Lee et al. 2019).
    "snip": Criterion(
        "|w x gradient| of the pretrained model with the classifier of the seed",
        PRETRAINED,
        _product,
    ),
    "random": Criterion("a seeded draw", DRAW, lambda rng, shape: rng.random(shape, "float32")),
}
