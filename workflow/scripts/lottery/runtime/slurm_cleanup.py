"""SLURM jobs whose Snakemake has died: found when a run starts, and cancelled.

Snakemake submits jobs and forgets them when it is killed. They go on, and a new run in the same
folder would submit the same steps again: two jobs would then write the same files. A run's lock on
its files keeps other living runs away from them, so any job that works on one of its steps when it
starts is left over. A job is recognized by what the executor gives it: a run's id as its name, the
folder as its working directory, the rule and its wildcards as its comment.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from lottery.files.errors import StudyError

RUN_ID = re.compile(r"(^|_)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
CLIENT_SECONDS = 60  # what squeue and scancel may take
# Long enough for checkpoints on SIGTERM and for a cluster's work after a job.
END_SECONDS = 600
POLL_SECONDS = 1.0


class SlurmJob(NamedTuple):
    """A job that waits, runs or is ending, as squeue lists it."""

    id: str
    name: str
    folder: str
    comment: str


def cancel_orphans(workflow: Any, seconds: float = END_SECONDS) -> None:
    """Cancels earlier runs' SLURM jobs that work on this run's steps, and waits for their end.

    Does nothing on a machine without SLURM's programs.

    Args:
        workflow: Snakemake's, when it is planned and locked, and has submitted no job.
        seconds: how long to wait.

    Raises:
        StudyError: jobs are submitted to SLURM but it cannot be asked, or cancelled jobs do not
            end in time.
    """
    if shutil.which("squeue") is None:
        return
    try:
        left = orphans(_listed(), {_comment(job) for job in workflow.dag.jobs}, Path.cwd())
        if not left:
            return
        print(
            f"Cancelling {len(left)} SLURM job{'s' * (len(left) > 1)} that an earlier run left "
            f"behind: {', '.join(f'{job.id} ({job.comment})' for job in left)}",
            file=sys.stderr,
            flush=True,
        )
        _run("scancel", *(job.id for job in left))
        _wait_for({job.id for job in left}, seconds)
    except (OSError, subprocess.SubprocessError) as error:
        if workflow.local_exec:
            return  # SLURM's programs may be there without a cluster, and this run needs none
        reason = " ".join(str(getattr(error, "stderr", None) or error).split())[:200]
        raise StudyError(
            f"SLURM cannot be asked for jobs that an earlier run left behind ({reason}); "
            "start again when squeue answers."
        ) from error


def orphans(listed: Iterable[SlurmJob], comments: set[str], folder: Path) -> list[SlurmJob]:
    """The listed jobs that a dead run submitted for steps of this one.

    Args:
        listed: the user's jobs, none of them submitted by this run.
        comments: of this run's steps.
        folder: of this run.
    """
    here = os.path.realpath(folder)
    return [
        job
        for job in listed
        if RUN_ID.search(job.name)
        and job.comment in comments
        and os.path.realpath(job.folder) == here
    ]


def _comment(job: Any) -> str:
    """What the SLURM executor writes into the comment of a job."""
    values = "_".join(job.wildcards).replace("/", "_")
    return f"rule_{job.rule.name}" + (f"_wildcards_{values}" if values else "")


def _listed() -> list[SlurmJob]:
    """This user's jobs that have not ended."""
    user = str(os.getuid())
    lines = _run("squeue", "--noheader", "--user", user, "--format", "%i|%j|%Z|%k").splitlines()
    return [SlurmJob(*line.split("|", 3)) for line in lines if line.count("|") > 2]


def _wait_for(ids: set[str], seconds: float) -> None:
    """Waits until none of the jobs is listed any more: then none of them writes."""
    deadline = time.monotonic() + seconds
    while left := ids & {job.id for job in _listed()}:
        if time.monotonic() > deadline:
            raise StudyError(
                f"The SLURM jobs {', '.join(sorted(left))}, which an earlier run left behind, have "
                f"been cancelled but not ended in {seconds:g} seconds: start again when squeue no "
                "longer lists them."
            )
        time.sleep(POLL_SECONDS)


def _run(*command: str) -> str:
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=CLIENT_SECONDS,
        check=True,
    ).stdout
