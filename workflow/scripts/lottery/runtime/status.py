"""What of a study is done, running, missing, or would run again and why.

Snakemake itself is asked, by two dry runs: one of all jobs, one of those that it would run. Their
records come through Python's logging, with the fields that Snakemake documents for logger plugins.
So there is no second model of what an edit of the config touches.
"""

from __future__ import annotations

import base64
import logging
import multiprocessing
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from lottery.files.errors import StudyError
from lottery.runtime.rerun_reasons import FOLLOWS, told_reason

STATES = ("done", "running", "missing", "again")
# The columns, by the first word of the rules' names; other rules make tables and figures.
STEPS = {
    "fetch": "data",
    "tokenize": "data",
    "majority": "data",
    "finetune": "finetune",
    "search": "search",
    "import": "search",
    "sample": "masks",
    "retrain": "retrain",
    "evaluate": "evaluate",
}
COLUMNS = (*dict.fromkeys(STEPS.values()), "tables")
# How Snakemake, which keeps notes in .snakemake even of a dry run, says that it cannot.
NOT_WRITABLE = re.compile(
    r"^\w*Error: \[Errno \d+\] (?P<why>[^:]+): '(?P<folder>[^'\n]*?)/?\.snakemake\b", re.MULTILINE
)
ALWAYS = ("--dry-run", "--nolock", "--rerun-incomplete", "--quiet", "host")


@dataclass(frozen=True)
class Job:
    """A job of the workflow.

    Attributes:
        rule: its rule.
        wildcards: as pairs.
        outputs: its files.
        existing: those of them that are there.
        reason: why Snakemake would run it, in Snakemake's words.
    """

    rule: str
    wildcards: tuple[tuple[str, str], ...]
    outputs: tuple[str, ...]
    existing: tuple[str, ...]
    reason: str

    @property
    def name(self) -> str:
        """Rule and wildcards."""
        return " ".join((self.rule, *(value for _, value in self.wildcards)))

    @property
    def place(self) -> tuple[str, str, str]:
        """Model, task and method; - for what it does not depend on."""
        known = dict(self.wildcards)
        method = known.get("method", "-")
        return known.get("model", "-"), known.get("task", "-"), "-" if method == "none" else method


@dataclass
class Plan:
    """What a study consists of and what Snakemake would do.

    Attributes:
        jobs: all of them.
        needed: the outputs of those that would run -> that job.
        started: files whose job has started and not finished.
        locked: whether a run holds the folder, or was killed and has left its lock.
    """

    jobs: list[Job]
    needed: dict[tuple[str, ...], Job]
    started: set[str] = field(default_factory=set)
    locked: bool = False

    @classmethod
    def of(cls, words: list[str]) -> Plan:
        """Asks Snakemake.

        Args:
            words: of a Snakemake command: targets, `--configfile`, `--workflow-profile`, ...

        Raises:
            StudyError: Snakemake refuses them or the config; what it says.
        """
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            asked = [pool.submit(dry_run, words, *extra) for extra in (("--forceall",), ())]
            (jobs, folder), (needed, _) = (each.result() for each in asked)
        state = Path(folder) / ".snakemake"
        locks = state / "locks"
        return cls(
            jobs,
            {job.outputs: job for job in needed},
            set(_started(state / "incomplete")),
            locks.is_dir() and any(locks.iterdir()),
        )

    def state(self, job: Job) -> str:
        """One of `STATES`."""
        if job.outputs not in self.needed:
            return "done"
        if self.locked and self.started.intersection(job.outputs):
            return "running"
        return "again" if len(job.existing) == len(job.outputs) else "missing"


