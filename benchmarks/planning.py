"""Measures how long Snakemake plans the paper's grid and multiples of it, and the cost of a job.

Dry runs of config.yaml with more seeds, each in an empty folder (no network, no resources needed),
then runs of jobs that do nothing. Run from the repository's root:

    PYTHONPATH=workflow/scripts python benchmarks/planning.py --json planning.json
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
FACTORS = (1, 10, 30)
EMPTY_JOBS = (20, 80, 320)
LONGEST_SECONDS = 300
# The first is Snakemake's own choice, the second that of our profiles.
SCHEDULERS = ("ilp", "greedy")

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
class Row:
    """One measured command.

    Attributes:
        what: what was measured.
        jobs: jobs planned or run.
        seconds: wall-clock time.
        cpu_seconds: processor time of Snakemake and the jobs it waits for.
        megabytes: largest resident memory of the Snakemake process.
        growth: exponent of cpu_seconds in jobs since the row before; 1 is linear.
    """

    what: str
    jobs: int
    seconds: float
    cpu_seconds: float
    megabytes: float
    growth: float | None = None

    def line(self) -> str:
        """One line of the table."""
        growth = "" if self.growth is None else f"{self.growth:.2f}"
        each = 1000 * self.cpu_seconds / self.jobs
        times = f"{self.seconds:>7.1f} s, cpu {self.cpu_seconds:>6.1f} s {each:>7.2f} ms/job"
        memory = f"{self.megabytes:>6.0f} MB"
        return f"{self.what:<26} {self.jobs:>6} jobs {times} {memory}  growth {growth}".rstrip()


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


def plan(factor: int) -> Row:
    """Plans the paper's grid with `factor` times as many seeds."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    config["seeds"] = list(range(factor * len(config["seeds"])))
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "config.yaml"
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        words = ("-n", "-q", "rules", "-s", str(ROOT / "Snakefile"), "--configfile", str(path))
        text, cost = measured(snakemake(*words), Path(name))
    jobs = int(re.findall(r"^total +(\d+)$", text, re.MULTILINE)[0])
    return Row(f"plan, {len(config['seeds'])} seeds", jobs, *cost)


def run_empty(jobs: int, kind: str, scheduler: str) -> Row:
    """Runs jobs that do nothing, one after another."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "empty.py").write_text("", encoding="utf-8")
        text = EMPTY_SNAKEFILE.format(jobs=jobs, kind=KINDS[kind])
        (folder / "Snakefile").write_text(text, encoding="utf-8")
        words = ("--cores", "1", "-q", "all", "--scheduler", scheduler)
        _, cost = measured(snakemake(*words), folder)
    return Row(f"empty jobs ({kind}, {scheduler})", jobs, *cost)


def with_growth(rows: list[Row]) -> list[Row]:
    """The rows with each one's growth since the one before."""
    grown = rows[:1]
    for before, row in pairwise(rows):
        growth = math.log(row.cpu_seconds / before.cpu_seconds) / math.log(row.jobs / before.jobs)
        grown.append(replace(row, growth=growth))
    return grown


def main() -> None:
    """Measures, prints a line per row, and writes them as json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the rows")
    parser.add_argument("--factors", type=int, nargs="*", default=FACTORS)
    parser.add_argument("--empty-jobs", type=int, nargs="*", default=EMPTY_JOBS)
    arguments = parser.parse_args()
    groups = [[(plan, (factor,)) for factor in arguments.factors]]
    groups += [
        [(run_empty, (jobs, kind, scheduler)) for jobs in arguments.empty_jobs]
        for kind in KINDS
        for scheduler in SCHEDULERS
    ]
    rows = []
    for group in groups:
        found: list[Row] = []
        for measure, sizes in group:
            found = with_growth([*found, measure(*sizes)])
            print(found[-1].line(), flush=True)
            if found[-1].seconds > LONGEST_SECONDS:
                break
        rows += found
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
