"""Which units survive: in which seeds and tasks, in every seed, in few tasks, in two tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lottery import files
from lottery.analysis.agreement import shared_by_chance, upper_p
from lottery.analysis.good_masks import GoodMasks
from lottery.models.units import ALWAYS, KINDS
from lottery.pruning.controls import generator
from lottery.pruning.masks import UnitMask

if TYPE_CHECKING:
    import pandas as pd

# The numbers behind the heat-maps. head: a unit's place among those of its kind in the layer.
SURVIVAL = {"model": str, "method": str, "task": str, "unit": str, "layer": int, "head": int} | {
    "mean": float,
    "sd": float,
    "n": int,
}
SIZES = dict.fromkeys(("model", "method", "task", "seed", "subnetwork"), str) | {
    "heads_kept": int,
    "mlps_kept": int,
    "kept_fraction": float,
}
# statistic: super_survivors and never_survivors are counts of a task; fewer_than_{k}_tasks is the
# share of units whose number of tasks survived, mean over seeds, is below k.
SURVIVORS = (
    dict.fromkeys(("model", "method", "task", "unit", "statistic"), str)
    | dict.fromkeys(("value", "expected", "expected_sd", "p"), float)
    | dict.fromkeys(("n_seeds", "n_tasks", "n_units"), int)
)
# Per task the share of a layer's units that survive, over all tasks the number of tasks that a
# unit of the layer survives; mean and sample sd over seeds. Layers are counted from 0.
LAYERS = dict.fromkeys(("model", "method", "task", "unit"), str) | {
    "layer": int,
    "mean": float,
    "sd": float,
    "n": int,
}
# Units that two tasks' masks of the same seed keep in common: a row per pair of tasks and per task
# with itself, whose shared_mean is its size and which has no p. expected, expected_sd and p are
# those of the mean over seeds, for independent masks of the same sizes.
OVERLAP = (
    dict.fromkeys(("model", "method", "unit", "task_a", "task_b"), str)
    | dict.fromkeys(("shared_mean", "shared_sd", "expected", "expected_sd", "p"), float)
    | {"n_seeds": int, "super_shared": int, "super_expected": float, "units": int}
)
ALL, AVERAGED = "all", "averaged"


@dataclass(frozen=True, eq=False)
class Survival:
    """Survival of every unit: mean and spread over seeds.

    Attributes:
        mean, sd: kind -> float [layers, units] or [layers]; 0 or 1 per seed for masks of units, the
            share of kept entries for masks of weights; over several tasks, the number of tasks
            survived or the mean share. The sd is the sample's, NaN for one seed.
        n_seeds: number of seeds.
        n_tasks: number of tasks.
    """

    mean: dict[str, np.ndarray]
    sd: dict[str, np.ndarray]
    n_seeds: int
    n_tasks: int = 1


def survival(masks: GoodMasks, tasks: Sequence[str], *, counted: bool = True) -> Survival:
    """First each seed's tasks are taken together, then the seeds.

    Args:
        counted: whether a seed's tasks are added up (number of tasks survived) or averaged.
    """
    places = masks.places[0][[masks.tasks.index(task) for task in tasks]]  # [tasks, seeds]
    together = np.sum if counted else np.mean
    mean, sd = {}, {}
    for kind, values in masks.of_kinds():
        of_seeds = together(values[places], axis=0)
        of_seeds = of_seeds.reshape(-1, *kind.shape(masks.architecture))
        mean[kind.name], sd[kind.name] = of_seeds.mean(axis=0), sample_sd(of_seeds)
    return Survival(mean, sd, n_seeds=len(masks.seeds), n_tasks=len(tasks))


def sample_sd(values: np.ndarray) -> np.ndarray:
    """Sample standard deviation over the first axis; NaN of a single value."""
    if len(values) < 2:
        return np.full(values.shape[1:], np.nan)
    return values.std(axis=0, ddof=1)


def survival_table(survivals: Mapping[str, Survival], model: str, method: str) -> pd.DataFrame:
    """The survival of every unit, by task or `all`: `SURVIVAL`."""
    rows = []
    for task, each in survivals.items():
        row = {"model": model, "method": method, "task": task, "n": each.n_seeds}
        for kind, values in each.mean.items():
            for (layer, *unit), mean in np.ndenumerate(values):
                place = {"unit": kind, "layer": layer, "head": unit[0] if unit else None}
                rows.append(row | place | {"mean": mean, "sd": each.sd[kind][layer, *unit]})
    return files.table(rows, SURVIVAL)


def size_table(masks: GoodMasks, model: str, method: str) -> pd.DataFrame:
    """Sizes of the good subnetworks and of super_good: `SIZES`."""
    rows = []
    for task, places in zip(masks.tasks, masks.places[0], strict=True):
        row = {"model": model, "method": method, "task": task}
        for place in places:
            kept = {unit: values[place] for unit, values in masks.units.items()}
            info = masks.infos[place]
            sizes = _sizes(kept) | {"kept_fraction": info.kept_fraction}
            rows.append(row | {"seed": info.seed, "subnetwork": "good"} | sizes)
        kept = {unit: values[places].all(axis=0) for unit, values in masks.units.items()}
        units = {
            kind.name: kept[kind.array].reshape(kind.shape(masks.architecture))
            for kind, _ in masks.of_kinds()
        }
        fraction = UnitMask(units, masks.emptied_attention).kept_fraction(masks.architecture)
        sizes = _sizes(kept) | {"kept_fraction": fraction}
        rows.append(row | {"subnetwork": "super_good"} | sizes)
    return files.table(rows, SIZES)


def _sizes(kept: dict[str, np.ndarray]) -> dict[str, int]:
    return {f"{KINDS[kind].array}_kept": int(kept[KINDS[kind].array].sum()) for kind in ALWAYS}


def survivor_table(
    masks: GoodMasks,
    model: str,
    method: str,
    *,
    averaged_tasks: Sequence[str],
    few_tasks: int,
    draws: int,
) -> pd.DataFrame:
    """Counts next to what independent masks of the same sizes give: `SURVIVORS`.

    Args:
        averaged_tasks: the tasks that enter averages.
        few_tasks: units that survive in fewer tasks are counted, over all tasks and over the
            averaged ones; missing where there are not that many tasks.
        draws: draws from chance.
    """
    averaged = [number for number, task in enumerate(masks.tasks) if task in averaged_tasks]
    scopes = {ALL: list(range(len(masks.tasks))), AVERAGED: averaged}
    rows = []
    for unit, values in masks.units.items():
        n = values.shape[1]
        row = {"model": model, "method": method, "unit": unit, "n_units": n}
        of_tasks = values[masks.places[0]]  # [tasks, seeds, units]
        for task, kept in zip(masks.tasks, of_tasks, strict=True):
            for statistic, which in (("super_survivors", kept), ("never_survivors", ~kept)):
                sizes = which.sum(axis=1)
                rng = generator(statistic, model, method, task, unit)
                drawn = shared_by_chance(sizes, n, draws, rng)
                numbers = _against(float(which.all(axis=0).sum()), drawn)
                numbers["expected"] = float(n * np.prod(sizes / n))
                counts = {"n_seeds": len(kept), "n_tasks": 1}
                rows.append(row | {"task": task, "statistic": statistic} | numbers | counts)
        for scope, tasks in scopes.items():
            rng = generator("few", model, method, scope, unit)
            numbers = _few(of_tasks[tasks], few_tasks, draws, rng)
            counts = {"n_seeds": len(masks.seeds) if tasks else 0, "n_tasks": len(tasks)}
            statistic = f"fewer_than_{few_tasks}_tasks"
            rows.append(row | {"task": scope, "statistic": statistic} | numbers | counts)
    return files.table(rows, SURVIVORS)


def _few(
    kept: np.ndarray, few_tasks: int, draws: int, rng: np.random.Generator
) -> dict[str, float]:
    """The share of units that survive in few tasks; kept: bool [tasks, seeds, units]."""
    if len(kept) < few_tasks or not kept.size:
        return {}

    def share(masks: np.ndarray) -> float:
        return float((masks.sum(axis=0).mean(axis=0) < few_tasks).mean())

    drawn = np.array([share(rng.permuted(kept, axis=-1)) for _ in range(draws)])
    return _against(share(kept), drawn)


def _against(value: float, drawn: np.ndarray) -> dict[str, float]:
    numbers = {"value": value, "expected": drawn.mean(), "expected_sd": float(sample_sd(drawn))}
    return numbers | {"p": upper_p(value, drawn.astype(float))}


def layer_table(masks: GoodMasks, model: str, method: str) -> pd.DataFrame:
    """Survival per layer: `LAYERS`."""
    rows = []
    for unit, values in masks.units.items():
        of_tasks = values[masks.places[0]]  # [tasks, seeds, units]
        groups = [*zip(masks.tasks, of_tasks, strict=True), (ALL, of_tasks.sum(axis=0))]
        for task, kept in groups:
            layers = kept.reshape(len(kept), masks.architecture.layers, -1).mean(axis=2)
            numbers = zip(layers.mean(axis=0), sample_sd(layers), strict=True)
            row = {"model": model, "method": method, "task": task, "unit": unit, "n": len(kept)}
            rows += [
                row | {"layer": layer, "mean": mean, "sd": sd}
                for layer, (mean, sd) in enumerate(numbers)
            ]
    return files.table(rows, LAYERS)


def overlap_table(masks: GoodMasks, model: str, method: str, draws: int) -> pd.DataFrame:
    """Units that two tasks share: `OVERLAP`."""
    n_tasks = range(len(masks.tasks))
    pairs = [(a, a) for a in n_tasks] + [(a, b) for a in n_tasks for b in n_tasks if a < b]
    rows = []
    for unit, values in masks.units.items():
        of_tasks = values[masks.places[0]]  # [tasks, seeds, units]
        n = values.shape[1]
        supers = of_tasks.all(axis=1)
        for a, b in pairs:
            names = {"task_a": masks.tasks[a], "task_b": masks.tasks[b]}
            shared = (of_tasks[a] & of_tasks[b]).sum(axis=1)  # [seeds]
            row = {"model": model, "method": method, "unit": unit, "units": n, **names}
            row |= {"n_seeds": len(shared), "super_shared": int((supers[a] & supers[b]).sum())}
            row |= {"shared_mean": shared.mean(), "shared_sd": float(sample_sd(shared))}
            if a == b:
                row |= {"expected": shared.mean(), "super_expected": supers[a].sum()}
            else:
                rng = generator("overlap", model, method, unit, *names.values())
                sizes = of_tasks[[a, b]].sum(axis=2)  # [2, seeds]
                drawn = [shared_by_chance(pair, n, draws, rng) for pair in sizes.T]
                means = np.mean(drawn, axis=0)
                row |= {"expected": (sizes[0] * sizes[1] / n).mean()}
                row |= {"expected_sd": means.std(ddof=1), "p": upper_p(shared.mean(), means)}
                row |= {"super_expected": supers[a].sum() * supers[b].sum() / n}
            rows.append(row)
    return files.table(rows, OVERLAP)
