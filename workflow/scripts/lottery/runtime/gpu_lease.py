"""One GPU slot per job, so that two jobs on one machine never share a device by accident.

Snakemake counts GPUs but does not choose the one that a job may use. A job therefore takes a name
that the operating system gives to one process at a time, one name for each slot of each device,
before torch is imported. The name is that of a socket without a file (Linux's abstract namespace):
there is nothing that a cleaner of temporary folders could remove, it serves runs in different
folders and of different users, and it is free again when the process ends, however it ends. Nothing
listens on the socket.

NVML lists the devices without starting CUDA, which would take memory on each of them.
"""

from __future__ import annotations

import errno
import logging
import os
import random
import re
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

from lottery.files.errors import StudyError

VISIBLE = "CUDA_VISIBLE_DEVICES"
ORDER = "CUDA_DEVICE_ORDER"
PCI_ORDER = "PCI_BUS_ID"  # that of NVML; CUDA's own puts the fastest device first
# Words that schedulers write in the place of an empty list.
NO_DEVICE = ("", "-1", "NoDevFiles", "none", "void")
NUMBER, NAME = re.compile(r"[0-9]+"), re.compile(r"(GPU|MIG)-[\w/-]+", re.ASCII)
POLL_SECONDS = (0.05, 0.4)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Device:
    """One device that a job may use."""

    entry: str  # what CUDA_VISIBLE_DEVICES must hold for torch to see this device alone
    uuid: str  # where NVML does not know the device, another name that no other device has
    name: str | None = None  # of the hardware
    number: int | None = None  # in NVML's list; an instance (MIG) has that of its device


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
def lease(slots_per_gpu: int = 1, *, timeout: float | None = None) -> Iterator[Lease]:
    """Waits for a free slot of one of the devices that this process may use, and holds it.

    CUDA_VISIBLE_DEVICES then names that device alone; without any device it is empty, so that
    torch agrees with the lease. Call this before torch is imported.

    Args:
        slots_per_gpu: How many jobs may share one device.
        timeout: Seconds to wait at most; for ever if None.

    Raises:
        StudyError: The devices or their slots cannot be used, or the time is over.
    """
    before = os.environ.get(VISIBLE)
    devices = allowed_devices()
    held = Lease("cpu")
    lock: AbstractContextManager[object] = nullcontext()
    if devices:
        device, slot, lock = _wait_for_slot(devices, slots_per_gpu, timeout)
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
    devices: Sequence[Device], slots_per_gpu: int, timeout: float | None
) -> tuple[Device, int, socket.socket]:
    # All first slots come before any second one: jobs share a device only when they must.
    slots = [(device, slot) for slot in range(slots_per_gpu) for device in devices]
    start, announced = time.monotonic(), False
    while True:
        for device, slot in slots:
            taken = _take(device.uuid, slot)
            if taken is not None:
                return device, slot, taken
        if not announced:
            log.info("all %d slots of %d devices are taken; waiting", len(slots), len(devices))
            announced = True
        if timeout is not None and time.monotonic() - start > timeout:
            names = ", ".join(device.entry for device in devices)
            raise StudyError(f"No slot of the devices {names} became free in {timeout:g} seconds.")
        # Random pauses: no waiting job is always the one that comes just too late.
        time.sleep(random.uniform(*POLL_SECONDS))


def _take(uuid: str, slot: int) -> socket.socket | None:
    """Takes a slot until the socket is closed or the process ends; None if another holds it.

    `/proc/net/unix` lists what is held.
    """
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        holder.bind(f"\0all-tickets/{uuid}/{slot}")
    except OSError as error:
        holder.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise StudyError(
            f"Slot {slot} of the GPU {uuid} cannot be taken ({error.strerror or error}): leases "
            "need Linux and a name of at most 80 characters."
        ) from error
    return holder


def device_order() -> str:
    """The order by which CUDA numbers devices: the user's, or else that of NVML."""
    return os.environ.get(ORDER) or PCI_ORDER


