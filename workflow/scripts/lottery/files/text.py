"""JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lottery.files.atomic import atomic
from lottery.files.errors import StudyError
from lottery.files.reading import MADE_HERE, reading

# Control characters, lone surrogates and what is no character: XML and HTML have no place for them.
# Bidirectional controls: they would change the order of the text after them.
ILLEGIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]"
)


def legible(text: str) -> str:
    """A text for readers: what no document may hold is replaced by the replacement character."""
    return ILLEGIBLE.sub("\N{REPLACEMENT CHARACTER}", text)


def write_json(path: str | Path, obj: object) -> None:
    """Writes `obj` as JSON with sorted keys; numpy scalars and paths are written as plain values.

    Raises:
        ValueError: A number is not finite (an undefined number is None).
    """
    text = json.dumps(
        obj, sort_keys=True, indent=1, allow_nan=False, ensure_ascii=False, default=_plain
    )
    with atomic(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: str | Path, advice: str = MADE_HERE) -> Any:
    """Reads a JSON file; `advice`: see `reading`.

    Raises:
        StudyError: The file is missing, cut short, or not JSON.
    """

    def reject(name: str) -> None:
        raise ValueError(f"{name} is no JSON number")

    with reading(path, "JSON", advice=advice):
        return json.loads(Path(path).read_bytes(), parse_constant=reject)


def write_csv(path: str | Path, rows: Sequence[Mapping[str, object]], columns: list[str]) -> None:
    """Writes rows as comma-separated values with a header line.

    None, NaN and absent keys become empty fields, booleans `true` and `false`, floats the shortest
    text that reads back as the same number.

    Raises:
        ValueError: A row holds a key that is no column, or an infinite number.
    """
    lines = [_csv_line(columns)]
    for row in rows:
        unknown = row.keys() - set(columns)
        if unknown:
            raise ValueError(f"{path}: no column for {sorted(unknown)}")
        lines.append(_csv_line([_field(row.get(column)) for column in columns]))
    with atomic(path) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8", newline="")


def read_csv(path: str | Path) -> list[dict[str, str]]:
    """Reads what `write_csv` wrote; every value is text, a missing one is empty.

    Raises:
        StudyError: The file is missing, cut short, or a row is longer or shorter than the header.
    """
    with reading(path, "CSV"):
        text = Path(path).read_bytes().decode("utf-8")
        if not text.endswith("\n"):
            raise ValueError("the last line is cut short")
        header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        for number, row in enumerate(rows, start=2):
            if len(row) != len(header):
                raise ValueError(f"row {number} has {len(row)} of {len(header)} fields")
        return [dict(zip(header, row, strict=True)) for row in rows]


def read_given_csv(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Reads the named columns of a user's csv file, without spaces around values.

    Spreadsheets write a byte order mark, other line ends, and further columns: all are accepted.

    Raises:
        StudyError: The file is no csv text, or lacks a column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            names, rows = reader.fieldnames or [], list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise StudyError(f"{path} cannot be read as csv ({error}).") from error
    if missing := [name for name in columns if name not in names]:
        raise StudyError(f"{path} has no column {missing[0]}; it needs {', '.join(columns)}.")
    return [{name: (row[name] or "").strip() for name in columns} for row in rows]


def _plain(value: object) -> object:
    """A numpy scalar's number, a path's text; json calls it for what it does not know."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _field(value: object) -> str:
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isinf(value):
            raise ValueError("an infinite number has no place in a table")
        return "" if math.isnan(value) else repr(value)
    return "" if value is None else str(value)


def _csv_line(fields: Sequence[str]) -> str:
    # By hand: pandas and the csv module leave a lone carriage return unquoted, at which readers
    # break the line, and pandas writes booleans as True and False.
    quoted = [
        '"' + field.replace('"', '""') + '"' if any(c in field for c in '",\r\n') else field
        for field in fields
    ]
    # A single empty field would be a blank line, which readers skip.
    return (",".join(quoted) or '""') + "\n"
