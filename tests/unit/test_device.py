"""Leases of device slots: one holder at a time, given back however the holder ends."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
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
slots, seconds = int(sys.argv[1]), float(sys.argv[2])
with lease(slots, timeout=60) as held:
    assert os.environ["CUDA_VISIBLE_DEVICES"] == held.device
    start = time.monotonic()
    print("holding", held.device, held.slot, flush=True)
    time.sleep(seconds)
    print("held", held.device, held.slot, start, time.monotonic(), flush=True)
"""
# Leases are known on the whole machine: other tests at the same time must not use the same names.
A, B = f"GPU-{os.getpid()}-a", f"GPU-{os.getpid()}-b"


@pytest.fixture(autouse=True)
def no_hardware(monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices are what the variable lists."""
    monkeypatch.setattr(gpu_lease, "_nvml_devices", list)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)


def start(slots: int, seconds: float, **environment: str) -> subprocess.Popen[str]:
    """Starts a job that may use both devices and holds its slot for `seconds`."""
    env = os.environ | {
        "CUDA_VISIBLE_DEVICES": f"{A},{B}",
        "PYTHONPATH": str(Path(lottery.__file__).parents[1]),
    }
    command = [sys.executable, "-c", JOB, str(slots), str(seconds)]
    return subprocess.Popen(command, env=env | environment, stdout=subprocess.PIPE, text=True)


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


@pytest.mark.parametrize(("jobs", "slots"), [(2, 1), (6, 1), (6, 2)])
def test_a_slot_never_has_two_holders(jobs: int, slots: int) -> None:
    running = [start(slots, 0.2) for _ in range(jobs)]
    assert_apart([held(job) for job in running], 2 * slots)


def test_a_cleaner_of_temporary_folders_admits_no_second_holder(tmp_path: Path) -> None:
    """Whatever the jobs put into their folders is removed at once."""
    running = [start(1, 0.1, TMPDIR=str(tmp_path), HOME=str(tmp_path)) for _ in range(8)]
    while any(job.poll() is None for job in running):
        for entry in tmp_path.rglob("*"):
            entry.unlink(missing_ok=True)
        time.sleep(0.005)
    assert_apart([held(job) for job in running], 2)


def assert_apart(times: list[tuple[tuple[str, str], float, float]], slots: int) -> None:
    """Checks that all slots were used and none by two holders at a time."""
    assert len({slot for slot, _, _ in times}) == min(len(times), slots)
    for (slot, begin, end), (other, other_begin, other_end) in itertools.combinations(times, 2):
        assert slot != other or end <= other_begin or other_end <= begin


def test_a_held_lease_has_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no file cannot be removed; the kernel lists the holder by its name."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", A)
    opened: list[str] = []
    sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
    with lease():
        written = [path for path in opened if A in path]
        assert f"@all-tickets/{A}/0" in Path("/proc/net/unix").read_text()
    assert written == []
    assert f"@all-tickets/{A}/0" not in Path("/proc/net/unix").read_text()


def test_two_jobs_run_at_once_on_different_devices() -> None:
    first, second = (start(2, 1.5) for _ in range(2))
    (a, a_begin, a_end), (b, b_begin, b_end) = held(first), held(second)
    assert {a[0], b[0]} == {A, B}  # first slots before any second one
    assert a_begin < b_end
    assert b_begin < a_end


def test_a_killed_holder_gives_its_slot_back() -> None:
    holders = [start(1, 60) for _ in range(2)]
    for job in holders:
        assert job.stdout is not None
        assert job.stdout.readline().startswith("holding")
    waiting = [start(1, 0.1) for _ in range(3)]
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
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", f"{A},{B}")
    with lease() as first:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", first.device)
        with pytest.raises(StudyError, match=f"devices {first.device} became free"):
            take(timeout=0.1)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", f"{A},{B}")
        with lease(timeout=0.1) as second:
            assert {first.device, second.device} == {A, B}


def test_the_end_of_a_lease_gives_back_and_restores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", f"{A},{B}")
    with lease() as taken:
        assert os.environ["CUDA_VISIBLE_DEVICES"] == taken.device == A
    assert os.environ["CUDA_VISIBLE_DEVICES"] == f"{A},{B}"
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


CARDS = [Device(f"GPU-{i}f00", f"GPU-{i}f00", "Card", i) for i in range(3)]
CUT = [
    Device("GPU-0f00", "GPU-0f00", "Card", 0),
    Device("MIG-1", "MIG-1", "Card", 1),
    Device("MIG-2", "MIG-2", "Card", 1),
]


@pytest.mark.parametrize(
    ("value", "listed", "found"),
    [
        (None, CARDS, ["GPU-0f00", "GPU-1f00", "GPU-2f00"]),
        ("2,0", CARDS, ["GPU-2f00", "GPU-0f00"]),
        (" 2 , 0 ", CARDS, ["GPU-2f00", "GPU-0f00"]),
        ("GPU-1,GPU-0f00", CARDS, ["GPU-1f00", "GPU-0f00"]),
        ("1,-1,2", CARDS, ["GPU-1f00"]),
        ("-1,1", CARDS, []),
        ("007", [], ["index-7"]),
        ("7,3", [], ["index-7", "index-3"]),
        ("GPU-a,MIG-b", [], ["GPU-a", "MIG-b"]),
        ("0,1", CUT[:2], ["GPU-0f00", "MIG-1"]),
        ("MIG-2", CUT, ["MIG-2"]),
        ("MIG-GPU-1/1/0", CUT, ["MIG-GPU-1/1/0"]),
    ],
)
def test_the_list_is_read_as_cuda_reads_it(
    monkeypatch: pytest.MonkeyPatch, value: str | None, listed: list[Device], found: list[str]
) -> None:
    monkeypatch.setattr(gpu_lease, "_nvml_devices", lambda: listed)
    if value is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert [device.uuid for device in allowed_devices()] == found


@pytest.mark.parametrize(
    ("value", "said"),
    [
        *(
            (value, "allowed are numbers of GPUs")
            for value in (
                *("all", "cuda:0", "cuda", "0;1", "0 1", "0:1", "0-1", "[0,1]", "'0'", "0.", "+0"),
                *("0,", ",0", "0,,1", ",", "0,all", "GPU", "gpu-1f00", "GPU-1 f", "0,GPU-1", "1e1"),
                *(
                    "--1",
                    "- 1",
                    "0,x-1",
                    "\N{ARABIC-INDIC DIGIT ONE}",
                    "GPU-\N{LATIN SMALL LETTER E WITH ACUTE}",
                ),
            )
        ),
        ("1,1", "names 1 twice"),
        ("1,01", "names 01 twice"),
        ("GPU-1,GPU-1f00", "names GPU-1f00 twice"),
        ("3", "names 3, which is none of the GPUs .* 0 \\(GPU-0f00\\), 1 .*, 2 "),
        ("99999999999999999999", "is none of"),
        ("GPU-x", "names GPU-x, which is none of"),
        ("GPU-", "is '?GPU-'?"),
    ],
)
def test_an_odd_list_is_refused_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, value: str, said: str
) -> None:
    monkeypatch.setattr(gpu_lease, "_nvml_devices", lambda: CARDS)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    with pytest.raises(StudyError, match=f"^CUDA_VISIBLE_DEVICES .*{said}"):
        take(timeout=0)


@pytest.mark.parametrize(
    ("value", "said"),
    [("1", "more than one of"), ("MIG-", "allowed are"), ("GPU-1", "is none of")],
)
def test_a_number_names_no_one_of_several_instances(
    monkeypatch: pytest.MonkeyPatch, value: str, said: str
) -> None:
    monkeypatch.setattr(gpu_lease, "_nvml_devices", lambda: CUT)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    with pytest.raises(StudyError, match=said):
        allowed_devices()


@pytest.mark.parametrize(
    ("order", "value", "found", "warned"),
    [
        ("", "1", "GPU-1f00", False),
        ("PCI_BUS_ID", "1", "GPU-1f00", False),
        ("FASTEST_FIRST", "1", "index-1", True),
        ("fastest", "1", "index-1", True),
        ("FASTEST_FIRST", "GPU-1", "GPU-1f00", False),
    ],
)
def test_numbers_in_another_order_are_not_taken_for_those_of_nvml(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    order: str,
    value: str,
    found: str,
    warned: bool,
) -> None:
    monkeypatch.setattr(gpu_lease, "_nvml_devices", lambda: CARDS)
    monkeypatch.setenv("CUDA_DEVICE_ORDER", order)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert [device.uuid for device in allowed_devices()] == [found]
    assert (f"CUDA_DEVICE_ORDER is {order}" in caplog.text) == warned
    assert gpu_lease.device_order() == (order or "PCI_BUS_ID")


def test_a_number_and_a_uuid_of_one_card_exclude_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cards = [Device(name, name, "Card", number) for number, name in enumerate((A, B))]
    monkeypatch.setattr(gpu_lease, "_nvml_devices", lambda: cards)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    with lease() as held:
        assert (held.device, held.name) == ("1", "Card")
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", B)
        with pytest.raises(StudyError, match="became free"):
            take(timeout=0.1)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
        with lease(timeout=0.1) as other:
            assert other.device == A


def test_a_name_that_no_socket_can_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-" + 100 * "x")
    with pytest.raises(StudyError, match=r"cannot be taken .* at most 80 characters"):
        take()


OTHER_USER = """
import os, pynvml  # before the user changes, who may not read our packages
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

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", A)
    environment = os.environ | {"PYTHONPATH": str(Path(lottery.__file__).parents[1])}
    with lease():
        assert "became free in 0.2 seconds" in by_another_user()
    assert by_another_user() == f"{A}\n"
