"""One run at a time on the same files, and no job of a dead run left among them.

Snakemake's own lock is a list of files that it looks for before it writes one: two runs that start
in the same second both find none, `--unlock` takes it away from a living run, and one that ends
removes the lists of all. So every run also holds a lock of the operating system, which only the
end of its process gives back, on a list of what it reads and writes.

A run on this machine that is killed leaves its jobs working. Nothing waits for them, and the next
run would start the same steps a second time. Jobs name their run in their environment, and a run
lives as long as its lock is held, whatever its process is called.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from lottery.files.errors import StudyError

# The list of a run, whose lock tells whether the run lives; for the jobs that it starts.
VARIABLE = "LOTTERY_RUN"
RUNS = Path(".snakemake/runs")
SCRIPTS = ".snakemake/scripts"
SLURM_JOB = "SLURM_JOB_ID"
# Long enough for a step of training and a checkpoint.
END_SECONDS = 600
POLL_SECONDS = 0.1

_held: list[FileLock] = []  # as long as this process lives


def acquire(workflow: Any, folder: Path = RUNS, *, reads: bool = True) -> None:
    """Locks this run's files for as long as the process lives.

    Runs on different files may share a folder. A file system without locks protects nothing. A
    process that runs one after the other, as a notebook does, holds the lock of the last.

    Args:
        workflow: Snakemake's, when it is planned.
        folder: of the lists.
        reads: whether no other run may write what this one reads.

    Raises:
        StudyError: another run reads what this one writes, or writes what this one needs.
    """
    jobs = list(workflow.dag.needrun_jobs())
    mine = {
        "writes": sorted({str(path) for job in jobs for path in job.output}),
        "reads": sorted({str(path) for job in jobs for path in job.input if reads}),
    }
    os.environ.pop(VARIABLE, None)
    try:
        release()
        folder.mkdir(parents=True, exist_ok=True)
        with _lock(folder / "lock"):  # one run at a time reads the lists and adds its own
            for path in sorted(folder.glob("*.json")):
                try:
                    with _lock(path).acquire(blocking=False):
                        path.unlink()  # of a dead run
                except Timeout:
                    _require_apart(mine, json.loads(path.read_bytes()), path.stem)
            # A number of a process may come again, and all too soon in a container.
            name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}.json"
            path = folder.absolute() / name
            _held.append(_lock(path))
            _held[-1].acquire(blocking=False)
            path.write_text(json.dumps(mine))
            os.environ[VARIABLE] = str(path)
    except OSError as error:
        print(f"This folder cannot be kept from other runs: {error}", file=sys.stderr, flush=True)


def release() -> None:
    """Gives back what this process holds; its run has ended."""
    while _held:
        _held.pop().release()


def _lock(path: Path) -> FileLock:
    # Without the fallback to the mere presence of a file, which would outlive a killed process.
    return FileLock(path, fallback_to_soft=False)


def _require_apart(
    mine: Mapping[str, Sequence[str]], theirs: Mapping[str, Sequence[str]], run: str
) -> None:
    for writer, other in ((mine, theirs), (theirs, mine)):
        if both := {*writer["writes"]} & {*other["writes"], *other["reads"]}:
            host, process, _ = run.rsplit("-", 2)
            raise StudyError(
                f"Another run works in this folder (process {process} on {host}) and uses "
                f"{min(both)}, too: wait until it has finished, or end it first."
            )


def end_left_jobs(folder: Path | None = None, seconds: float = END_SECONDS) -> None:
    """Ends the jobs that a killed run has left on this machine, and waits for their end.

    They get SIGTERM: a training or a search keeps its checkpoint and is continued later. One that
    was stopped (SIGSTOP) is woken up for it.

    Raises:
        StudyError: a job does not end in time.
    """
    folder = folder or Path.cwd()
    left = left_jobs(psutil.process_iter(), folder)
    if not left:
        return
    print(
        f"Ending {len(left)} job{'s' * (len(left) > 1)} that an earlier run left behind: "
        + ", ".join(f"process {process.pid}" for process in left),
        file=sys.stderr,
        flush=True,
    )
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
            process.resume()
    deadline = time.monotonic() + seconds
    # Not psutil.wait_procs, which also waits for a process that has ended but whose parent never
    # asks for its exit status, as in a container without an init process.
    while running := {*left} & {*left_jobs(psutil.process_iter(), folder)}:
        if time.monotonic() > deadline:
            raise StudyError(
                "Jobs that an earlier run left behind do not end (process "
                f"{', '.join(sorted(str(process.pid) for process in running))}): end them, then "
                "run again."
            )
        time.sleep(POLL_SECONDS)


def left_jobs(processes: Iterable[psutil.Process], folder: Path) -> list[psutil.Process]:
    """Those of this user's processes that run a step of a run's folder for a run that is dead.

    Jobs of a cluster are left to the cluster.
    """
    scripts = f"{os.path.realpath(folder)}/{SCRIPTS}/"
    left = []
    for process in processes:
        with suppress(psutil.Error):  # it has ended, or is of another user
            if (
                any(argument.startswith(scripts) for argument in process.cmdline()[1:3])
                and process.uids().real == os.getuid()
                and _is_left(process.environ())
            ):
                left.append(process)
    return left


def _is_left(environment: Mapping[str, str]) -> bool:
    """Whether a job's environment names a run of this machine that lives no more."""
    run = environment.get(VARIABLE, "")
    ours = environment.get(SLURM_JOB) == os.environ.get(SLURM_JOB)
    return run != "" and ours and not lives(Path(run))


def lives(run: Path) -> bool:
    """Whether the run whose list this is still works."""
    if not run.exists():
        return False  # the next run has removed it
    try:
        with _lock(run).acquire(blocking=False):
            return False
    except (Timeout, OSError):
        return True
