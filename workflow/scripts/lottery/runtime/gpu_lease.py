"""One GPU slot per job, so that two jobs on one machine never share a device by accident.

Snakemake counts GPUs but does not choose the one that a job may use. A job therefore locks a file,
one for each slot of each device, before torch is imported. The operating system drops the lock when
the process ends, however it ends. The lock files are in one folder per machine, so that runs in
different folders, and of different users, see each other.

NVML lists the devices without starting CUDA, which would take memory on each of them.
"""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lottery.files.errors import StudyError

VISIBLE = "CUDA_VISIBLE_DEVICES"
# Words that schedulers write in the place of an empty list.
NO_DEVICE = ("", "-1", "NoDevFiles", "none", "void")
# Not the temporary folder of the environment: a scheduler may give each job its own.
LEASES = "/tmp/all-tickets-leases"
LEASES_VARIABLE = "LOTTERY_LEASES"
POLL_SECONDS = (0.05, 0.4)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Device:
    """One device that a job may use."""

    entry: str  # what CUDA_VISIBLE_DEVICES must hold for torch to see this device alone
    uuid: str  # where NVML does not know the device, another name that no other device has
    name: str | None = None  # of the hardware


@dataclass(frozen=True)
class Lease:
    """A held slot."""

    device: str  # the value of CUDA_VISIBLE_DEVICES, or "cpu"
    slot: int | None = None  # from 0
    name: str | None = None  # of the hardware
    uuid: str = ""
    energy_before: float | None = None  # joules when the lease began, where the device counts them

    def energy_joules(self) -> float | None:
        """Joules that the whole device has used since the lease began; None if not counted."""
        if self.energy_before is None:
            return None
        after = used_energy(self.uuid)
        # A driver that has been loaded again has begun at 0.
        return None if after is None or after < self.energy_before else after - self.energy_before


@contextmanager
def lease(
    slots_per_gpu: int = 1, *, folder: Path | None = None, timeout: float | None = None
) -> Iterator[Lease]:
    """Waits for a free slot of one of the devices that this process may use, and holds it.

    CUDA_VISIBLE_DEVICES then names that device alone; without any device it is empty, so that
    torch agrees with the lease. Call this before torch is imported.

    Args:
        slots_per_gpu: How many jobs may share one device.
        folder: Of the lock files; one folder per machine (LOTTERY_LEASES) if None.
        timeout: Seconds to wait at most; for ever if None.

    Raises:
        StudyError: The folder cannot be used, or the time is over.
    """
    before = os.environ.get(VISIBLE)
    devices = allowed_devices(before)
    held = Lease("cpu")
    lock: AbstractContextManager[object] = nullcontext()
    if devices:
        folder = folder or Path(os.environ.get(LEASES_VARIABLE) or LEASES)
        device, slot, lock = _wait_for_slot(folder, devices, slots_per_gpu, timeout)
        energy = used_energy(device.uuid)
        held = Lease(device.entry, slot, device.name, device.uuid, energy)
    os.environ[VISIBLE] = held.device if devices else ""
    try:
        with lock:
            yield held
    finally:
        if before is None:
            os.environ.pop(VISIBLE, None)
        else:
            os.environ[VISIBLE] = before


