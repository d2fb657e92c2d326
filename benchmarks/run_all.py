"""Runs the benchmarks one after the other, each in a fresh process, and prints one table.

The numbers lie in build/bench/<script>.json. A script that fails is named below the table, and the
others run all the same. From the root, `make bench`, or

    PYTHONPATH=workflow/scripts python benchmarks/run_all.py [--quick] [--only searching ranking]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from measuring import ROOT
from rows import Row, read_rows, table

FOLDER = ROOT / "build" / "bench"
SCRIPTS = (
    "finetuning",
    "processes",
    "searching",
    "shrinking",
    "ranking",
    "growth",
    "overhead",
    "gpu",
    "slots",
    "profiles",
)


def run(script: str, *, quick: bool) -> Path | None:
    """Runs one script; gives its json, or None if it failed."""
    path = FOLDER / f"{script}.json"
    path.unlink(missing_ok=True)
    words = ["--json", str(path)]
    if quick:
        words.append("--quick")
    elif script == "overhead":
        words.append("--run")
    print(f"\n== {script}", flush=True)
    command = [sys.executable, str(Path(__file__).parent / f"{script}.py"), *words]
    done = subprocess.run(command, cwd=ROOT, check=False)
    return path if done.returncode == 0 and path.is_file() else None


def summary(rows: list[Row]) -> str:
    """How many rows with a target met it."""
    verdicts = [row.verdict for row in rows if row.verdict]
    counts = (f"{verdicts.count(word)} {word}" for word in ("met", "missed", "not measured"))
    return f"{len(verdicts)} rows with a target: {', '.join(counts)}."


def facts_of(machine: dict[str, Any]) -> str:
    """The machine in one line."""
    gpu = f", {machine['gpu']}" if machine["gpu"] else ""
    return (
        f"{machine['processor']}, {machine['cores']} cores{gpu}, {machine['threads']} threads, "
        f"torch {machine['torch']}, commit {machine['commit']}, {machine['date']}"
    )


def main() -> None:
    """Runs the scripts and prints what they found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that all run")
    parser.add_argument("--only", nargs="+", choices=SCRIPTS, default=SCRIPTS)
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    paths = {script: run(script, quick=options.quick) for script in options.only}
    found = [path for path in paths.values() if path is not None]
    rows = [row for path in found for row in read_rows(path)]
    if found:
        machine = json.loads(found[0].read_text(encoding="utf-8"))["machine"]
        print(f"\n{table(rows)}\n\n{facts_of(machine)}\n{summary(rows)}")
    if failed := [script for script, path in paths.items() if path is None]:
        sys.exit(f"Failed: {', '.join(failed)}.")


if __name__ == "__main__":
    main()
