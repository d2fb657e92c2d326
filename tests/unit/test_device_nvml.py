"""What NVML is asked: the devices of a machine, and the energy that a job has used."""

# ruff: noqa: N802 (NVML names its functions)

from __future__ import annotations

import sys

import pytest

from lottery.files.errors import StudyError
from lottery.runtime import gpu_lease
from lottery.runtime.gpu_lease import Device, Lease, allowed_devices, lease


@pytest.fixture(autouse=True)
def all_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable narrows what NVML lists."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


class NoDriverError(RuntimeError):
    """What NVML raises on a machine without GPUs."""


class FakeNvml:
    """Two cards, the second cut into two instances; each handle is its own UUID."""

    NVMLError = RuntimeError
    NVMLError_LibraryNotFound = NVMLError_DriverNotLoaded = NoDriverError
    NVML_DEVICE_MIG_ENABLE = 1
    shut = False

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        # The first card counts its energy, the instances of the second do not.
        self.millijoules: dict[str, int | None] = {"GPU-0": 5_000_000, "MIG-0": None}

    def nvmlInit(self) -> None:
        if self.error:
            raise self.error

    def nvmlShutdown(self) -> None:
        self.shut = True

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        if uuid not in self.millijoules:
            raise self.NVMLError("not found")
        return uuid

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:
        if self.millijoules[handle] is None:
            raise self.NVMLError("not supported")
        return self.millijoules[handle]

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        return f"GPU-{index}"

    def nvmlDeviceGetUUID(self, handle: str) -> str:
        return handle

    def nvmlDeviceGetName(self, handle: str) -> str:
        return "Card"

    def nvmlDeviceGetMigMode(self, handle: str) -> list[int]:
        if handle == "GPU-0":
            raise self.NVMLError("not supported")
        return [1, 1]

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: str) -> int:
        return 3

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: str, index: int) -> str:
        if index == 1:
            raise self.NVMLError("empty")
        return f"MIG-{index}"


def test_nvml_lists_cards_and_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    found = allowed_devices()
    assert [card.entry for card in found] == ["GPU-0", "MIG-0", "MIG-2"]
    assert {card.name for card in found} == {"Card"}
    assert nvml.shut
    assert [card.number for card in found] == [0, 1, 1]
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(NoDriverError("no driver")))
    assert allowed_devices() == []


def test_a_driver_that_does_not_answer_is_no_machine_without_gpus(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(RuntimeError("version mismatch")))
    with pytest.raises(StudyError, match=r"does not list them \(version mismatch\)"):
        allowed_devices()
    assert gpu_lease.used_energy("GPU-0") is None  # a finished job is not lost for it


def test_a_lease_counts_the_energy_that_its_card_has_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nvml = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr(gpu_lease, "_nvml_devices", lambda: [Device("GPU-0", "GPU-0", "Card")])
    with lease() as held:
        assert held.energy_joules() == 0
        nvml.millijoules["GPU-0"] += 1_234_500
        assert held.energy_joules() == pytest.approx(1234.5)
        nvml.millijoules["GPU-0"] = 7  # the driver was loaded again, and counts from 0
        assert held.energy_joules() is None


@pytest.mark.parametrize("device_id", ["MIG-0", "GPU-unknown", "index-3"])
def test_a_card_that_counts_no_energy_gives_none(
    monkeypatch: pytest.MonkeyPatch, device_id: str
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml())
    monkeypatch.setattr(gpu_lease, "_nvml_devices", lambda: [Device(device_id, device_id)])
    with lease() as held:
        assert held.energy_joules() is None
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(RuntimeError("no driver")))
    assert gpu_lease.used_energy("GPU-0") is None
    assert Lease("cpu").energy_joules() is None
