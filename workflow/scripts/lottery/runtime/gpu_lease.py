"""Leases of GPU slots, so that two jobs on one machine never share a device by accident.

Snakemake counts GPUs but does not say which one a job may use. A job therefore takes a lock on a
file that stands for one slot of one device, before torch is imported. The operating system drops
the lock when the process ends, however it ends. The lock files lie in one folder per machine, so
that runs in different folders, and of different users, see each other.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import random
import re
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from lottery.files.errors import StudyError
from lottery.runtime.cuda_devices import Device, allowed_devices, used_energy

VISIBLE = "CUDA_VISIBLE_DEVICES"
# Not the temporary folder of the environment: a scheduler may give each job its own.
LEASES = Path("/tmp/all-tickets-leases")
LEASES_VARIABLE = "LOTTERY_LEASES"
POLL_SECONDS = (0.05, 0.4)

log = logging.getLogger(__name__)


@dataclass
class Lease(AbstractContextManager["Lease"]):
    """A held slot; closing it, or the end of the process, gives the slot back.

    Attributes:
        device: The value of CUDA_VISIBLE_DEVICES, or "cpu".
        slot: Number of the slot on the device, from 0; None on the CPU.
        name: The hardware's name where it is known.
        energy_before: What the device had used when the lease began, in joules; None where it does
            not count.
    """

    device: str
    slot: int | None = None
    name: str | None = None
    energy_before: float | None = None
    _key: str = field(default="", repr=False)
    _descriptor: int | None = field(default=None, repr=False)
    _before: str | None = field(default=None, repr=False)

    def energy_joules(self) -> float | None:
        """What the whole device has used since the lease began, for all jobs that share it.

        Returns:
            Joules; None on the CPU and where the device does not count.
        """
        after = None if self.energy_before is None else used_energy(self._key)
        # A driver that was loaded anew has begun at 0.
        if after is None or after < self.energy_before:
            return None
        return after - self.energy_before

    def close(self) -> None:
        """Gives the slot back and restores CUDA_VISIBLE_DEVICES."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        if self._before is None:
            os.environ.pop(VISIBLE, None)
        else:
            os.environ[VISIBLE] = self._before

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def lease(
    slots_per_gpu: int = 1, *, folder: Path | None = None, timeout: float | None = None
) -> Lease:
    """Waits for a free slot of one of the devices that this process may use, and takes it.

    CUDA_VISIBLE_DEVICES then holds that device alone; without any device it is empty, so that
    torch agrees with the lease. Call this before torch is imported.

    Args:
        slots_per_gpu: How many jobs may share one device.
        folder: Where the lock files lie; one folder per machine (LOTTERY_LEASES) if None.
        timeout: Seconds to wait at most; for ever if None.

    Returns:
        The lease, also usable as a context manager.

    Raises:
        StudyError: The folder cannot be used, or the time is over.
    """
    before = os.environ.get(VISIBLE)
    devices = allowed_devices(before)
    if not devices:
        os.environ[VISIBLE] = ""
        return Lease("cpu", _before=before)
    if folder is None:
        folder = Path(os.environ.get(LEASES_VARIABLE) or LEASES)
    with _opened(folder) as directory:
        device, slot, descriptor = _take(directory, devices, slots_per_gpu, timeout)
    os.environ[VISIBLE] = device.visible
    return Lease(
        device.visible,
        slot,
        device.name,
        energy_before=used_energy(device.key),
        _key=device.key,
        _descriptor=descriptor,
        _before=before,
    )


def _take(
    directory: int, devices: Sequence[Device], slots_per_gpu: int, timeout: float | None
) -> tuple[Device, int, int]:
    """Tries every slot in turn until one is free.

    Returns:
        The device, the slot, and the file descriptor that holds the lock.
    """
    # All first slots come before any second one: jobs share a device only when they must.
    slots = [(device, slot) for slot in range(slots_per_gpu) for device in devices]
    start = time.monotonic()
    told = False
    while True:
        for device, slot in slots:
            descriptor = _lock(directory, _file_name(device.key, slot))
            if descriptor is not None:
                return device, slot, descriptor
        if not told:
            log.info("all %d slots of %d devices are taken; waiting", len(slots), len(devices))
            told = True
        if timeout is not None and time.monotonic() - start > timeout:
            names = ", ".join(device.visible for device in devices)
            raise StudyError(f"No slot of the devices {names} became free in {timeout:g} seconds.")
        # Random pauses: no waiting job is always the one that comes just too late.
        time.sleep(random.uniform(*POLL_SECONDS))


def _lock(directory: int, name: str) -> int | None:
    """Takes the lock of one slot if it is free.

    A lock needs an open file, not the right to write to it: that is how users share the folder
    without being able to change each other's files.
    """
    descriptor = _open_slot(directory, name)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A cleaner of old temporary files may have removed the file since: a lock on a file without
        # a name excludes nobody.
        named = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if os.path.samestat(named, os.fstat(descriptor)):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _open_slot(directory: int, name: str) -> int:
    """Opens the file of one slot, new or old; links placed by others are not followed."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        descriptor = os.open(name, flags | os.O_CREAT | os.O_EXCL, 0o444, dir_fd=directory)
    except FileExistsError:
        descriptor = os.open(name, flags, dir_fd=directory)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _unusable(name, "it is no plain file")
    return descriptor


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """Makes the folder of lock files if need be, open to all users, and opens it."""
    mask = os.umask(0)  # what is made here is for every user, whatever this one prefers
    try:
        # Like /tmp: everybody adds files, nobody removes another's.
        with suppress(FileExistsError):
            os.mkdir(folder, 0o1777)
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            yield directory
        finally:
            os.close(directory)
    except OSError as error:
        raise _unusable(f"{error.filename or folder}", os.strerror(error.errno)) from error
    finally:
        os.umask(mask)


def _unusable(what: str, reason: str) -> StudyError:
    return StudyError(
        f"The folder of device locks cannot be used ({what}: {reason}); remove it or set"
        f" {LEASES_VARIABLE} to another folder on this machine."
    )


def _file_name(key: str, slot: int) -> str:
    """A file name for a slot; a key that is no plain word is told apart by its digest."""
    plain = re.sub(r"[^A-Za-z0-9.-]", "_", key)
    if plain != key:
        plain = f"{plain[:60]}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    return f"{plain}.{slot}.lock"
