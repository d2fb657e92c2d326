"""Survivors: units that every seed keeps, units that few tasks keep, and survival per layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lottery.analysis.chance import shared_by_chance, upper_p
from lottery.analysis.good_masks import GoodMasks, super_survivors
from lottery.models.architecture import Architecture
from lottery.models.units import ALWAYS, KINDS
from lottery.pruning.controls import generator
from lottery.pruning.masks import UnitMask

SIZE_COLUMNS = [
    "model",
    "method",
    "task",
    "seed",
    "subnetwork",
    "heads_kept",
    "mlps_kept",
    "kept_fraction",
]
# statistic: super_survivors and never_survivors are counts of a task; fewer_than_{k}_tasks is the
# share of units whose number of tasks survived, mean over seeds, is below k.
SURVIVOR_COLUMNS = [
    "model",
    "method",
    "task",
    "unit",
    "statistic",
    "value",
    "expected",
    "expected_sd",
    "p",
    "n_seeds",
    "n_tasks",
    "n_units",
]
# Per task the share of a layer's units that survive, over all tasks the number of tasks that a
# unit of the layer survives; mean and sample sd over seeds.
LAYER_COLUMNS = ["model", "method", "task", "unit", "layer", "mean", "sd", "n"]
ALL, AVERAGED = "all", "averaged"
Row = dict[str, Any]


def size_rows(masks: GoodMasks, architecture: Architecture, model: str, method: str) -> list[Row]:
    """Sizes of the good subnetworks and of super_good: rows with the keys `SIZE_COLUMNS`."""
    rows = []
    shapes = {
        name: kind.shape(architecture) for name, kind in KINDS.items() if kind.array in masks.units
    }
    for task in masks.tasks:
        cells = masks.cells(task=task)
        for cell in cells:
            info = masks.infos[cell]
            kept = {name: states[cell] for name, states in masks.units.items()}
            place = {"model": model, "method": method, "task": task, "seed": info.seed}
            rows.append(place | _size("good", kept, info.kept_fraction))
        kept = {name: super_survivors(states[cells]) for name, states in masks.units.items()}
        units = {name: kept[KINDS[name].array].reshape(shape) for name, shape in shapes.items()}
        fraction = UnitMask(units, masks.emptied_attention).kept_fraction(architecture)
        place = {"model": model, "method": method, "task": task, "seed": None}
        rows.append(place | _size("super_good", kept, fraction))
    return rows


def _size(subnetwork: str, kept: dict[str, np.ndarray], fraction: float) -> Row:
    arrays = [KINDS[kind].array for kind in ALWAYS]
    counts = {f"{array}_kept": int(kept[array].sum()) for array in arrays}
    return {"subnetwork": subnetwork} | counts | {"kept_fraction": fraction}


def survivor_rows(
    masks: GoodMasks,
    model: str,
    method: str,
    *,
    averaged_tasks: Sequence[str],
    few_tasks: int,
    draws: int,
) -> list[Row]:
    """Counts beside what independent masks of the same sizes give: keys `SURVIVOR_COLUMNS`.

    Args:
        masks: good masks of whole units.
        model, method: ids.
        averaged_tasks: the tasks that enter averages.
        few_tasks: units that survive in fewer tasks are counted, over all tasks and over the
            averaged ones; missing where there are not that many tasks.
        draws: draws from chance.
    """
    rows = []
    cell = {"model": model, "method": method}
    for unit, values in masks.units.items():
        n = values.shape[1]
        for task in masks.tasks:
            kept = values[masks.cells(task=task)]
            for name, which in (("super_survivors", kept), ("never_survivors", ~kept)):
                rng = generator(name, model, method, task, unit)
                sizes = which.sum(axis=1)
                drawn = shared_by_chance(sizes, n, draws, rng)
                numbers = _against(float(super_survivors(which).sum()), drawn)
                numbers["expected"] = float(n * np.prod(sizes / n))
                counts = {"n_seeds": len(kept), "n_tasks": 1, "n_units": n}
                place = {"task": task, "unit": unit, "statistic": name}
                rows.append(cell | place | numbers | counts)
        averaged = [task for task in masks.tasks if task in averaged_tasks]
        for scope, tasks in ((ALL, masks.tasks), (AVERAGED, averaged)):
            rng = generator("few", model, method, scope, unit)
            place = {"task": scope, "unit": unit, "statistic": f"fewer_than_{few_tasks}_tasks"}
            numbers = _few(by_seed(masks, unit, tasks), few_tasks, draws, rng)
            seeds = {"n_seeds": len(common_seeds(masks, tasks)), "n_tasks": len(tasks)}
            rows.append(cell | place | numbers | seeds | {"n_units": n})
    return rows


def common_seeds(masks: GoodMasks, tasks: Sequence[str]) -> list[str]:
    """The seeds that all of the tasks have masks of."""
    if not tasks:
        return []
    seeds = [masks.seeds(masks.cells(task=task)) for task in tasks]
    return [seed for seed in seeds[0] if all(seed in others for others in seeds)]


def by_seed(masks: GoodMasks, unit: str, tasks: Sequence[str]) -> np.ndarray:
    """Masks of one kind of unit, bool [tasks, seeds, units], of the seeds that all tasks have."""
    seeds = common_seeds(masks, tasks)
    n = masks.units[unit].shape[1]
    found = np.zeros((len(tasks), len(seeds), n), bool)
    for place, task in enumerate(tasks):
        cells = {masks.infos[cell].seed: cell for cell in masks.cells(task=task)}
        found[place] = masks.units[unit][[cells[seed] for seed in seeds]]
    return found


def _few(kept: np.ndarray, few_tasks: int, draws: int, rng: np.random.Generator) -> dict[str, Any]:
    """The share of units that survive in few tasks, beside permuted masks."""
    if len(kept) < few_tasks or not kept.size:
        return dict.fromkeys(("value", "expected", "expected_sd", "p"))

    def share(masks: np.ndarray) -> float:
        return float((masks.sum(axis=0).mean(axis=0) < few_tasks).mean())

    drawn = np.array([share(rng.permuted(kept, axis=-1)) for _ in range(draws)])
    return _against(share(kept), drawn)


def _against(value: float, drawn: np.ndarray) -> dict[str, Any]:
    sd = float(drawn.std(ddof=1)) if len(drawn) > 1 else math.nan
    p = upper_p(value, drawn.astype(float))
    return {"value": value, "expected": float(drawn.mean()), "expected_sd": sd, "p": p}


def layer_rows(masks: GoodMasks, architecture: Architecture, model: str, method: str) -> list[Row]:
    """Survival per layer: rows with the keys `LAYER_COLUMNS`, layers counted from 0."""
    rows = []
    for unit in masks.units:
        per_task = {t: _by_layer(by_seed(masks, unit, [t])[0], architecture) for t in masks.tasks}
        tasks_survived = by_seed(masks, unit, masks.tasks).sum(axis=0)
        over_all = _by_layer(tasks_survived, architecture)
        for task, values in (per_task | {ALL: over_all}).items():
            sd = values.std(axis=0, ddof=1) if len(values) > 1 else np.full(len(values[0]), np.nan)
            for layer, mean in enumerate(values.mean(axis=0)):
                place = {"model": model, "method": method, "task": task, "unit": unit}
                numbers = {"layer": layer, "mean": float(mean), "sd": float(sd[layer])}
                rows.append(place | numbers | {"n": len(values)})
    return rows


def _by_layer(values: np.ndarray, architecture: Architecture) -> np.ndarray:
    """Means over the units of each layer: [seeds, units] -> [seeds, layers]."""
    return values.reshape(len(values), architecture.layers, -1).mean(axis=2)
