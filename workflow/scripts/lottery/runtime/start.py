"""What is checked when a run starts on this machine, after planning and before the first job."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import FrameType
from typing import Any

from lottery.files.errors import StudyError
from lottery.runtime.gpu_lease import VISIBLE, allowed_devices, no_gpu

_signals: list[str] = []  # what was announced
CLOCKS_DIFFER = 60  # seconds at most, between this machine and one that has written files


def stop_on_error(function: Callable[..., Any], *arguments: object) -> Any:
    """Calls a function, and ends the run with the sentence of a `StudyError`.

    Any exception would be printed with a line of the Snakefile, which is not what is wrong.
    """
    try:
        return function(*arguments)
    except StudyError as error:
        sys.exit(f"Error: {error}")


def handle_signals() -> None:
    """Announces that a signal ends the run, and lets Snakemake answer SIGTERM at any moment.

    Snakemake's handler of SIGTERM waits for the lock of its scheduler. Python calls handlers in the
    main thread, and where the signal meets the scheduler there with the lock in its hands, as while
    it counts a finished job, the run would hang for ever. So the handler, which the scheduler
    installs when it begins, gets a thread of its own.
    """
    from snakemake.scheduling.job_scheduler import JobScheduler

    exit_gracefully = JobScheduler.exit_gracefully

    _signals.clear()

    def end(scheduler: JobScheduler, *given: object) -> None:
        _announce("Ending as soon as the running steps have finished (SIGTERM).")
        threading.Thread(target=exit_gracefully, args=(scheduler, *given), daemon=True).start()

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _announce("Ending as soon as the running steps have ended (SIGINT).")
        signal.default_int_handler(number, frame)

    JobScheduler.exit_gracefully = end
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)


def ask_sizes_once() -> None:
    """Lets Snakemake's scheduler ask for the size of each input once.

    Whenever it chooses among the jobs that are ready, it asks for the sizes of all their inputs:
    with hundreds of such jobs that takes a third of a core. Inputs of jobs that are ready are
    finished, so their sizes do not change.
    """
    from snakemake.scheduling.job_scheduler import JobScheduler

    async def size_of(path: Any) -> int | None:
        return await path.size() if await path.exists() else None

    async def update_input_sizes(scheduler: Any, jobs: Iterable[Any]) -> None:
        known = scheduler._input_sizes
        new = list({path for job in jobs for path in job.input if path not in known})
        known.update(zip(new, await asyncio.gather(*map(size_of, new)), strict=True))

    JobScheduler.update_input_sizes = update_input_sizes


def look_again_once() -> None:
    """Lets one timer at a time wake Snakemake's scheduler.

    After each look for jobs that can start it sets a timer for the next one, a second later. So
    every job that ends adds a look to each second of the rest of the run, and after some hundreds
    of jobs the scheduler does nothing else.
    """
    from snakemake.scheduling.job_scheduler import JobScheduler

    def schedule(scheduler: Any, delay: float) -> None:
        if not vars(scheduler).get("_waits", False):
            scheduler._waits = True
            timer = threading.Timer(delay, wake, [scheduler])
            timer.daemon = True  # the run may end before
            timer.start()

    def wake(scheduler: Any) -> None:
        scheduler._waits = False  # before the look that sets the next timer
        scheduler._open_jobs.release()

    JobScheduler._schedule_reevalutation = schedule


def is_ending() -> bool:
    """Whether a signal has ended this run."""
    return bool(_signals)


def _announce(line: str) -> None:
    _signals.append(line)
    # Not by print: the signal may have come while it was writing.
    os.write(sys.stderr.fileno(), f"{line}\n".encode())


def warn_of_threads(workflow: Any, torch_threads: int) -> None:
    """Warns of more threads than the run has cores, which makes it very slow.

    It is no error: another number of threads gives other results, by rounding.
    """
    if workflow.local_exec and torch_threads > workflow.cores:
        print(
            f"compute.torch_threads is {torch_threads}, but this run has {workflow.cores} cores "
            "(--cores): the threads will wait for each other, and every step takes longer.",
            file=sys.stderr,
            flush=True,
        )


def require_past_dates(workflow: Any) -> None:
    """Rejects a run in a study whose files are dated after now, as when a clock was set back.

    Snakemake goes by dates. A step that is made again would look older than what was made of it
    before, which would then stay as it is if the run ends in between. And a step that reads a file
    of the future would end with outputs older than its input, which Snakemake removes.

    Raises:
        StudyError: a finished file is dated after now.
    """
    now = time.time()
    dates = {
        str(path): os.path.getmtime(path)
        for job in workflow.dag.jobs
        for path in job.output
        if os.path.exists(path)
    }
    later = {path: date for path, date in dates.items() if date > now + CLOCKS_DIFFER}
    if later:
        path = max(later, key=dates.__getitem__)
        raise StudyError(
            f"{len(later)} file{'s' * (len(later) > 1)} of this study "
            f"{'are' if len(later) > 1 else 'is'} dated after now, as {path} "
            f"({_local_time(later[path])}; now it is {_local_time(now)}), and Snakemake goes by "
            "dates: set the clock right, or set the dates back as docs/reruns.md shows."
        )


def _local_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).isoformat(" ", "seconds")


def check_gpus(workflow: Any, compute: Mapping[str, Any]) -> None:
    """Rejects a run that wants GPUs it cannot have, or does not limit its GPU jobs at a time.

    Snakemake limits jobs by a resource only where the run states its total. Without one, all GPU
    jobs that the cores allow would start at once, load their data and wait for a free device.

    Raises:
        StudyError: GPU jobs are to run here, and CUDA_VISIBLE_DEVICES cannot be read, there is no
            device though the config wants one, or there are devices and no total of `gpu`.
    """
    if not workflow.local_exec or compute["device"] == "cpu":
        return
    if not any(job.resources.get("gpu") for job in workflow.dag.needrun_jobs()):
        return
    devices = allowed_devices()
    if compute["device"] == "cuda" and not devices:
        raise no_gpu()
    if devices and "gpu" not in workflow.global_resources:
        raise StudyError(
            f"This run may use {len(devices)} GPU{'s' * (len(devices) > 1)} but states no total of "
            "gpu, so nothing limits its GPU jobs: add --resources "
            f"gpu={len(devices) * compute['slots_per_gpu']}, or {VISIBLE}= in front of the command "
            "to compute on the CPU."
        )
