"""Processes that make ready by themselves and then work at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence


def work_when_told(work: Callable[[], object]) -> None:
    """The worker's side: says that it is ready, waits for a line, works, says that it is done."""
    print("ready", flush=True)
    sys.stdin.readline()
    work()
    print("done", flush=True)


def seconds_with(
    workers: int, words: Sequence[str], environment: Mapping[str, str] | None = None
) -> float:
    """Wall time of some workers that begin together, until the last one is done.

    No worker is left running, whatever happens.

    Args:
        workers: how many.
        words: a script and its options, which end in `work_when_told`.
        environment: variables that the workers have besides ours.
    """
    started = [
        subprocess.Popen(
            [sys.executable, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env=os.environ | (environment or {}),
        )
        for _ in range(workers)
    ]
    try:
        for worker in started:
            _expect(worker, "ready")
        begun = time.perf_counter()
        for worker in started:
            worker.stdin.write("go\n")
            worker.stdin.flush()
        for worker in started:
            _expect(worker, "done")
        seconds = time.perf_counter() - begun
        for worker in started:
            worker.communicate()
        return seconds
    finally:
        for worker in started:
            worker.kill()
            worker.wait()


def _expect(worker: subprocess.Popen[str], word: str) -> None:
    for line in worker.stdout:
        if line.strip() == word:
            return
    sys.exit(f"A worker ended before it was {word}.")
