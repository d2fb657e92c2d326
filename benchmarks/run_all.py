"""Runs the benchmarks one after the other, each in a fresh process, and prints one table.

The numbers lie in build/bench/<script>.json. A script that fails is named below the table, and the
others run all the same; after Ctrl-C or SIGTERM the table shows what was finished. `--table FOLDER`
runs nothing and prints the table of the json files in a folder, such as benchmarks/results. From
the root, `make bench`, or

    PYTHONPATH=workflow/scripts python benchmarks/run_all.py [--quick] [--only searching ranking]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from material import glue_folder
from measuring import ROOT
from rows import TINY, Row, read_rows, table

HERE = Path(__file__).parent
FOLDER = ROOT / "build" / "bench"
SCRIPTS = (
    "finetuning",
    "flat",
    "processes",
    "searching",
    "shrinking",
    "families",
    "ranking",
    "growth",
    "overhead",
    "gpu",
    "slots",
    "profiles",
)
MORE = {"overhead": ["--run"]}  # unless sizes are tiny


def run(script: str, *, quick: bool) -> Path | None:
    """Runs one script; gives its json, or None if it failed.

    Nothing of it is left running, whatever ends it: the next one would be measured next to it. Nor
    are its temporary files left.
    """
    path = FOLDER / f"{script}.json"
    path.unlink(missing_ok=True)
    words = ["--json", str(path), *(["--quick"] if quick else MORE.get(script, []))]
    print(f"\n== {script}", flush=True)
    command = [sys.executable, str(HERE / f"{script}.py"), *words]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        environment = os.environ | {"TMPDIR": folder}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
        try:
            failed = process.wait() != 0
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return path if path.is_file() and not failed else None


def run_each(scripts: Sequence[str], *, quick: bool) -> tuple[list[Path], str]:
    """Runs scripts in turn; gives the json of those that finished, and what went wrong if any."""
    found: list[Path] = []
    failed: list[str] = []
    for script in scripts:
        try:
            path = run(script, quick=quick)
        except KeyboardInterrupt:
            return found, f"Stopped in {script}. --table {FOLDER} shows again what is there."
        if path is None:
            failed.append(script)
        else:
            found.append(path)
    return found, f"Failed: {', '.join(failed)}." if failed else ""


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


def told(paths: Sequence[Path]) -> str:
    """The table of some json files, the machines and commits they come from, and a summary."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    rows = [row for path in paths for row in read_rows(path)]
    lines = [table(rows), ""]
    seen: set[tuple[str, ...]] = set()
    for each in found:
        # All that does not differ from script to script in any case.
        machine = tuple(str(each["machine"][key]) for key in ("processor", "gpu", "commit"))
        if machine not in seen:
            lines.append(facts_of(each["machine"]))
        seen.add(machine)
    if any(each["quick"] for each in found):
        lines.append(TINY)
    return "\n".join([*lines, summary(rows)])


def main() -> None:
    """Runs the scripts and prints what they found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that all run")
    parser.add_argument("--only", nargs="+", choices=SCRIPTS, default=SCRIPTS)
    parser.add_argument("--table", type=Path, metavar="FOLDER", help="only print the table of one")
    options = parser.parse_args()
    if options.table:
        paths = [options.table / f"{script}.json" for script in options.only]
        found, wrong = [path for path in paths if path.is_file()], ""
        if not found:
            sys.exit(f"--table: {options.table} has no json of a benchmark.")
    else:
        glue_folder()  # a wrong one is refused before anything runs
        FOLDER.mkdir(parents=True, exist_ok=True)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        found, wrong = run_each(options.only, quick=options.quick)
    if found:
        print(f"\n{told(found)}")
    if wrong:
        sys.exit(wrong)


if __name__ == "__main__":
    main()
