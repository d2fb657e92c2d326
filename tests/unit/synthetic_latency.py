"""Made-up times: a subnetwork's ratio is chosen, its quartiles lie 0.05 to either side."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from lottery import files
from lottery.results.latency import BATCH_SIZES, SCHEMA

Ratios = Mapping[str, tuple[float, float]]  # subnetwork -> ratio at each size of batches


def latency_rows(
    ratios: Ratios,
    tasks: tuple[str, ...] = ("t",),
    *,
    model: str = "m",
    method: str = "structured",
    granularity: str = "units",
) -> pd.DataFrame:
    """The rows of latency.csv; those of the full model first, whose ratio is 1."""
    cell = {"model": model, "method": method, "seed": 1, "device": "cpu", "threads": 2}
    rows = [
        cell
        | {"task": task, "subnetwork": name, "batch_size": size, "rounds": 9}
        | {"granularity": "" if name == "full" else granularity}
        | {"kept_fraction": 1.0 if name == "full" else 0.5, "flops_ratio": 0.75}
        | {"ratio": ratio, "ratio_low": ratio - 0.05, "ratio_high": ratio + 0.05}
        for task in tasks
        for name, of_sizes in {"full": (1.0, 1.0), **ratios}.items()
        for size, ratio in zip(BATCH_SIZES, of_sizes, strict=True)
    ]
    return files.table(rows, SCHEMA)
