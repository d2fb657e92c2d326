"""Writing a file whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lottery.files.errors import StudyError

# What the user can put right when a write fails.
FREE, ALLOW = "free space there", "make its folder writable or write elsewhere (--directory)"
REPAIRABLE = {
    errno.ENOSPC: FREE,
    errno.EDQUOT: FREE,
    errno.EACCES: ALLOW,
    errno.EPERM: ALLOW,
    errno.EROFS: ALLOW,
    errno.EFBIG: "raise the limit of file sizes (ulimit -f) or write elsewhere (--directory)",
}


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Gives a temporary path that takes the place of `path` once the block has succeeded.

    The temporary file is in the same folder (a rename must not cross file systems) and keeps the
    suffix, because some writers choose the format by it. Missing folders are made. If the block
    fails, the temporary file is removed and an older `path` stays as it was.

    Raises:
        StudyError: The disk is full, or the folder cannot be written to.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        mark = f"{_mark(path)}{os.getpid()}-{secrets.token_hex(4)}"
        temporary = path.with_name(f"{mark}{path.suffix}")
        try:
            yield temporary
            _flush(temporary)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _flush(path.parent)
    except OSError as error:
        if error.errno not in REPAIRABLE:
            raise
        reason = os.strerror(error.errno)
        raise StudyError(
            f"{path} cannot be written ({reason}); {REPAIRABLE[error.errno]} and run again."
        ) from error


def discard(path: str | Path) -> None:
    """Removes a file if it is there, and the temporary files that writers of it have left."""
    path = Path(path)
    path.unlink(missing_ok=True)
    for other in path.parent.glob(f".tmp-{path.name}-*"):
        other.unlink(missing_ok=True)


def _mark(path: Path) -> str:
    """The beginning of this machine's temporary names for `path`; the process's id follows."""
    return f".tmp-{path.name}-{socket.gethostname()}-"


def _remove_abandoned(path: Path) -> None:
    """Removes temporary files of `path` whose process on this machine is gone (kill -9)."""
    for other in path.parent.iterdir():
        pid, _, rest = other.name.removeprefix(_mark(path)).partition("-")
        if other.name.startswith(_mark(path)) and pid.isdigit() and rest and not _alive(int(pid)):
            other.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's process
    return True


def _flush(path: Path) -> None:
    """Puts a file or a folder's entries on the disk, so that a power cut leaves old or new."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # file systems that cannot flush a folder
            raise
    finally:
        os.close(descriptor)
