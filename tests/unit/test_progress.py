"""The lines that a run shows: what finished, how many are left, what failed and how to go on."""

from __future__ import annotations

import io
import json
import logging
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import lottery
from lottery.runtime.progress import Failure, Progress, last_line, rerun_command, summary
from lottery.runtime.workload import Kind, Workload


def record(event: str | None, **fields: object) -> logging.LogRecord:
    """A record with the fields that Snakemake's interface for logger plugins documents."""
    made = logging.LogRecord("snakemake.logging", logging.INFO, "", 0, "text", (), None)
    made.__dict__.update({"event": event, **fields})
    return made


def job_info(
    jobid: int, rule: str, wildcards: dict[str, str], message: str | None = None
) -> logging.LogRecord:
    """The record of a job that starts."""
    return record("job_info", jobid=jobid, rule_name=rule, wildcards=wildcards, rule_msg=message)


def lines(*records: logging.LogRecord) -> list[str]:
    """What the records show."""
    stream = io.StringIO()
    progress = Progress(stream)
    for each in records:
        progress.emit(each)
    return stream.getvalue().splitlines()


def test_jobs_that_run_at_the_same_time_are_distinguished() -> None:
    shown = lines(
        record(None),
        job_info(1, "finetune", {"model": "m", "seed": "1"}),
        job_info(2, "evaluate", {}, "Evaluate m on rte"),
        record("job_finished", job_id=2),
        record("progress", done=1, total=3),
        record("job_finished", job_id=1),
        record("progress", done=2, total=3),
        job_info(3, "all", {}),
        record("job_finished", job_id=3),
        record("progress", done=3, total=3),
    )
    assert shown == [
        "0 s; 1 of 3 done:  Evaluate m on rte (0 s); running: finetune  m, 1 (0 s)",
        "0 s; 2 of 3 done:  finetune  m, 1 (0 s)",
    ]


def test_a_failed_job_names_its_log_and_may_be_tried_again() -> None:
    shown = lines(
        job_info(1, "finetune", {"model": "m"}),
        record("job_error", jobid=1, rule_name="finetune", output=["a"], log=["logs/a.log"]),
        job_info(1, "finetune", {"model": "m"}),
        record("job_finished", job_id=1),
        record("progress", done=1, total=1),
    )
    assert shown == [
        "FAILED  finetune  m; see logs/a.log",
        "0 s; 1 of 1 done:  finetune  m (0 s)",
    ]


class Run:
    """A run on a clock of its own: Progress, and the lines that it has shown."""

    def __init__(self, planned: dict[Kind, int], path: Path | None = None) -> None:
        self.now = 0.0
        self._stream = io.StringIO()
        work = Workload(planned, clock=lambda: self.now)
        self._progress = Progress(self._stream, work, path)
        self._total, self._done, self._job = sum(planned.values()), 0, 0

    def start(self, rule: str, task: str) -> int:
        self._job += 1
        self._progress.emit(job_info(self._job, rule, {"task": task}))
        return self._job

    def finish(self, job: int) -> None:
        self._done += 1
        self._progress.emit(record("job_finished", job_id=job))
        self._progress.emit(record("progress", done=self._done, total=self._total))

    @property
    def lines(self) -> list[str]:
        return self._stream.getvalue().splitlines()


def test_a_line_says_time_share_of_the_work_and_what_runs(tmp_path: Path) -> None:
    kept = tmp_path / "progress.json"
    run = Run({Kind("finetune", "mnli"): 4, Kind("fetch", "mnli"): 1}, kept)
    fetch = run.start("fetch", "mnli")
    run.now = 10
    run.finish(fetch)
    trained, other = run.start("finetune", "mnli"), run.start("finetune", "mnli")
    run.now = 110
    run.finish(trained)
    text = kept.read_text()
    # 10 s of fetching and two trainings of 100 s: one is done, one runs for as long; two are left.
    assert run.lines[-1] == (
        "110 s, 51 % of the work, 105 s left; 2 of 5 done:  finetune  mnli (100 s); "
        "running: finetune  mnli (100 s)"
    ).replace("110 s", "2 min").replace("105 s", "2 min").replace("100 s", "2 min")
    shown = json.loads(text)
    assert shown["share"] == pytest.approx(210 / 410)
    assert shown["left"] == pytest.approx(110 * 200 / 210)
    assert shown["running"] == [["finetune  mnli", 100.0]]
    run.finish(other)


