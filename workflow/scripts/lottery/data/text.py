"""Rows of text files: csv, tsv and jsonl. Encoding, line ends and quoting are found out.

`datasets` and pandas take the texts "NA" and "None" for missing values, skip or merge damaged rows,
and do not name the line of a fault. Here everything is read line by line, so that a file of any
size takes little memory.
"""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lottery.files.errors import StudyError

BYTE_ORDER_MARK = "\ufeff"
# UTF-32 first: its mark begins with that of UTF-16.
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
    codecs.BOM_UTF8: "utf-8",
}
DELIMITERS = {".csv": ",", ".tsv": "\t"}
OTHER_DELIMITERS = (";", "\t", "|", ",")
USUAL = {",": "csv", "\t": "none"}  # how the quotation marks of an ordinary file are meant
WIDE = ("utf-16", "utf-32")
NARROW = "latin-1"  # what is proposed where no zero byte speaks for another
CUT = ("truncated data", "unexpected end of data")  # Python's reasons, of half a character
HEAD, BLOCK = 4096, 2**20  # bytes
ENCLOSED = re.compile('"(?:[^"]|"")*"')
LONGEST_FIELD = 2**31 - 1  # characters of a field of csv
LONGEST_SHOWN = 60

Row = tuple[int, list[str]]


class _MisfitError(StudyError):
    """The rows of a file do not fit the way in which its quotation marks are read."""


def shown(value: object) -> str:
    """A value for a sentence: quoted, and cut if long."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."


def delimited_rows(
    path: Path, delimiter: str, quoting: str | None = None, encoding: str | None = None
) -> Iterator[Row]:
    """Reads the rows of a csv or tsv file, the header first; empty lines are skipped.

    Args:
        path: The file.
        delimiter: What separates its fields.
        quoting: "csv" if quotation marks enclose fields and are doubled inside them, "none" if they
            are characters like any other, None to find out.
        encoding: Name of the encoding; None for the one of the byte order mark, or UTF-8.

    Yields:
        The line on which a row begins, counted from 1, and its fields.

    Raises:
        StudyError: A line cannot be decoded, or how quotation marks are meant cannot be decided.
    """
    return _rows(path, delimiter, quoting or _quoting(path, delimiter, encoding), encoding)


def json_rows(path: Path, encoding: str | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """Reads the objects of a jsonl file, one a line; blank lines are skipped.

    Yields:
        The number of the line, counted from 1, and its object.

    Raises:
        StudyError: A line is no JSON object, or has a key twice.
    """
    for number, line in enumerate(_lines(path, encoding), 1):
        if line.isspace():
            continue
        place = f"{path}, line {number}"
        try:
            value = json.loads(line, object_pairs_hook=_without_doubles)
        except json.JSONDecodeError as error:
            raise StudyError(f"{place} is not JSON: {error.msg} at character {error.colno}.") from (
                error
            )
        except RecursionError as error:
            raise StudyError(f"{place} cannot be read as JSON: it is nested too deeply.") from error
        except ValueError as error:  # a key twice, or a number of thousands of digits
            reason = str(error).partition(";")[0]
            raise StudyError(f"{place} cannot be read as JSON: {reason}.") from error
        if not isinstance(value, dict):
            raise StudyError(f"{place} is no JSON object with a key per column.")
        yield number, value


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        doubled = next(name for name, count in counts.items() if count > 1)
        raise ValueError(f"it has the key {shown(doubled)} twice")
    return found


def _lines(path: Path, encoding: str | None, newline: str = "") -> Iterator[str]:
    r"""The decoded lines of a file with their ends.

    Args:
        path: The file.
        encoding: See `delimited_rows`.
        newline: The end of a line; "" for any of \n, \r\n and \r.
    """
    codec, number = _codec(path, encoding), 0
    try:
        with path.open(encoding=codec, newline=newline) as file:
            for number, line in enumerate(file, 1):
                if "\0" in line:
                    likely = _likely(path)
                    other = f"name the encoding (as `encoding: {likely}`, next to the file) if it "
                    other += f"is not {codec.upper()}"
                    raise StudyError(
                        f"{path}, line {number} holds a NUL character, which is no text; "
                        f"{'correct the file' if likely == NARROW else other}."
                    )
                yield line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
    except UnicodeDecodeError as error:
        # All lines before those in the decoder have been yielded.
        before = error.object[: error.start].decode(codec, "ignore")
        number += 1 + len(re.findall(newline or r"\r\n?|\n", before))
        if codec[:6] in WIDE and error.reason in CUT:
            other = ", or its encoding is another" if encoding else ""
            raise StudyError(
                f"{path}, line {number} ends within a character of {codec.upper()}: the file is "
                f"cut short{other}."
            ) from error
        other = f"save the file as UTF-8, or name its encoding (as `encoding: {_likely(path)}`)"
        raise StudyError(
            f"{path}, line {number} holds the byte 0x{error.object[error.start]:02x}, which is not "
            f"{codec.upper()}; {'name another encoding' if encoding else other} next to the file."
        ) from error


def _codec(path: Path, encoding: str | None) -> str:
    """The codec that the byte order mark asks for, or the given one, or UTF-8."""
    with path.open("rb") as file:
        head = file.read(4)
    codec = next((codec for mark, codec in MARKS.items() if head.startswith(mark)), None)
    given = codecs.lookup(encoding or "utf-8").name.removesuffix("-sig")
    # utf-16 and utf-8-sig stand for the same as what a mark says in more detail.
    if codec and encoding and given[:6] != codec[:6]:
        raise StudyError(
            f"{path} begins with the byte order mark of {codec.upper()}, but its encoding is set "
            f"to {encoding}; leave encoding out, or set it to {codec}."
        )
    if head and not codec and given in WIDE:
        likely = _likely(path)
        if likely == NARROW:
            likely = f"{given}-le or {given}-be, or leave it out if the file is UTF-8"
        raise StudyError(
            f"{path} has no byte order mark, which `encoding: {encoding}` needs; set encoding to "
            f"{likely}."
        )
    return codec or encoding or "utf-8"


def _likely(path: Path) -> str:
    """The encoding that the places of zero bytes speak for, of a file that is not UTF-8."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    zeros = [head[place::4].count(0) for place in range(4)]
    if not any(zeros):
        return NARROW
    # An ASCII character has one zero byte of two or three of four, which come first in big endian.
    width = "utf-32" if min(zeros[1:3]) > len(head) / 8 else "utf-16"
    return f"{width}-{'be' if zeros[0] + zeros[2] > zeros[1] + zeros[3] else 'le'}"


