"""What a run shows on the terminal: a line per finished step, and at its end the failed steps.

Snakemake sends records about its jobs through Python's logging, with the fields that its interface
for logger plugins documents. `show` is called when a run starts; Snakemake's own log file under
`.snakemake/log` keeps every detail.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import shlex
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TextIO

LOGGER = "snakemake.logging"
DATA_SUMMARY = "summary.json"  # what the steps that fetch and tokenise tasks write of the data
STAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ (?P<level>[A-Z]+) ")  # of a job's log
# Options that choose what is made: they have no place in the command for one step.
OF_THE_RUN = {
    *("force", "forceall", "forcerun", "until", "omit_from", "batch", "target_jobs", "prioritize"),
    *("keep_going", "allowed_rules", "touch"),
}


class Failure(NamedTuple):
    """A step that failed: in words, with the files that it should have made and its logs."""

    description: str
    outputs: Sequence[str]
    logs: Sequence[str]


class Progress(logging.Handler):
    """Turns Snakemake's records into one line per step.

    `failures` holds the steps whose last attempt failed, by job, in the order in which they did.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._running: dict[int, tuple[str, float, Sequence[str]]] = {}
        self._finished: list[tuple[str, Sequence[str]]] = []
        self.failures: dict[int, Failure] = {}

    def emit(self, record: Any) -> None:
        """Handles one record, with the fields that Snakemake gives it."""
        event = str(getattr(record, "event", ""))
        if event == "job_info":
            outputs = getattr(record, "output", None) or ()
            self._running[record.jobid] = (_description(record), time.monotonic(), outputs)
        elif event == "job_finished":
            self.failures.pop(record.job_id, None)  # an earlier attempt
            step, start, outputs = self._running.pop(record.job_id, ("", 0.0, ()))
            if step and step != "all":
                self._finished.append((f"{step} ({time.monotonic() - start:.0f} s)", outputs))
        elif event == "progress":  # several jobs may share one count
            done, total = record.done, record.total
            for step, outputs in self._finished:
                self._write(f"{done} of {total} done, {total - done} left:  {step}")
                for warning in data_warnings(outputs):
                    self._write(f"  warning: {warning}")
            self._finished.clear()
        elif event == "job_error":
            step, *_ = self._running.pop(record.jobid, (record.rule_name, 0.0, ()))
            self.failures[record.jobid] = Failure(step, record.output, record.log)
            logs = f"; see {', '.join(record.log)}" if record.log else ""
            self._write(f"FAILED  {step}{logs}")

    def _write(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


def data_warnings(paths: Iterable[str]) -> list[str]:
    """The warnings in the summaries of data among some files; none where one cannot be read."""
    warnings = []
    for path in paths:
        if Path(path).name == DATA_SUMMARY:
            try:
                warnings += json.loads(Path(path).read_bytes())["warnings"]
            except (OSError, ValueError, LookupError, TypeError):
                continue
    return warnings


def show() -> None:
    """Shows the progress of the run that starts now, and of Snakemake's own lines only warnings."""
    logger = logging.getLogger(LOGGER)
    for handler in logger.handlers:
        if isinstance(handler, logging.StreamHandler) and not isinstance(
            handler, logging.FileHandler
        ):
            handler.setLevel(logging.WARNING)
            handler.addFilter(lambda record: not _repeats_a_failure(record))
    logger.addHandler(Progress(sys.stderr))


def _repeats_a_failure(record: logging.LogRecord) -> bool:
    """Whether Snakemake names the script of a step that has already named its own error."""
    of_a_rule = getattr(record, "exception", "") == "RuleException"
    return of_a_rule and "CalledProcessError" in record.getMessage()


def show_results(results: str) -> None:
    """Prints the study's answers, and where in the folder of results report and figures are."""
    if not Path(results, "tables/summary.md").exists():
        return
    if (answers := Path(results, "tables/answers.txt")).exists():
        print(f"\n{answers.read_text(encoding='utf-8')}")
    if Path(results, "report.html").exists():
        print(f"Report:  {results}/report.html")
    print(f"Table:   {results}/tables/summary.md")
    print(f"Figures: {results}/figures/")


def show_failures(unfinished: int, *, moved: bool) -> None:
    """Prints which steps failed, how their logs end, and which commands rerun one alone.

    Args:
        unfinished: number of steps of the run that have not finished, failed ones included.
        moved: whether the run has a folder of its own (`--directory`): paths are given in full.
    """
    for handler in logging.getLogger(LOGGER).handlers:
        if isinstance(handler, Progress) and handler.failures:
            failures = list(handler.failures.values())
            command = rerun_command(sys.argv[1:])
            text = summary(failures, unfinished - len(failures), command, moved=moved)
            print(f"\n{text}\n", file=sys.stderr, flush=True)


def summary(failures: Sequence[Failure], not_run: int, command: str, *, moved: bool) -> str:
    """The lines that end a run in which steps failed.

    Args:
        failures: at least one.
        not_run: number of steps that need the failed ones, or that the run stopped before.
        command: the command line that reruns one step, with `{}` in the place of its output.
        moved: see `show_failures`.
    """
    rest = f"; {not_run} {'was' if not_run == 1 else 'were'} not run" if not_run else ""
    lines = [f"{len(failures)} step{'s' * (len(failures) > 1)} failed{rest}."]
    for step, outputs, logs in failures:
        lines += ["", f"FAILED  {step}"]
        if last := last_line(logs):
            lines.append(f"  said:  {last}")
        if logs:
            lines.append(f"  log:   {Path(logs[0]).resolve() if moved else logs[0]}")
        if outputs:
            lines.append(f"  again: {command.replace('{}', shlex.quote(outputs[0]), 1)}")
    return "\n".join(lines)


def last_line(paths: Sequence[str]) -> str:
    """The message of the last line of the first log that has one."""
    for path in paths:
        try:
            with Path(path).open("rb") as file:
                file.seek(max(0, Path(path).stat().st_size - 5000))
                text = file.read().decode("utf-8", errors="replace")
        except OSError:
            continue
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        if lines:
            stamp, message = STAMP.match(lines[-1]), STAMP.sub("", lines[-1])
            stamped = [bool(STAMP.match(line)) for line in lines]
            since = lines[len(lines) - stamped[::-1].index(True) :] if any(stamped) else lines
            crashed = [line for line in since if line.startswith("Fatal Python error: ")]
            if crashed:  # what follows is where each thread was
                message = crashed[-1]
            elif stamp and stamp["level"] in ("INFO", "WARNING"):
                message = (
                    "nothing: it was killed by signal 9, as a machine or a scheduler does when "
                    f"memory or time runs out. Its log ends: {message}"
                )
            return message[:500]
    return ""


def rerun_command(arguments: Sequence[str]) -> str:
    """The command line of the run with `{}` as its only target.

    The target comes first: `--configfile` and others would take it for one of their values.
    """
    from snakemake.cli import get_argument_parser

    parser = get_argument_parser()
    get_values, options = parser._get_values, []

    def get_and_keep(action: argparse.Action, values: list[str]) -> Any:
        if action.option_strings and action.dest not in OF_THE_RUN:
            long = [name for name in action.option_strings if name.startswith("--")]
            options.extend([long[0], *values])
        return get_values(action, values)

    parser._get_values = get_and_keep
    # Of this class, and not the parser's own method, which adds the options of profiles.
    argparse.ArgumentParser.parse_known_args(parser, arguments)
    program = ["snakemake"] if shutil.which("snakemake") else [sys.executable, "-m", "snakemake"]
    return f"{shlex.join(program)} {{}} {shlex.join(options)}".rstrip()


def _description(record: Any) -> str:
    """The rule's message, or its name with the wildcards."""
    values = ", ".join(str(value) for value in (record.wildcards or {}).values())
    return record.rule_msg or (f"{record.rule_name}  {values}" if values else record.rule_name)
