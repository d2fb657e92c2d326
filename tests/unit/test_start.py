"""What happens when a run starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import lottery
from lottery.runtime.start import warn_of_threads

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


def test_sigterm_is_answered_where_it_meets_the_lock_that_the_answer_needs():
    """With the lock in hand, and not before it is free; a hanging process would time out."""
    ended = subprocess.run(
        [sys.executable, "-c", SIGNALLED],
        env=os.environ | {"PYTHONPATH": str(LIBRARY)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
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
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED],
        env=os.environ | {"PYTHONPATH": str(LIBRARY)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ended.stdout == 2 * "interrupted\n"
    assert ended.stderr == "Ending as soon as the running steps have ended (SIGINT).\n"
