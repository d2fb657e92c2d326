"""Leases of device slots: one holder at a time, given back however the holder ends."""

from __future__ import annotations

import fcntl
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

import lottery
from lottery.files.errors import StudyError
from lottery.runtime import gpu_lease
from lottery.runtime.gpu_lease import Device, allowed_devices, lease

# A job: takes a slot, writes when it had it, holds it for a while. CLOCK_MONOTONIC is one clock for
# all processes of a machine.
JOB = """
import os, sys, time
from lottery.runtime.gpu_lease import lease
folder, slots, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
with lease(slots, timeout=60) as held:
    assert os.environ["CUDA_VISIBLE_DEVICES"] == held.device
    start = time.monotonic()
    print("holding", held.device, held.slot, flush=True)
    time.sleep(seconds)
    print("held", held.device, held.slot, start, time.monotonic(), flush=True)
"""


@pytest.fixture(autouse=True)
def no_hardware(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Devices are what the variable lists; lock files lie in the test's own folder."""
    monkeypatch.setattr(gpu_lease, "_nvml_devices", list)
    monkeypatch.setenv("LOTTERY_LEASES", str(tmp_path / "leases"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def start(devices: str, slots: int, seconds: float, folder: Path) -> subprocess.Popen[str]:
    """Starts a job that may use `devices` and holds its slot for `seconds`."""
    env = {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": devices,
        "LOTTERY_LEASES": str(folder),
        "PYTHONPATH": str(Path(lottery.__file__).parents[1]),
    }
    command = [sys.executable, "-c", JOB, str(folder), str(slots), str(seconds)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)


def take(timeout: float | None = None) -> None:
    """Takes a slot and gives it back."""
    with lease(timeout=timeout):
        pass


def held(job: subprocess.Popen[str]) -> tuple[tuple[str, str], float, float]:
    """Waits for a job's end; gives its slot and when it held it."""
    output, _ = job.communicate(timeout=60)
    assert job.returncode == 0
    _, name, slot, begin, end = output.splitlines()[-1].split()
    return (name, slot), float(begin), float(end)


@pytest.mark.parametrize(("jobs", "slots"), [(2, 1), (3, 1), (8, 1), (8, 2)])
def test_a_slot_never_has_two_holders(tmp_path: Path, jobs: int, slots: int) -> None:
    running = [start("a,b", slots, 0.3, tmp_path / "leases") for _ in range(jobs)]
    times = [held(job) for job in running]
    used = {slot for slot, _, _ in times}
    assert len(used) == min(jobs, 2 * slots)
    for (slot, begin, end), (other, other_begin, other_end) in itertools.combinations(times, 2):
        assert slot != other or end <= other_begin or other_end <= begin


def test_two_jobs_run_at_once_on_different_devices(tmp_path: Path) -> None:
    first, second = (start("a,b", 2, 2, tmp_path / "leases") for _ in range(2))
    (a, a_begin, a_end), (b, b_begin, b_end) = held(first), held(second)
    assert {a[0], b[0]} == {"a", "b"}  # first slots before any second one
    assert a_begin < b_end
    assert b_begin < a_end


def test_a_killed_holder_gives_its_slot_back(tmp_path: Path) -> None:
    folder = tmp_path / "leases"
    holders = [start("a,b", 1, 60, folder) for _ in range(2)]
    for job in holders:
        assert job.stdout is not None
        assert job.stdout.readline().startswith("holding")
    waiting = [start("a,b", 1, 0.1, folder) for _ in range(3)]
    time.sleep(1)
    assert all(job.poll() is None for job in waiting)
    holders[0].send_signal(signal.SIGKILL)
    assert len({held(job)[0] for job in waiting}) == 1  # all three, one after another
    assert holders[1].poll() is None
    holders[1].send_signal(signal.SIGKILL)
    for job in holders:
        job.communicate(timeout=10)


def test_one_allowed_device_is_final_and_not_shared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "a,b")
    with lease() as first:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", first.device)
        with pytest.raises(StudyError, match=f"devices {first.device} became free"):
            take(timeout=0.1)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "a,b")
        with lease(timeout=0.1) as second:
            assert {first.device, second.device} == {"a", "b"}


def test_the_end_of_a_lease_gives_back_and_restores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "a,b")
    with lease() as taken:
        assert os.environ["CUDA_VISIBLE_DEVICES"] == taken.device == "a"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "a,b"
    with lease(timeout=0) as again:
        assert again.slot == 0


