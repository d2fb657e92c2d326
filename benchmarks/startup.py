"""Measures what a job costs before its step begins: Python, Snakemake's preamble, imports.

For each rule's script, fresh processes import what the job does; the difference between two stages
is the stage's cost. `--run` adds how long the steps of a finished study took. From the root:

    PYTHONPATH=workflow/scripts python benchmarks/startup.py --json startup.json [--run folder]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "workflow" / "scripts"
HEAVY = ("torch", "transformers", "datasets", "pandas", "scipy", "sklearn", "matplotlib", "pyarrow")
# What Snakemake writes in front of a script, and what every script of ours begins with.
PREAMBLE = "from snakemake.logging import logger; from snakemake.iocontainers import Snakemake; "
JOB = PREAMBLE + "import gc, lottery.job; gc.set_threshold(50_000, 20, 50); "


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


def steps() -> dict[str, str]:
    """Scripts of rules, each with the step that it runs."""
    found = {}
    for path in sorted(SCRIPTS.glob("*.py")):
        step = re.search(r'^run\(\s*"(\w+)"', path.read_text(encoding="utf-8"), re.MULTILINE)
        if step:
            found[path.stem] = step[1]
    return found


def heavy_modules(step: str) -> list[str]:
    """Which heavy libraries a step imports before it begins."""
    loaded = f"print(*[m for m in {HEAVY!r} if m in sys.modules])"
    code = f"import sys; import lottery.steps.{step}; {loaded}"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True
    )
    return told.stdout.split()


def work_seconds(run: Path) -> dict[str, float]:
    """Median duration of the steps of a finished study, by rule, imports of the step included."""
    durations: dict[str, list[float]] = {}
    for path in run.glob("res*/**/*provenance.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        durations.setdefault(record["rule"], []).append(record["duration_seconds"])
    return {rule: median(values) for rule, values in durations.items()}


def main() -> None:
    """Measures, prints a line per script, and writes them as json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the rows")
    parser.add_argument("--run", type=Path, help="a finished study, for the work itself")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    base = [cpu_seconds(code, arguments.repeats) for code in ("pass", PREAMBLE, JOB)]
    work = work_seconds(arguments.run) if arguments.run else {}
    print("script                     python  preamble  job   step   work (median)  imports")
    rows = []
    for script, step in steps().items():
        whole = cpu_seconds(f"{JOB}import lottery.steps.{step}", arguments.repeats)
        done = [value for rule, value in work.items() if rule.startswith(step)]
        row = {
            "script": script,
            "python": base[0],
            "preamble": base[1] - base[0],
            "job": base[2] - base[1],
            "step": max(whole - base[2], 0.0),
            "work": max(done) if done else None,
            "imports": heavy_modules(step),
        }
        rows.append(row)
        worked = "" if row["work"] is None else f"{row['work']:.2f}"
        print(
            f"{script:<26} {base[0]:6.2f} {row['preamble']:9.2f} {row['job']:6.2f} "
            f"{row['step']:6.2f} {worked:>9}        {' '.join(row['imports'])}",
            flush=True,
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
