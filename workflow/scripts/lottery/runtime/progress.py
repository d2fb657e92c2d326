"""What a run shows on the terminal: one line per finished step, with how many are left.

Snakemake sends records about its jobs through Python's logging, with the fields that its interface
for logger plugins documents. The Snakefile calls `show` when a run starts; Snakemake's own log
file under `.snakemake/log` keeps every detail.
"""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path
from typing import TextIO

from lottery.runtime.failures import Failure, rerun_command, summary

LOGGER = "snakemake.logging"
# What Snakemake says of a script that has already said itself why it failed.
EMPTY_WORDS = "RuleException:\nCalledProcessError in file"
# What it says of a signal to itself, on a level that is not shown, and what that means.
ENDING = {
    "Will exit after finishing": "Ending as soon as the running steps have finished (SIGTERM).",
    "Terminating processes on user": "Ending as soon as the running steps have ended (SIGINT).",
}


class Progress(logging.Handler):
    """Turns Snakemake's records into one line per step."""

    def __init__(self, stream: TextIO, skip: tuple[str, ...] = ("all",)) -> None:
        """Begins with nothing seen.

        Args:
            stream: Where the lines go.
            skip: Rules that make nothing themselves; they are counted in silence.
        """
        super().__init__()
        self._stream = stream
        self._skip = skip
        self._running: dict[int, tuple[str, float]] = {}
        self._finished: list[str] = []
        self._failed: dict[int, Failure] = {}
        self._ending = ENDING

    @property
    def failures(self) -> list[Failure]:
        """The steps whose last attempt failed, in the order in which they did."""
        return list(self._failed.values())

    def emit(self, record: logging.LogRecord) -> None:
        """Handles one record; those without an event only say that the run is ending."""
        event = str(getattr(record, "event", "") or "")
        if not event:
            self._tell_ending(record.getMessage())
        elif event == "job_info":
            self._running[record.jobid] = (_described(record), time.monotonic())
        elif event == "job_finished":
            self._finish(record.job_id)
        elif event == "progress":
            self._tell(record.done, record.total)
        elif event == "job_error":
            what, _ = self._running.pop(record.jobid, (record.rule_name, 0.0))
            failure = Failure(what, tuple(record.output), tuple(record.log))
            self._failed[record.jobid] = failure
            logs = ", ".join(failure.logs)
            self._write(f"FAILED  {what}" + (f"; see {logs}" if logs else ""))

    def _finish(self, jobid: int) -> None:
        self._failed.pop(jobid, None)  # an earlier attempt
        what, start = self._running.pop(jobid, ("", 0.0))
        if what and what not in self._skip:
            self._finished.append(f"{what} ({time.monotonic() - start:.0f} s)")

    def _tell(self, done: int, total: int) -> None:
        """Tells what has finished since the last count; several jobs may share one count."""
        for what in self._finished:
            self._write(f"{done} of {total} done, {total - done} left:  {what}")
        self._finished.clear()

    def _tell_ending(self, message: str) -> None:
        """Says once that the run was told to end, and what it waits for."""
        for start, line in self._ending.items():
            if message.startswith(start):
                self._write(line)
                self._ending = {}
                return

    def _write(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


def show(stream: TextIO | None = None) -> None:
    """Shows the progress of the run that starts now, and of Snakemake's own lines only warnings.

    Args:
        stream: Where the lines go; standard error, where Snakemake writes, if None.
    """
    logger = logging.getLogger(LOGGER)
    for handler in logger.handlers:
        if isinstance(handler, logging.StreamHandler) and not _is_file(handler):
            handler.setLevel(logging.WARNING)
            handler.addFilter(_says_something)
    logger.addHandler(Progress(stream or sys.stderr))


def show_results(results: str) -> None:
    """Says where the report, the table and the figures are, those that there are.

    Args:
        results: the folder of the study's results.
    """
    if not Path(results, "tables/summary.md").exists():
        return
    if Path(results, "report.html").exists():
        print(f"Report:  {results}/report.html")
    print(f"Table:   {results}/tables/summary.md")
    print(f"Figures: {results}/figures/")


def show_failures(unfinished: int, *, moved: bool, stream: TextIO | None = None) -> None:
    """Says which steps failed, how their logs end, and which commands rerun one alone.

    Args:
        unfinished: how many steps of the run have not finished.
        moved: whether the run has a folder of its own (`--directory`).
        stream: Where the lines go; standard error if None.
    """
    handlers = logging.getLogger(LOGGER).handlers
    failures = [each for one in handlers if isinstance(one, Progress) for each in one.failures]
    if failures:
        command = rerun_command(sys.argv[1:])
        text = summary(failures, unfinished - len(failures), command, moved=moved)
        print(f"\n{text}\n", file=stream or sys.stderr, flush=True)


def _says_something(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(EMPTY_WORDS)


def _is_file(handler: logging.Handler) -> bool:
    return isinstance(handler, logging.FileHandler)


def _described(record: logging.LogRecord) -> str:
    """The rule's message, or its name with the wildcards."""
    values = ", ".join(str(value) for value in (record.wildcards or {}).values())
    return record.rule_msg or (f"{record.rule_name}  {values}" if values else record.rule_name)