def test_thousands_of_short_steps_take_some_hundred_lines() -> None:
    steps = 5000
    run = Run({Kind("evaluate", "rte"): steps})
    for _ in range(steps):
        step = run.start("evaluate", "rte")
        run.now += 1
        run.finish(step)
    assert 150 < len(run.lines) < 300
    assert f"{steps} of {steps} done" in run.lines[-1]
    shown = [int(line.split(" of ")[1].split("; ")[-1]) for line in run.lines]
    assert shown == sorted(shown)
    # Every step is counted in the line that it is part of.
    more = [re.search(r" and (\d+) more", line) for line in run.lines]
    assert sum(1 + (int(found[1]) if found else 0) for found in more) == steps


SNAKEFILE = """
import sys
sys.path.append({library!r})
from lottery.runtime import progress
onstart:
    progress.show()
rule all:
    input: "out/a", "out/b"
rule make_it:
    output: "out/{{name}}"
    wildcard_constraints: name="[ac]"
    shell: "touch {{output}}"
rule fail:
    output: "out/b"
    log: "b.log"
    shell: "exit 1"
"""


def test_under_snakemake_itself(tmp_path: Path) -> None:
    library = str(Path(lottery.__file__).parents[1])
    (tmp_path / "Snakefile").write_text(SNAKEFILE.format(library=library))
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--keep-going"]
    command += ["--quiet", "host", "reason"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "1 of 3 done:  make_it  a (" in done.stderr
    assert "FAILED  fail; see b.log" in done.stderr
    assert "Error in rule fail" in done.stderr  # Snakemake's own words on errors stay
    assert "Select jobs to execute" not in done.stderr
    (log,) = (tmp_path / ".snakemake" / "log").iterdir()
    assert "Select jobs to execute" in log.read_text()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("all --cores 8 --resources gpu=2", "--cores 8 --resources gpu=2"),
        ("--cores 8 all results/a", "--cores 8"),
        ("-c8 -j 4 a b", "--cores 8 --jobs 4"),
        ("a --configfile my.yaml --directory /x", "--configfile my.yaml --directory /x"),
        ("a --configfile=my.yaml -d /x", "--configfile my.yaml --directory /x"),
        ("-F all --until finetune b --config 'seeds=[1, 2]' x=3", "--config 'seeds=[1, 2]' x=3"),
        ("--forceall --keep-going -k --workflow-profile p", "--workflow-profile p"),
        ("--workflow-prof p a", "--workflow-profile p"),
        ("", ""),
    ],
)
def test_a_command_for_one_step_keeps_the_options_of_the_run(given: str, kept: str) -> None:
    _, target, rest = rerun_command(shlex.split(given)).partition(" {}")
    assert target
    assert shlex.split(rest) == shlex.split(kept)


def test_the_end_names_log_last_line_and_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    log = "2026-01-02 03:04:05,678 INFO begun\n2026-01-02 03:04:06,789 ERROR It broke.\n\n"
    Path("a.log").write_text(log)
    failures = [
        Failure("finetune a", ("out/a b", "out/c"), ("none.log", "a.log")),
        Failure("evaluate b", ("out/d",), ()),
    ]
    text = summary(failures, 3, "snakemake {} --config 'x={}'", moved=False)
    assert text.splitlines() == [
        "2 steps failed; 3 were not run.",
        "",
        "FAILED  finetune a",
        "  said:  It broke.",
        "  log:   none.log",
        "  again: snakemake 'out/a b' --config 'x={}'",
        "",
        "FAILED  evaluate b",
        "  again: snakemake out/d --config 'x={}'",
    ]
    moved = summary(failures[:1], 0, "{}", moved=True)
    assert moved.startswith("1 step failed.\n") and f"log:   {tmp_path}/none.log" in moved


KILLED = (
    "nothing: it was killed by signal 9, as a machine or a scheduler does when memory or time runs "
    "out. Its log ends: step 5"
)
CRASHED = "Fatal Python error: Segmentation fault"


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("{} INFO step 5", KILLED),
        ("{} WARNING step 5", KILLED),
        ("{} ERROR step 5", "step 5"),
        ("{} INFO a\nFatal Python error: Segmentation fault\n\nThread 0x7f:\n  File a", CRASHED),
        ("Fatal Python error: Aborted\n{} ERROR later", "later"),
    ],
)
def test_a_step_that_says_nothing_of_its_end_was_killed(
    tmp_path: Path, log: str, said: str
) -> None:
    path = tmp_path / "a.log"
    path.write_text(log.format("2026-01-02 03:04:05,678") + "\n")
    assert last_line([str(path)]) == said


def test_the_last_line_of_a_long_or_missing_log(tmp_path: Path) -> None:
    path = tmp_path / "long.log"
    path.write_text("é" * 20_000 + "\n  last  \n")
    assert last_line([str(tmp_path / "none"), str(path)]) == "  last"
    assert last_line([str(tmp_path / "none")]) == ""
