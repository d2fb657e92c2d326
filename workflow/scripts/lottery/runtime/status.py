"""What of a study is done, running, missing, or would run again and why.

Snakemake itself is asked, by a dry run whose jobs and reasons are read from its plan. So there is
no second model of what an edit of the config touches.
"""

from __future__ import annotations

import io
import json
import logging
import os
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lottery import files
from lottery.files.errors import StudyError
from lottery.runtime.progress import KEPT, LOGGER, work_in_words
from lottery.runtime.provenance import NAME, changed_leaves
from lottery.runtime.run_lock import lives
from lottery.runtime.workload import spoken

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
    "train": "retrain",
    "evaluate": "evaluate",
}
COLUMNS = (*dict.fromkeys(STEPS.values()), "tables")
# With both kinds of quietness a dry run ends when the plan is made.
OPTIONS = ("--dry-run", "--nolock", "--rerun-incomplete", "--quiet", "rules", "progress")
FOLLOWS = "input that another job makes again"


@dataclass(frozen=True)
class Job:
    """A job of the workflow."""

    rule: str
    wildcards: dict[str, str]
    state: str  # one of `STATES`
    existing: list[str]  # those of its files that are there
    begun: set[str]  # those of its files whose making has begun and not ended
    reason: str  # why it would run; empty if it would not
    outputs: list[str]

    @property
    def name(self) -> str:
        """Rule and wildcards."""
        return " ".join((self.rule, *self.wildcards.values()))

    @property
    def cell(self) -> tuple[str, ...]:
        """Model, task and method; - for what it does not depend on."""
        model, task, method = (self.wildcards.get(n, "-") for n in ("model", "task", "method"))
        return model, task, "-" if method == "none" else method


@dataclass(frozen=True)
class Planned:
    """What Snakemake would do: the jobs of a study, and its folder."""

    jobs: list[Job]
    folder: Path


def plan(words: Sequence[str]) -> Planned:
    """Lets Snakemake plan a run; to be called once in a process.

    Args:
        words: of a Snakemake command: targets, `--configfile`, `--workflow-profile`, ...

    Raises:
        StudyError: Snakemake rejects them or the config; its own message.
    """
    from snakemake import cli
    from snakemake.workflow import Workflow

    jobs: list[Job] = []
    folders: list[Path] = []
    errors: list[str] = []
    execute = Workflow.execute

    def execute_and_list(workflow: Workflow, *arguments: Any, **options: Any) -> Any:
        finished = execute(workflow, *arguments, **options)
        # Here, and not at the end, because Snakemake is in the study's folder.
        for level in workflow.dag.toposorted():
            making = [job for job in level if job.output]
            making.sort(key=lambda job: (job.rule.name, *job.wildcards))
            jobs.extend(_job(workflow, job) for job in making)
        folders.append(Path.cwd())
        return finished

    def keep_error(record: logging.LogRecord) -> bool:
        if str(getattr(record, "event", "")) == "error":
            errors.append(record.getMessage())
        return True

    Workflow.execute = execute_and_list
    logging.getLogger(LOGGER).addFilter(keep_error)
    printed = io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        try:
            parser, arguments = cli.parse_args([*words, *OPTIONS])
            _require_writable(Path(arguments.directory or "."))
            finished = cli.args_to_api(arguments, parser)
        except SystemExit as end:  # the config is wrong, or a word of the command
            finished = False
            if isinstance(end.code, str):
                errors.append(end.code.removeprefix("Error: "))
    if not finished:
        last = printed.getvalue().strip().rpartition("\n")[2]
        raise StudyError("\n".join(errors) or last)
    return Planned(jobs, folders[0])


def show(words: Sequence[str], with_files: bool = False, with_jobs: bool = False) -> None:
    """Prints the status of a study.

    Args:
        words: of `plan`.
        with_files: of `report`.
        with_jobs: of `report`.
    """
    planned = plan(words)
    live = live_run(planned.folder, time.time())
    print("\n".join(report(planned.jobs, with_files, with_jobs, live)))


def _require_writable(folder: Path) -> None:
    try:
        (folder / ".snakemake").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder / ".snakemake"):
            pass
    except OSError as error:
        raise StudyError(
            f"{folder.resolve()} cannot be written to ({error.strerror}), but Snakemake keeps "
            "notes in .snakemake there even when it is only asked: ask as a user who may write "
            "there, or in a copy made by cp -a."
        ) from error


def _job(workflow: Any, job: Any) -> Job:
    outputs = [str(path) for path in job.output]
    existing = [path for path in outputs if os.path.lexists(path)]
    begun = workflow.persistence._filter_incomplete_keys(outputs)
    if not workflow.dag.needrun(job):
        state = "done"
    elif begun and workflow.persistence.locked:
        state = "running"
    else:
        state = "again" if existing == outputs else "missing"
    reason = "" if state == "done" else _reason(job, workflow.dag.reason(job), bool(begun))
    wildcards = dict(job.wildcards.items())
    return Job(job.rule.name, wildcards, state, existing, begun, reason, outputs)


