"""Reading a task's source, with the place of every value: files, the hub, or an address.

Parquet, Arrow and the hub's files hold types, and the library `datasets` reads them. csv, tsv and
jsonl hold none, and are read here: `datasets` and pandas take the texts "NA" and "None" for missing
values, skip or merge damaged rows, and do not name the line of a fault.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from lottery.files import expanded
from lottery.files.errors import StudyError
from lottery.tasks.task import GLUE_REPOSITORY, GLUE_REVISION, Task

if TYPE_CHECKING:
    import pyarrow as pa

BYTE_ORDER_MARK = "\ufeff"
LONGEST_FIELD = 2**31 - 1  # characters of a field of csv
LONGEST_SHOWN = 60


@dataclass(frozen=True)
class RawTable:
    """The wanted columns of a source, unchanged."""

    source: str  # what to call it in a sentence: a file, or a file of the hub
    columns: dict[str, list[Any]]  # of the same length; None where a value is missing
    available: tuple[str, ...]  # every column name of the source
    # Class names that the source itself gives to the numbers of a column.
    label_names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unit: str = "row"  # what a row is called: "line" of a text file
    numbers: Sequence[int] = ()  # of each row, counted from 1 (for csv the line on which it ends)
    typed: bool = True  # whether the source distinguishes numbers from text (csv and tsv do not)
    name: str = ""  # what to call the source in the record of the fetched files
    revision: str = ""  # commit of the hub's repository

    def __len__(self) -> int:
        return len(self.numbers)

    def at(self, row: int, column: str) -> str:
        """Names the place of a value, to open a sentence with."""
        return f"{self.source}, {self.unit} {self.numbers[row]}, column {column!r}"


def read_split(
    task: Task, split: str, wanted: Collection[str], glue_folder: str | None, cache: Path | None
) -> RawTable:
    """Reads the wanted columns of a split of a task of any kind but "generated".

    Args:
        task: The task.
        split: One of its split names.
        wanted: The columns to keep where they exist.
        glue_folder: A folder `<task>/<split>.parquet` (or another type of file) that takes the
            hub's place for GLUE tasks, and the address's for a task of the web that it has; None
            for the network.
        cache: Folder for downloads from the hub; None takes huggingface_hub's own.
    """
    place = dict(task.splits)[split]
    if task.kind == "files":
        return replace(read_data_file(expanded(place), wanted), name=place)
    if task.kind == "web":
        return _of_the_web(task, split, place, wanted, glue_folder)
    if glue_folder is not None:
        return read_data_file(local_glue_file(expanded(glue_folder), task, split, place), wanted)
    file = f"{task.glue}/{place}-00000-of-00001.parquet"
    raw = read_data_file(_of_the_hub(file, cache), wanted)
    return replace(
        raw, source=f"{GLUE_REPOSITORY}/{file}", name=GLUE_REPOSITORY, revision=GLUE_REVISION
    )


def local_glue_file(folder: Path, task: Task, split: str, hub_split: str) -> Path:
    """Finds a split under our name or the hub's, as in mnli/validation_matched.parquet."""
    for name in dict.fromkeys((hub_split, split)):
        path = _existing(folder / str(task.glue) / name, READERS)
        if path is not None:
            return path
    raise StudyError(
        f"glue_folder {folder} has no file {task.glue}/{hub_split} with the ending "
        f"{', '.join(READERS)}, and no such folder of save_to_disk, which task {task.id} needs."
    )


def _existing(stem: Path, suffixes: Collection[str]) -> Path | None:
    """The file with that stem, those that hold label names first, or the folder of that name."""
    files = (stem.with_name(stem.name + suffix) for suffix in reversed([*suffixes]))
    return next((file for file in files if file.is_file()), stem if is_saved(stem) else None)


def _of_the_hub(file: str, cache: Path | None) -> Path:
    """Gives the local copy of a file at the pinned revision, downloaded if need be.

    Not `datasets.load_dataset`: it downloads into the user's home whatever its cache_dir, asks the
    hub for a list of files first, and prepares every split, the unlabelled one for tests too.
    """
    if cache is not None:
        os.environ.setdefault("HF_XET_CACHE", str(cache / "xet"))
    from lottery.files import hub

    advice = "or set glue_folder to a local copy"
    return hub.fetch_file(GLUE_REPOSITORY, file, GLUE_REVISION, cache, advice)


