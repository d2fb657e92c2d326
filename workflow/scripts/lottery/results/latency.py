"""The tables of measured times, latency.csv: a row per task, subnetwork and size of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lottery import files

FULL = "full"  # the row of the full model against a copy of itself: what the measurement can tell
BATCH_SIZES = (1, 32)

# seed: of the model and the masks. granularity: of the mask, `units` or `weights`; empty for full.
# kept_fraction: kept parameters / parameters of the body. flops_ratio: FLOPs / those of the full
# model, without padding. ms: median milliseconds per example over the rounds, with the quartiles;
# full_ms: of the full model in the same rounds. ratio: median over rounds of time / time of the
# full model. threads: of torch on the CPU.
SCHEMA: files.Schema = (
    dict.fromkeys(("model", "method", "task"), str)
    | {"seed": int, "subnetwork": str, "granularity": str}
    | {"kept_fraction": float, "flops_ratio": float}
    | {"batch_size": int, "rounds": int}
    | {
        f"{name}{end}": float
        for name in ("ms", "full_ms", "ratio")
        for end in ("", "_low", "_high")
    }
    | {"device": str, "threads": int}
)


def numbers(seconds: np.ndarray, batch_size: int) -> dict[str, float | int]:
    """The measured columns of a row, from seconds of the full and the other model [rounds, 2]."""
    columns = {
        "full_ms": 1000 * seconds[:, 0] / batch_size,
        "ms": 1000 * seconds[:, 1] / batch_size,
        "ratio": seconds[:, 1] / seconds[:, 0],
    }
    found: dict[str, float | int] = {"batch_size": batch_size, "rounds": len(seconds)}
    for name, values in columns.items():
        low, median, high = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
        found |= {name: median, f"{name}_low": low, f"{name}_high": high}
    return found
