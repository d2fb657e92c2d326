"""Mean |w| of the units of a fine-tuned model, and of those that a mask keeps and prunes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lottery.analysis.good_masks import HEADS, MLPS
from lottery.architecture import Architecture
from lottery.masks import StructuredMask

# kept_mean, pruned_mean: mean |w| over all parameters of the kept and of the pruned units; missing,
# not 0, where there is no such unit. unit: head, mlp, or both of them pooled by parameter.
COLUMNS = [
    "model",
    "method",
    "task",
    "seed",
    "unit",
    "kept_mean",
    "pruned_mean",
    "difference",
    "kept_units",
    "pruned_units",
]
BOTH = "both"


def unit_magnitudes(
    weights: Mapping[str, np.ndarray], architecture: Architecture
) -> dict[str, np.ndarray]:
    """Mean |w| of every unit, over the parameters that go with it.

    A head owns its rows of query, key and value with their biases, and its columns of the output
    projection; an MLP both of its matrices with both biases.

    Args:
        weights: checkpoint's parameter name -> array.
        architecture: sizes of the model.

    Returns:
        `heads` float64 [layers, heads] and `mlps` float64 [layers].
    """
    name, n_heads = architecture.family.checkpoint_name, architecture.heads
    heads = np.zeros((architecture.layers, n_heads))
    mlps = np.zeros(architecture.layers)
    for layer in range(architecture.layers):

        def absolute(part: str, layer: int = layer) -> np.ndarray:
            return np.abs(weights[name(f"layers.{layer}.{part}")]).astype(np.float64)

        for part in ("query", "key", "value"):
            for kind in ("weight", "bias"):
                heads[layer] += absolute(f"{part}.{kind}").reshape(n_heads, -1).sum(axis=1)
        output = absolute("attention_output.weight")  # [hidden, heads * head_size]
        heads[layer] += output.reshape(len(output), n_heads, -1).sum(axis=(0, 2))
        for part in ("intermediate", "output"):
            mlps[layer] += absolute(f"{part}.weight").sum() + absolute(f"{part}.bias").sum()
    return {
        "heads": heads / architecture.head_parameters,
        "mlps": mlps / architecture.mlp_parameters,
    }


def magnitude_rows(
    mask: StructuredMask,
    means: Mapping[str, np.ndarray],
    architecture: Architecture,
    cell: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Kept against pruned units of one fine-tuned model: rows with the keys `COLUMNS`.

    Args:
        mask: the good mask.
        means: what `unit_magnitudes` gives for the model.
        architecture: sizes of the model.
        cell: model, method, task and seed.
    """
    heads, mlps = means["heads"].ravel(), means["mlps"]
    sizes = np.repeat(
        [architecture.head_parameters, architecture.mlp_parameters], [len(heads), len(mlps)]
    )
    values = np.concatenate([heads, mlps])
    kept = np.concatenate([mask.heads.ravel(), mask.mlps])
    is_head = np.arange(len(values)) < len(heads)
    rows = []
    for unit, part in ((HEADS, is_head), (MLPS, ~is_head), (BOTH, np.ones_like(is_head))):
        groups = (part & kept, part & ~kept)
        first, second = (
            float(np.average(values[group], weights=sizes[group])) if group.any() else None
            for group in groups
        )
        rows.append(
            {
                **cell,
                "unit": unit,
                "kept_mean": first,
                "pruned_mean": second,
                "difference": None if None in (first, second) else first - second,
                "kept_units": int(groups[0].sum()),
                "pruned_units": int(groups[1].sum()),
            }
        )
    return rows
