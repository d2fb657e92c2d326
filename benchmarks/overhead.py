"""Measures what the demonstration costs on top of its numerical work, per job.

A job's work is the duration in its provenance record less the import of its step; what the demo's
cores were occupied with beyond the work of all jobs is overhead: Snakemake, the start of Python,
imports, waiting. It is held against what each job must pay in any case, measured in this run: the
imports of its step, and an empty Snakemake job. Give it the folder of a finished demo, or let it
run one in a temporary copy of the repository (minutes). From the root:

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
from dataclasses import asdict, dataclass
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
SHARE_TARGET = 0.15
CORES = 2  # of the demo's profile
STEP = "import time; import lottery.runtime.job; t = time.perf_counter(); "
STEP += "import lottery.steps.{step}; print(time.perf_counter() - t)"
QUICK_JOBS = 2
NAME = "overhead of the demo per job"
SHARE_NAME = "share of the demo that is overhead"


@dataclass(frozen=True)
class Costs:
    """Where the time of a demo went, all in seconds of one core.

    Attributes:
        jobs: how many there were.
        occupied: what the run took of its cores, idle ones included.
        work: of all jobs together.
        imports: of the jobs' steps together.
    """

    jobs: int
    occupied: float
    work: float
    imports: float

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
    importing = [imports[record["step"]] for record in records]
    spent = [record["duration_seconds"] for record in records]
    work = sum(max(s - i, 0.0) for s, i in zip(spent, importing, strict=True))
    return Costs(len(records), cores * wall, work, sum(importing))


def rows_of(cost: Costs, empty: float) -> list[Row]:
    """The rows of a demo; `empty` is the seconds of an empty Snakemake job."""
    bare = cost.imports / cost.jobs + empty
    against = "the imports of each step, and an empty Snakemake job"
    ratio, whole = cost.overhead / bare, "all of it"
    parts = {"imports of the steps": cost.imports, "start of jobs": cost.jobs * empty}
    parts["idle cores, planning, the rest"] = cost.occupied - cost.work - sum(parts.values())
    shares = {part: seconds / cost.occupied for part, seconds in parts.items()}
    return [
        Row(NAME, cost.overhead, "s", against, bare, ratio, TARGET, note=f"{cost.jobs} jobs"),
        Row(SHARE_NAME, cost.share, "", whole, 1.0, cost.share, SHARE_TARGET),
        *(Row(f"{SHARE_NAME}: {part}", s, "", whole, 1.0, s) for part, s in shares.items()),
    ]


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
        targets = {NAME: TARGET, SHARE_NAME: SHARE_TARGET}
        rows = [not_measured(name, reason, t, at_least=False) for name, t in targets.items()]
        finish(options, facts, rows)
        return
    imports = step_imports({record["step"] for record in records}, options.repeats)
    cost = costs(records, imports, wall or wall_of(records), CORES)
    jobs = QUICK_JOBS if options.quick else cost.jobs
    empty = planning.run_empty(jobs, "script", "greedy").seconds / jobs
    more = asdict(cost) | {"empty_job": empty, "imports_of": imports}
    finish(options, facts, rows_of(cost, empty), **more)


if __name__ == "__main__":
    main()
