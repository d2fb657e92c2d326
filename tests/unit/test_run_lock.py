"""Runs that share a folder, and jobs whose run is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from lottery.files.errors import StudyError
from lottery.runtime.run_lock import acquire, end_left_jobs, left_jobs

HOLDER = """
import sys, time
from pathlib import Path
from types import SimpleNamespace
from lottery.runtime.run_lock import acquire
job = SimpleNamespace(input=["a"], output=["b"])
acquire(SimpleNamespace(dag=SimpleNamespace(needrun_jobs=lambda: [job])), Path(sys.argv[1]))
print("holds", flush=True)
time.sleep(60)
"""


def run(reads: list[str], writes: list[str]) -> SimpleNamespace:
    """A planned workflow of one job."""
    job = SimpleNamespace(input=reads, output=writes)
    return SimpleNamespace(dag=SimpleNamespace(needrun_jobs=lambda: [job]))


@pytest.fixture
def holder(tmp_path: Path):
    """Another process that reads a and writes b."""
    library = Path(sys.modules["lottery"].__file__).parents[1]
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "runs")],
        env=os.environ | {"PYTHONPATH": str(library)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "holds\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize(
    ("reads", "writes", "shared"),
    [
        (["x"], ["b"], "b"),  # both write it
        (["b"], ["c"], "b"),  # it is being written
        (["x"], ["a"], "a"),  # it is being read
        (["a"], ["c"], None),  # both read it
        (["x"], ["y"], None),
    ],
)
def test_runs_share_a_folder_but_no_file_that_one_of_them_writes(
    tmp_path: Path, holder: subprocess.Popen, reads: list[str], writes: list[str], shared: str
):
    if shared is None:
        acquire(run(reads, writes), tmp_path / "runs")
    else:
        told = rf"process {holder.pid} on .* uses {shared}, too: wait until it has finished"
        with pytest.raises(StudyError, match=told):
            acquire(run(reads, writes), tmp_path / "runs")


def test_a_killed_run_holds_no_lock(tmp_path: Path, holder: subprocess.Popen):
    holder.kill()
    holder.wait()
    acquire(run(["a"], ["b"]), tmp_path / "runs")
    assert len(list((tmp_path / "runs").glob("*.json"))) == 1


def test_a_file_system_without_locks_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", refuse)
    acquire(run(["a"], ["b"]), tmp_path)
    assert "cannot be kept from other runs" in capfd.readouterr().err


SCRIPT = "/study/.snakemake/scripts/tmpab_1.finetune.py"


class Process:
    """Stands in for psutil's: a process of this user with its parents."""

    def __init__(self, command: str, *parents: Process) -> None:
        self.command, self._parents = command, parents

    def cmdline(self) -> list[str]:
        return self.command.split()

    def uids(self) -> SimpleNamespace:
        return SimpleNamespace(real=os.getuid())

    def parents(self) -> list[Process]:
        return list(self._parents)


@pytest.mark.parametrize(
    ("parent", "left"),
    [
        ("/sbin/init", True),
        ("bash", True),
        ("python -m snakemake --cores 2", False),
        ("/env/bin/python3 /env/bin/snakemake", False),
    ],
)
def test_a_job_is_left_when_no_snakemake_is_above_it(parent: str, left: bool):
    above = Process(parent), Process("/sbin/init")
    shell = Process("bash -c true", *above)
    job = Process(f"python {SCRIPT}", shell, *above)
    others = [
        Process(f"python {SCRIPT.replace('study', 'other')}", *above),
        Process(f"vim -p x {SCRIPT}", *above),
    ]
    assert left_jobs([*above, shell, job, *others], Path("/study")) == [job] * left


def left_behind(folder: Path, code: str) -> int:
    """Starts a script of a folder by a process that ends at once; gives the script's process."""
    script = folder / ".snakemake/scripts/tmpx.search.py"
    script.parent.mkdir(parents=True)
    script.write_text(code + "\nopen('ready', 'w')\nimport time\ntime.sleep(60)")
    start = "from subprocess import *; print(Popen({!r}, stdout=DEVNULL).pid)"
    command = [sys.executable, "-c", start.format([sys.executable, str(script)])]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    while not (folder / "ready").exists():
        time.sleep(0.01)
    return int(done.stdout)


CAREFUL = """
import signal, sys
def end(*_):
    open('ended', 'w')
    sys.exit(1)
signal.signal(signal.SIGTERM, end)
"""


def test_left_jobs_may_end_in_peace(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    pid = left_behind(tmp_path, CAREFUL)
    end_left_jobs(tmp_path)
    assert (tmp_path / "ended").exists()
    told = f"Ending 1 job that an earlier run left behind: process {pid}\n"
    assert capfd.readouterr().err == told
    end_left_jobs(tmp_path)
    assert capfd.readouterr().err == ""


def test_a_left_job_that_does_not_end_stops_the_run(tmp_path: Path):
    ignoring = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    pid = left_behind(tmp_path, ignoring)
    try:
        with pytest.raises(StudyError, match=rf"do not end \(process {pid}\)"):
            end_left_jobs(tmp_path, seconds=0.2)
    finally:
        os.kill(pid, signal.SIGKILL)
