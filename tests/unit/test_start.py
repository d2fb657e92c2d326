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
from lottery.runtime.start import answer_in_thread

lock, answered = threading.Lock(), threading.Event()

def answer(*given):
    with lock:
        answered.set()

signal.signal(signal.SIGTERM, answer)
answer_in_thread()
with lock:
    os.kill(os.getpid(), signal.SIGTERM)
    assert not answered.wait(0.2)
assert answered.wait(30)
print("answered")
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
    assert ended.stdout == "answered\n", ended.stderr


@pytest.mark.parametrize(
    ("threads", "cores", "local", "warned"),
    [(3, 2, True, True), (2, 2, True, False), (3, 2, False, False)],
)
def test_more_threads_than_cores_are_told(capsys, threads, cores, local, warned):
    warn_of_threads(SimpleNamespace(local_exec=local, cores=cores), threads)
    told = capsys.readouterr().err
    assert ("torch_threads is 3, but this run has 2 cores" in told) == warned


def test_a_signal_without_an_answer_keeps_its_default():
    program = """
import os, signal
from lottery.runtime.start import answer_in_thread
answer_in_thread()
os.kill(os.getpid(), signal.SIGTERM)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(LIBRARY)},
        timeout=60,
        check=False,
    )
    assert ended.returncode == -15
