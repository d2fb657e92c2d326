"""One job of the workflow: its log, its environment, its device, its provenance.

`run_step.py`, the one script of all rules, calls `run` alone. This module is light on purpose:
everything heavy is imported by the step, after the environment that the libraries read at import
time has been set.

A rule reaches its step by convention. `params.step` holds the step's name and stage version. What
the rule has becomes the step's keywords: an input or output `x` becomes `path_to_x`, a list of them
`paths_to_x` (`NOT_HANDED` and the record aside); the entries of `params.settings` keep their names,
and so do wildcards that the step asks for. `params.sources` holds the digests of the user's own
files, which a step finds by its settings. Three more are given to steps that ask for them:
`checkpoint` (where a long step keeps what it has done), `data_warnings` (from the config; no result
depends on it) and `say` (prints to the terminal).
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import inspect
import logging
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TextIO

from lottery.files.errors import StudyError
from lottery.files.workflow import WORKFLOW
from lottery.runtime import digests, plan
from lottery.runtime.advice import advice
from lottery.runtime.gpu_lease import ORDER, VISIBLE, Lease, device_order, lease, no_gpu
from lottery.runtime.provenance import NAME, Record
from lottery.runtime.resume import DEFAULT_MINUTES, REPEATED, SIGNALS, Checkpoint
from lottery.runtime.resume import NAME as CHECKPOINT
from lottery.runtime.stages import step_of

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "RAYON_NUM_THREADS",  # the tokenizers' own pool
)
FETCH = "fetch_"  # the steps that may use the network begin with it
# An input that is not handed to steps: a text that the caption of a figure includes.
NOT_HANDED = "note"

log = logging.getLogger(__name__)


def run(snakemake: Any) -> NoReturn:
    """Runs the step that a job's params name, and ends the process.

    What the step and its libraries print goes to the rule's log. An error ends the job with exit
    status 1: a `StudyError` as its one sentence, any other with its stack trace in the log and one
    line on the terminal. `provenance.json` is written last, so its presence means success.
    """
    terminal = os.fdopen(os.dup(sys.stderr.fileno()), "w", buffering=1)
    # Importing torch makes a million objects that stay: looking through them for garbage every 700
    # objects takes a fifth of the import.
    gc.set_threshold(50_000, 20, 50)
    # A terminated job ends like a failed one: leases and temporary files are cleaned up.
    for number in SIGNALS:
        if number != signal.SIGINT and signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, _terminated)
    path = snakemake.log[0] if len(snakemake.log) else None
    status = 0
    try:
        with _logging_to(path):
            try:
                _run(snakemake, terminal)
            except StudyError as error:
                log.error("%s", error)
                raise
            except KeyboardInterrupt:
                log.error("interrupted (SIGINT)")
                raise
            except _Terminated as ended:
                log.error("interrupted (%s)", signal.Signals(ended.number).name)
                raise
            except Exception as error:
                log.critical("%s", traceback.format_exc().rstrip())
                raise StudyError(_sentence(error, snakemake, path)) from error
    except StudyError as error:
        print(error, file=terminal, flush=True)
        status = 1
    except KeyboardInterrupt:
        status = 128 + signal.SIGINT
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    # All is written. Taking torch's modules apart object by object would take another 0.4 s, and
    # what they print at an interruption would hide the last line of the log.
    os._exit(status)


def _sentence(error: Exception, job: Any, log_path: str | None) -> str:
    """An error that no step has foreseen, in one line."""
    step, message = step_of(job), " ".join(str(error).split())[:300]
    compute = job.config.get("compute", {})
    reason = advice(error, step, compute.get("slots_per_gpu", 1))
    return (
        f"{step} failed with {type(error).__name__}: {message}"
        + (f"; {reason}" if reason else "")
        + (f"; see {log_path}" if log_path else "")
    )


def keywords_of(job: Any) -> dict[str, Any]:
    """What a job's rule gives its step: keyword -> value (see this module's docstring)."""
    named = {name: value for name, value in job.input.items() if name != NOT_HANDED}
    named |= {name: value for name, value in job.output.items() if name != NAME}
    for name, pairs in job.params.get("resources", {}).items():  # see lottery.runtime.bundled
        if isinstance(pairs[0], str):
            named[name] = str(WORKFLOW / pairs[0])
        else:
            named[name] = [WORKFLOW / path for path, _ in pairs]
    keywords: dict[str, Any] = {}
    for name, value in named.items():
        if isinstance(value, str):
            keywords[f"path_to_{name}"] = Path(value)
        else:
            keywords[f"paths_to_{name}"] = [Path(path) for path in value]
    threads = job.params.get("torch_threads")
    if threads is not None:
        keywords["torch_threads"] = threads
    return keywords | dict(job.params.get("settings", {}))


def wildcards_of(job: Any) -> dict[str, Any]:
    """A job's wildcards, the seed as a number."""
    return {n: int(v) if n in ("seed", "step") else v for n, v in job.wildcards.items()}


