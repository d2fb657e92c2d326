"""Measures what the demonstration costs beside its numerical work, per job.

A job's work is the duration in its provenance record less the import of its step; what the demo's
cores were occupied with beyond the work of all jobs is overhead: Snakemake, the start of Python,
imports, waiting. It is held against what importing torch and transformers and an empty Snakemake
job cost together, measured in this run. Give it the folder of a finished demo, or let it run one in
a temporary copy of the repository (minutes). From the root:

    PYTHONPATH=workflow/scripts python benchmarks/overhead.py --run --json build/bench/overhead.json
    PYTHONPATH=workflow/scripts python benchmarks/overhead.py folder
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import yaml

import planning
import startup
from lottery.report.page.cost import Record
from measuring import ROOT, arguments, machine, parsed, seconds_of
from rows import Row, finish, not_measured

TARGET = 1.3
CORES = 2  # of the demo's profile
IMPORTS = "import torch; import transformers"
STEP = "import time; import lottery.runtime.job; t = time.perf_counter(); "
STEP += "import lottery.steps.{step}; print(time.perf_counter() - t)"
QUICK_JOBS = 2
NAME = "overhead of the demo per job"


@dataclass(frozen=True)
class Costs:
    """Where the time of a demo went, all in seconds of one core.

    Attributes:
        jobs: how many there were.
        occupied: what the run took of its cores, idle ones included.
        work: of all jobs together.
    """

    jobs: int
    occupied: float
    work: float

    @property
    def overhead(self) -> float:
        """What a job costs beyond its work."""
        return (self.occupied - self.work) / self.jobs

    @property
    def share(self) -> float:
        """The part of the time that is overhead."""
        return 1 - self.work / self.occupied


def costs(records: Sequence[Record], imports: dict[str, float], wall: float, cores: int) -> Costs:
    """Adds up a demo.

    Args:
        records: the provenance of its jobs.
        imports: seconds that the import of a step takes, by step.
        wall: seconds from its start to its end.
        cores: that it was given.
    """
    work = 0.0
    for record in records:
        work += max(record["duration_seconds"] - imports[record["step"]], 0.0)
    return Costs(len(records), cores * wall, work)


def wall_of(records: Sequence[Record]) -> float:
    """Seconds from the first job's start to the last one's end."""
    starts = [datetime.fromisoformat(record["started"]).timestamp() for record in records]
    ends = [s + r["duration_seconds"] for s, r in zip(starts, records, strict=True)]
    return max(ends) - min(starts)


def run_demo(folder: Path) -> float:
    """Runs the demonstration in a copy of the repository's files; gives its seconds."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    words = planning.snakemake("--workflow-profile", "workflow/profiles/demo")
    # The rules find the environment's programs as `make demo` lets them.
    places = [str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = os.environ | {"PATH": os.pathsep.join(places)}
    environment.pop("PYTHONPATH", None)
    run = partial(subprocess.run, words, cwd=folder, env=environment, check=True)
    return seconds_of(partial(run, stdout=sys.stderr))


def demo_records(folder: Path) -> list[Record]:
    """The provenance of a finished demo's jobs.

    Args:
        folder: in which it ran; `resources` counts as a whole, whatever it was fetched for.
    """
    config = yaml.safe_load((ROOT / "workflow/configs/demo.yaml").read_text(encoding="utf-8"))
    return startup.records_of(folder / config["results"], folder / "resources")


def step_imports(steps: set[str], repeats: int) -> dict[str, float]:
    """Seconds that the import of each step takes in a fresh process."""
    found = {}
    for step in sorted(steps):
        command = [sys.executable, "-c", STEP.format(step=step)]
        run = partial(subprocess.run, command, cwd=startup.SCRIPTS, capture_output=True, text=True)
        found[step] = statistics.median(float(run(check=True).stdout) for _ in range(repeats))
    return found


def main() -> None:
    """Measures, prints the rows and writes them as json."""
    parser = arguments(__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="a finished demo (the repository)")
    parser.add_argument("--run", action="store_true", help="run the demo in a temporary copy")
    options = parsed(parser)
    facts = machine()
    folder = options.folder or ROOT
    with tempfile.TemporaryDirectory() as temporary:
        wall = None
        if options.run:
            folder = Path(temporary)
            wall = run_demo(folder)
        records = demo_records(folder)
    if not records:
        reason = f"no finished demo in {'the repository' if folder == ROOT else folder}; --run"
        finish(options, facts, [not_measured(NAME, reason, TARGET, at_least=False)])
        return
    imports = step_imports({record["step"] for record in records}, options.repeats)
    cost = costs(records, imports, wall or wall_of(records), CORES)
    command = [sys.executable, "-c", IMPORTS]
    run = partial(subprocess.run, command, check=True)
    importing = statistics.median(seconds_of(run) for _ in range(options.repeats))
    empty = planning.run_empty(QUICK_JOBS if options.quick else cost.jobs, "script", "greedy")
    bare = importing + empty.seconds / empty.jobs
    against = "import of torch and transformers, and an empty Snakemake job"
    each, share = cost.overhead, cost.share
    rows = [
        Row(NAME, each, "s", against, bare, each / bare, TARGET, note=f"{cost.jobs} jobs"),
        Row("share of the demo that is overhead", share, "", "all of it", 1.0, share),
    ]
    more = {"wall": wall or wall_of(records), "work": cost.work, "importing": importing}
    finish(options, facts, rows, **more, empty_job=empty.seconds / empty.jobs, imports=imports)


if __name__ == "__main__":
    main()
