"""Step gather_tables: the tables of all models and methods -> one table."""

from __future__ import annotations

from pathlib import Path

from lottery import files
from lottery.results import latency, overlap
from lottery.statistics import differences

VERSION = 1
SCHEMAS = {
    "overlap": overlap.SCHEMA,
    "differences": differences.SCHEMA,
    "latency": latency.SCHEMA,
}


def gather_tables(*, paths_to_tables: list[Path], path_to_table: Path, name: str) -> None:
    """Writes the rows of some tables `name` into one, in their order; of none, the header alone."""
    rows = [row for path in paths_to_tables for row in files.read_csv(path)]
    files.write_csv(path_to_table, rows, list(SCHEMAS[name]))