def _wait_for_slot(
    folder: Path, devices: Sequence[Device], slots_per_gpu: int, timeout: float | None
) -> tuple[Device, int, AbstractContextManager[object]]:
    from filelock import FileLock, Timeout

    # All first slots come before any second one: jobs share a device only when they must.
    slots = [(device, slot) for slot in range(slots_per_gpu) for device in devices]
    start, announced = time.monotonic(), False
    try:
        with suppress(FileExistsError):
            folder.mkdir()
            # Like /tmp: every user adds files and removes none of another's.
            folder.chmod(0o1777)
        while True:
            for device, slot in slots:
                # Any user may lock the file, whatever the umask of the one who made it.
                path = folder / f"{quote(device.uuid, safe='')}.{slot}.lock"
                lock = FileLock(path, mode=0o666, fallback_to_soft=False)
                with suppress(Timeout):
                    return device, slot, lock.acquire(blocking=False)
            if not announced:
                log.info("all %d slots of %d devices are taken; waiting", len(slots), len(devices))
                announced = True
            if timeout is not None and time.monotonic() - start > timeout:
                names = ", ".join(device.entry for device in devices)
                raise StudyError(
                    f"No slot of the devices {names} became free in {timeout:g} seconds."
                )
            # Random pauses: no waiting job is always the one that comes just too late.
            time.sleep(random.uniform(*POLL_SECONDS))
    except OSError as error:
        raise StudyError(
            f"The folder of device locks cannot be used ({error.filename or folder}: "
            f"{error.strerror or error}); remove it or set {LEASES_VARIABLE} to another folder "
            "on this machine."
        ) from error


def allowed_devices(variable: str | None) -> list[Device]:
    """The devices that a value of CUDA_VISIBLE_DEVICES allows; an empty list means the CPU.

    Args:
        variable: The value. None allows every device that NVML lists. A list is read as CUDA reads
            it: up to the first negative number, numbers in NVML's order. Names that NVML does not
            know are taken as they are.
    """
    if variable is not None and variable.strip() in NO_DEVICE:
        return []
    listed = _nvml_devices()
    if variable is None:
        return listed
    devices: dict[str, Device] = {}
    for entry in (part.strip() for part in variable.split(",")):
        if not entry or entry.startswith("-"):
            break
        device = _named(entry, listed)
        devices.setdefault(device.uuid, device)
    return list(devices.values())


def _named(entry: str, listed: Sequence[Device]) -> Device:
    """The device that an entry names: a number, or the beginning of a UUID."""
    if entry.isdigit():
        known = listed[int(entry) : int(entry) + 1]
        unknown = f"index-{int(entry)}"
    else:
        known = [device for device in listed if device.uuid.startswith(entry)]
        unknown = entry
    return Device(entry, known[0].uuid, known[0].name) if known else Device(entry, unknown)


@contextmanager
def _nvml() -> Iterator[Any]:
    """NVML, ready to be asked; None without a driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield None
        return
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


def _nvml_devices() -> list[Device]:
    """What NVML lists, in its order; of a device that is cut into instances (MIG), these."""
    with _nvml() as nvml:
        if nvml is None:
            return []
        devices = []
        try:
            for index in range(nvml.nvmlDeviceGetCount()):
                whole = nvml.nvmlDeviceGetHandleByIndex(index)
                name = nvml.nvmlDeviceGetName(whole)
                for handle in _mig_instances(nvml, whole) or [whole]:
                    uuid = nvml.nvmlDeviceGetUUID(handle)
                    devices.append(Device(uuid, uuid, name))
        except nvml.NVMLError as error:
            log.warning("NVML cannot list the devices (%s); the CPU is used", error)
            return []
        return devices


def _mig_instances(nvml: Any, handle: object) -> list[object]:
    instances: list[object] = []
    with suppress(nvml.NVMLError):  # a device without this mode
        if nvml.nvmlDeviceGetMigMode(handle)[0] == nvml.NVML_DEVICE_MIG_ENABLE:
            for index in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
                with suppress(nvml.NVMLError):  # an empty place
                    instances.append(nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index))
    return instances


def used_energy(uuid: str) -> float | None:
    """Joules that a device has used since its driver was loaded, whatever the process.

    None where NVML does not know the device, or the device does not count (older than Volta, or an
    instance of a device that is cut into pieces).
    """
    with _nvml() as nvml:
        if nvml is None:
            return None
        try:
            handle = nvml.nvmlDeviceGetHandleByUUID(uuid)
            return nvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000  # from millijoules
        except nvml.NVMLError:
            return None