def allowed_devices() -> list[Device]:
    """The devices that CUDA_VISIBLE_DEVICES allows; an empty list means the CPU.

    Unset, the variable allows every device that NVML lists. Its list is read as CUDA reads it, up
    to the first negative number. Numbers follow NVML's order, unless CUDA_DEVICE_ORDER asks for
    another one. Where NVML knows no device, entries are taken as they are.

    Raises:
        StudyError: CUDA would read the list in part or not at all, or NVML cannot list the devices.
    """
    value = os.environ.get(VISIBLE)
    if value is not None and value.strip() in NO_DEVICE:
        return []
    listed = _nvml_devices()
    if value is None:
        return listed
    entries = [part.strip() for part in value.split(",")]
    end = next((place for place, entry in enumerate(entries) if re.match("-[0-9]", entry)), None)
    entries = entries[:end]
    numbers = [NUMBER.fullmatch(entry) is not None for entry in entries]
    if not all(numbers) and (any(numbers) or not all(map(NAME.fullmatch, entries))):
        raise StudyError(
            f"{VISIBLE} is {value!r}; allowed are numbers of GPUs (0,1), or their names "
            "(GPU-..., MIG-...), with commas between them, and nothing or -1 for the CPU."
        )
    if any(numbers) and device_order() != PCI_ORDER:
        log.warning(
            "%s is %s: the numbers in %s are CUDA's own, and a run that names GPUs in another way "
            "does not see which ones are leased",
            ORDER,
            device_order(),
            VISIBLE,
        )
        listed = []
    devices: dict[str, Device] = {}
    for entry in entries:
        device = _named(entry, listed)
        if device.uuid in devices:
            raise StudyError(
                f"{VISIBLE} is {value!r}, which names {entry} twice; CUDA then finds no GPU."
            )
        devices[device.uuid] = device
    return list(devices.values())


def no_gpu() -> StudyError:
    """The error of a study that wants a GPU where there is none to lease."""
    value = os.environ.get(VISIBLE)
    why = "NVML lists none" if value is None else f"{VISIBLE} is {value!r}"
    return StudyError(
        f"compute.device is cuda, but there is no GPU on {socket.gethostname()} ({why}): use "
        "another machine, or auto or cpu."
    )


def _named(entry: str, listed: Sequence[Device]) -> Device:
    """The device that an entry names: a number, or the beginning of a UUID."""
    if NUMBER.fullmatch(entry):
        known = [device for device in listed if device.number == int(entry)]
        unknown = f"index-{int(entry)}"
    else:
        known = [device for device in listed if device.uuid.startswith(entry)]
        unknown = entry
    # An instance has an older name, too, which NVML does not give.
    if not listed or (not known and entry.startswith("MIG-")):
        return Device(entry, unknown)
    if len(known) == 1:
        return Device(entry, known[0].uuid, known[0].name, known[0].number)
    names = ", ".join(f"{device.number} ({device.uuid})" for device in listed)
    raise StudyError(
        f"{VISIBLE} names {entry}, which is {'more than one' if known else 'none'} of the GPUs and "
        f"instances that NVML lists: {names}."
    )


@contextmanager
def _nvml() -> Iterator[Any]:
    """NVML, ready to be asked; None without a driver.

    Raises:
        StudyError: There is a driver, and it does not answer.
    """
    import pynvml

    try:
        pynvml.nvmlInit()
    except (pynvml.NVMLError_LibraryNotFound, pynvml.NVMLError_DriverNotLoaded):
        yield None
        return
    except pynvml.NVMLError as error:
        raise _unlisted(error) from error
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
                    devices.append(Device(uuid, uuid, name, index))
        except nvml.NVMLError as error:
            raise _unlisted(error) from error
        return devices


def _unlisted(error: Exception) -> StudyError:
    return StudyError(
        f"The driver of the GPUs does not list them ({error}): repair it (after an update of the "
        "driver the machine needs a restart), or set compute.device to cpu."
    )


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
    with suppress(StudyError), _nvml() as nvml:
        if nvml is None:
            return None
        with suppress(nvml.NVMLError):
            handle = nvml.nvmlDeviceGetHandleByUUID(uuid)
            return nvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000  # from millijoules
    return None
