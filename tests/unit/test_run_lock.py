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


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch):
    """Undoes what a run says to its jobs."""
    monkeypatch.setenv("LOTTERY_RUN", "")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)


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
    """Stands in for psutil's: a process of this user with its environment."""

    def __init__(self, command: str, **environment: str) -> None:
        self.command, self._environment = command, environment

    def cmdline(self) -> list[str]:
        return self.command.split()

    def uids(self) -> SimpleNamespace:
        return SimpleNamespace(real=os.getuid())

    def environ(self) -> dict[str, str]:
        return self._environment


@pytest.mark.parametrize("run_is", ["alive", "killed", "killed and forgotten"])
def test_a_job_is_left_when_its_run_lives_no_more(
    tmp_path: Path, holder: subprocess.Popen, run_is: str
):
    """The run's process is called python and nothing else, as a notebook is."""
    (listed,) = (tmp_path / "runs").glob("*.json")
    if run_is != "alive":
        holder.kill()
        holder.wait()
    if run_is == "killed and forgotten":
        acquire(run(["x"], ["y"]), tmp_path / "runs")
        assert not listed.exists()
    job = Process(f"python {SCRIPT}", LOTTERY_RUN=str(listed))
    others = [
        Process(f"python {SCRIPT.replace('study', 'other')}", LOTTERY_RUN=str(listed)),
        Process(f"vim -p x {SCRIPT}", LOTTERY_RUN=str(listed)),
        Process(f"python {SCRIPT}"),  # nothing says which run it is of
        Process(f"python {SCRIPT}", LOTTERY_RUN=str(listed), SLURM_JOB_ID="7"),
    ]
    assert left_jobs([job, *others], Path("/study")) == [job] * (run_is != "alive")


def test_one_process_may_run_one_study_after_the_other(tmp_path: Path):
    for _ in range(2):
        acquire(run(["a"], ["b"]), tmp_path)
    (listed,) = tmp_path.glob("*.json")
    assert os.environ["LOTTERY_RUN"] == str(listed)
    assert left_jobs([Process(f"python {SCRIPT}", LOTTERY_RUN=str(listed))], Path("/study")) == []


def left_behind(folder: Path, code: str) -> int:
    """Starts a script of a folder by a process that ends at once; gives the script's process."""
    script = folder / ".snakemake/scripts/tmpx.search.py"
    script.parent.mkdir(parents=True)
    script.write_text(code + "\nopen('ready', 'w')\nimport time\ntime.sleep(60)")
    start = "from subprocess import *; print(Popen({!r}, stdout=DEVNULL).pid)"
    command = [sys.executable, "-c", start.format([sys.executable, str(script)])]
    env = os.environ | {"LOTTERY_RUN": str(folder / "dead.json")}
    done = subprocess.run(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, text=True, check=True
    )
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


@pytest.mark.parametrize("stopped", [False, True])
def test_left_jobs_may_end_in_peace(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], stopped: bool
):
    pid = left_behind(tmp_path, CAREFUL)
    if stopped:
        os.kill(pid, signal.SIGSTOP)
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
