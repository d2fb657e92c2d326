"""Measures how long Snakemake plans the paper's grid and multiples of it, and the cost of a job.

Dry runs of config.yaml with more seeds, each in an empty folder (no network, no resources needed),
then runs of jobs that do nothing. A hundred times the grid takes many minutes and gigabytes, so
`make bench` leaves this script out. From the root:

    PYTHONPATH=workflow/scripts python benchmarks/planning.py --json build/bench/planning.json
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from measuring import ROOT, arguments, count, machine, parsed
from rows import Row, finish

FACTORS = (1, 10, 30, 100)  # times the paper's seeds; all are held against the first
EMPTY_JOBS = (40, 160)
# The first is Snakemake's own choice, the second that of our profiles.
SCHEDULERS = ("ilp", "greedy")
WHAT = {"cpu_seconds": "processor time", "megabytes": "memory"}

# Jobs like ours without their work: a script with wildcards, log, benchmark and params.
EMPTY_SNAKEFILE = """
rule all:
    input:
        expand("done/{{number}}", number=range({jobs})),


rule empty:
    output:
        touch("done/{{number}}"),
    log:
        "logs/{{number}}.log",
    benchmark:
        "benchmarks/{{number}}.tsv"
    params:
        settings=dict(a=1),
    resources:
        mem_mb=100,
        runtime=1,
    {kind}
"""
KINDS = {"script": 'script:\n        "empty.py"', "shell": 'shell:\n        "true"'}


@dataclass(frozen=True)
class Cost:
    """What one command of Snakemake cost.

    Attributes:
        jobs: jobs planned or run.
        seconds: wall-clock time.
        cpu_seconds: processor time of Snakemake and the jobs it waits for.
        megabytes: largest resident memory of the Snakemake process.
    """

    jobs: int
    seconds: float
    cpu_seconds: float
    megabytes: float


def measured(command: list[str], folder: Path) -> tuple[str, tuple[float, float, float]]:
    """Runs a command; gives what it printed, and its seconds, cpu_seconds and megabytes."""
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, cwd=folder, stdout=said, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - start
        said.seek(0)
        text = said.read()
    if process.returncode:
        sys.exit(text[-2000:])
    return text, (seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000)


def snakemake(*arguments: str) -> list[str]:
    """A command of Snakemake."""
    return [sys.executable, "-m", "snakemake", *arguments]


def plan(factor: int) -> Cost:
    """Plans the paper's grid with `factor` times as many seeds."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    config["seeds"] = list(range(factor * len(config["seeds"])))
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "config.yaml"
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        words = ("-n", "-q", "rules", "-s", str(ROOT / "Snakefile"), "--configfile", str(path))
        text, cost = measured(snakemake(*words), Path(name))
    jobs = int(re.findall(r"^total +(\d+)$", text, re.MULTILINE)[0])
    return Cost(jobs, *cost)


def run_empty(jobs: int, kind: str, scheduler: str) -> Cost:
    """Runs jobs that do nothing, one after another."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "empty.py").write_text("", encoding="utf-8")
        text = EMPTY_SNAKEFILE.format(jobs=jobs, kind=KINDS[kind])
        (folder / "Snakefile").write_text(text, encoding="utf-8")
        words = ("--cores", "1", "-q", "all", "--scheduler", scheduler)
        _, cost = measured(snakemake(*words), folder)
    return Cost(jobs, *cost)


def planned_rows(factors: Sequence[int]) -> list[Row]:
    """Time and memory per 1,000 jobs of multiples of the grid, against those of the first."""
    rows, first = [], None
    for factor in factors:
        cost = plan(factor)
        first = first or cost
        name = f"plan, {factor} times the grid, {cost.jobs:,} jobs"
        against = f"{factors[0]} times the grid"
        for what, unit in (("cpu_seconds", "s"), ("megabytes", "MB")):
            ours, theirs = (1000 * getattr(one, what) / one.jobs for one in (cost, first))
            row = f"{name}: {WHAT[what]} per 1,000 jobs"
            note = f"{getattr(cost, what):.1f} {unit} in all"
            rows.append(Row(row, ours, unit, against, theirs, ours / theirs, note=note))
    return rows


def empty_rows(numbers: Sequence[int]) -> list[Row]:
    """The processor time of a job that does nothing, against that with the solver."""
    rows = []
    for jobs in numbers:
        for kind in KINDS:
            each = {s: run_empty(jobs, kind, s).cpu_seconds / jobs for s in SCHEDULERS}
            solver, greedy = (each[scheduler] for scheduler in SCHEDULERS)
            name = f"a job that does nothing, {kind}, greedy, of {jobs}"
            rows.append(Row(name, greedy, "s", "solver", solver, greedy / solver))
    return rows


def main() -> None:
    """Measures, prints the rows and writes them as json."""
    parser = arguments(__doc__, repeats=1)
    parser.add_argument("--factors", type=count, nargs="*", default=FACTORS)
    parser.add_argument("--empty-jobs", type=count, nargs="*", default=EMPTY_JOBS)
    options = parsed(parser)
    factors, empty = ((1,), (2,)) if options.quick else (options.factors, options.empty_jobs)
    facts = machine()
    finish(options, facts, [*planned_rows(factors), *empty_rows(empty)])


if __name__ == "__main__":
    main()
