"""Data files of every format: the wanted columns, and the place of every value.

Text files are read by `lottery.data.text`, files that hold types by `lottery.data.typed`. Columns
are kept in chunks, as Arrow arrays where they can be: as Python objects, texts take several times
the size of their file.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lottery.data.text import (
    DELIMITERS,
    check_encoding,
    delimited_rows,
    equally_long,
    json_rows,
)
from lottery.data.typed import HubSplit, typed
from lottery.files.errors import StudyError
from lottery.tasks.labels import column_name, label_name
from lottery.tasks.places import is_saved, require_files

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 1000  # rows
NARROW = {"float": np.float32, "halffloat": np.float16}  # by Arrow's names
SUFFIXES = (*DELIMITERS, ".jsonl", ".arrow", ".parquet")

Column = list[Any]  # chunks, each a pyarrow array or a list of values


@dataclass(frozen=True)
class RawTable:
    """The wanted columns of a source, unchanged."""

    source: str  # what to call it in a sentence: a file, or a file of the hub
    columns: dict[str, Column]  # of the same length, under their names as `column_name` has them
    available: tuple[str, ...]  # every column name of the source
    # Class names that the source itself gives to the numbers of a column.
    label_names: dict[str, list[str | None]] = field(default_factory=dict)
    unit: str = "row"  # what a row is called: "line" of a text file
    numbers: Sequence[int] = ()  # of each row, counted from 1 (the line on which it begins)
    typed: bool = True  # whether the source distinguishes numbers from text (csv and tsv do not)
    name: str = ""  # what to call the source in the record of the fetched files
    revision: str = ""  # commit of the hub's repository
    cut_short: int = 0  # rows of the original GLUE download that lack fields, and were left out

    def __len__(self) -> int:
        return len(self.numbers)

    def values(self, column: str) -> Iterator[Any]:
        """The values of a column; None where one is missing."""
        for chunk in self.columns[column]:
            yield from chunk if isinstance(chunk, list) else chunk.to_pylist()

    def label_values(self, column: str) -> Iterator[Any]:
        """The values of a column, where 0.1 of any width is 0.1 as in a text file."""
        for chunk in self.columns[column]:
            width = None if isinstance(chunk, list) else NARROW.get(str(chunk.type))
            values = chunk if isinstance(chunk, list) else chunk.to_pylist()
            if width is None:
                yield from values
            else:  # the shortest number that is read back as the same
                yield from (None if each is None else float(str(width(each))) for each in values)

    def at(self, row: int, column: str) -> str:
        """Names the place of a value, to open a sentence with."""
        return f"{self.source}, {self.unit} {self.numbers[row]}, column {column!r}"

    def kept(self, keep: Sequence[bool]) -> RawTable:
        """The table without some of its rows."""
        columns = {name: self._kept(column, iter(keep)) for name, column in self.columns.items()}
        return replace(self, columns=columns, numbers=array("q", compress(self.numbers, keep)))

    def _kept(self, column: Column, keep: Iterator[bool]) -> Column:
        import pyarrow as pa

        chunks = []
        for chunk in column:
            of_chunk = list(islice(keep, len(chunk)))
            is_list = isinstance(chunk, list)
            chunks.append(
                list(compress(chunk, of_chunk)) if is_list else chunk.filter(pa.array(of_chunk))
            )
        return chunks


def read_data_file(
    path: Path,
    wanted: Collection[str],
    suffix: str | None = None,
    quoting: str | None = None,
    encoding: str | None = None,
    header: Sequence[str] | None = None,
    *,
    skip_short: bool = False,
) -> RawTable:
    """Reads the wanted columns of a file as its ending (or `suffix`) decides, or of a saved folder.

    Args:
        path: The file or folder.
        wanted: Names of columns in NFC; those that the file lacks are passed over.
        suffix: The ending that decides instead of the file's.
        quoting: Of csv and tsv; see `lottery.data.text.delimited_rows`.
        encoding: Of csv, tsv and jsonl; see there.
        header: The names of the columns of a csv or tsv file that has no header line.
        skip_short: Whether rows of csv and tsv with too few fields are left out and counted.

    Raises:
        StudyError: The file is missing, empty, damaged, or of another type.
    """
    suffix = "" if is_saved(path) else suffix or path.suffix.lower()
    if suffix not in ("", *SUFFIXES):
        raise StudyError(f"{path} is of no known type; allowed are {', '.join(SUFFIXES)}.")
    require_files(path)
    try:
        if suffix in (*DELIMITERS, ".jsonl"):
            check_encoding(path, encoding)
        if suffix in DELIMITERS:
            rows = delimited_rows(path, DELIMITERS[suffix], quoting, encoding)
            table = _of_rows(path, rows, DELIMITERS[suffix], wanted, header, skip_short)
        elif suffix == ".jsonl":
            table = _of_objects(path, encoding, wanted)
        else:
            table = _read_typed(path, wanted, suffix[1:] or "folder")
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror or error}.") from error
    if not len(table):
        if encoding:
            raise StudyError(
                f"{path} has no row of data where it is read as {encoding}; it is empty, or its "
                "encoding is another."
            )
        raise StudyError(f"{path} is empty: it has no row of data.")
    return replace(table, name=str(path))


def read_hub_split(
    split: HubSplit, wanted: Collection[str], rows: np.ndarray | None = None
) -> RawTable:
    """Reads the wanted columns of a split of the hub, `rows` (from 0, ascending) or all of them."""
    table = _read_typed(split, wanted, "hub", rows)
    if not len(table):
        raise StudyError(f"{split} is empty: it has no row of data.")
    return table


def _of_rows(
    path: Path,
    rows: Iterator[tuple[int, list[str]]],
    delimiter: str,
    wanted: Collection[str],
    header: Sequence[str] | None,
    skip_short: bool,
) -> RawTable:
    if header is None:
        _, header = next(rows, (1, []))
    width, short = len(header), 0

    def long_enough() -> Iterator[tuple[int, list[str]]]:
        nonlocal short
        yield 0, list(header)
        for number, row in rows:
            if skip_short and len(row) < width:
                short += 1
            else:
                yield number, row

    found = equally_long(path, long_enough(), delimiter)
    next(found)
    names = _names(path, header, wanted)
    places = [header.index(name) for name in names.values()]
    picked = ((number, [row[place] for place in places]) for number, row in found)
    columns, numbers = _packed(picked, names)
    return RawTable(
        str(path), columns, tuple(header), {}, "line", numbers, typed=False, cut_short=short
    )


def _of_objects(path: Path, encoding: str | None, wanted: Collection[str]) -> RawTable:
    available: dict[str, None] = {}
    wanted = dict.fromkeys(wanted)  # a column may serve twice, as label and as group

    def picked() -> Iterator[tuple[int, list[Any]]]:
        for number, value in json_rows(path, encoding):
            available.update(dict.fromkeys(value))
            named = {column_name(name): each for name, each in value.items()}
            row = [named.get(name) for name in wanted]
            for name, each in zip(wanted, row, strict=True):
                if isinstance(each, list | dict):
                    raise StudyError(
                        f"{path}, line {number}, column {name!r} holds {type(each).__name__} "
                        "values; allowed are text, numbers and truth values."
                    )
            yield number, row

    columns, numbers = _packed(picked(), wanted)
    names = _names(path, [*available], wanted)
    columns = {name: column for name, column in columns.items() if name in names}
    return RawTable(str(path), columns, tuple(available), {}, "line", numbers)


def _names(
    path: Path | HubSplit, available: Sequence[str], wanted: Collection[str]
) -> dict[str, str]:
    """The wanted names that a file has, each with the file's own spelling."""
    names: dict[str, str] = {}
    for name in available:
        if column_name(name) in wanted and names.setdefault(column_name(name), name) != name:
            raise StudyError(
                f"{path} has two columns {column_name(name)!r}, which differ in blanks around "
                "the name or in the spelling of Unicode alone."
            )
    doubled = [name for name in names.values() if available.count(name) > 1]
    if doubled:
        raise StudyError(f"{path} has two columns {doubled[0]!r}; each name may occur once.")
    return names


