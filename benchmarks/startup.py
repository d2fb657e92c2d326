"""Measures what a job costs before its step begins: Python, Snakemake's preamble, imports.

For each step, fresh processes import what the job does; the difference between two stages
is the stage's cost. `--run` adds how long the steps of a finished study took. From the root:

    PYTHONPATH=workflow/scripts python benchmarks/startup.py --json startup.json [--run folder]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from lottery.report.page.cost import Record, read_records
from lottery.runtime.stages import step_names

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "workflow" / "scripts"
HEAVY = ("torch", "transformers", "datasets", "pandas", "scipy", "sklearn", "matplotlib", "pyarrow")
# What Snakemake writes in front of a script, and what `run_step.py` begins with.
PREAMBLE = "from snakemake.logging import logger; from snakemake.iocontainers import Snakemake; "
JOB = PREAMBLE + "import gc, lottery.runtime.job; gc.set_threshold(50_000, 20, 50); "


def cpu_seconds(code: str, repeats: int) -> float:
    """Processor time of a fresh Python that runs some code; the least of several times."""
    times = []
    for _ in range(repeats):
        process = subprocess.Popen([sys.executable, "-c", code], cwd=SCRIPTS)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"failed: {code}")
        times.append(usage.ru_utime + usage.ru_stime)
    return min(times)


def heavy_modules(step: str) -> list[str]:
    """Which heavy libraries a step imports before it begins."""
    loaded = f"print(*[m for m in {HEAVY!r} if m in sys.modules])"
    code = f"import sys; import lottery.steps.{step}; {loaded}"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True
    )
    return told.stdout.split()


def records_of(*folders: Path) -> list[Record]:
    """The provenance records below some folders, without those of format 1, which name no step."""
    return [record for record in read_records(*folders) if "step" in record]


def work_seconds(run: Path) -> dict[str, float]:
    """Median duration of the steps of a finished study, imports of the step included."""
    durations: dict[str, list[float]] = {}
    for record in records_of(run / "results", run / "resources"):
        durations.setdefault(record["step"], []).append(record["duration_seconds"])
    return {step: median(values) for step, values in durations.items()}


def main() -> None:
    """Measures, prints a line per step, and writes them as json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the rows")
    parser.add_argument("--run", type=Path, help="a finished study, for the work itself")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    base = [cpu_seconds(code, arguments.repeats) for code in ("pass", PREAMBLE, JOB)]
    work = work_seconds(arguments.run) if arguments.run else {}
    print("step                       python  preamble  job  import  work (median)  imports")
    rows = []
    for step in step_names():
        whole = cpu_seconds(f"{JOB}import lottery.steps.{step}", arguments.repeats)
        row = {
            "step": step,
            "python": base[0],
            "preamble": base[1] - base[0],
            "job": base[2] - base[1],
            "import": max(whole - base[2], 0.0),
            "work": work.get(step),
            "imports": heavy_modules(step),
        }
        rows.append(row)
        worked = "" if row["work"] is None else f"{row['work']:.2f}"
        print(
            f"{step:<26} {base[0]:6.2f} {row['preamble']:9.2f} {row['job']:6.2f} "
            f"{row['import']:6.2f} {worked:>9}        {' '.join(row['imports'])}",
            flush=True,
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
