"""The lines that a run shows: what finished, how many are left, what failed."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from pathlib import Path

import lottery
from lottery.runtime.progress import Progress


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


def test_jobs_that_run_side_by_side_are_told_apart() -> None:
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
        "1 of 3 done, 2 left:  Evaluate m on rte (0 s)",
        "2 of 3 done, 1 left:  finetune  m, 1 (0 s)",
    ]


def test_a_run_that_was_told_to_end_says_what_it_waits_for() -> None:
    told = record(None)
    told.msg = "Will exit after finishing currently running jobs (scheduler)."
    assert lines(told, record(None), told) == [
        "Ending as soon as the running steps have finished (SIGTERM)."
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
        "1 of 1 done, 0 left:  finetune  m (0 s)",
    ]


SNAKEFILE = """
import sys
sys.path.append({library!r})
from lottery import progress
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
    assert "of 3 done, 2 left:  make_it  a (" in done.stderr
    assert "FAILED  fail; see b.log" in done.stderr
    assert "Error in rule fail" in done.stderr  # Snakemake's own words on errors stay
    assert "Select jobs to execute" not in done.stderr
    (log,) = (tmp_path / ".snakemake" / "log").iterdir()
    assert "Select jobs to execute" in log.read_text()
