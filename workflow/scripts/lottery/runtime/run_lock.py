"""One run at a time on the same files, and no job of a dead run left among them.

Snakemake's own lock is a list of files that it looks for before it writes one: two runs that start
in the same second both find none, `--unlock` takes it away from a run that lives, and one that ends
takes away the lists of all. So every run also holds a lock of the operating system, which only the
end of its process gives back, on a list of what it reads and writes.

A run on this machine that is killed leaves its jobs working. Nobody waits for them, and the next
run would start the same steps beside them.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from lottery.files.errors import StudyError

RUNS = Path(".snakemake/runs")
SCRIPTS = ".snakemake/scripts"
# Long enough for a step of training and a checkpoint.
END_SECONDS = 600
POLL_SECONDS = 0.1

_held: list[TextIO] = []  # open as long as this process lives


class Process(NamedTuple):
    """A process of this machine."""

    id: int
    parent: int
    arguments: tuple[str, ...]


def occupy(workflow: Any, folder: Path = RUNS) -> None:
    """Takes this run's files for as long as the process lives.

    Runs on different files may share a folder. A file system without locks protects nothing.

    Args:
        workflow: Snakemake's workflow, at its start.
        folder: where runs list their files.

    Raises:
        StudyError: another run reads what this one writes, or writes what this one needs.
    """
    jobs = list(workflow.dag.needrun_jobs())
    files = {
        "writes": sorted({str(path) for job in jobs for path in job.output}),
        "reads": sorted({str(path) for job in jobs for path in job.input}),
    }
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _alone(folder):
            for name, theirs in _others(folder):
                if shared := _shared(files, theirs):
                    raise StudyError(
                        f"Another run works in this folder ({name}) and uses {shared}, too: wait "
                        "until it has finished, or end it first."
                    )
            _list(folder, files)
    except OSError as error:
        print(f"This folder cannot be kept from other runs: {error}", file=sys.stderr, flush=True)


def end_left_jobs(folder: Path | None = None, seconds: float = END_SECONDS) -> None:
    """Ends the jobs that a killed run has left on this machine, and waits for their end.

    They get SIGTERM: a training or a search keeps its checkpoint and is gone on with.

    Args:
        folder: of the run; the current one if None.
        seconds: how long to wait for them.

    Raises:
        StudyError: a job does not end in time.
    """
    processes = {process.id: process for process in _processes()}
    left = left_jobs(processes, folder or Path.cwd())
    if not left:
        return
    told = ", ".join(f"process {process.id}" for process in left)
    print(
        f"Ending {len(left)} job{'s' * (len(left) > 1)} that an earlier run left behind: {told}",
        file=sys.stderr,
        flush=True,
    )
    for process in left:
        with suppress(ProcessLookupError):
            os.kill(process.id, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while running := {each.id for each in _processes()} & {each.id for each in left}:
        if time.monotonic() > deadline:
            raise StudyError(
                f"Jobs that an earlier run left behind do not end (process "
                f"{', '.join(map(str, sorted(running)))}): end them, then run again."
            )
        time.sleep(POLL_SECONDS)


def left_jobs(processes: dict[int, Process], folder: Path) -> list[Process]:
    """The processes that run a step in a folder while the Snakemake that started them is gone.

    Args:
        processes: by id.
        folder: the working directory of the run.
    """
    scripts = f"{os.path.realpath(folder)}/{SCRIPTS}/"
    return [
        process
        for process in processes.values()
        if any(argument.startswith(scripts) for argument in process.arguments[1:3])
        and not any(_is_snakemake(other) for other in _ancestors(process, processes))
    ]


def _ancestors(process: Process, processes: dict[int, Process]) -> Iterator[Process]:
    while (parent := processes.get(process.parent)) is not None:
        yield parent
        process = parent


def _is_snakemake(process: Process) -> bool:
    """Whether a process is a run: `snakemake`, or python with the program or its module."""
    first = [argument.rpartition("/")[2] for argument in process.arguments[:6]]
    return "snakemake" in first


def _processes() -> Iterable[Process]:
    """This user's processes, without those that have ended and are not yet collected."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if folder.stat().st_uid != os.getuid():
                continue
            arguments = (folder / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
            state, parent, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
            if state not in "ZX":
                told = tuple(os.fsdecode(argument) for argument in arguments)
                yield Process(int(folder.name), int(parent), told)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Lets one run at a time look at the lists and add its own."""
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _others(folder: Path) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """The lists of living runs, with host and process; those of dead ones are removed."""
    for path in sorted(folder.glob("*.json")):
        with path.open("r+") as file:  # network file systems lock only what may be written
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                host, _, process = path.stem.rpartition("-")
                yield f"process {process} on {host}", json.load(file)
            else:
                path.unlink()


def _shared(mine: dict[str, list[str]], theirs: dict[str, list[str]]) -> str:
    """The first file that one run writes and the other needs; empty if there is none."""
    for writer, other in ((mine, theirs), (theirs, mine)):
        both = set(writer["writes"]) & {*other["writes"], *other["reads"]}
        if both:
            return min(both)
    return ""


def _list(folder: Path, files: dict[str, list[str]]) -> None:
    """Writes and locks this run's list."""
    path = folder / f"{socket.gethostname()}-{os.getpid()}.json"
    file = path.open("w")
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    json.dump(files, file)
    file.flush()
    _held.append(file)
