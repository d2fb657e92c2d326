"""Fetches a task: one parquet file of checked examples per split. May use the network."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lottery.data.examples import read_task
from lottery.data.sources import HUB_CACHE
from lottery.data.splits import halves
from lottery.data.summary import describe_examples, report
from lottery.files import write_json, write_parquet
from lottery.tasks.task import Task

VERSION = 2

log = logging.getLogger(__name__)


def fetch_task(
    *,
    task: Task | Mapping[str, Any],
    glue_folder: str | None = None,
    path_to_train: Path | None = None,
    path_to_validation: Path,
    path_to_validation_mismatched: Path | None = None,
    path_to_data_summary: Path,
    data_warnings: str = "warn",
) -> None:
    """Reads a task's source, checks every row, and writes its splits and a summary of them.

    The files hold idx int64, text_a and text_b string (text_b for pairs only), label int64 in the
    order of the task's labels or float64, group string (for tasks that name one), and half uint8
    on validation splits (0 = search_half, 1 = report_half). All splits are read and checked
    before the first is written.

    Args:
        task: The task, or its `to_dict`.
        glue_folder: A local folder of GLUE files that takes the hub's place.
        path_to_train: File to write; None for an evaluation-only task.
        path_to_validation: File to write.
        path_to_validation_mismatched: File to write, for a task that has this split.
        path_to_data_summary: json file to write (`describe_examples`).
        data_warnings: "error" raises a StudyError where the summary has warnings.
    """
    task = task if isinstance(task, Task) else Task.from_dict(task)
    paths = {
        "train": path_to_train,
        "validation": path_to_validation,
        "validation_mismatched": path_to_validation_mismatched,
    }
    wanted = {split: Path(path) for split, path in paths.items() if path is not None}
    if set(wanted) != set(task.split_names):
        raise ValueError(f"task {task.id} has {task.split_names}, paths are for {tuple(wanted)}")
    tables = read_task(task, glue_folder, Path(path_to_validation).parent.parent / HUB_CACHE)
    summary = describe_examples(tables, task)
    report(summary, data_warnings)
    for split, path in wanted.items():
        table = tables[split]
        for reason, count in (
            json.loads(table.schema.metadata[b"lottery"]).get("left_out", {}).items()
        ):
            log.info("%s: left out %d examples (%s)", split, count, reason)
        if split != "train":
            half = halves(table["label"].to_numpy(), table["idx"].to_numpy())
            table = table.append_column("half", [half])
        write_parquet(path, table)
    write_json(path_to_data_summary, summary)
