"""What happens when a run starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import lottery

LIBRARY = Path(lottery.__file__).parents[1]
SIGNALLED = """
import os, signal, threading
from lottery.start import answer_in_thread

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


def test_a_signal_without_an_answer_keeps_its_default():
    program = """
import os, signal
from lottery.start import answer_in_thread
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
