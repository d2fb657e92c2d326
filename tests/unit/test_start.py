"""What happens when a run starts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

import lottery
from lottery.files.errors import StudyError
from lottery.runtime.start import require_past_dates, warn_of_threads

DAY = 86_400  # seconds
LIBRARY = Path(lottery.__file__).parents[1]
SIGNALLED = """
import os, signal, threading
from snakemake.scheduling.job_scheduler import JobScheduler
from lottery.runtime.start import handle_signals

handle_signals()
scheduler = object.__new__(JobScheduler)
scheduler._lock, scheduler._open_jobs = threading.Lock(), threading.Semaphore(0)
signal.signal(signal.SIGTERM, scheduler.exit_gracefully)  # as its constructor does
with scheduler._lock:
    os.kill(os.getpid(), signal.SIGTERM)
    assert not scheduler._open_jobs.acquire(timeout=0.2)
assert scheduler._open_jobs.acquire(timeout=30)
print(scheduler._user_kill)
"""


def ran(code: str) -> subprocess.CompletedProcess[str]:
    """Runs code that changes Snakemake in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(LIBRARY)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_sigterm_is_answered_where_it_meets_the_lock_that_the_answer_needs():
    """With the lock in hand, and not before it is free; a hanging process would time out."""
    ended = ran(SIGNALLED)
    assert ended.stdout == "graceful\n", ended.stderr
    assert ended.stderr == "Ending as soon as the running steps have finished (SIGTERM).\n"


@pytest.mark.parametrize(
    ("threads", "cores", "local", "warned"),
    [(3, 2, True, True), (2, 2, True, False), (3, 2, False, False)],
)
def test_more_threads_than_cores_are_reported(capsys, threads, cores, local, warned):
    warn_of_threads(SimpleNamespace(local_exec=local, cores=cores), threads)
    told = capsys.readouterr().err
    assert ("torch_threads is 3, but this run has 2 cores" in told) == warned


@pytest.mark.parametrize(
    ("ahead", "sentence"),
    [
        ({"a": -DAY, "b": -1}, None),
        ({"a": 30}, None),  # clocks differ a little
        ({}, None),  # nothing is there yet
        ({"a": 120, "b": -1}, "1 file of this study is dated after now, as a ("),
        ({"a": 120, "b": DAY}, "2 files of this study are dated after now, as b ("),
    ],
)
def test_results_dated_after_now_stop_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: dict[str, int], sentence: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, seconds in ahead.items():
        Path(name).touch()
        os.utime(name, (0, time.time() + seconds))
    # Of all jobs, whether they run or not.
    jobs = [SimpleNamespace(output=["a"]), SimpleNamespace(output=["b", "missing"])]
    workflow = SimpleNamespace(dag=SimpleNamespace(jobs=jobs))
    if sentence is None:
        require_past_dates(workflow)
    else:
        with pytest.raises(StudyError, match=f"^{re.escape(sentence)}.*, and Snakemake goes by da"):
            require_past_dates(workflow)


SIZES = """
import asyncio, copy
from collections import Counter
from types import SimpleNamespace
from snakemake.scheduling.job_scheduler import JobScheduler
from lottery.runtime.start import ask_sizes_once

asked = Counter()

class File(str):
    async def exists(self):
        asked[self] += 1
        return self != "missing"

    async def size(self):
        return len(self)

def jobs(*inputs):
    return [SimpleNamespace(input=[File(name) for name in each]) for each in inputs]

selections = [jobs(["a", "bb"]), jobs(["a", "bb"], ["bb", "missing"]), jobs(["missing"], ["ccc"])]
found = []
for change in (lambda: None, ask_sizes_once):
    change()
    asked.clear()
    scheduler = object.__new__(JobScheduler)
    scheduler._input_sizes = {}
    for selection in selections:
        asyncio.run(scheduler.update_input_sizes(selection))
        assert all(path in scheduler._input_sizes for job in selection for path in job.input)
    found.append(dict(scheduler._input_sizes))
    print(max(asked.values()))
assert found[0] == found[1] == {"a": 1, "bb": 2, "missing": None, "ccc": 3}
"""


def test_the_scheduler_asks_once_for_the_size_of_an_input():
    ended = ran(SIZES)
    assert ended.stdout == "2\n1\n", ended.stderr  # by Snakemake's own way, and by ours


LOOKS = """
import threading, time
from snakemake.scheduling.job_scheduler import JobScheduler
from lottery.runtime.start import look_again_once

def looks(jobs, seconds=1.5, delay=0.1):
    scheduler = object.__new__(JobScheduler)
    scheduler._open_jobs = threading.Semaphore(jobs)  # that have ended
    count, end = 0, time.monotonic() + seconds
    while scheduler._open_jobs.acquire(timeout=max(0.0, end - time.monotonic())):
        count += 1
        scheduler._schedule_reevalutation(delay)
    return count - jobs

before = looks(20)
look_again_once()
after = looks(20)
print(before > 100, 5 <= after <= 15, flush=True)
"""


def test_the_scheduler_looks_as_often_however_many_jobs_have_ended():
    """Ten times in 1.5 seconds and not 200 times, as it would by itself."""
    ended = ran(LOOKS)
    assert ended.stdout == "True True\n", ended.stderr


INTERRUPTED = """
import os, signal
from lottery.runtime.start import handle_signals
handle_signals()
for _ in range(2):
    try:
        os.kill(os.getpid(), signal.SIGINT)
        signal.pause()
    except KeyboardInterrupt:
        print("interrupted")
"""


def test_an_interrupted_run_announces_its_end_once():
    ended = ran(INTERRUPTED)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == 2 * "interrupted\n"
    assert ended.stderr == "Ending as soon as the running steps have ended (SIGINT).\n"
