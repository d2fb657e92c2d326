"""Linear mode connectivity: the error on the line between two trainings (Frankle et al. 2020).

Two trainings start from the same weights, under the same mask and with the same classifier, and
differ in the order of the data and in dropout. If the models between them are as good as they are,
the subnetwork is stable: what decides about the outcome was decided before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lottery import files
from lottery.results.connectivity import (
    BARRIERS,
    BOUND,
    OF_METRIC,
    STABLE,
    UNDECIDED,
    UNSTABLE,
)
from lottery.statistics.intervals import Estimate, mean_estimate

if TYPE_CHECKING:
    import pandas as pd

# From the first training (0) to the second (1).
POSITIONS = tuple(round(place / 10, 1) for place in range(11))
# error: 1 - score; empty where the score is undefined.
LINE: files.Schema = {"position": float, "split": str, "metric": str, "error": float}
# ends, highest and barrier are means over seeds; low and high are the barrier's 95 % interval.
# n_seeds: those whose errors are all defined. verdict: of `judged`, empty for other metrics than
# accuracy.
SCHEMA: files.Schema = (
    dict.fromkeys(("model", "method", "task", "subnetwork", "split", "metric"), str)
    | {"n_seeds": int}
    | dict.fromkeys(("ends", "highest", "barrier", "low", "high"), float)
    | {"verdict": str}
)


class Cell(NamedTuple):
    """A subnetwork that was trained twice."""

    task: str
    subnetwork: str
    seed: int


def read_lines(paths: Sequence[Path], split: str) -> dict[Cell, tuple[str, np.ndarray]]:
    """Reads the lines of one split.

    Args:
        paths: {task}/seed_{seed}/connect/{method}/{subnetwork}/line.csv.

    Returns:
        Of each cell its metric and the errors float [positions], NaN where undefined.
    """
    found = {}
    for path in paths:
        task, seed, _, _, subnetwork, _ = path.parts[-6:]
        line = files.read_table(path, LINE)
        line = line[line["split"] == split]
        cell = Cell(task, subnetwork, int(seed.removeprefix("seed_")))
        found[cell] = (line["metric"].iloc[0], line["error"].to_numpy())
    return found


def barrier(errors: np.ndarray) -> float:
    """The largest error on a line less the mean of its two ends; NaN if an error is undefined."""
    return float(errors.max() - (errors[0] + errors[-1]) / 2)


def judged(found: Estimate) -> str:
    """Whether the whole interval of a barrier lies below the bound, or above it."""
    if found.low is not None and found.high is not None:
        if found.high < BOUND:
            return STABLE
        if found.low >= BOUND:
            return UNSTABLE
    return UNDECIDED


def connectivity_table(
    lines: Mapping[Cell, tuple[str, np.ndarray]], model: str, method: str, split: str
) -> pd.DataFrame:
    """A row per task and subnetwork (`SCHEMA`), in the order in which they first come."""
    rows = []
    for task, subnetwork in dict.fromkeys(cell[:2] for cell in lines):
        same = [line for cell, line in lines.items() if cell[:2] == (task, subnetwork)]
        metric = same[0][0]
        errors = [line for _, line in same if not np.isnan(line).any()]
        row: dict[str, object] = {
            "model": model,
            "method": method,
            "task": task,
            "subnetwork": subnetwork,
            "split": split,
        }
        row |= {"metric": metric, "n_seeds": len(errors)}
        estimate = mean_estimate([[barrier(line) for line in errors]])
        if estimate is not None:
            estimate = estimate.within(0.0, np.inf)  # the ends are points of the line
            row |= {
                "ends": float(np.mean([line[[0, -1]] for line in errors])),
                "highest": float(np.mean([line.max() for line in errors])),
                "barrier": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
                "verdict": judged(estimate) if metric == OF_METRIC else "",
            }
        rows.append(row)
    return files.table(rows, SCHEMA)


def barrier_table(
    lines: Mapping[Cell, tuple[str, np.ndarray]], model: str, method: str
) -> pd.DataFrame:
    """A row per cell (`results.connectivity.BARRIERS`), in their order."""
    rows = [
        cell._asdict() | {"model": model, "method": method, "metric": metric, "barrier": barrier(e)}
        for cell, (metric, e) in lines.items()
    ]
    return files.table(rows, BARRIERS)
