"""Scores of other systems that a user supplies, as BiLSTM: a csv with name, task and score."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from lottery.files import read_given_csv
from lottery.files.errors import StudyError

COLUMNS = ("name", "task", "score")


@dataclass(frozen=True)
class Baseline:
    """The score of another system on a task of the study.

    Attributes:
        score: in the task's reported metric, as a fraction (0.61, not 61).
    """

    name: str
    task: str
    score: float


def read_baselines(path: Path, tasks: Collection[str]) -> list[Baseline]:
    """Reads and checks a user's table; it may have further columns.

    Raises:
        StudyError: the file is no csv text, a column is missing, a task is unknown, a score is no
            number between -1 and 1, or a system has two scores on a task.
    """
    rows = read_given_csv(path, COLUMNS)
    if not rows:
        raise StudyError(f"{path} holds no scores; give a row for each system and task.")
    baselines: dict[tuple[str, str], Baseline] = {}
    for row in rows:
        name, task, text = (row[column] for column in COLUMNS)
        if not name:
            raise StudyError(f"{path} has a row without a name.")
        if task not in tasks:
            known = ", ".join(tasks)
            raise StudyError(
                f"{path} names the task {task!r}, which is none of the study's: {known}."
            )
        if (name, task) in baselines:
            raise StudyError(f"{path} gives {name} two scores on {task}.")
        try:
            score = float(text)
        except ValueError:
            score = math.nan
        if not -1 <= score <= 1:
            raise StudyError(
                f"{path} gives {name} on {task} the score {text!r}, which is no number from "
                "-1 to 1."
            )
        baselines[name, task] = Baseline(name, task, score)
    return list(baselines.values())