@pytest.mark.parametrize("value", ["", " ", "-1", "NoDevFiles", "-1,0"])
def test_an_empty_list_is_the_cpu(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    with lease() as held:
        assert (held.device, held.slot) == ("cpu", None)
        assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    assert os.environ["CUDA_VISIBLE_DEVICES"] == value


def test_unset_without_hardware_is_the_cpu() -> None:
    with lease() as held:
        assert held.device == "cpu"
        assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


CARDS = [Device(f"GPU-{i}f00", f"GPU-{i}f00", "Card") for i in range(3)]


@pytest.mark.parametrize(
    ("value", "keys"),
    [
        (None, ["GPU-0f00", "GPU-1f00", "GPU-2f00"]),
        ("2,0", ["GPU-2f00", "GPU-0f00"]),
        ("1, 1", ["GPU-1f00"]),
        ("GPU-1,1", ["GPU-1f00"]),
        ("1,-1,2", ["GPU-1f00"]),
        ("7,a", ["index-7", "a"]),
    ],
)
def test_devices_are_distinguished_by_uuid(
    monkeypatch: pytest.MonkeyPatch, value: str | None, keys: list[str]
) -> None:
    monkeypatch.setattr(gpu_lease, "_nvml_devices", lambda: CARDS)
    assert [found.uuid for found in allowed_devices(value)] == keys


def test_a_number_and_a_uuid_of_one_card_exclude_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gpu_lease, "_nvml_devices", lambda: CARDS)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    with lease() as held:
        assert (held.device, held.name) == ("1", "Card")
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-1f00")
        with pytest.raises(StudyError, match="became free"):
            take(timeout=0.1)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
        with lease(timeout=0.1) as other:
            assert other.device == "GPU-0f00"


def test_a_link_placed_by_another_user_is_rejected(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "a")
    folder, victim = tmp_path / "leases", tmp_path / "victim"
    victim.write_text("precious")
    folder.mkdir()
    (folder / "a.0.lock").symlink_to(victim)
    with pytest.raises(StudyError, match=r"locks cannot be used .*LOTTERY_LEASES"):
        take()
    assert victim.read_text() == "precious"


def test_the_folder_serves_every_user_whatever_the_umask(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "../a b/c")
    before = os.umask(0o077)
    try:
        take()
    finally:
        os.umask(before)
    folder = tmp_path / "leases"
    assert folder.stat().st_mode & 0o7777 == 0o1777
    (file,) = folder.iterdir()  # a name with slashes stays inside
    assert file.stat().st_mode & 0o777 == 0o666


def test_a_lock_file_removed_by_a_cleaner_does_not_admit_two(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "a")
    take()
    real = fcntl.flock

    def removed_meanwhile(descriptor: int, operation: int) -> None:
        (tmp_path / "leases" / "a.0.lock").unlink(missing_ok=True)
        monkeypatch.setattr(fcntl, "flock", real)
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", removed_meanwhile)
    with lease(timeout=5):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "a")
        with pytest.raises(StudyError, match="became free"):
            take(timeout=0.1)


OTHER_USER = """
import os, filelock, pynvml  # before the user changes, who may not read our packages
from lottery.runtime.gpu_lease import lease
os.setuid(65534)
try:
    with lease(timeout=0.2) as held:
        print(held.device)
except Exception as error:
    print(error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_another_user_waits_for_the_same_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_another_user() -> str:
        command = [sys.executable, "-c", OTHER_USER]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        leases = f"{folder}/leases"
        environment = os.environ | {
            "CUDA_VISIBLE_DEVICES": "a",
            "LOTTERY_LEASES": leases,
            "PYTHONPATH": str(Path(lottery.__file__).parents[1]),
        }
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "a")
        monkeypatch.setenv("LOTTERY_LEASES", leases)
        with lease():
            assert "became free in 0.2 seconds" in by_another_user()
        assert by_another_user() == "a\n"
