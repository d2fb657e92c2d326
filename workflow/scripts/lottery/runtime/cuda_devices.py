"""Which devices this process may use: CUDA_VISIBLE_DEVICES, and what NVML knows of them.

NVML asks the driver without starting CUDA, which would take memory on every device it sees.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

# Words that schedulers write in the place of an empty list.
NO_DEVICE = ("", "-1", "NoDevFiles", "none", "void")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Device:
    """One device that a job may use.

    Attributes:
        visible: What CUDA_VISIBLE_DEVICES must hold for torch to see this device alone.
        key: The device's identity on this machine: its UUID where NVML knows it.
        name: The hardware's name, or None where NVML does not know the device.
    """

    visible: str
    key: str
    name: str | None = None


def allowed_devices(visible: str | None) -> list[Device]:
    """Lists the devices that a value of CUDA_VISIBLE_DEVICES allows.

    Args:
        visible: The variable's value. None means every device that NVML lists. A list is read as
            CUDA reads it: up to the first negative number. Numbers count in NVML's order; names
            that NVML does not know stand for themselves.

    Returns:
        The devices without repetition; empty means the CPU.
    """
    if visible is not None and visible.strip() in NO_DEVICE:
        return []
    listed = _nvml_devices()
    if visible is None:
        return listed
    devices: dict[str, Device] = {}
    for entry in (part.strip() for part in visible.split(",")):
        if not entry or entry.startswith("-"):
            break
        device = _named(entry, listed)
        devices.setdefault(device.key, device)
    return list(devices.values())


def _named(entry: str, listed: Sequence[Device]) -> Device:
    """The device that an entry names: a number, or the beginning of a UUID."""
    if entry.isdigit():
        if int(entry) < len(listed):
            known = listed[int(entry)]
            return Device(entry, known.key, known.name)
        return Device(entry, f"index-{int(entry)}")
    for known in listed:
        if known.key.startswith(entry):
            return Device(entry, known.key, known.name)
    return Device(entry, entry)


def _nvml_devices() -> list[Device]:
    """What NVML lists, in its order; a device cut into instances (MIG) gives its instances."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except (ImportError, OSError):
        return []
    except pynvml.NVMLError:  # no driver
        return []
    try:
        found = []
        for index in range(pynvml.nvmlDeviceGetCount()):
            whole = pynvml.nvmlDeviceGetHandleByIndex(index)
            for handle in _mig_instances(whole) or [whole]:
                uuid = _text(pynvml.nvmlDeviceGetUUID(handle))
                found.append(Device(uuid, uuid, _text(pynvml.nvmlDeviceGetName(whole))))
        return found
    except pynvml.NVMLError as error:
        log.warning("NVML cannot list the devices (%s); the CPU is used", error)
        return []
    finally:
        pynvml.nvmlShutdown()


def used_energy(key: str) -> float | None:
    """The energy that a device has used since its driver was loaded, for whatever process.

    Args:
        key: The device's UUID.

    Returns:
        Joules; None where NVML does not know the device, or the device does not count (older than
        Volta, or an instance of a device cut into pieces).
    """
    try:
        import pynvml

        pynvml.nvmlInit()
    except (ImportError, OSError):
        return None
    except pynvml.NVMLError:  # no driver
        return None
    try:
        handle = pynvml.nvmlDeviceGetHandleByUUID(key)
        return pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000  # it counts millijoules
    except pynvml.NVMLError:
        return None
    finally:
        pynvml.nvmlShutdown()


def _mig_instances(handle: object) -> list[object]:
    import pynvml

    try:
        if pynvml.nvmlDeviceGetMigMode(handle)[0] != pynvml.NVML_DEVICE_MIG_ENABLE:
            return []
    except pynvml.NVMLError:  # a device that knows no such mode
        return []
    instances = []
    for index in range(pynvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
        try:
            instances.append(pynvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index))
        except pynvml.NVMLError:  # an empty place
            continue
    return instances


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
