"""The content of the user's own files, by which a run knows whether they have changed.

No rule makes these files, and their dates say little: a copy, an archive or a checkout sets them at
will. So rules do not list them as inputs, whose dates Snakemake would compare. They hold the
SHA-256 of each among their params. The main process reads a file once, while it plans, and a job
compares what it reads with that.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from lottery import files
from lottery.files import expanded
from lottery.files.errors import StudyError

CACHE = Path(".snakemake/digests")
SMALL = 1_000_000  # bytes; a smaller file is read faster than its digest is kept
# A file may change twice within the resolution of its date, which is 2 s at worst.
SETTLED = 2_000_000_000  # ns
MOST = 10_000  # digests in the cache

_planned: dict[str, str] = {}


def begin() -> None:
    """Forgets what another run has read; for the main process, before it plans."""
    _planned.clear()


def digests(paths: Iterable[str]) -> dict[str, str]:
    """The SHA-256 of the user's files, as they were when this process first looked at them.

    Args:
        paths: as the config names them, relative to the working directory or with ~.

    Returns:
        path -> SHA-256 in hexadecimal, sorted by path.

    Raises:
        StudyError: A file cannot be read, or is a pipe, a device or a folder.
    """
    found = {}
    for path in sorted(paths):
        if path not in _planned:
            _planned[path] = _kept_or_read(path)
        found[path] = _planned[path]
    return found


def require(planned: Mapping[str, str]) -> None:
    """Rejects files that are no longer what the run was planned with.

    Args:
        planned: path -> SHA-256.
    """
    for path, digest in planned.items():
        _facts(path)  # a pipe in the place of the file would hold the job up
        if _read(path) != digest:
            raise StudyError(f"{path} has changed since the run was planned; run again.")


def _kept_or_read(path: str) -> str:
    """The digest of a file, from the cache if its date, size and place are as they were."""
    start, facts = time.time_ns(), _facts(path)
    if facts.st_size < SMALL:
        return _read(path)
    kept, key = _cache(), _key(facts)
    if key in kept:
        return kept[key]
    digest = _read(path)
    settled = start - max(facts.st_mtime_ns, facts.st_ctime_ns) >= SETTLED
    if settled and _key(_facts(path)) == key:
        _keep(kept | {key: digest})
    return digest


def _facts(path: str) -> os.stat_result:
    try:
        facts = expanded(path).stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(facts.st_mode):
        raise StudyError(f"{path} is a folder, a pipe or a device where a file is expected.")
    return facts


def _read(path: str) -> str:
    try:
        with expanded(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: OSError) -> StudyError:
    return StudyError(f"{path} cannot be read ({error.strerror}).")


def _key(facts: os.stat_result) -> str:
    place = (facts.st_dev, facts.st_ino, facts.st_size)
    return ":".join(map(str, (*place, facts.st_mtime_ns, facts.st_ctime_ns)))


def _cache() -> dict[str, str]:
    """What earlier runs have read; nothing if the file is damaged."""
    with suppress(OSError, ValueError):
        checksum, _, text = CACHE.read_text(encoding="utf-8").partition("\n")
        if checksum == _checksum(text):
            return dict(json.loads(text))
    return {}


def _keep(kept: Mapping[str, str]) -> None:
    """Writes the cache; what another run keeps at the same time may get lost, and is read again."""
    text = json.dumps(dict([*kept.items()][-MOST:]))
    with suppress(OSError, StudyError), files.atomic(CACHE) as temporary:
        temporary.write_text(f"{_checksum(text)}\n{text}", encoding="utf-8")


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
