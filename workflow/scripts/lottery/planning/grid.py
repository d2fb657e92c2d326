"""The grid: which cells a study has, and which jobs each rule has. The product is never full.

Every row is a mapping from wildcards to values, so that targets are `targets(template, rows)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from lottery.config.study import Method, Study
from lottery.pruning.algorithms.declaration import SEARCHED
from lottery.pruning.subnetworks import base_name

PHASES = ("pruned", "retrained")

Row = Mapping[str, Any]


class Cell(NamedTuple):
    """One evaluated model.

    The full one has the method none, the subnetwork full and the phase finetuned.
    """

    model: str
    task: str
    seed: int
    method: str
    subnetwork: str
    phase: str


def cells(study: Study) -> list[Cell]:
    """Every cell in the order of the config: model, task, seed; there full first, then methods."""
    return [
        Cell(model, task, seed, *rest)
        for model in study.models
        for task in study.trained_tasks
        for seed in study.seeds
        for rest in _cells_of_one_model(study, model, task)
    ]


def _cells_of_one_model(study: Study, model: str, task: str) -> Iterator[tuple[str, str, str]]:
    yield "none", "full", "finetuned"
    for method in study.methods.values():
        if model in method.models and task in method.tasks:
            for subnetwork in method.subnetworks_on(model):
                for phase in PHASES:
                    yield method.id, subnetwork, phase


def evaluate_rows(study: Study) -> list[Row]:
    """Jobs of evaluate: every cell."""
    return [cell._asdict() for cell in cells(study)]


def evaluate_on_rows(study: Study) -> list[Row]:
    """Jobs of evaluate_on: a cell, and as eval_task a task that its model is only evaluated on."""
    tasks = [study.tasks[name] for name in study.evaluation_only_tasks]
    return [
        cell._asdict() | {"eval_task": task.id}
        for task in tasks
        for cell in cells(study)
        if cell.task == task.evaluate_with
    ]


def on_rows(study: Study) -> list[Row]:
    """Figures of evaluation-only tasks where masks are searched: model, method, eval_task."""
    rows = [
        {name: row[name] for name in ("model", "method", "eval_task")}
        for row in evaluate_on_rows(study)
        if row["method"] != "none"
        and not study.methods[row["method"]].borrows_sizes(str(row["model"]))
    ]
    return [dict(pairs) for pairs in dict.fromkeys(tuple(row.items()) for row in rows)]


def pruned_rows(study: Study) -> list[Row]:
    """Jobs of evaluate_pruned: model, task, seed, method."""
    rows = [
        _without(cell, "subnetwork", "phase") for cell in cells(study) if cell.phase == "pruned"
    ]
    return [dict(pairs) for pairs in dict.fromkeys(tuple(row.items()) for row in rows)]


def retrain_rows(study: Study) -> list[Row]:
    """Jobs of retrain: model, task, seed, method, subnetwork."""
    return [_without(cell, "phase") for cell in cells(study) if cell.phase == "retrained"]


def finetune_rows(study: Study) -> list[Row]:
    """Jobs of finetune: model, task, seed."""
    return [
        _without(cell, "method", "subnetwork", "phase")
        for cell in cells(study)
        if cell.phase == "finetuned"
    ]


def majority_rows(study: Study) -> list[Row]:
    """Jobs of majority: task."""
    return [{"task": task} for task in study.trained_tasks]


def fetch_rows(study: Study) -> list[Row]:
    """Jobs of fetch_task: task, those that models are only evaluated on too."""
    return [{"task": task} for task in study.tasks]


def tokenize_rows(study: Study) -> list[Row]:
    """Jobs of tokenize: model, task."""
    return [{"model": model, "task": task} for model in study.models for task in study.tasks]


def search_rows(study: Study, algorithm_name: str) -> list[Row]:
    """Jobs of the search (or import) of one algorithm: model, task, seed, method.

    A model that only lends its sizes is searched as well.
    """
    return [
        {"model": model, "task": task, "seed": seed, "method": method.id}
        for method in _methods_of(study, algorithm_name)
        for model in study.models
        if model in {method.searched_model(each) for each in method.models}
        for task in method.tasks
        for seed in study.seeds
    ]


def mask_rows(study: Study) -> list[Row]:
    """Jobs of every search and import: model, task, seed, method."""
    algorithms = dict.fromkeys(method.algorithm for method in study.methods.values())
    return [row for name in algorithms for row in search_rows(study, name)]


def sample_rows(study: Study) -> list[Row]:
    """Jobs of sample_masks, one per mask file: model, task, seed, method, subnetwork."""
    return [row for row in retrain_rows(study) if is_sampled(str(row["subnetwork"]))]


def super_rows(study: Study) -> list[Row]:
    """Jobs of sample_super_masks, one for all seeds: model, task, method."""
    return [
        {"model": model, "task": task, "method": method.id}
        for method in study.methods.values()
        for model in method.models
        if any(is_super(name) for name in method.subnetworks_on(model))
        for task in method.tasks
    ]


def super_masks(method: Method) -> tuple[str, ...]:
    """The masks that one job of sample_super_masks writes, listed by the method or not."""
    return tuple(name for name in method.declared.subnetworks[method.controls] if is_super(name))


def is_super(subnetwork: str) -> bool:
    """Whether one mask serves all seeds."""
    return subnetwork.startswith("super_")


def is_sampled(subnetwork: str) -> bool:
    """Whether the mask is drawn from those of the search: random, random_half, their draws, bad."""
    return base_name(subnetwork) not in SEARCHED and not is_super(subnetwork)


def mask_path(study: Study, row: Row) -> str:
    """The mask file of a row with model, task, seed, method and subnetwork."""
    one_for_all = is_super(str(row["subnetwork"]))
    place = "super/{method}" if one_for_all else "seed_{seed}/mask/{method}"
    template = f"{study.results}/{{model}}/{{task}}/{place}/{{subnetwork}}.safetensors"
    return template.format(**row)


def targets(template: str, rows: Iterable[Row]) -> list[str]:
    """The template filled with each row, every file once, in the order of the rows."""
    return list(dict.fromkeys(template.format(**row) for row in rows))


def wildcard(values: Iterable[object]) -> str:
    """A regular expression that matches these values and nothing else, nothing at all if empty."""
    return "|".join(re.escape(str(value)) for value in values) or "(?!)"


def _methods_of(study: Study, algorithm_name: str) -> Iterator[Method]:
    return (study.methods[name] for name in study.methods_of(algorithm_name))


def _without(cell: Cell, *names: str) -> Row:
    return {name: value for name, value in cell._asdict().items() if name not in names}