def _of_the_web(
    task: Task, split: str, address: str, wanted: Collection[str], folder: str | None
) -> RawTable:
    """Reads a tab-separated file without quoting from an address, or a local copy of it.

    Without `datasets`, which needs aiohttp to read from an address.
    """
    if folder is not None and (path := _local_copy(task, split, folder)) is not None:
        return read_data_file(path, wanted, suffix=".tsv" if path.suffix == ".txt" else None)
    with TemporaryDirectory() as temporary:
        path = Path(temporary) / f"{split}.tsv"
        path.write_bytes(_downloaded(task, split, address))
        return replace(read_data_file(path, wanted), source=address, name=address)


def _local_copy(task: Task, split: str, folder: str) -> Path | None:
    """The copy in glue_folder of a file that would be read from an address."""
    return _existing(expanded(folder) / str(task.web) / split, [".txt", *READERS])


def _downloaded(task: Task, split: str, address: str) -> bytes:
    from lottery.files import hub

    copy = f"{task.web}/{split}.txt"
    return hub.fetch_address(address, f"or set glue_folder to a folder with a copy as {copy}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(".")


def shown(value: object) -> str:
    """A value for a sentence: quoted, and cut if long."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."


def is_saved(path: Path) -> bool:
    """Whether a path is a folder, as `Dataset.save_to_disk` makes it."""
    return path.is_dir() and not path.suffix


def files_of(source: str) -> list[str]:
    """The files that a source is read from: itself, or what a folder of `save_to_disk` holds."""
    folder = expanded(source)
    if not is_saved(folder):
        return [source]
    return sorted(str(file) for file in folder.iterdir() if file.is_file())


def local_files(task: Task, glue_folder: str | None) -> list[str]:
    """The user's files that a task is read from; none where the hub or a generator is its source.

    Raises:
        StudyError: glue_folder lacks a split of the task.
    """
    places = list(task.source_files)
    if glue_folder is not None and task.kind == "glue":
        folder = expanded(glue_folder)
        places = [str(local_glue_file(folder, task, *split)) for split in task.splits]
    elif glue_folder is not None and task.kind == "web":
        copies = (_local_copy(task, split, glue_folder) for split in task.split_names)
        places = [str(path) for path in copies if path is not None]
    return [file for place in places for file in files_of(place)]


def read_data_file(path: Path, wanted: Collection[str], suffix: str | None = None) -> RawTable:
    """Reads the wanted columns of a file as its ending (or `suffix`) decides, or of a saved folder.

    Text is UTF-8 with or without a byte order mark. csv follows the usual quoting; in tsv, as in
    GLUE's own files, a quotation mark is a character like any other. Empty lines are skipped.

    Raises:
        StudyError: The file is missing, empty, damaged, or of another type.
    """
    reader = _read_typed if is_saved(path) else READERS.get(suffix or path.suffix.lower())
    if reader is None:
        raise StudyError(f"{path} is of no known type; allowed are {', '.join(READERS)}.")
    if not path.is_file() and not is_saved(path):
        raise StudyError(f"{path} is no file; give the path of an existing data file.")
    try:
        table = reader(path, wanted)
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror or error}.") from error
    if not len(table):
        raise StudyError(f"{path} is empty: it has no row of data.")
    return replace(table, name=str(path))


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
    # The limit of 131072 characters a field is the process's, so it is restored.
    limit = csv.field_size_limit(LONGEST_FIELD)
    try:
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise StudyError(f"{path}, line {reader.line_num} is no valid csv: {error}.") from error
    finally:
        csv.field_size_limit(limit)
    return _delimited(path, rows, wanted)


def _read_tsv(path: Path, wanted: Collection[str]) -> RawTable:
    rows = [(number, line.split("\t")) for number, line in _numbered_lines(path)]
    return _delimited(path, rows, wanted)


def _numbered_lines(path: Path) -> list[tuple[int, str]]:
    # Not splitlines(): texts may hold the further line separators of Unicode.
    lines = (line.removesuffix("\r") for line in _read_text(path).split("\n"))
    return [(number, line) for number, line in enumerate(lines, 1) if line]


def _delimited(path: Path, rows: list[tuple[int, list[str]]], wanted: Collection[str]) -> RawTable:
    header = rows[0][1] if rows else []
    doubled = [name for name in header if name in wanted and header.count(name) > 1]
    if doubled:
        raise StudyError(f"{path} has two columns {doubled[0]!r}; each name may occur once.")
    for number, row in rows:
        if len(row) != len(header):
            raise StudyError(
                f"{path}, line {number} has {len(row)} fields where the header has {len(header)}."
            )
    columns = {
        name: [row[i] for _, row in rows[1:]] for i, name in enumerate(header) if name in wanted
    }
    numbers = [number for number, _ in rows[1:]]
    return RawTable(str(path), columns, tuple(header), {}, "line", numbers, typed=False)


def _read_jsonl(path: Path, wanted: Collection[str]) -> RawTable:
    objects = {}
    for number, line in _numbered_lines(path):
        if line.isspace():
            continue
        try:
            objects[number] = json.loads(line)
        except json.JSONDecodeError as error:
            raise StudyError(
                f"{path}, line {number} is not JSON: {error.msg} at character {error.colno}."
            ) from error
        except (ValueError, RecursionError) as error:  # a number of thousands of digits, deep nests
            raise StudyError(f"{path}, line {number} cannot be read as JSON: {error}.") from error
        if not isinstance(objects[number], dict):
            raise StudyError(f"{path}, line {number} is no JSON object with a key per column.")
    available = tuple(dict.fromkeys(name for value in objects.values() for name in value))
    columns = {
        name: [value.get(name) for value in objects.values()]
        for name in available
        if name in wanted
    }
    return RawTable(str(path), columns, available, {}, "line", [*objects])


def _read_typed(path: Path, wanted: Collection[str]) -> RawTable:
    """Reads parquet, Arrow, or a folder of `save_to_disk`: types as they are stored, no cache."""
    import pyarrow as pa
    from datasets import ClassLabel, Dataset, disable_progress_bars, load_from_disk

    disable_progress_bars()
    kind = "folder of save_to_disk" if is_saved(path) else f"{path.suffix[1:]} file"
    try:
        if is_saved(path):
            data = load_from_disk(str(path))
            if not isinstance(data, Dataset):
                raise ValueError(f"it holds the splits {', '.join(data)}; name the folder of one")
            available, n = data.column_names, len(data)
            data = data.select_columns([name for name in available if name in wanted])
        else:
            available, n, table = _arrow_table(path, wanted)
            data = Dataset(table)
        values = data.with_format("arrow")[:]
    except (pa.ArrowException, OSError, ValueError, TypeError, LookupError) as error:
        raise StudyError(f"{path} is no readable {kind}: {_one_line(error)}.") from error
    columns = {name: values.column(name).to_pylist() for name in data.column_names}
    classes = {
        name: tuple(feature.names)
        for name, feature in data.features.items()
        if isinstance(feature, ClassLabel)
    }
    return RawTable(str(path), columns, tuple(available), classes, "row", range(1, n + 1))


def _arrow_table(path: Path, wanted: Collection[str]) -> tuple[list[str], int, pa.Table]:
    """All columns' names and the number of rows of a parquet or Arrow file, and what is wanted."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pa.OSFile(str(path)) as file:
        if path.suffix.lower() == ".parquet":
            parquet = pq.ParquetFile(file)
            available = parquet.schema_arrow.names
            table = parquet.read(columns=[name for name in available if name in wanted])
        else:
            try:
                table = pa.ipc.open_stream(file).read_all()
            except pa.ArrowInvalid:  # the other of the two formats with this ending
                file.seek(0)
                table = pa.ipc.open_file(file).read_all()
            available = table.column_names
            table = table.select([name for name in available if name in wanted])
    # `datasets` gives numbers the names of their classes only where they are nullable int64.
    types = [pa.int64() if pa.types.is_integer(kind) else kind for kind in table.schema.types]
    fields = zip(table.column_names, types, strict=True)
    typed = table.cast(pa.schema(fields, metadata=table.schema.metadata))
    return available, table.num_rows, typed


READERS = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_jsonl,
    ".arrow": _read_typed,
    ".parquet": _read_typed,
}
