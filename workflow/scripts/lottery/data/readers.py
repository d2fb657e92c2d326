"""Reading csv, tsv, jsonl and parquet as they come from users, with the place of every value."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lottery.files.errors import StudyError

BYTE_ORDER_MARK = "\ufeff"
LONGEST_FIELD = 2**31 - 1
LONGEST_SHOWN = 60


@dataclass(frozen=True)
class RawTable:
    """The wanted columns of a source, untouched.

    Attributes:
        source: What to call the source in a sentence: a file, a dataset of the hub, a generator.
        columns: Values by column name, all of the same length; None where nothing stands.
        available: Every column name of the source.
        label_names: Class names the source itself gives to the numbers of a column.
        unit: What a row is called: "line" of a text file, "row" otherwise.
        numbers: Where each row stands, counted from 1 (for csv the line on which it ends).
        typed: Whether the source tells numbers from text (csv and tsv do not).
    """

    source: str
    columns: dict[str, list[Any]]
    available: tuple[str, ...]
    label_names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unit: str = "row"
    numbers: Sequence[int] = ()
    typed: bool = True

    def __len__(self) -> int:
        return len(self.numbers)

    def column(self, name: str) -> list[Any]:
        """Gives the values of a column.

        Raises:
            StudyError: The source has no such column.
        """
        if name not in self.columns:
            raise StudyError(
                f"{self.source} has no column {name!r}; its columns are "
                f"{', '.join(self.available) or 'none'}."
            )
        return self.columns[name]

    def at(self, row: int, column: str) -> str:
        """Names the place of a value, to open a sentence with."""
        return f"{self.source}, {self.unit} {self.numbers[row]}, column {column!r}"


def shown(value: object) -> str:
    """A value as it may stand in a sentence: quoted, and cut if long."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."


def read_table(path: Path, wanted: Collection[str], like: str | None = None) -> RawTable:
    """Reads a file; its ending says how.

    Text is UTF-8 with or without a byte order mark. csv follows the usual quoting; in tsv, as in
    GLUE's own files, a quotation mark is a character like any other. Empty lines are skipped.

    Args:
        path: A .csv, .tsv, .jsonl or .parquet file.
        wanted: The columns to keep where they exist.
        like: The ending to go by, if not the file's own.

    Raises:
        StudyError: The file is missing, empty, damaged, or of another type.
    """
    readers = {".csv": _read_csv, ".tsv": _read_tsv, ".jsonl": _read_jsonl, ".parquet": _parquet}
    reader = readers.get(like or path.suffix.lower())
    if reader is None:
        raise StudyError(f"{path} is of no known type; allowed are {', '.join(readers)}.")
    if not path.is_file():
        raise StudyError(f"{path} is no file; give the path of an existing data file.")
    try:
        table = reader(path, wanted)
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror or error}.") from error
    if not len(table):
        raise StudyError(f"{path} is empty: it has no row of data.")
    return table


def _read_text(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8").removeprefix(BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise StudyError(
            f"{path}, line {line} holds the byte 0x{data[error.start]:02x}, which is not UTF-8; "
            "save the file as UTF-8."
        ) from error


def _read_csv(path: Path, wanted: Collection[str]) -> RawTable:
    reader = csv.reader(io.StringIO(_read_text(path), newline=""), strict=True)
    rows, numbers = [], []
    try:
        with _long_fields():
            for row in reader:
                if row:
                    rows.append(row)
                    numbers.append(reader.line_num)
    except csv.Error as error:
        raise StudyError(f"{path}, line {reader.line_num} is no valid csv: {error}.") from error
    return _delimited(path, rows, numbers, wanted)


@contextmanager
def _long_fields() -> Iterator[None]:
    """Lifts the csv module's limit of 131072 characters a field; it is global, so put it back."""
    before = csv.field_size_limit(LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _read_tsv(path: Path, wanted: Collection[str]) -> RawTable:
    lines = _numbered_lines(path)
    rows = [line.split("\t") for _, line in lines]
    return _delimited(path, rows, [number for number, _ in lines], wanted)


def _numbered_lines(path: Path) -> list[tuple[int, str]]:
    # Not splitlines(): texts may hold the further line separators of Unicode.
    lines = (line.removesuffix("\r") for line in _read_text(path).split("\n"))
    return [(number, line) for number, line in enumerate(lines, 1) if line]


def _delimited(
    path: Path, rows: list[list[str]], numbers: list[int], wanted: Collection[str]
) -> RawTable:
    header = rows[0] if rows else []
    doubled = [name for name in header if name in wanted and header.count(name) > 1]
    if doubled:
        raise StudyError(f"{path} has two columns {doubled[0]!r}; each name may stand once.")
    for row, number in zip(rows, numbers, strict=True):
        if len(row) != len(header):
            raise StudyError(
                f"{path}, line {number} has {len(row)} fields where the header has {len(header)}."
            )
    body = rows[1:]
    columns = {name: [row[i] for row in body] for i, name in enumerate(header) if name in wanted}
    return RawTable(str(path), columns, tuple(header), {}, "line", numbers[1:], typed=False)


def _read_jsonl(path: Path, wanted: Collection[str]) -> RawTable:
    objects, numbers = [], []
    for number, line in _numbered_lines(path):
        if line.isspace():
            continue
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            raise StudyError(
                f"{path}, line {number} is not JSON: {error.msg} at character {error.colno}."
            ) from error
        except (ValueError, RecursionError) as error:  # a number of thousands of digits, deep nests
            raise StudyError(f"{path}, line {number} cannot be read as JSON: {error}.") from error
        if not isinstance(value, dict):
            raise StudyError(f"{path}, line {number} is no JSON object with a key per column.")
        objects.append(value)
        numbers.append(number)
    available = tuple(dict.fromkeys(name for value in objects for name in value))
    columns = {name: [value.get(name) for value in objects] for name in available if name in wanted}
    return RawTable(str(path), columns, available, {}, "line", numbers)


def _parquet(path: Path, wanted: Collection[str]) -> RawTable:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(str(path)) as file:
            available = file.schema_arrow.names
            data = file.read(columns=[name for name in available if name in wanted])
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split()).rstrip(".")[:200]
        raise StudyError(f"{path} is no readable parquet file: {reason}.") from error
    columns = {name: data.column(name).to_pylist() for name in data.column_names}
    names = _class_names(data.schema.metadata or {})
    rows = range(1, data.num_rows + 1)
    return RawTable(str(path), columns, tuple(available), names, "row", rows)


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, tuple[str, ...]]:
    """Reads the ClassLabel names that the `datasets` library leaves in a schema's metadata."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        return {
            name: tuple(map(str, feature["names"]))
            for name, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}  # absent or written by something else: the values then speak for themselves
