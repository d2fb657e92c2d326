"""The provenance records of a run, and which of them a file rests on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from lottery import files
from lottery.files.errors import StudyError

Record = dict[str, Any]


def read_records(*folders: Path) -> list[Record]:
    """Reads every provenance record below some folders: the results, and resources/.

    A record that cannot be read is left out: it is a description, not a result.
    """
    records = []
    for folder in folders:
        for path in sorted(folder.rglob("*provenance.json")):
            try:
                record = files.read_json(path)
            except StudyError:
                continue
            if isinstance(record, dict) and {"rule", "inputs", "outputs"} <= record.keys():
                records.append(record)
    return records


def paths_of(named: dict[str, dict[str, str]]) -> Iterator[str]:
    """The paths in a record's `inputs` or `outputs`."""
    for digests in named.values():
        yield from digests


def makers(records: Iterable[Record]) -> dict[str, Record]:
    """The record of the job that made each path, the latest where several claim it."""
    made: dict[str, Record] = {}
    for record in sorted(records, key=lambda record: str(record.get("started", ""))):
        made.update(dict.fromkeys(paths_of(record["outputs"]), record))
    return made


def behind(paths: Sequence[str], records: Iterable[Record]) -> list[Record]:
    """The records of the jobs that some files rest on: their makers, their inputs' makers, and on.

    What lies in the folder from another study is no part of it.

    Args:
        paths: the files, as the rules name them.
        records: all records of the run's folder.

    Returns:
        Each job once, by start.
    """
    made = makers(records)
    found: dict[int, Record] = {}
    waiting = list(paths)
    seen = set(waiting)
    while waiting:
        record = made.get(waiting.pop())
        if record is None or id(record) in found:
            continue
        found[id(record)] = record
        further = set(paths_of(record["inputs"])) - seen
        seen |= further
        waiting += further
    return sorted(
        found.values(), key=lambda record: (str(record.get("started", "")), record["rule"])
    )
