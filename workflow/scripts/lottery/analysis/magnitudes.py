"""Mean |w| of the units of a fine-tuned model, and of those that a mask keeps and prunes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lottery import files
from lottery.models.architecture import Architecture
from lottery.models.units import ALWAYS, KINDS, part_shapes
from lottery.pruning.masks import UnitMask, parameter_name

if TYPE_CHECKING:
    import pandas as pd

# kept_mean, pruned_mean: mean |w| over all parameters of the kept and of the pruned units; missing,
# not 0, where there is no such unit. unit: heads, mlps, other kinds that the method prunes, or
# both heads and mlps pooled by parameter.
MAGNITUDES = (
    dict.fromkeys(("model", "method", "task", "seed", "unit"), str)
    | dict.fromkeys(("kept_mean", "pruned_mean", "difference"), float)
    | dict.fromkeys(("kept_units", "pruned_units"), int)
)
BOTH = "both"


def unit_magnitudes(
    weights: Mapping[str, np.ndarray], architecture: Architecture
) -> dict[str, np.ndarray]:
    """Mean |w| of every unit, over the parameters that go with it (`lottery.models.units`).

    Args:
        weights: checkpoint's parameter name -> array.

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


def magnitude_table(
    mask: UnitMask,
    means: Mapping[str, np.ndarray],
    architecture: Architecture,
    cell: Mapping[str, Any],
) -> pd.DataFrame:
    """Kept against pruned units of one fine-tuned model: `MAGNITUDES`.

    Args:
        means: of `unit_magnitudes`.
        cell: model, method, task and seed.
    """
    kinds = {KINDS[name].array: array for name, array in mask.units.items()}
    counts = [array.size for array in kinds.values()]
    unit_of = np.repeat(list(kinds), counts)
    size_of = np.repeat([KINDS[name].parameters(architecture) for name in mask.units], counts)
    mean_of = np.concatenate([means[unit].ravel() for unit in kinds])
    kept = np.concatenate([array.ravel() for array in kinds.values()])
    # Other kinds own entries of these two, which would count twice.
    both = np.isin(unit_of, [KINDS[name].array for name in ALWAYS])
    rows = []
    for unit in (*kinds, BOTH):
        row = {**cell, "unit": unit}
        for name, state in (("kept", kept), ("pruned", ~kept)):
            group = state & (both if unit == BOTH else unit_of == unit)
            mean = np.average(mean_of[group], weights=size_of[group]) if group.any() else np.nan
            row |= {f"{name}_units": int(group.sum()), f"{name}_mean": mean}
        row["difference"] = row["kept_mean"] - row["pruned_mean"]
        rows.append(row)
    return files.table(rows, MAGNITUDES)
