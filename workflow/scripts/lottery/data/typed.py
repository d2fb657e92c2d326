"""Parquet, Arrow, folders of `save_to_disk`, splits of the hub: types as stored, no cache.

A few bytes of these formats can stand for gigabytes: a text that is repeated, zeros that are
compressed, a length that is merely announced. So rows are unpacked a few at a time, up to a limit.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from lottery.files import read_json
from lottery.files.errors import StudyError
from lottery.files.reading import GIVEN, one_line
from lottery.tasks.labels import column_name

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 1000  # rows
# What a file may unpack to: this many bytes, or this many times its size.
UNPACKED, TIMES = 100_000_000, 100


@dataclass(frozen=True)
class HubSplit:
    """A split of a data set of the hub, whose files are here.

    Attributes:
        name: what to call it in a sentence.
        module, options, features: see `lottery.files.hub.describe_data_set`.
    """

    name: str
    files: tuple[Path, ...]
    module: str
    options: Mapping[str, Any]
    features: Mapping[str, Any] | None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Typed:
    """An open file: its columns, and batches of those that are wanted."""

    available: list[str]
    classes: dict[str, tuple[str, ...]]  # names that the file gives to the numbers of a column
    batches: Iterator[pa.RecordBatch]


@contextmanager
def typed(path: Path | HubSplit, wanted: Collection[str], kind: str) -> Iterator[Typed]:
    """Opens a parquet or Arrow file, a folder of `save_to_disk`, or a split of the hub.

    The batches hold texts, bytes, numbers and truth values, in columns named as the
    file names them, those whose name in NFC is wanted.

    Args:
        path: The file, folder or split.
        wanted: Names in NFC.
        kind: "parquet", "arrow", "folder", or "hub".

    Raises:
        StudyError: It is damaged, holds another type, or unpacks to far more than its size; raised
            while the batches are read, too.
    """
    import pyarrow as pa

    if isinstance(path, HubSplit):
        files, what = path.files, f"data set of {path.module} files"
    elif kind == "folder":
        files, what = tuple(path.iterdir()), "folder of save_to_disk"
    else:
        files, what = (path,), f"{kind} file"
    size = sum(file.stat().st_size for file in files)
    limit = max(UNPACKED, TIMES * size)
    damage: tuple[type[Exception], ...] = (OSError, ValueError, TypeError, LookupError)
    damage += (ArithmeticError, RecursionError, MemoryError, pa.ArrowException)
    open_as: Any = {"parquet": _parquet, "arrow": _arrow, "folder": _folder, "hub": _hub}[kind]
    try:
        with open_as(path, wanted, limit) as found:
            yield Typed(found.available, found.classes, _limited(path, found.batches, limit, size))
    except damage as error:
        raise StudyError(f"{path} is no readable {what}: {one_line(error)}.") from error


def _limited(
    path: Path | HubSplit, batches: Iterator[pa.RecordBatch], limit: int, size: int
) -> Iterator[pa.RecordBatch]:
    """Checks and unpacks batches, until they hold more bytes than a file of this size may."""
    import pyarrow as pa

    unpacked = first = 0
    for batch in batches:
        columns = [
            _plain(path, name, column, first)
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        ]
        # A column of nulls takes no bytes, however long it is.
        unpacked += sum(max(column.nbytes, 4 * len(column)) for column in columns)
        if unpacked > limit:
            raise StudyError(
                f"{path} has {size} bytes and unpacks to over {limit}; save it as jsonl if it is "
                "what it should be."
            )
        first += len(batch)
        yield pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _plain(path: Path | HubSplit, name: str, column: pa.Array, first: int) -> pa.Array:
    """A column in one of a few types, without dictionaries; `first` rows come before it."""
    import pyarrow as pa
    from pyarrow import types

    try:
        column.validate(full=True)  # or invalid offsets would be followed anywhere in memory
    except pa.ArrowInvalid as error:
        row = next((row for row in range(len(column)) if not _valid(column[row : row + 1])), 0)
        reason = one_line(error).partition(" at ")[0]
        raise StudyError(f"{path}, row {first + row + 1}, column {name!r}: {reason}.") from error
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if types.is_large_string(kind) or types.is_string_view(kind):
        return column.cast(pa.string())
    if types.is_decimal(kind):
        return column.cast(pa.float64())
    allowed = (types.is_string, types.is_boolean, types.is_integer, types.is_floating)
    if not any(is_of(kind) for is_of in (*allowed, types.is_null, types.is_binary)):
        raise StudyError(
            f"{path}, column {name!r} holds {kind}; allowed are text, numbers and truth values."
        )
    return column


def _valid(column: pa.Array) -> bool:
    import pyarrow as pa

    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _rows_at_once(limit: int, nbytes: int) -> int:
    """How many rows to unpack at once: no value is larger than all of what is packed."""
    return max(1, min(CHUNK, limit // max(1, nbytes)))


def _wanted(names: list[str], wanted: Collection[str]) -> list[str]:
    return [name for name in names if column_name(name) in wanted]


@contextmanager
def _parquet(path: Path, wanted: Collection[str], limit: int) -> Iterator[Typed]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(str(path), page_checksum_verification=True) as file:
        schema, metadata = file.schema_arrow, file.metadata
        names = _wanted(schema.names, wanted)
        # Not of the columns alone: pyarrow aborts the process at a damaged note on one.
        sizes = [metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)]
        announced = max(sum(sizes), 4 * metadata.num_rows)
        if names and announced > limit:
            raise ValueError(f"it announces {announced} bytes, of at most {limit} for its size")
        rows = _rows_at_once(limit, max(sizes, default=0))
        batches = file.iter_batches(rows, columns=names)
        yield Typed(schema.names, class_names(schema.metadata), batches if names else iter(()))


@contextmanager
def _arrow(path: Path, wanted: Collection[str], limit: int) -> Iterator[Typed]:
    import pyarrow as pa

    with pa.OSFile(str(path)) as file:
        try:  # what `datasets` caches, or else the format of the files called Feather
            reader = pa.ipc.open_stream(file)
            batches = iter(reader)
        except pa.ArrowInvalid:
            file.seek(0)
            reader = pa.ipc.open_file(file)
            batches = map(reader.get_batch, range(reader.num_record_batches))
        names = _wanted(reader.schema.names, wanted)
        yield Typed(
            reader.schema.names,
            class_names(reader.schema.metadata),
            (part for batch in batches for part in _parts(batch.select(names), limit)),
        )


def _parts(batch: pa.RecordBatch, limit: int) -> Iterator[pa.RecordBatch]:
    batch.validate()  # that buffers are as long as the number of rows says
    rows = _rows_at_once(limit, batch.nbytes)
    return (batch.slice(first, rows) for first in range(0, len(batch), rows))


@contextmanager
def _folder(path: Path, wanted: Collection[str], limit: int) -> Iterator[Typed]:
    from datasets import ClassLabel, Dataset, disable_progress_bars, load_from_disk

    disable_progress_bars()
    state = path / "state.json"
    for entry in read_json(state, GIVEN)["_data_files"] if state.exists() else ():
        if Path(entry["filename"]).name != entry["filename"]:
            raise ValueError(f"state.json names {entry['filename']!r}, which is outside of it")
    data = load_from_disk(str(path))
    if not isinstance(data, Dataset):
        raise ValueError(f"it holds the splits {', '.join(data)}; name the folder of one")
    names = _wanted(data.column_names, wanted)
    rows = _rows_at_once(limit, data.data.nbytes)
    tables = data.select_columns(names).with_format("arrow").iter(rows) if names else ()
    yield Typed(
        data.column_names,
        {n: tuple(f.names) for n, f in data.features.items() if isinstance(f, ClassLabel)},
        (batch for table in tables for batch in table.to_batches()),
    )


@contextmanager
def _hub(split: HubSplit, wanted: Collection[str], limit: int) -> Iterator[Typed]:
    from datasets import ClassLabel, Features, disable_progress_bars, load_dataset_builder

    disable_progress_bars()
    # Or a csv file's texts NA and None would be missing ones.
    options: dict[str, Any] = {"keep_default_na": False} if split.module == "csv" else {}
    options |= split.options
    declared = None if split.features is None else Features.from_dict(split.features)
    read, available = declared, None if declared is None else [*declared]
    if split.module == "parquet" and declared is not None:
        chosen = _wanted([*declared], wanted)
        if chosen:  # the others are not unpacked
            options["columns"] = chosen
            read = Features({name: declared[name] for name in chosen})
    files = {"split": [str(file) for file in split.files]}
    with TemporaryDirectory() as empty:
        builder = load_dataset_builder(split.module, data_files=files, cache_dir=empty, **options)
        builder.info.features = read
        data = builder.as_streaming_dataset("split")
    tables = data.with_format("arrow").iter(CHUNK)
    first = next(tables, None)
    if first is None:
        raise ValueError("it has no rows")
    names = _wanted(first.column_names, wanted)
    features = data.features or Features.from_arrow_schema(first.schema)
    yield Typed(
        available or first.column_names,
        {n: tuple(f.names) for n, f in features.items() if isinstance(f, ClassLabel)},
        (
            batch
            for table in chain([first], tables)
            for batch in table.select(names).combine_chunks().to_batches()
        ),
    )


def class_names(metadata: Mapping[bytes, bytes] | None) -> dict[str, tuple[str, ...]]:
    """The names of classes that `datasets` keeps in the metadata of a schema."""
    try:
        note = json.loads((metadata or {}).get(b"huggingface", b"{}"))
        features = note.get("info", {}).get("features") or {}
        classes = {n: f["names"] for n, f in features.items() if f.get("_type") == "ClassLabel"}
        return {name: tuple(map(str, names)) for name, names in classes.items()}
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise ValueError("its note on features, under huggingface, cannot be read") from error
