"""A search's path, as `search.csv` holds it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lottery import files
from lottery.files.errors import StudyError

if TYPE_CHECKING:
    import pandas as pd

# stage: both, heads, mlps or weights. score: the search metric, empty where undefined; threshold:
# what it must reach, empty where nothing may be pruned. accepted: the search went on from here.
SCHEMA: files.Schema = (
    {"stage": str}
    | dict.fromkeys(("kept_fraction", "score", "threshold"), float)
    | {"accepted": bool}
)


def search_table(path: Path) -> pd.DataFrame:
    """Reads a search.csv, a row per evaluated state.

    Raises:
        StudyError: the file is missing or cut short, has no row, or lacks a column.
    """
    steps = files.read_table(path, SCHEMA)
    if steps.empty:
        raise StudyError(f"{path} has no step; delete it and run the search again.")
    return steps
