"""A search's path, as `search.csv` holds it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lottery import files
from lottery.files.errors import StudyError
from lottery.results.scores import number


@dataclass(frozen=True)
class Step:
    """One evaluated state of a search.

    Attributes:
        stage: both, heads, mlps or weights.
        kept_fraction: kept parameters / parameters of the body.
        score: the search metric; None where it is undefined.
        threshold: the score that a state must reach; None where nothing may be pruned.
        accepted: whether the search went on from this state.
    """

    stage: str
    kept_fraction: float
    score: float | None
    threshold: float | None
    accepted: bool


def read_trajectory(path: Path) -> list[Step]:
    """Reads a search.csv.

    Raises:
        StudyError: the file is missing or cut short, or lacks a column.
    """
    try:
        steps = [
            Step(
                stage=row["stage"],
                kept_fraction=float(row["kept_fraction"]),
                score=number(row["score"]),
                threshold=number(row["threshold"]),
                accepted=row["accepted"] == "true",
            )
            for row in files.read_csv(path)
        ]
        if not steps:
            raise ValueError("no step")
        return steps
    except (KeyError, ValueError) as error:
        raise StudyError(f"{path}: {error} is not what a search leaves; run it again.") from error