def _run(snakemake: Any, terminal: TextIO) -> None:
    step = step_of(snakemake)
    _set_environment(snakemake, step)
    cell = " ".join(f"{name}={value}" for name, value in snakemake.wildcards.items())
    log.info("%s %s", step, cell)
    sources = dict(snakemake.params.get("sources", {}))
    digests.require(sources)
    record = Record(snakemake, step)
    # From the config, not from params: how jobs use the machine changes no result.
    compute = snakemake.config.get("compute", {})
    with _device(bool(snakemake.resources.get("gpu")), compute) as held:
        slot = "" if held.slot is None else f", slot {held.slot}"
        log.info("device %s%s%s", held.device, f" ({held.name})" if held.name else "", slot)
        function = getattr(importlib.import_module(f"lottery.steps.{step}"), step)
        plan.check(snakemake)
        wanted = inspect.signature(function).parameters
        if "checkpoint" in wanted:
            checkpoint = _checkpoint(snakemake, step, record, compute)
        else:
            checkpoint = Checkpoint()

        def say(line: str) -> None:
            print(line, flush=True)
            print(line, file=terminal, flush=True)

        offered = wildcards_of(snakemake) | {
            "checkpoint": checkpoint,
            "data_warnings": snakemake.config.get("data_warnings", "warn"),
            "say": say,
        }
        asked_for = {name: value for name, value in offered.items() if name in wanted}
        function(**asked_for | keywords_of(snakemake))
        plan.check_code(snakemake)
        digests.require(sources)  # they may have changed while the step read them
        record.write(held, checkpoint.resumed_from)
    log.info("finished in %.1f s", record.seconds())


def _checkpoint(
    snakemake: Any, step: str, record: Record, compute: Mapping[str, Any]
) -> Checkpoint:
    """Where a job keeps what it has done: next to its record, undeclared."""
    identity = {
        "step": step,
        "wildcards": dict(snakemake.wildcards.items()),
        "params": dict(snakemake.params.items()),
        "inputs": record.inputs,
    }
    minutes = compute.get("checkpoint_minutes", DEFAULT_MINUTES)
    return Checkpoint(Path(snakemake.output[NAME]).with_name(CHECKPOINT), identity, minutes)


def _set_environment(snakemake: Any, step: str) -> None:
    """Sets what libraries read when they are imported."""
    if not step.startswith(FETCH):
        os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ[ORDER] = device_order()
    threads = snakemake.params.get("torch_threads")
    if threads is not None:
        # Of the config, not of the job: the number of threads changes results in the last bits.
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))


@contextmanager
def _device(gpu: bool, compute: Mapping[str, Any]) -> Iterator[Lease]:
    """A leased device; a job that asked for none, or may have none, sees none."""
    wanted = compute.get("device", "auto")
    if gpu and wanted != "cpu":
        with lease(compute.get("slots_per_gpu", 1)) as held:
            if wanted == "cuda" and held.slot is None:
                raise no_gpu()
            yield held
    else:
        os.environ[VISIBLE] = ""
        yield Lease("cpu")


@contextmanager
def _logging_to(path: str | None) -> Iterator[None]:
    """Sends log records and everything that is printed, by C libraries too, to the job's log.

    The log is appended to: what an earlier attempt of the job left explains why there is another.
    """
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    if path is None:
        logging.basicConfig(stream=sys.stderr, level=logging.INFO, force=True)
        yield
        return
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        file = target.open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        raise StudyError(f"The log {path} cannot be written: {error.strerror}.") from error
    with file:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(file.fileno(), stream.fileno())
        faulthandler.enable(file)
        handler = logging.StreamHandler(file)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        root.handlers = [handler]
        logging.captureWarnings(True)
        try:
            yield
        finally:
            faulthandler.disable()  # it knows the file's number only, which others may get


class _Terminated(SystemExit):
    """A signal ends the job."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


def _terminated(number: int, frame: object) -> NoReturn:
    if number == REPEATED:
        signal.signal(number, signal.SIG_IGN)
    raise _Terminated(number)
