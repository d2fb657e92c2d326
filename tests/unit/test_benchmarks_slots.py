"""Trainings that share a device, with CUDA MPS and without; the program of MPS is a fake."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

import measuring
import mps
import slots
import workers

# Writes what it is asked, and in which folders. It has a daemon where its folder says so.
FAKE = """#!{python}
import json, os, sys
said = sys.argv[1:] or sys.stdin.read().split()
pipes = os.environ.get("CUDA_MPS_PIPE_DIRECTORY")
with open({log!r}, "a") as log:
    variables = {{k: v for k, v in os.environ.items() if k.startswith("CUDA_")}}
    print(json.dumps([said, variables, bool(pipes) and os.path.isdir(pipes)]), file=log)
if said == ["-d"] and {fails}:
    sys.exit("cannot start the daemon")
sys.exit(said == ["get_server_list"] and not {runs})
"""


@pytest.fixture
def control(tmp_path, monkeypatch):
    """Puts a program onto PATH; gives a function that reads what it was asked."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    for name in (mps.PIPES, mps.LOGS):
        monkeypatch.delenv(name, raising=False)

    def installed(*, runs: bool = False, fails: bool = False):
        log = tmp_path / "log"
        log.touch()
        program = tmp_path / mps.CONTROL
        text = FAKE.format(python=sys.executable, log=str(log), runs=runs, fails=fails)
        program.write_text(text)
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        return lambda: [json.loads(line) for line in log.read_text().splitlines()]

    return installed


def test_a_daemon_is_started_in_folders_of_its_own_and_stopped(control):
    asked = control()
    with mps.with_mps() as own:
        assert all(Path(folder).is_dir() for folder in own.values())
        assert own.keys() == {mps.PIPES, mps.LOGS}
    (_, first, _), (start, begun, _), (end, ended, there) = asked()
    assert first == {"CUDA_VISIBLE_DEVICES": "1"}
    assert start == ["-d"] and end == ["quit"]
    # It offers all devices, among which processes choose.
    assert begun == ended == own
    assert there and not Path(own[mps.PIPES]).exists()


def test_it_is_stopped_when_the_work_fails(control):
    asked = control()
    with pytest.raises(SystemExit), mps.with_mps():
        sys.exit("A worker ended before it was done.")
    assert [said for said, *_ in asked()] == [["get_server_list"], ["-d"], ["quit"]]


def test_a_daemon_that_runs_is_used_and_left(control):
    asked = control(runs=True)
    with mps.with_mps() as own:
        assert own == {}
    assert [said for said, *_ in asked()] == [["get_server_list"]]


def test_a_daemon_that_does_not_start_is_named(control):
    asked = control(fails=True)
    said = r"does not start.*\(cannot start the daemon\)\.$"
    with pytest.raises(mps.NoMPSError, match=said), mps.with_mps():
        pass
    assert [said for said, *_ in asked()] == [["get_server_list"], ["-d"]]


def test_work_without_mps_finds_no_daemon():
    with mps.without_mps() as own:
        assert own.keys() == {mps.PIPES} and not [*Path(own[mps.PIPES]).iterdir()]


@pytest.fixture
def timed(monkeypatch):
    """What was run: how many workers, with which variables; a second for each worker."""
    runs: list[tuple[int, dict[str, str]]] = []

    def seconds_with(jobs, words, environment):
        runs.append((jobs, environment))
        return 0.5 * jobs if mps.LOGS in environment else float(jobs)

    monkeypatch.setattr(slots, "seconds_with", seconds_with)
    return runs


def test_rows_are_in_turn_shared_and_shared_under_mps(control, timed):
    control()
    rows = slots.measure(["rte"], quick=True, mps=True)
    assert [row.name for row in rows] == [
        f"{jobs} trainings share a GPU {how} CUDA MPS, lengths of RTE"
        for how in ("without", "with")
        for jobs in slots.JOBS
    ]
    assert [row.ratio for row in rows] == [1, 1, 0.5, 0.5]
    assert all(row.against == "one after the other" for row in rows)
    assert [jobs for jobs, _ in timed] == [1, 2, 4, 2, 4]
    assert [mps.LOGS in environment for _, environment in timed] == [False] * 3 + [True] * 2


def test_without_the_program_one_sentence_is_said(monkeypatch, tmp_path, timed, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    rows = slots.measure(["rte"], quick=True, mps=True)
    said = capsys.readouterr().out
    assert said.startswith("There is no nvidia-cuda-mps-control on PATH")
    assert said.count("\n") == 1
    assert [row.against for row in rows[2:]] == ["not measured, no CUDA MPS"] * 2
    assert len(slots.measure(["rte"], quick=True)) == 2


def test_no_worker_is_left_when_one_ends(tmp_path):
    script = tmp_path / "worker.py"
    script.write_text(
        "import os, time\n"
        f"open({str(tmp_path)!r} + '/' + str(os.getpid()), 'x').close()\n"
        "time.sleep(1)\n"
        f"first = min(os.listdir({str(tmp_path)!r}))\n"
        "if first == str(os.getpid()):\n"
        "    raise SystemExit\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n"
    )
    with pytest.raises(SystemExit, match="ended before it was"):
        workers.seconds_with(2, [str(script)])
    for name in os.listdir(tmp_path):
        assert name == script.name or not Path(f"/proc/{name}").exists()


@pytest.mark.slow
@pytest.mark.long
def test_trainings_that_share_a_device_are_held_against_as_many_in_turn(monkeypatch, control):
    """The workers really train here, on the CPU, with one small layer."""
    control()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("PYTHONPATH", str(measuring.ROOT / "workflow" / "scripts"))
    two, four, *shared = slots.measure(["sst2"], quick=True, mps=True)
    assert two.ours > 0 and four.theirs == pytest.approx(2 * two.theirs)
    assert two.ratio == pytest.approx(two.ours / two.theirs)
    assert len(shared) == 2
