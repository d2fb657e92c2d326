"""Tables, figures and a report of what a study has finished, while cells of it are missing.

A partial run knows from a list which files are unfinished, and leaves the rules that make cells
out: nothing that is finished runs again, nothing that is missing is made. What it makes is below
`partial/` in the folder of results, so the study's own tables are never touched. Its report is made
last, of the tables and figures that there are by then.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lottery import files
from lottery.config.study import Study
from lottery.planning import grid
from lottery.runtime.plan import PARTIAL as VARIABLE

if TYPE_CHECKING:
    from lottery.runtime.status import Job

LIST = Path(".snakemake/unfinished.json")
FOLDER = "partial"
LAST = "write_report"  # the rule of the report
MOST = 40  # lines that name what is missing
FEW = 3  # of them in the caption of a table


def restricted(study: Study) -> Study:
    """The study as this process is to see it: whole, or what of it is finished."""
    path = os.environ.get(VARIABLE)
    if not path:
        return study
    return replace(study, unfinished=frozenset(files.read_json(path)))


def shown_folder(study: Study) -> str:
    """The folder of tables, figures and the report."""
    return study.results if study.unfinished is None else f"{study.results}/{FOLDER}"


def leave_out_cells(workflow: Any, study: Study) -> None:
    """Takes every rule that makes no table, figure or report out of a partial run."""
    shown = f"{shown_folder(study)}/"
    for rule in list(workflow.rules):
        if any(not str(path).startswith(shown) for path in rule.output):
            del workflow._rules[rule.name]
            workflow._localrules.discard(rule.name)


def report_what_is_there(words: Sequence[str]) -> int:
    """Lets Snakemake make the tables and figures of a partial study, then its report.

    Args:
        words: options of a Snakemake command for the whole study.

    Returns:
        The exit status of the report's run.

    Raises:
        StudyError: Snakemake rejects the options or the config.
    """
    from lottery.runtime.status import plan

    planned = plan(words)
    if all(job.state == "done" for job in planned.jobs):
        print("Nothing is missing: the study has its report.")
        return 0
    if not any(job.rule == "evaluate" and job.state == "done" for job in planned.jobs):
        print("No cell is scored yet, so there is nothing to report.", file=sys.stderr)
        return 1
    environment = os.environ | {VARIABLE: str(write_list(planned.jobs, planned.folder))}
    # Without the lock, which a run of the whole study may hold: both make files of their own.
    # A profile may keep nothing going, but one figure that fails costs no other.
    command = [sys.executable, "-m", "snakemake"]
    options = [*words, "--nolock", "--keep-going", "--rerun-incomplete"]
    options += ["--quiet", "host", "reason"]
    print("\nTables, figures and a report of what there is:", file=sys.stderr, flush=True)
    for targets in ([], [LAST]):
        status = subprocess.run([*command, *targets, *options], env=environment, check=False)
    return status.returncode


def write_list(jobs: Iterable[Job], folder: Path) -> Path:
    """Writes which files of a study are unfinished; gives the path of the list.

    Args:
        jobs: of `lottery.runtime.status.plan`.
        folder: of the study.
    """
    path = folder / LIST
    unfinished = [output for job in jobs if job.state != "done" for output in job.outputs]
    files.write_json(path, sorted(unfinished))
    return path


def remove(study: Study) -> None:
    """Removes what partial runs have made, once the whole study has its report."""
    shutil.rmtree(Path(study.results, FOLDER), ignore_errors=True)


def missing(study: Study) -> list[str]:
    """What a partial study lacks, in words: how many cells, then which, then what follows.

    The cells of one model, task and seed are named together.
    """
    if study.unfinished is None:
        return []
    every, there = grid.all_cells(study), {*grid.cells(study)}
    lacking = [cell for cell in every if cell not in there]
    lines = [f"{len(lacking)} of {len(every)} evaluated cells are missing"]
    runs = [
        f"{model} on {task}, seed {seed}: {_what(list(group), study)}"
        for (model, task, seed), group in groupby(lacking, lambda cell: cell[:3])
    ]
    lines += runs[:MOST]
    if len(runs) > MOST:
        lines.append(f"and cells of {len(runs) - MOST} more runs")
    whole = replace(study, unfinished=None)
    on = Counter(row["eval_task"] for row in grid.evaluate_on_rows(whole))
    on.subtract(row["eval_task"] for row in grid.evaluate_on_rows(study))
    lines += [f"{n} evaluations on {task}" for task, n in on.items() if n]
    return lines + [
        f"analyses of masks need every task under every seed: those of {row['model']}, "
        f"{row['method']} are of {_block(study, **row)}"
        for row in grid.method_rows(whole)
        if grid.block(study, **row) != grid.block(whole, **row)
    ]


def sentence(study: Study) -> str:
    """What a partial study lacks, for the captions of tables; empty for a whole one."""
    lines = missing(study)
    if not lines:
        return ""
    more = f"; and {len(lines) - FEW - 1} more" if len(lines) > FEW + 1 else ""
    return f"Of an unfinished study: {'; '.join(lines[: FEW + 1])}{more}."


def _what(cells: list[grid.Cell], study: Study) -> str:
    """The missing cells of one model, task and seed."""
    if any((cell.method, cell.subnetwork, cell.phase) == grid.FULL for cell in cells):
        return "all"
    of_method: Callable[[grid.Cell], str] = lambda cell: cell.method  # noqa: E731
    words = []
    for method, group in groupby(cells, of_method):
        names = [f"{cell.subnetwork} {cell.phase}" for cell in group]
        listed = study.methods[method].subnetworks_of(cells[0]._asdict())
        every = sum(len(grid.phases_of(name)) for name in listed)
        words.append(f"{method} ({'all' if len(names) == every else ', '.join(names)})")
    return ", ".join(words)


def _block(study: Study, model: str, method: str) -> str:
    tasks, seeds = grid.block(study, model, method)
    if not tasks:
        return "nothing"
    return f"{', '.join(tasks)} under seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
