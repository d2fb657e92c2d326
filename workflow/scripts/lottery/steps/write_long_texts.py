"""Step write_long_texts: a generated task -> longer texts, for its attention maps alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lottery.data.examples import long_examples
from lottery.files import write_parquet
from lottery.tasks.task import Task

VERSION = 1


def write_long_texts(*, task: dict[str, Any], path_to_texts: Path) -> None:
    """Writes texts of several sentences each; neither training nor scores see them.

    Args:
        task: a generated task's `to_dict`.
        path_to_texts: parquet file to write, with the columns of a split.
    """
    write_parquet(path_to_texts, long_examples(Task.from_dict(task)))