def _reason(job: Any, reason: Any, begun: bool) -> str:
    """Snakemake's reason to run a job in a few words; of params the leaves that differ."""
    listed = {
        "missing": reason.missing_output,
        "left half done": reason.incomplete_output,
        "changed input": reason.updated_input - reason.updated_input_run,
    }
    words = [f"{word}: {', '.join(sorted(paths))}" for word, paths in listed.items() if paths]
    if reason.forced:
        words.append("left half done" if begun else "forced")
    if reason.input_changed:
        words.append("other input files than before")
    if reason.code_changed:
        words.append("its script has changed")
    if reason.software_stack_changed:
        words.append("its environment has changed")
    if reason.params_changed:
        words.append(_changed_params(job))
    if not words and reason.updated_input_run:
        return FOLLOWS
    return "; ".join(words) or str(reason)


def _changed_params(job: Any) -> str:
    """From the job's own record, because Snakemake keeps the values of params without names."""
    try:
        record = files.read_json(job.output.get(NAME) or "")
        changes = changed_leaves(record["params"], dict(job.params.items()))
    except (StudyError, KeyError, TypeError):
        changes = []
    return ", ".join(f"{name} {old} -> {new}" for name, old, new in changes) or "changed params"


def report(
    jobs: Sequence[Job],
    with_files: bool = False,
    with_jobs: bool = False,
    live: Sequence[str] = (),
) -> list[str]:
    """The lines to print.

    Args:
        jobs: all of the study.
        with_files: whether to list the files that would be overwritten.
        with_jobs: whether to list every job with its state.
        live: of `live_run`.
    """
    lines: list[str] = []
    if with_jobs:
        for job in jobs:
            why = f": {job.reason}" if job.state == "again" else ""
            lines.append(f"{job.state:7}  {job.name}{why}")
        lines = [*sorted(lines), ""]
    total = Counter(job.state for job in jobs)
    lines += _table(jobs)
    lines += ["", "a number alone: all done; else " + "/".join(STATES)]
    lines.append(f"{len(jobs)} jobs: " + ", ".join(f"{total[name]} {name}" for name in STATES))
    lines += live or [f"running: {job.name}" for job in jobs if job.state == "running"]
    if left := sum(len(job.begun) for job in jobs if job.state in ("missing", "again")):
        lines.append(f"{left} files were left half done by an interruption")
    lines += _reasons([job for job in jobs if job.state == "again"])
    overwritten = [job for job in jobs if job.state != "done" and job.existing]
    if with_files:
        lines.append("would be overwritten:" if overwritten else "nothing would be overwritten")
        for job in overwritten:
            lines += [f"  {job.name}: {job.reason}", *(f"    {path}" for path in job.existing)]
    elif overwritten:
        lines.append(f"{sum(len(job.existing) for job in overwritten)} files would be overwritten;")
        lines.append("--files lists them")
    return lines


def live_run(folder: Path, now: float) -> list[str]:
    """How far the run is that works in a folder: lines to print; none if there is no such run.

    Args:
        folder: of the study.
        now: seconds since the epoch.
    """
    try:
        kept = json.loads((folder / KEPT).read_bytes())
        if not kept["run"] or not lives(Path(kept["run"])):
            return []
        since, left = now - kept["at"], kept["left"]
        left = None if left is None else max(0.0, left - since)
        words = work_in_words(kept["elapsed"] + since, kept["share"], left)
        lines = [f"a run works here: {words}; {kept['done']} of {kept['total']} steps are done"]
        running = [(step, age + since) for step, age in kept["running"]]
        return lines + [f"running: {step} ({spoken(age)})" for step, age in running]
    except (OSError, ValueError, LookupError, TypeError):
        return []


def _table(jobs: Sequence[Job]) -> list[str]:
    """A row per model, task and method, a column per step."""
    counts: dict[tuple[str, ...], dict[str, Counter[str]]] = {}
    for job in jobs:
        column = STEPS.get(job.rule.split("_")[0], "tables")
        counts.setdefault(job.cell, {}).setdefault(column, Counter())[job.state] += 1
    columns = [name for name in COLUMNS if any(name in row for row in counts.values())]
    rows = [("model", "task", "method", *columns)]
    rows += [(*cell, *(_shown(row.get(name)) for name in columns)) for cell, row in counts.items()]
    rows[1:] = sorted(rows[1:])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _shown(count: Counter[str] | None) -> str:
    if count is None:
        return ""
    return str(count["done"]) if set(count) == {"done"} else "/".join(str(count[s]) for s in STATES)


def _reasons(again: Sequence[Job]) -> list[str]:
    """Why finished jobs would run again, and how many follow from them."""
    reasons = Counter((job.rule, job.reason) for job in again if job.reason != FOLLOWS)
    lines = ["why finished jobs would run again:"] if again else []
    lines += [f"  {rule}, {_number(count)}: {why}" for (rule, why), count in reasons.items()]
    follow = len(again) - reasons.total()
    return lines + ([f"  {_number(follow)} that use what they write"] if follow else [])


def _number(jobs: int) -> str:
    return f"{jobs} job{'s' * (jobs != 1)}"
