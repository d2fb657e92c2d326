"""What is checked when a run starts on this machine, after planning and before the first job."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from lottery.files.errors import StudyError
from lottery.runtime.cuda_devices import allowed_devices
from lottery.runtime.gpu_lease import VISIBLE


def stop_on_error(function: Callable[..., Any], *arguments: object) -> Any:
    """Calls a function, and ends the run with its sentence where it refuses something.

    Any exception would be printed with a line of the Snakefile, which is not what is wrong.
    """
    try:
        return function(*arguments)
    except StudyError as error:
        sys.exit(f"Error: {error}")


def answer_in_thread(number: int = signal.SIGTERM) -> None:
    """Lets the present answer to a signal be given by a thread of its own.

    Snakemake's answer to SIGTERM waits for the lock of its scheduler. Python gives answers in the
    main thread, and where the signal meets the scheduler there with the lock in its hands, as while
    it counts a finished job, the run would hang for ever.

    Args:
        number: of the signal.
    """
    answer = signal.getsignal(number)
    if callable(answer):
        signal.signal(
            number, lambda *given: threading.Thread(target=answer, args=given, daemon=True).start()
        )


def warn_of_threads(workflow: Any, torch_threads: int) -> None:
    """Says that torch is to use more threads than the run has cores, which makes it very slow.

    It is no error: another number of threads gives other results, by rounding.

    Args:
        workflow: Snakemake's workflow, at its start.
        torch_threads: of the config.
    """
    if workflow.local_exec and torch_threads > workflow.cores:
        print(
            f"compute.torch_threads is {torch_threads}, but this run has {workflow.cores} cores "
            "(--cores): the threads will wait for each other, and every step takes longer.",
            file=sys.stderr,
            flush=True,
        )


def require_gpu_total(workflow: Any, slots_per_gpu: int) -> None:
    """Refuses a run whose GPU jobs nobody counts.

    Snakemake limits jobs by a resource only where the run states its total. Without one, all GPU
    jobs that the cores allow would start at once, load their data and wait for a free device.

    Args:
        workflow: Snakemake's workflow, at its start.
        slots_per_gpu: jobs that may share a device.

    Raises:
        StudyError: GPU jobs are to run here, there are devices, and no total of `gpu` is given.
    """
    if not workflow.local_exec or "gpu" in workflow.global_resources:
        return
    if not any(job.resources.get("gpu") for job in workflow.dag.needrun_jobs()):
        return
    devices = allowed_devices(os.environ.get(VISIBLE))
    if devices:
        total = len(devices) * slots_per_gpu
        raise StudyError(
            f"This run may use {len(devices)} GPU{'s' * (len(devices) > 1)} but states no total of "
            f"gpu, so nothing limits its GPU jobs: add --resources gpu={total}, or {VISIBLE}= in "
            "front of the command to compute on the CPU."
        )
