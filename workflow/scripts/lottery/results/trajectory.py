"""A search's path, as `search.csv` holds it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lottery import files
from lottery.files.errors import StudyError

if TYPE_CHECKING:
    import pandas as pd

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


def search_table(path: Path) -> pd.DataFrame:
    """Reads a search.csv, a row per evaluated state.

    Raises:
        StudyError: the file is missing or cut short, has no row, or lacks a column.
    """
    steps = files.read_table(path, SCHEMA)
    if steps.empty:
        raise StudyError(f"{path} has no step; delete it and run the search again.")
    return steps


def read_trajectory(path: Path) -> list[Step]:
    """The rows of a search.csv."""
    steps = search_table(path).astype(object)
    return [Step(**step) for step in steps.where(steps.notna(), None).to_dict("records")]
