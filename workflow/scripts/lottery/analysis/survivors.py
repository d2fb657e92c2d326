"""Which units survive: in which seeds and tasks, in every seed, in few tasks, in two tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from lottery import files
from lottery.analysis.agreement import permutations, shared_by_chance, upper_p
from lottery.analysis.good_masks import GoodMasks
from lottery.models.architecture import Architecture
from lottery.models.units import ALWAYS, KINDS, body_size, count_kept
from lottery.pruning.controls import generator
from lottery.pruning.masks import UnitMask

if TYPE_CHECKING:
    import pandas as pd

CELL = dict.fromkeys(("model", "method", "task", "unit"), str)
# The numbers behind the heat-maps. head: a unit's place among those of its kind in the layer; none
# where the layer has one unit, or so many (neurons) that a row holds the mean over all of them.
SURVIVAL = CELL | {"layer": int, "head": int, "mean": float, "sd": float, "n": int}
SIZES = dict.fromkeys(("model", "method", "task", "seed", "subnetwork"), str) | {
    "heads_kept": int,
    "mlps_kept": int,
    "kept_fraction": float,
}
# statistic: super_survivors and never_survivors are counts of a task; fewer_than_{k}_tasks is the
# share of units whose number of tasks survived, mean over seeds, is below k; super_kept_fraction,
# whose unit is `BODY`, is the share of the body's parameters that all seeds keep. expected,
# expected_sd and p (at least as much as the value) are of independent masks of the same sizes;
# super_kept_fraction also has p_fewer (at most as much), and expected_in_layers and p_in_layers of
# masks whose heads are permuted within their layers. n_units of the body: its parameters.
SURVIVORS = (
    CELL
    | {"statistic": str}
    | dict.fromkeys(("value", "expected", "expected_sd", "p"), float)
    | dict.fromkeys(("p_fewer", "expected_in_layers", "p_in_layers"), float)
    | dict.fromkeys(("n_seeds", "n_tasks", "n_units"), int)
)
BODY = "body"
# Per task the share of a layer's units that survive, over all tasks the number of tasks that a
# unit of the layer survives; mean and sample sd over seeds. Layers are counted from 0.
LAYERS = CELL | {"layer": int, "mean": float, "sd": float, "n": int}
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
        mean, sd: kind -> float [layers, units] or [layers], the latter also of a kind with many
            units in a layer, as the mean over the layer's units; 0 or 1 per seed for masks of
            units, the share of kept entries for masks of weights; over several tasks, the number of
            tasks survived or the mean share. The sd is the sample's, NaN for one seed.
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
        if kind.many:
            of_seeds = of_seeds.mean(axis=2)
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
        for info, place in ((masks.infos[place], place) for place in places):
            of_seed = row | {"seed": info.seed, "subnetwork": "good"}
            rows.append(of_seed | _sizes(masks, [place]) | {"kept_fraction": info.kept_fraction})
        units = {
            kind.name: values[places].all(axis=0).reshape(kind.shape(masks.architecture))
            for kind, values in masks.of_kinds()
        }
        fraction = UnitMask(units, masks.emptied_attention).kept_fraction(masks.architecture)
        common = row | {"subnetwork": "super_good", "kept_fraction": fraction}
        rows.append(common | _sizes(masks, places))
    return files.table(rows, SIZES)


def _sizes(masks: GoodMasks, places: Sequence[int] | np.ndarray) -> dict[str, int]:
    """How many units all of some masks keep."""
    arrays = (KINDS[kind].array for kind in ALWAYS)
    return {f"{unit}_kept": int(masks.units[unit][places].all(axis=0).sum()) for unit in arrays}


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
        draws: from chance.
    """
    averaged = [number for number, task in enumerate(masks.tasks) if task in averaged_tasks]
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
        for scope, tasks in ((ALL, [*range(len(masks.tasks))]), (AVERAGED, averaged)):
            kept, numbers = of_tasks[tasks], {}
            if kept.size and len(tasks) >= few_tasks:
                rng = generator("few", model, method, scope, unit)
                permuted = (rng.permuted(kept, axis=-1) for _ in range(draws))
                drawn = np.array([_few(each, few_tasks) for each in permuted])
                numbers = _against(_few(kept, few_tasks), drawn)
            counts = {"n_seeds": len(masks.seeds) if tasks else 0, "n_tasks": len(tasks)}
            statistic = f"fewer_than_{few_tasks}_tasks"
            rows.append(row | {"task": scope, "statistic": statistic} | numbers | counts)
    rows += _kept_fractions(masks, model, method, averaged_tasks, draws)
    return files.table(rows, SURVIVORS)


def _kept_fractions(
    masks: GoodMasks, model: str, method: str, averaged_tasks: Sequence[str], draws: int
) -> list[dict[str, Any]]:
    """The rows of super_kept_fraction: every task, and the mean over the averaged ones."""
    row: dict[str, Any] = {"model": model, "method": method, "unit": BODY}
    row |= {"statistic": "super_kept_fraction", "n_seeds": len(masks.seeds)}
    row |= {"n_units": body_size(masks.architecture)}
    rows, averaged = [], []
    for task, places in zip(masks.tasks, masks.places[0], strict=True):
        found = []
        for null in (None, "anywhere", "in layers"):
            kept = {}
            for kind, values in masks.of_kinds():
                # MLPs are alone in their layers, so they change places with those of other layers.
                inside = null == "in layers" and kind.per_layer is not None
                layers = masks.architecture.layers if inside else 1
                of_task = values[places].reshape(len(places), layers, -1)
                rng = generator(null or "", model, method, task, kind.name)
                stacks = permutations(of_task, draws, rng) if null else [of_task[None]]
                common = np.concatenate([stack.all(axis=1) for stack in stacks])
                kept[kind.name] = common.reshape(-1, *kind.shape(masks.architecture))
            found.append(kept_fractions(kept, masks.architecture, masks.emptied_attention))
        rows.append(row | {"task": task, "n_tasks": 1} | _of_fraction(*found))
        if task in averaged_tasks:
            averaged.append(found)
    numbers = {}
    if averaged:
        numbers = _of_fraction(*(np.mean(each, axis=0) for each in zip(*averaged, strict=True)))
    return [*rows, row | {"task": AVERAGED, "n_tasks": len(averaged)} | numbers]


def _of_fraction(
    observed: np.ndarray, anywhere: np.ndarray, in_layers: np.ndarray
) -> dict[str, float]:
    """The numbers of a fraction [1], next to those of two kinds of chance [draws]."""
    value = float(observed[0])
    return _against(value, anywhere) | {
        "p_fewer": upper_p(value, anywhere, falling=True),
        "expected_in_layers": float(in_layers.mean()),
        "p_in_layers": upper_p(value, in_layers),
    }


def kept_fractions(
    units: Mapping[str, np.ndarray], architecture: Architecture, emptied_attention: str
) -> np.ndarray:
    """`UnitMask.kept_fraction` of many masks.

    Args:
        units: kind -> bool [masks, layers, units] or [masks, layers].
        architecture: of the model.
        emptied_attention: see `UnitMask`.

    Returns:
        float64 [masks].
    """
    drop_bias = emptied_attention == "drop_bias"
    return count_kept(units, architecture, drop_bias=drop_bias) / body_size(architecture)


def _few(kept: np.ndarray, few_tasks: int) -> float:
    """The share of units that survive in few tasks, mean over seeds: [tasks, seeds, units]."""
    return float((kept.sum(axis=0).mean(axis=0) < few_tasks).mean())


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
    pairs = [*((a, a) for a in n_tasks), *combinations(n_tasks, 2)]
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
