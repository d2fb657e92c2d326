"""A search's path, as `search.csv` holds it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lottery import files
from lottery.files.errors import StudyError

SCHEMA: files.Schema = {
    "stage": str,
    "kept_fraction": float,
    "score": float,
    "threshold": float,
    "accepted": bool,
}


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
        StudyError: the file is missing or cut short, has no row, or lacks a column.
    """
    steps = files.read_table(path, SCHEMA).astype(object)
    if steps.empty:
        raise StudyError(f"{path} has no step; delete it and run the search again.")
    return [Step(**step) for step in steps.where(steps.notna(), None).to_dict("records")]


def end_of(steps: list[Step]) -> Step:
    """The state that became the good subnetwork.

    That is the last accepted one; where nothing may be pruned, the full model, which comes first.
    """
    return next((step for step in reversed(steps) if step.accepted), steps[0])
