"""Which units survive: per task, and over all tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lottery.files.errors import StudyError
from lottery.models.architecture import Architecture
from lottery.pruning.masks import Mask, read_mask

COLUMNS = ["model", "method", "task", "unit", "layer", "head", "mean", "sd", "n"]
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

    Args:
        path: the mask's file, for the message.
        mask: what it holds.
        architecture: sizes of the model.

    Raises:
        StudyError: the mask does not have the model's size.
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
    return _over_seeds(list(by_seed.values()), n_tasks=1)


def survival_over_tasks(shares: dict[str, dict[str, Shares]], *, counted: bool) -> Survival:
    """Survival over several tasks: first each seed's tasks are taken together, then the seeds.

    Args:
        shares: task -> seed -> shares.
        counted: whether a seed's tasks are added up (number of tasks survived) or averaged.
    """
    seeds = [
        seed for seed in next(iter(shares.values())) if all(seed in s for s in shares.values())
    ]
    together = np.sum if counted else np.mean
    per_seed = [
        {
            kind: together([of_task[seed][kind] for of_task in shares.values()], axis=0)
            for kind in next(iter(shares.values()))[seed]
        }
        for seed in seeds
    ]
    return _over_seeds(per_seed, n_tasks=len(shares))


def _over_seeds(shares: list[Shares], n_tasks: int) -> Survival:
    values = {kind: np.stack([share[kind] for share in shares]) for kind in shares[0]}
    return Survival(
        mean={kind: array.mean(axis=0) for kind, array in values.items()},
        sd={kind: _sample_sd(array) for kind, array in values.items()},
        n_seeds=len(shares),
        n_tasks=n_tasks,
    )


def _sample_sd(values: np.ndarray) -> np.ndarray:
    """Sample standard deviation over the first axis; NaN of a single value."""
    if len(values) < 2:
        return np.full(values.shape[1:], np.nan)
    return values.std(axis=0, ddof=1)


def survival_rows(survivals: dict[str, Survival], model: str, method: str) -> list[dict[str, Any]]:
    """The numbers behind the heat-maps as rows with the keys `COLUMNS`, layers counted from 0.

    The column head is a unit's place among those of its kind in the layer.

    Args:
        survivals: task (or `all`) -> survival.
        model, method: ids.
    """
    rows = []
    for task, survival in survivals.items():
        cell = {"model": model, "method": method, "task": task, "n": survival.n_seeds}
        for kind, values in survival.mean.items():
            for (layer, *unit), value in np.ndenumerate(values):
                place = {"unit": kind, "layer": layer, "head": unit[0] if unit else None}
                rows.append(cell | place | {"mean": value, "sd": survival.sd[kind][layer, *unit]})
    return rows
