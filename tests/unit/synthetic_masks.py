"""Made-up masks of both kinds."""

from __future__ import annotations

import numpy as np

from lottery.architecture import Architecture
from lottery.masks import StructuredMask, WeightMask


def random_units(
    architecture: Architecture, keep: float, rng: np.random.Generator
) -> StructuredMask:
    """A structured mask; units in the middle layers survive more often."""
    layers, heads = architecture.layers, architecture.heads
    lift = 0.3 * np.sin(np.linspace(0, np.pi, layers))
    return StructuredMask(
        rng.random((layers, heads)) < keep - 0.2 + lift[:, None],
        rng.random(layers) < keep - 0.1 + lift,
    )


def random_weights(architecture: Architecture, keep: float, rng: np.random.Generator) -> WeightMask:
    """A mask of weights with all parameters of the body; later layers keep more."""
    hidden, inner = architecture.hidden, architecture.intermediate
    shapes = {"weight": (hidden, hidden), "bias": (hidden,)}
    parts = dict.fromkeys(("query", "key", "value", "attention_output"), shapes)
    parts["intermediate"] = {"weight": (inner, hidden), "bias": (inner,)}
    parts["output"] = {"weight": (hidden, inner)}
    name = architecture.family.checkpoint_name
    return WeightMask(
        {
            name(f"layers.{layer}.{part}.{kind}"): rng.random(shape)
            < keep + 0.1 * layer / architecture.layers
            for layer in range(architecture.layers)
            for part, kinds in parts.items()
            for kind, shape in kinds.items()
        }
    )