def check_encoding(path: Path, encoding: str | None) -> None:
    """Rejects a file of UTF-8 whose encoding is set to another: its texts would be garbled.

    Raises:
        StudyError: The encoding is none of Unicode's, and the file has bytes outside of ASCII, all
            of which are UTF-8.
    """
    if encoding is None or codecs.lookup(encoding).name.startswith("utf"):
        return
    decoder, ascii_only = codecs.getincrementaldecoder("utf-8")(), True
    try:
        with path.open("rb") as file:
            while chunk := file.read(BLOCK):
                ascii_only &= chunk.isascii()
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return
    if not ascii_only:
        raise StudyError(
            f"{path} is UTF-8, but its encoding is set to {encoding}; leave encoding out, and save "
            "the other files of the task as UTF-8 if they are not."
        )


def _line_end(path: Path, encoding: str | None) -> str:
    r"""\r for files of old Macs; \n for others, in which a lone \r is part of a text."""
    first = next(_lines(path, encoding), "")
    return "\r" if first.endswith("\r") else "\n"


def _rows(path: Path, delimiter: str, quoting: str, encoding: str | None) -> Iterator[Row]:
    return (_enclosed if quoting == "csv" else _plain)(path, delimiter, encoding)


def _plain(path: Path, delimiter: str, encoding: str | None) -> Iterator[Row]:
    end = _line_end(path, encoding)
    for number, line in enumerate(_lines(path, encoding, end), 1):
        text = line.removesuffix(end).removesuffix("\r")
        if end == "\r" and "\n" in text:
            raise _MisfitError(
                f"{path}, line {number} holds a line feed, but lines end with carriage returns."
            )
        if text:
            yield number, text.split(delimiter)