def _packed(
    rows: Iterator[tuple[int, Sequence[Any]]], names: Iterable[str]
) -> tuple[dict[str, Column], array[int]]:
    """The columns of rows, and the rows' numbers."""
    columns: dict[str, Column] = {name: [] for name in names}
    numbers = array("q")
    while chunk := list(islice(rows, CHUNK)):
        numbers.extend(number for number, _ in chunk)
        for place, column in enumerate(columns.values()):
            column.append(_array([row[place] for _, row in chunk]))
    return columns, numbers


def _array(values: list[Any]) -> pa.Array | list[Any]:
    """Texts as an Arrow array; other values and half a surrogate pair stay as they are."""
    import pyarrow as pa

    try:
        return pa.array(values, pa.string())
    except (pa.ArrowException, UnicodeEncodeError):
        return values


def _read_typed(
    path: Path | HubSplit, wanted: Collection[str], kind: str, rows: np.ndarray | None = None
) -> RawTable:
    columns: dict[str, Column] = {}
    n = 0
    with typed(path, wanted, kind) as found:
        names = _names(path, found.available, wanted)
        for batch in found.batches:
            here = batch
            if rows is not None:
                first, last = np.searchsorted(rows, [n, n + len(batch)])
                here = batch.take(rows[first:last] - n)
            for name, spelt in names.items():
                columns.setdefault(name, []).append(here.column(spelt))
            n += len(batch)
    classes = {column_name(name): [*map(label_name, each)] for name, each in found.classes.items()}
    # Without any of the wanted columns the rows do not matter.
    numbers: Sequence[int] = range(1, n + 1) if names else range(1, 2)
    if rows is not None:
        numbers = array("q", rows + 1)
    return RawTable(str(path), columns, tuple(found.available), classes, "row", numbers)
