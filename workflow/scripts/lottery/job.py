"""One job of the workflow: its log, its environment, its device, its provenance.

The scripts of the rules call `run` and nothing else. It is light on purpose: everything heavy is
imported by the step, after the environment that the libraries read at import time has been set.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TextIO

from lottery.device import VISIBLE, Lease, lease
from lottery.errors import StudyError
from lottery.provenance import NAME, Record
from lottery.resume import DEFAULT_MINUTES, Checkpoint
from lottery.resume import NAME as CHECKPOINT

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "RAYON_NUM_THREADS",  # the tokenizers' own pool
)
FETCH = "fetch_"  # the rules that may use the network begin with it

log = logging.getLogger(__name__)


def run(
    step: str | Callable[..., None],
    snakemake: Any,
    *,
    gpu: bool = False,
    resumable: bool = False,
    **keywords: object,
) -> NoReturn:
    """Runs one step as the job that Snakemake describes, and ends the process.

    What the step and its libraries print goes to the rule's log. An error ends the job with exit
    status 1: a `StudyError` as its one sentence, any other with its stack trace in the log and one
    line on the terminal. `provenance.json` is written last, so its presence means success.

    Args:
        step: The rule's name; the function `lottery.steps.<name>.<name>` is imported once the
            environment is set. Or a function.
        snakemake: The object that Snakemake hands to scripts.
        gpu: Whether the step computes on a device, which it then leases.
        resumable: Whether the step takes a `checkpoint`, the place where it keeps what it has done.
        **keywords: What the step is called with.
    """
    terminal = os.fdopen(os.dup(sys.stderr.fileno()), "w", buffering=1)
    # Importing torch makes a million objects that stay: looking through them for garbage every 700
    # objects takes a fifth of the import.
    gc.set_threshold(50_000, 20, 50)
    # A terminated job ends like a failed one: leases and temporary files are cleaned up.
    signal.signal(signal.SIGTERM, _terminated)
    status = 0
    try:
        with _logging_to(snakemake.log[0] if len(snakemake.log) else None):
            _run(step, snakemake, gpu, resumable, keywords, terminal)
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
    # what they have to say of an interruption would hide the last line of the log.
    os._exit(status)


def cell_of(wildcards: Any, **fixed: str) -> dict[str, Any]:
    """The cell of the grid that a job works on: its wildcards, the seed as a number."""
    cell = dict(wildcards.items()) | fixed
    return cell | {"seed": int(cell["seed"])}


def _run(
    step: str | Callable[..., None],
    snakemake: Any,
    gpu: bool,
    resumable: bool,
    keywords: dict[str, object],
    terminal: TextIO,
) -> None:
    try:
        _set_environment(snakemake)
        log.info("%s %s", snakemake.rule, _told(snakemake.wildcards.items()))
        record = Record(snakemake)
        # From the config, not from params: how jobs share devices changes no result.
        slots = snakemake.config.get("compute", {}).get("slots_per_gpu", 1)
        checkpoint = _checkpoint(snakemake, record) if resumable else Checkpoint()
        if resumable:
            keywords = keywords | {"checkpoint": checkpoint}
        with _device(gpu, slots) as held:
            slot = "" if held.slot is None else f", slot {held.slot}"
            log.info("device %s%s%s", held.device, f" ({held.name})" if held.name else "", slot)
            _function(step)(**keywords)
            record.write(held, checkpoint.resumed_from)
            checkpoint.remove()
        log.info("finished in %.1f s", record.seconds())
    except StudyError as error:
        log.error("%s", error)
        _fail(terminal, str(error))
    except (KeyboardInterrupt, SystemExit):
        log.error("interrupted")
        raise
    except Exception as error:
        log.critical("%s", traceback.format_exc().rstrip())
        where = f"; see {snakemake.log[0]}" if len(snakemake.log) else ""
        message = " ".join(str(error).split())[:300]
        _fail(terminal, f"{snakemake.rule} failed with {type(error).__name__}: {message}{where}")


def _checkpoint(snakemake: Any, record: Record) -> Checkpoint:
    """Where a job keeps what it has done: beside its record, undeclared."""
    identity = {
        "rule": snakemake.rule,
        "wildcards": dict(snakemake.wildcards.items()),
        "params": dict(snakemake.params.items()),
        "inputs": record.inputs,
    }
    # Not from params either: how often is no matter of the result.
    minutes = snakemake.config.get("compute", {}).get("checkpoint_minutes", DEFAULT_MINUTES)
    return Checkpoint(Path(snakemake.output[NAME]).with_name(CHECKPOINT), identity, minutes)


def _function(step: str | Callable[..., None]) -> Callable[..., None]:
    if not isinstance(step, str):
        return step
    return getattr(importlib.import_module(f"lottery.steps.{step}"), step)


def _set_environment(snakemake: Any) -> None:
    """Sets what libraries read when they are imported."""
    if not snakemake.rule.startswith(FETCH):
        os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    # cuBLAS gives the same sums in every run only with a fixed workspace.
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    threads = snakemake.params.get("torch_threads")
    if threads is not None:
        # Of the config, not of the job: the number of threads changes results in the last bits.
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))


@contextmanager
def _device(gpu: bool, slots_per_gpu: int) -> Iterator[Lease]:
    """A leased device; a job that asked for none sees none."""
    if gpu:
        with lease(slots_per_gpu) as held:
            yield held
    else:
        os.environ[VISIBLE] = ""
        yield Lease("cpu")


@contextmanager
def _logging_to(path: str | None) -> Iterator[None]:
    """Sends log records and everything that is printed, by C libraries too, to the job's log.

    The log is appended to: what an earlier attempt of the job left says why there is another one.
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


def _told(pairs: Any) -> str:
    return " ".join(f"{name}={value}" for name, value in pairs)


def _terminated(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)


def _fail(terminal: TextIO, sentence: str) -> NoReturn:
    print(sentence, file=terminal, flush=True)
    sys.exit(1)
