"""Which heads and MLPs survive: per task, and over all tasks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lottery.architecture import Architecture
from lottery.errors import StudyError
from lottery.masks import Mask, StructuredMask, WeightMask, read_mask

COLUMNS = ["model", "method", "task", "unit", "layer", "head", "mean", "sd", "n"]
ALL_TASKS = "all"


@dataclass(frozen=True, eq=False)
class Survival:
    """Survival of every unit: mean and spread over seeds.

    Attributes:
        heads, heads_sd: float [layers, heads]; 0 or 1 per seed for structured masks, the share of
            kept entries for masks of weights; over all tasks, the number of tasks survived, for
            masks of weights the mean share. The sd is the sample's, NaN for one seed.
        mlps, mlps_sd: float [layers], likewise.
        n_seeds: number of seeds.
        n_tasks: number of tasks.
    """

    heads: np.ndarray
    heads_sd: np.ndarray
    mlps: np.ndarray
    mlps_sd: np.ndarray
    n_seeds: int
    n_tasks: int = 1


@dataclass(frozen=True, eq=False)
class Shares:
    """Share of every unit that one mask keeps: heads float [layers, heads], mlps float [layers]."""

    heads: np.ndarray
    mlps: np.ndarray


def kept_shares(mask: Mask, architecture: Architecture) -> Shares:
    """Gives the share of each unit's entries that a mask keeps (0 or 1 in a structured mask)."""
    if isinstance(mask, StructuredMask):
        return Shares(mask.heads.astype(float), mask.mlps.astype(float))
    layers = range(architecture.layers)
    return Shares(
        heads=np.stack([_head_shares(mask, layer, architecture) for layer in layers]),
        mlps=np.array([_mlp_share(mask, layer, architecture) for layer in layers]),
    )


def _head_shares(mask: WeightMask, layer: int, architecture: Architecture) -> np.ndarray:
    """float [heads]: a head owns rows of Q, K and V with biases, and columns of the output.

    The bias of the attention output belongs to no head.
    """
    name = architecture.family.checkpoint_name
    heads = architecture.heads
    kept = np.zeros(heads)
    size = 0
    for part in ("query", "key", "value"):
        for kind in ("weight", "bias"):
            array = mask.parameters[name(f"layers.{layer}.{part}.{kind}")]
            kept += array.reshape(heads, -1).sum(axis=1)
            size += array.size
    # [hidden, heads * head_size]: the columns in groups of one head each.
    output = mask.parameters[name(f"layers.{layer}.attention_output.weight")]
    kept += output.reshape(output.shape[0], heads, -1).sum(axis=(0, 2))
    return kept / ((size + output.size) / heads)


def _mlp_share(mask: WeightMask, layer: int, architecture: Architecture) -> float:
    name = architecture.family.checkpoint_name
    arrays = [
        mask.parameters[name(f"layers.{layer}.{part}")]
        for part in ("intermediate.weight", "intermediate.bias", "output.weight")
    ]
    return sum(int(array.sum()) for array in arrays) / sum(array.size for array in arrays)


def read_shares(paths: Iterable[Path], architecture: Architecture) -> dict[str, dict[str, Shares]]:
    """Reads masks of one model and method: task -> seed -> shares kept, in the order of the files.

    Raises:
        StudyError: a mask does not have the model's size.
    """
    shares: dict[str, dict[str, Shares]] = {}
    for path in paths:
        mask, info = read_mask(path)
        try:
            found = kept_shares(mask, architecture)
        except (KeyError, ValueError) as error:
            raise StudyError(f"{path} does not fit the model: {error}.") from error
        if found.heads.shape != (architecture.layers, architecture.heads):
            raise StudyError(
                f"{path} has {found.heads.shape[0]} layers of {found.heads.shape[1]} heads, the "
                f"model {architecture.layers} of {architecture.heads}."
            )
        shares.setdefault(info.task, {})[info.seed] = found
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
        Shares(
            heads=together([of_task[seed].heads for of_task in shares.values()], axis=0),
            mlps=together([of_task[seed].mlps for of_task in shares.values()], axis=0),
        )
        for seed in seeds
    ]
    return _over_seeds(per_seed, n_tasks=len(shares))


def _over_seeds(shares: list[Shares], n_tasks: int) -> Survival:
    heads = np.stack([share.heads for share in shares])
    mlps = np.stack([share.mlps for share in shares])
    return Survival(
        heads=heads.mean(axis=0),
        heads_sd=_sample_sd(heads),
        mlps=mlps.mean(axis=0),
        mlps_sd=_sample_sd(mlps),
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

    Args:
        survivals: task (or `all`) -> survival.
        model, method: ids.
    """
    rows = []
    for task, survival in survivals.items():
        cell = {"model": model, "method": method, "task": task, "n": survival.n_seeds}
        for (layer, head), value in np.ndenumerate(survival.heads):
            place = {"unit": "head", "layer": layer, "head": head}
            rows.append(cell | place | {"mean": value, "sd": survival.heads_sd[layer, head]})
        for layer, value in enumerate(survival.mlps):
            place = {"unit": "mlp", "layer": layer, "head": None}
            rows.append(cell | place | {"mean": value, "sd": survival.mlps_sd[layer]})
    return rows
