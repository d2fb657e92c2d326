"""Every file format of the study: written whole or not at all, checked when read.

Writers go through `atomic`, so that no reader ever meets half a file. Readers turn a missing,
truncated or foreign file into a `StudyError` that names it. The libraries behind the formats are
imported where they are used: most jobs need one or two of them.
"""

from lottery.files.arrays import (
    arrays_size,
    npz_names,
    read_arrays,
    read_metadata,
    read_npy,
    read_npz,
    write_arrays,
    write_npz,
)
from lottery.files.atomic import atomic, discard
from lottery.files.parquet import read_parquet, write_parquet
from lottery.files.reading import expanded, sha256
from lottery.files.tables import Schema, read_table, table, write_table
from lottery.files.text import read_csv, read_given_csv, read_json, write_csv, write_json

__all__ = [
    "Schema",
    "arrays_size",
    "atomic",
    "discard",
    "expanded",
    "npz_names",
    "read_arrays",
    "read_csv",
    "read_given_csv",
    "read_json",
    "read_metadata",
    "read_npy",
    "read_npz",
    "read_parquet",
    "read_table",
    "sha256",
    "table",
    "write_arrays",
    "write_csv",
    "write_json",
    "write_npz",
    "write_parquet",
    "write_table",
]
