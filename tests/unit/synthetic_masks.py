"""Made-up masks of both kinds."""

from __future__ import annotations

import numpy as np

from lottery.models.architecture import Architecture
from lottery.pruning.masks import UnitMask, WeightMask


def unit_mask(heads: np.ndarray, mlps: np.ndarray, emptied: str = "keep_bias") -> UnitMask:
    """A mask of heads [layers, heads] and MLPs [layers]."""
    return UnitMask({"head": heads, "mlp": mlps}, emptied)


def full_mask(layers: int, heads: int) -> UnitMask:
    """The mask that keeps all heads and MLPs."""
    return unit_mask(np.ones((layers, heads), bool), np.ones(layers, bool))


def random_units(architecture: Architecture, keep: float, rng: np.random.Generator) -> UnitMask:
    """A structured mask; units in the middle layers survive more often."""
    layers, heads = architecture.layers, architecture.heads
    lift = 0.3 * np.sin(np.linspace(0, np.pi, layers))
    return unit_mask(
        rng.random((layers, heads)) < keep - 0.2 + lift[:, None],
        rng.random(layers) < keep - 0.1 + lift,
        "drop_bias",
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