def _enclosed(path: Path, delimiter: str, encoding: str | None) -> Iterator[Row]:
    with _long_fields():
        reader = csv.reader(_lines(path, encoding), delimiter=delimiter, strict=True)
        first = 1
        try:
            for row in reader:
                if row:
                    yield first, row
                first = reader.line_num + 1
        except csv.Error as error:
            raise _MisfitError(f"{path}, line {first} is no valid csv: {error}.") from error


@contextmanager
def _long_fields() -> Iterator[None]:
    """Lifts the limit of 131072 characters a field, which is the process's, for a while."""
    limit = csv.field_size_limit(LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def equally_long(path: Path, rows: Iterator[Row], delimiter: str) -> Iterator[Row]:
    """Hands rows on.

    Raises:
        StudyError: A row has more or fewer fields than the first.
    """
    n = 0
    for number, row in rows:
        n = n or len(row)
        if len(row) != n:
            lone = row[0] if len(row) == 1 else ""
            other = next((mark for mark in OTHER_DELIMITERS if mark in lone), delimiter)
            hint = "" if other == delimiter else f" (are they separated by {other!r}?)"
            fields = "1 field" if len(row) == 1 else f"{len(row)} fields"
            raise _MisfitError(
                f"{path}, line {number} has {fields} where the header has {n}{hint}."
            )
        yield number, row


def _quoting(path: Path, delimiter: str, encoding: str | None) -> str:
    """Decides whether quotation marks enclose fields ("csv") or belong to the text ("none").

    The file is read both ways. Where both fit and differ, a csv file is read as csv unless a
    quotation mark contradicts it: one within a field that is not enclosed, which no writer of csv
    leaves, or one that joins lines which are whole rows. A tsv file is read without quoting if such
    a mark within a field shows that its writer does not enclose. All else is asked for.
    """
    usual = USUAL[delimiter]
    opening: tuple[int, str] | None = None
    loose = doubled = False
    end = _line_end(path, encoding)
    for number, line in enumerate(_lines(path, encoding, end), 1):
        text = line.removesuffix(end).removesuffix("\r")
        for field in text.split(delimiter) if '"' in text else ():
            enclosed = ENCLOSED.fullmatch(field) is not None
            if field.lstrip(" ").startswith('"'):
                opening = opening or (number, field)
            loose |= '"' in field and not enclosed
            doubled |= enclosed and '""' in field[1:-1]
    if opening is None:
        return usual
    counts, faults = {}, {}
    for each in ("csv", "none"):
        rows = equally_long(path, _rows(path, delimiter, each, encoding), delimiter)
        try:
            counts[each] = sum(1 for _ in rows)
        except _MisfitError as error:
            faults[each] = error
    if len(faults) == 2:
        if usual == "csv":
            raise faults["csv"]
        raise StudyError(
            f"{path} fits neither `quoting: none` ({_clause(path, faults['none'])}) nor "
            f"`quoting: csv` ({_clause(path, faults['csv'])}); correct the file."
        )
    if "none" in faults:
        return "csv"
    if "csv" in faults:
        if usual == "none" and not doubled:
            return "none"
        raise StudyError(
            f"{str(faults['csv']).removesuffix('.')}; correct it, or set `quoting: none` next to "
            "the file if its quotation marks belong to the text."
        )
    decided = not loose if usual == "csv" else loose and not doubled
    if decided and counts["csv"] == counts["none"]:
        return usual
    raise StudyError(
        f"{path}, line {opening[0]}: the quotation marks of {shown(opening[1])} may enclose the "
        "field or belong to its text; say which by `quoting: csv` or `quoting: none` next to the "
        "file."
    )


def _clause(path: Path, fault: Exception) -> str:
    return str(fault).removeprefix(f"{path}, ").removesuffix(".")
