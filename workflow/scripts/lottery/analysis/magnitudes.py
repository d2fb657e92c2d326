"""Mean |w| of the units of a fine-tuned model, and of those that a mask keeps and prunes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lottery.models.architecture import Architecture
from lottery.models.units import KINDS, part_shapes
from lottery.pruning.masks import UnitMask, parameter_name

# kept_mean, pruned_mean: mean |w| over all parameters of the kept and of the pruned units; missing,
# not 0, where there is no such unit. unit: heads, mlps, or both of them pooled by parameter.
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

    What belongs to a unit: `lottery.models.units`.

    Args:
        weights: checkpoint's parameter name -> array.
        architecture: sizes of the model.

    Returns:
        Kind's array -> float64 [layers, units] or [layers].
    """
    sums: dict[str, list[np.ndarray]] = {kind: [] for kind in KINDS}
    for layer in range(architecture.layers):
        parts = {
            part: np.abs(weights[parameter_name(architecture, layer, part)]).astype(np.float64)
            for part in part_shapes(architecture)
        }
        for name, kind in KINDS.items():
            sums[name].append(kind.sums(parts, kind.count(architecture)))
    return {
        kind.array: np.stack(sums[name]).reshape(kind.shape(architecture))
        / kind.parameters(architecture)
        for name, kind in KINDS.items()
    }


def magnitude_rows(
    mask: UnitMask,
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
    kinds = [KINDS[name] for name in mask.units]
    counts = [array.size for array in mask.units.values()]
    sizes = np.repeat([kind.parameters(architecture) for kind in kinds], counts)
    values = np.concatenate([means[kind.array].ravel() for kind in kinds])
    kept = np.concatenate([array.ravel() for array in mask.units.values()])
    unit_of = np.repeat([kind.array for kind in kinds], counts)
    rows = []
    for unit in (*(kind.array for kind in kinds), BOTH):
        part = np.ones_like(kept) if unit == BOTH else unit_of == unit
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
