"""What all readers share: one sentence for a bad file, and digests."""

from __future__ import annotations

import csv
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lottery.files.errors import StudyError

MADE_HERE = "delete it and run again"
GIVEN = "copy or make it again"
# Snakemake puts it into a folder that a step has made, after the step's record.
TIMESTAMP = ".snakemake_timestamp"


@contextmanager
def reading(
    path: str | Path, kind: str, *foreign: type[Exception], advice: str = MADE_HERE
) -> Iterator[None]:
    """Turns what a reader can raise into one sentence that names the file.

    Args:
        path: The file.
        kind: What it should be.
        *foreign: What a library raises besides the usual errors.
        advice: What to do with a damaged file: one that a user brought along is not to be deleted.
    """
    damage: tuple[type[Exception], ...] = (OSError, ValueError, EOFError, csv.Error, *foreign)
    # A header may announce more than there is memory, or be nested as deep as no parser goes.
    damage += (MemoryError, RecursionError, OverflowError)
    require_no_device(path)
    try:
        yield
    except StudyError:
        raise
    except FileNotFoundError as error:
        raise StudyError(f"{path} does not exist; run the step that makes it again.") from error
    except IsADirectoryError as error:
        raise StudyError(f"{path} is a folder where a {kind} file is expected.") from error
    except PermissionError as error:
        raise StudyError(f"{path} cannot be read: permission denied.") from error
    except damage as error:
        if isinstance(error, OSError) and error.errno:
            # Not of what the file holds, which may be whole.
            reason = os.strerror(error.errno)
            raise StudyError(f"{path} cannot be read ({reason}); run again when it can.") from error
        # Text errors (UnicodeDecodeError, JSONDecodeError) are ValueErrors.
        raise StudyError(
            f"{path} is cut short or no {kind} file ({one_line(error)}); {advice}."
        ) from error


def require_no_device(path: str | Path) -> None:
    """Rejects what can be opened but not read to its end: pipes, devices and sockets.

    Raises:
        StudyError: The path is one of them.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # what opens the file has its own sentence
        return
    kinds = {stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        kind = kinds.get(stat.S_IFMT(mode), "device")
        raise StudyError(f"{path} is a {kind} and no file; give the path of an existing file.")


def require_file(path: str | Path) -> None:
    """Rejects what is no regular file.

    Raises:
        StudyError: It is missing, a folder, a pipe, a device or a socket.
    """
    require_no_device(path)
    if not os.path.isfile(path):
        what = " but a folder" if os.path.isdir(path) else ""
        raise StudyError(f"{path} is no file{what}; give the path of an existing file.")


def one_line(error: Exception) -> str:
    """An exception's message without line breaks, at most 200 characters."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    text = " ".join(str(error).split()).rstrip(".")
    if "magic string" in text:  # numpy
        return "its first bytes are of another format"
    text = text.partition("; use sys.set_int_max_str_digits")[0]
    return text[:200] or type(error).__name__


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file in hexadecimal; of a folder, one over its files' names and digests.

    Raises:
        StudyError: The path does not exist or cannot be read.
    """
    path = Path(path)
    with reading(path, ""):
        if not path.is_dir():
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
    every = (p for p in path.rglob("*") if p.is_file() and p.name != TIMESTAMP)
    inside = sorted(p.relative_to(path).as_posix() for p in every)
    listing = "".join(f"{sha256(path / name)}  {name}\n" for name in inside)
    return hashlib.sha256(listing.encode()).hexdigest()


def expanded(path: str | Path) -> Path:
    """A path with ~ replaced by the user's folder; with ~ of an unknown user it stays as it is."""
    return Path(os.path.expanduser(path))
