"""Tables of results: csv files read as DataFrames with a declared schema.

A schema is a mapping of column names to `str`, `int`, `float` or `bool`, in the order of the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lottery.files.errors import StudyError
from lottery.files.text import read_csv, write_csv

if TYPE_CHECKING:
    import pandas as pd

Schema = Mapping[str, type]

# Missing text is "", a missing number NaN, a missing integer or truth value <NA>.
DTYPES = {str: "object", int: "Int64", float: "float64", bool: "boolean"}
FLAGS = {"true": True, "false": False, "": None}


def table(rows: object, schema: Schema) -> pd.DataFrame:
    """Makes a DataFrame with the columns and dtypes of a schema; a missing column is left empty.

    `rows` is what `pandas.DataFrame` takes, such as a list of mappings.

    Raises:
        ValueError: There is a column that the schema does not name.
    """
    import pandas as pd

    # As objects: pandas would make floats of integers where one is missing.
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows, dtype=object)
    if unknown := sorted({*frame.columns} - {*schema}):
        raise ValueError(f"no column for {unknown}")
    frame = frame.reindex(columns=list(schema))
    for name, kind in schema.items():
        if kind is str:
            frame[name] = frame[name].astype(object).where(frame[name].notna(), "")
        frame[name] = frame[name].astype(DTYPES[kind])
    return frame


def write_table(path: str | Path, frame: pd.DataFrame, schema: Schema) -> None:
    """Writes a DataFrame as csv, in the order and with the dtypes of its schema.

    Numbers get the shortest text that reads back as the same number; missing values are empty.

    Raises:
        ValueError: There is a column that the schema does not name, or an infinite number.
    """
    frame = table(frame, schema).astype(object)
    write_csv(path, frame.where(frame.notna(), None).to_dict("records"), list(schema))


def read_table(path: str | Path, schema: Schema) -> pd.DataFrame:
    """Reads a csv file as a DataFrame with the dtypes of its schema.

    No text is taken for a missing value, and no type is guessed.

    Raises:
        StudyError: The file is missing or cut short, lacks a column of the schema, or holds
            something else than its type.
    """
    rows = read_csv(path)
    for column in schema:
        if rows and column not in rows[0]:
            raise StudyError(f"{path} lacks the column {column}; delete it and run again.")
    return table(
        [
            {name: _value(path, name, row[name], kind) for name, kind in schema.items()}
            for row in rows
        ],
        schema,
    )


def _value(path: str | Path, column: str, text: str, kind: type) -> object:
    if kind is str:
        return text
    try:
        if kind is bool:
            return FLAGS[text]
        return kind(text) if text else None
    except (KeyError, ValueError):
        raise StudyError(
            f"{path} holds {text!r} in the column {column}; delete it and run again."
        ) from None
