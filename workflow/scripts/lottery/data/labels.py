"""Labels: classes mapped by name onto the task's order, scores checked to be numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lottery.data.readers import RawTable, shown
from lottery.files.errors import StudyError


def class_labels(
    raw: RawTable, column: str, labels: Sequence[str], *, complete: bool
) -> np.ndarray:
    """Maps a label column onto the positions of `labels`, by name.

    A source whose numbers have names (ClassLabel) is read by those names. Numbers without names
    are taken as positions, but only if they are exactly 0 to k-1: anything else could be shifted.

    Args:
        raw: The source.
        column: Its label column.
        labels: The task's label names, in the order of the model's outputs.
        complete: Whether bare numbers must cover all of 0 to k-1 (the split read first), or may
            lack some (a further split, which may be small).

    Returns:
        int64 [n].

    Raises:
        StudyError: A label is missing or none of `labels`.
    """
    names = [_name(value) for value in raw.column(column)]
    given = {str(i): name for i, name in enumerate(raw.label_names.get(column, ()))}
    if given:
        names = [None if name is None else given.get(name, name) for name in names]
    positions = {name: i for i, name in enumerate(labels)}
    present = set(names)
    if not given and None not in present and not present <= positions.keys():
        positions = _bare_numbers(present, len(labels), complete=complete) or positions
    if not present <= positions.keys():
        _refuse(raw, column, names, labels, positions, numbers_named=bool(given))
    return np.array([positions[name] for name in names], np.int64)


def _name(value: object) -> str | None:
    """A label as text; 1, 1.0 and True as a user would write them in a list of names."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() else repr(value)
    return None if value is None else str(value).strip() or None


def _bare_numbers(
    present: set[str | None], n_labels: int, *, complete: bool
) -> dict[str | None, int]:
    numbers = {str(i): i for i in range(n_labels)}
    fits = present == numbers.keys() if complete else present <= numbers.keys()
    return dict(numbers) if fits else {}


def _refuse(
    raw: RawTable,
    column: str,
    names: Sequence[str | None],
    labels: Sequence[str],
    positions: dict[str | None, int],
    *,
    numbers_named: bool,
) -> None:
    row = next(i for i, name in enumerate(names) if name not in positions)
    name, allowed = names[row], ", ".join(repr(label) for label in labels)
    if name is None:
        raise StudyError(f"{raw.at(row, column)} is missing; allowed labels are {allowed}.")
    hint = ""
    if not numbers_named and name.removeprefix("-").isdecimal():
        hint = f" (or all of 0 to {len(labels) - 1}, in that order)"
    raise StudyError(
        f"{raw.at(row, column)} holds {shown(name)}; allowed labels are {allowed}{hint}."
    )


def score_labels(raw: RawTable, column: str) -> np.ndarray:
    """Reads the scores of a regression.

    Returns:
        float64 [n], all finite.

    Raises:
        StudyError: A score is missing, not a number, or not finite.
    """
    values = raw.column(column)
    scores = [_score(value) for value in values]
    for row, score in enumerate(scores):
        if score is None or not math.isfinite(score):
            value = values[row]
            empty = value is None or (isinstance(value, str) and not value.strip())
            what = "is missing" if empty else f"holds {shown(value)}"
            raise StudyError(f"{raw.at(row, column)} {what}; a score must be a finite number.")
    return np.array(scores, np.float64)


def _score(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
