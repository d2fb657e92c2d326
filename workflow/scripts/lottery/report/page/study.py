"""The study in tables: its models, tasks and methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet

from lottery.report.page.cost import step_of
from lottery.report.page.records import Record, paths_of
from lottery.report.tables.model import Cell, Group, Table, plain
from lottery.report.tables.numbers import NOTHING
from lottery.tasks.metrics import METRICS

SPLITS = ("train", "validation")

Facts = Mapping[str, Any]
# Task -> split -> number of examples.
Sizes = Mapping[str, Mapping[str, int]]


def study_tables(facts: Facts, sizes: Sizes) -> list[Table]:
    """The models, tasks and methods of the study.

    Args:
        facts: the params of the rule (`lottery.planning.params_report.report_params`).
        sizes: what `examples_of` gives.
    """
    models = [
        (model["id"], model["source"], model["revision"] or NOTHING, model["weights"])
        for model in facts["models"]
    ]
    tasks = [_task(task, sizes.get(task["id"], {})) for task in facts["tasks"]]
    methods = [_method(method, facts) for method in facts["methods"]]
    words = frozenset(range(1, 6))
    return [
        Table("models", "Models.", ("", "source", "revision", "weights"), plain(models), words),
        Table(
            "tasks",
            "Tasks, and how many examples they are trained and scored on.",
            ("", "examples", "train", "validation", "metric", "in averages"),
            plain(tasks),
            frozenset({1, 4, 5}),
        ),
        Table(
            "methods",
            "Methods: pruning algorithms under a set of options; options that differ from those of"
            " the preset are named.",
            ("", "algorithm", "preset", "searches on", "other options", "subnetworks"),
            [Group("", methods)],
            words,
        ),
    ]


def examples_of(records: Sequence[Record]) -> dict[str, dict[str, int]]:
    """The number of examples in what was fetched.

    Args:
        records: the provenance records that the page rests on.

    Returns:
        Task -> split -> number. A file that is gone or no parquet any more has none.
    """
    sizes: dict[str, dict[str, int]] = {}
    for record in records:
        if step_of(record, {}) != "fetch_task":
            continue
        for path in paths_of(record["outputs"]):
            try:
                count = pyarrow.parquet.read_metadata(path).num_rows
            except (OSError, pyarrow.ArrowException):
                continue
            sizes.setdefault(record["wildcards"]["task"], {})[Path(path).stem] = count
    return sizes


def _task(task: Mapping[str, Any], sizes: Mapping[str, int]) -> tuple[str, ...]:
    trained = f"; models of {task['evaluate_with']}" if task["evaluate_with"] else ""
    counts = [f"{sizes[split]:,}" if split in sizes else NOTHING for split in SPLITS]
    metric = METRICS[task["metric"]].short
    return (
        task["id"],
        task["source"] + trained,
        *counts,
        metric,
        "yes" if task["in_average"] else "no",
    )


def _method(method: Mapping[str, Any], facts: Facts) -> list[Cell]:
    """A method's line, with the models and tasks it runs on where these are not all."""
    subnetworks = ", ".join(method["subnetworks"])
    trained = [task["id"] for task in facts["tasks"] if not task["evaluate_with"]]
    limits = []
    if set(method["models"]) != {model["id"] for model in facts["models"]}:
        limits.append(f"on {', '.join(method['models'])}")
    if set(method["tasks"]) != set(trained):
        limits.append(f"on {', '.join(method['tasks'])}")
    options = [f"{name}: {value}" for name, value in method["options"].items()]
    return [
        Cell(method["id"], tuple(limits)),
        Cell(method["algorithm"]),
        Cell(method["preset"]),
        Cell(method["search_on"] or NOTHING),
        Cell(", ".join(options) or NOTHING),
        Cell(subnetworks or "none: search alone"),
    ]
