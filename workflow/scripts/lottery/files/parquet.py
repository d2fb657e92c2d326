"""Parquet, for tables too long for text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lottery.files.atomic import atomic
from lottery.files.reading import reading

if TYPE_CHECKING:
    import pyarrow as pa


def write_parquet(path: str | Path, table: pa.Table) -> None:
    """Writes a table with its schema metadata as parquet, with checksums of its pages."""
    import pyarrow.parquet as pq

    with atomic(path) as temporary:
        pq.write_table(table, str(temporary), write_page_checksum=True)


def read_parquet(path: str | Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Reads a parquet file: the columns wanted, in this order, or all.

    Raises:
        StudyError: The file is missing, cut short, no parquet file, or lacks a column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with (
        reading(path, "parquet", pa.ArrowException),
        pq.ParquetFile(str(path), page_checksum_verification=True) as file,
    ):
        if columns is None:
            return file.read()
        missing = [name for name in columns if name not in file.schema_arrow.names]
        if missing:
            raise ValueError(f"it has no column {missing[0]}")
        return file.read(columns=list(columns)).select(list(columns))
