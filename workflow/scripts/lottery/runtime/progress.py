"""What a run shows on the terminal: how far it is by time, and at its end the failed steps.

Snakemake sends records about its jobs through Python's logging, with the fields that its interface
for logger plugins documents. `show` is called when a run starts; Snakemake's own log file under
`.snakemake/log` keeps every detail. What is shown last is also written to `.snakemake`, where
status.py finds it while the run works.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TextIO, cast

from lottery import files
from lottery.files.errors import StudyError
from lottery.runtime.run_lock import VARIABLE as RUN
from lottery.runtime.workload import Kind, Workload, spoken

LOGGER = "snakemake.logging"
KEPT = Path(".snakemake/progress.json")
KEEP_SECONDS = 5
# In a run of more steps a line is shown when this share of the work is done since the last one, or
# this time has passed.
FEW_STEPS, LINE_SHARE, LINE_SECONDS = 200, 0.005, 60
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
    """Turns Snakemake's records into lines: one per step, in a long run one per some steps.

    `failures` holds the steps whose last attempt failed, by job, in the order in which they did.

    Args:
        stream: where the lines go.
        work: the work of the run.
        path: where what is shown is kept for `status.py`.
    """

    def __init__(
        self, stream: TextIO, work: Workload | None = None, path: Path | None = None
    ) -> None:
        super().__init__()
        self._stream = stream
        self._work = work or Workload()
        self._path = path
        self._running: dict[int, tuple[str, Sequence[str]]] = {}  # in words, and its files
        self._finished: list[str] = []
        self._warnings: list[str] = []
        self._shown = (-1.0, -1.0)  # of the last line: seconds, share of the work
        self._kept = -float(KEEP_SECONDS)  # seconds
        self._counts = 0, sum(work.planned.values()) if work else 0  # steps done, and all
        self.failures: dict[int, Failure] = {}

    def emit(self, record: Any) -> None:
        """Handles one record, with the fields that Snakemake gives it."""
        event = str(getattr(record, "event", ""))
        if event == "job_info":
            outputs = getattr(record, "output", None) or ()
            self._running[record.jobid] = _description(record), outputs
            self._work.start(record.jobid, Kind.of(record.rule_name, record.wildcards))
        elif event == "job_finished":
            self.failures.pop(record.job_id, None)  # an earlier attempt
            if record.job_id in self._running:
                step, outputs = self._running.pop(record.job_id)
                seconds = self._work.finish(record.job_id)
                if step != "all":
                    self._finished.append(f"{step} ({spoken(seconds)})")
                self._warnings += data_warnings(outputs)
        elif event == "progress":  # several jobs may share one count
            self._counts = record.done, record.total
            self._show(*self._counts)
            for warning in self._warnings:
                self._write(f"  warning: {warning}")
            self._warnings.clear()
        elif event == "job_error":
            step, *_ = self._running.pop(record.jobid, (record.rule_name,))
            self._work.fail(record.jobid)
            self.failures[record.jobid] = Failure(step, record.output, record.log)
            logs = f"; see {', '.join(record.log)}" if record.log else ""
            self._write(f"FAILED  {step}{logs}")
        if self._path and self._work.elapsed() - self._kept >= KEEP_SECONDS:
            self._kept = self._work.elapsed()
            self._keep(*self._counts)

    def _show(self, done: int, total: int) -> None:
        """Shows what has finished, unless little has happened since the last line."""
        elapsed, share = self._work.elapsed(), self._work.share()
        before, share_before = self._shown
        moved = elapsed - before >= LINE_SECONDS or (share or 0.0) - share_before >= LINE_SHARE
        if self._finished and (total <= FEW_STEPS or moved or done == total):
            self._shown = elapsed, share or 0.0
            *others, step = self._finished
            more = f" and {len(others)} more" if others and total > FEW_STEPS else ""
            for each in others if total <= FEW_STEPS else ():
                self._write(f"{done} of {total} done:  {each}")
            words = work_in_words(elapsed, share, self._work.seconds_left())
            self._write(f"{words}; {done} of {total} done:  {step}{more}{self._longest()}")
            self._finished.clear()

    def _longest(self) -> str:
        """The steps that run, the oldest of them by name."""
        if not self._running:
            return ""
        first = max(self._running, key=self._work.age)
        more = f" and {len(self._running) - 1} more" if len(self._running) > 1 else ""
        return f"; running: {self._running[first][0]} ({spoken(self._work.age(first))}){more}"

    def _keep(self, done: int, total: int) -> None:
        """Writes what is shown; a run does not depend on it."""
        content = {
            "run": os.environ.get(RUN, ""),
            "at": time.time(),
            "elapsed": self._work.elapsed(),
            "share": self._work.share(),
            "left": self._work.seconds_left(),
            "done": done,
            "total": total,
            "running": [[step, self._work.age(job)] for job, (step, _) in self._running.items()],
        }
        with suppress(OSError, StudyError), files.atomic(cast(Path, self._path)) as temporary:
            temporary.write_text(json.dumps(content), encoding="utf-8")

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


def work_in_words(elapsed: float, share: float | None, left: float | None) -> str:
    """How far a run is: `12 min, 41 % of the work, 18 min left`."""
    words = [spoken(elapsed)]
    if share is not None:
        words.append(f"{100 * share:.0f} % of the work")
    if left is not None:
        words.append(f"{spoken(left)} left")
    return ", ".join(words)


def show(work: Workload | None = None, *, keep: bool = True) -> None:
    """Shows the progress of the run that starts now, and of Snakemake's own lines only warnings.

    `keep` decides whether it is also kept for `status.py`.
    """
    logger = logging.getLogger(LOGGER)
    for handler in logger.handlers:
        if isinstance(handler, logging.StreamHandler) and not isinstance(
            handler, logging.FileHandler
        ):
            handler.setLevel(logging.WARNING)
            handler.addFilter(lambda record: not _repeats_a_failure(record))
    logger.addHandler(Progress(sys.stderr, work, Path.cwd() / KEPT if keep else None))


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


def show_failures(unfinished: int, *, moved: bool) -> int:
    """Prints which steps failed, how their logs end, and which commands rerun one alone.

    Returns:
        How many failed.

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
            return len(failures)
    return 0


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
    program = ["snakemake"] if shutil.which("snakemake") else [sys.executable, "-m", "snakemake"]
    options = options_of_the_run(arguments)
    return f"{shlex.join(program)} {{}} {shlex.join(options)}".rstrip()


def options_of_the_run(arguments: Sequence[str]) -> list[str]:
    """The words of a Snakemake command without its targets, and without what chooses them."""
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
    return options


def _description(record: Any) -> str:
    """The rule's message, or its name with the wildcards."""
    values = ", ".join(str(value) for value in (record.wildcards or {}).values())
    return record.rule_msg or (f"{record.rule_name}  {values}" if values else record.rule_name)