class _Records(logging.Handler):
    """Keeps what Snakemake says of each job."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[Job] = []
        self.folder = "."

    def emit(self, record: logging.LogRecord) -> None:
        if str(getattr(record, "event", "") or "") != "job_info" or not record.output:
            return
        self.folder = os.getcwd()  # Snakemake has gone to the study's folder
        files = tuple(record.output)
        there = tuple(file for file in files if os.path.lexists(file))
        wildcards = tuple((record.wildcards or {}).items())
        self.jobs.append(Job(record.rule_name, wildcards, files, there, record.reason))


def dry_run(words: list[str], *extra: str) -> tuple[list[Job], str]:
    """Runs Snakemake dry in this process, which has to be one of its own.

    Args:
        words: of a Snakemake command.
        *extra: further options.

    Returns:
        The jobs that it would run, and the study's folder.

    Raises:
        StudyError: Snakemake ends with an error; what it says.
    """
    from snakemake import cli

    records = _Records()
    # Snakemake removes other handlers of its own logger, so this one is above it.
    logging.getLogger("snakemake").addHandler(records)
    with tempfile.TemporaryFile() as said:
        for number in (1, 2):
            os.dup2(said.fileno(), number)
        try:
            cli.main([*words, *extra, *ALWAYS])
            status = 0
        except SystemExit as end:
            status = end.code
            if isinstance(status, str):
                print(status, file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        if status:
            said.seek(0)
            raise StudyError(_last_words(said.read().decode(errors="replace")))
    return records.jobs, records.folder


def _last_words(text: str) -> str:
    """What Snakemake said, without its greeting."""
    if denied := NOT_WRITABLE.search(text):
        return (
            f"{denied['folder'] or '.'} cannot be written to ({denied['why']}), but Snakemake "
            "keeps notes in .snakemake there even when it is only asked: ask as somebody who may "
            "write there, or in a copy made by cp -a."
        )
    lines = [line for line in text.splitlines() if line.strip()]
    errors = [number for number, line in enumerate(lines) if "error" in line.lower()]
    return "\n".join(lines[errors[0] :] if errors else lines[-5:]) or "Snakemake ended in an error."


def _started(folder: Path) -> Iterator[str]:
    """The files that Snakemake has marked as begun; a marker bears the file's name in base64."""
    for path in folder.rglob("*") if folder.is_dir() else ():
        if path.is_file():
            code = "".join(part.removeprefix("@") for part in path.relative_to(folder).parts)
            yield base64.urlsafe_b64decode(code).decode(errors="replace")


def report(plan: Plan, with_files: bool = False, with_cells: bool = False) -> list[str]:
    """The lines to print.

    Args:
        plan: what Snakemake would do.
        with_files: whether to list the files that would be overwritten.
        with_cells: whether to list every job with its state.
    """
    states = {job: plan.state(job) for job in plan.jobs}
    total = Counter(states.values())
    lines = [*_cells(plan, states), ""] if with_cells else []
    lines += _table(states)
    lines.append("")
    lines.append("a number alone: all done; else " + "/".join(STATES))
    lines.append(f"{len(states)} jobs: " + ", ".join(f"{total[name]} {name}" for name in STATES))
    lines += [f"running: {job.name}" for job, state in states.items() if state == "running"]
    left = plan.started and not plan.locked
    if left:
        lines.append(f"{len(plan.started)} files were left half done by an interruption")
    lines += _reasons(plan, states)
    overwritten = [job for job in plan.jobs if job.outputs in plan.needed and job.existing]
    if with_files:
        lines += _files(plan, overwritten)
    elif overwritten:
        lines.append(f"{sum(len(job.existing) for job in overwritten)} files would be overwritten;")
        lines.append("--files lists them")
    return lines


def _table(states: dict[Job, str]) -> list[str]:
    """A row per model, task and method, a column per step."""
    counts: dict[tuple[str, str, str], dict[str, Counter[str]]] = {}
    for job, state in states.items():
        column = STEPS.get(job.rule.split("_")[0], "tables")
        row = counts.setdefault(job.place, {})
        row.setdefault(column, Counter())[state] += 1
    columns = [name for name in COLUMNS if any(name in row for row in counts.values())]
    rows = [["model", "task", "method", *columns]]
    for place in sorted(counts):
        row = counts[place]
        rows.append([*place, *(_cell(row.get(name, Counter())) for name in columns)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _cells(plan: Plan, states: dict[Job, str]) -> list[str]:
    """A line per job: its state, its name, and why it would run again."""
    width = max(map(len, STATES))
    return sorted(
        f"{state:{width}}  {job.name}"
        + (f": {told_reason(plan.needed[job.outputs].reason)}" if state == "again" else "")
        for job, state in states.items()
    )


def _cell(count: Counter[str]) -> str:
    if not count:
        return ""
    return str(count["done"]) if set(count) == {"done"} else "/".join(str(count[s]) for s in STATES)


def _reasons(plan: Plan, states: dict[Job, str]) -> list[str]:
    """Why finished jobs would run again, and how many follow from them."""
    again = [plan.needed[job.outputs] for job, state in states.items() if state == "again"]
    told = Counter((job.rule, told_reason(job.reason)) for job in again)
    own = {key: number for key, number in told.items() if key[1] != FOLLOWS}
    lines = ["why finished jobs would run again:"] if again else []
    lines += [f"  {rule}, {_jobs(number)}: {why}" for (rule, why), number in own.items()]
    follow = sum(told.values()) - sum(own.values())
    return lines + ([f"  {_jobs(follow)} that use what they write"] if follow else [])


def _jobs(number: int) -> str:
    return f"{number} job{'s' * (number != 1)}"


def _files(plan: Plan, jobs: Iterable[Job]) -> list[str]:
    """The files that are there and would be made again, under their job and its reason."""
    lines = ["would be overwritten:"]
    for job in jobs:
        lines.append(f"  {job.name}: {told_reason(plan.needed[job.outputs].reason)}")
        lines += [f"    {file}" for file in job.existing]
    return lines if len(lines) > 1 else ["nothing would be overwritten"]
