"""Which units survive: per task, and over all tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lottery import files
from lottery.files.errors import StudyError
from lottery.models.architecture import Architecture
from lottery.pruning.masks import Mask, read_mask

if TYPE_CHECKING:
    import pandas as pd

# Layers are counted from 0; head is a unit's place among those of its kind in the layer.
SURVIVAL = {"model": str, "method": str, "task": str, "unit": str, "layer": int, "head": int} | {
    "mean": float,
    "sd": float,
    "n": int,
}
ALL_TASKS = "all"

Shares = Mapping[str, np.ndarray]  # kind -> share of every unit that one mask keeps


@dataclass(frozen=True, eq=False)
class Survival:
    """Survival of every unit: mean and spread over seeds.

    Attributes:
        mean, sd: kind -> float [layers, units] or [layers]; 0 or 1 per seed for masks of units, the
            share of kept entries for masks of weights; over all tasks, the number of tasks
            survived, for masks of weights the mean share. The sd is the sample's, NaN for one seed.
        n_seeds: number of seeds.
        n_tasks: number of tasks.
    """

    mean: dict[str, np.ndarray]
    sd: dict[str, np.ndarray]
    n_seeds: int
    n_tasks: int = 1


def kept_shares(path: Path, mask: Mask, architecture: Architecture) -> Shares:
    """The share of every unit that a mask keeps, see `lottery.pruning.masks`.

    Raises:
        StudyError: the mask, read from `path`, does not have the model's size.
    """
    try:
        return mask.shares(architecture)
    except ValueError as error:
        raise StudyError(f"{path} does not fit the model: {error}.") from error


def read_shares(paths: Iterable[Path], architecture: Architecture) -> dict[str, dict[str, Shares]]:
    """Reads masks of one model and method: task -> seed -> shares kept, in the order of the files.

    Raises:
        StudyError: a mask does not have the model's size.
    """
    shares: dict[str, dict[str, Shares]] = {}
    for path in paths:
        mask, info = read_mask(path)
        shares.setdefault(info.task, {})[info.seed] = kept_shares(path, mask, architecture)
    return shares


def survival_of_task(by_seed: dict[str, Shares]) -> Survival:
    """Mean and sample sd over the seeds of one task."""
    return survival_over_tasks({"": by_seed}, counted=True)


def survival_over_tasks(shares: dict[str, dict[str, Shares]], *, counted: bool) -> Survival:
    """Survival over several tasks: first each seed's tasks are taken together, then the seeds.

    Args:
        shares: task -> seed -> shares; all tasks have the same seeds.
        counted: whether a seed's tasks are added up (number of tasks survived) or averaged.
    """
    first = next(iter(shares.values()))
    together = np.sum if counted else np.mean
    mean, sd = {}, {}
    for kind in next(iter(first.values())):
        # [tasks, seeds, layers, units] -> [seeds, layers, units]
        stacked = [[of_task[seed][kind] for seed in first] for of_task in shares.values()]
        values = together(stacked, axis=0)
        mean[kind], sd[kind] = values.mean(axis=0), sample_sd(values)
    return Survival(mean, sd, n_seeds=len(first), n_tasks=len(shares))


def sample_sd(values: np.ndarray) -> np.ndarray:
    """Sample standard deviation over the first axis; NaN of a single value."""
    if len(values) < 2:
        return np.full(values.shape[1:], np.nan)
    return values.std(axis=0, ddof=1)


def survival_table(survivals: dict[str, Survival], model: str, method: str) -> pd.DataFrame:
    """The numbers behind the heat-maps: `SURVIVAL`.

    Args:
        survivals: task (or `all`) -> survival.
        model, method: ids.
    """
    rows = []
    for task, survival in survivals.items():
        cell = {"model": model, "method": method, "task": task, "n": survival.n_seeds}
        for kind, values in survival.mean.items():
            for (layer, *unit), value in np.ndenumerate(values):
                row = cell | {"unit": kind, "layer": layer, "head": unit[0] if unit else None}
                rows.append(row | {"mean": value, "sd": survival.sd[kind][layer, *unit]})
    return files.table(rows, SURVIVAL)
