"""What a run has cost, from its provenance records, next to the times that the authors published.

A record is the content of a provenance.json; `jobs` is what `job_table` gives; `authors` is
workflow/resources/paper/runtimes.csv, read with `AUTHORS_SCHEMA`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lottery import files
from lottery.files.errors import StudyError
from lottery.pruning.algorithms.declaration import PAPERS_METHODS, UNITS
from lottery.report.tables.model import Cell, Group, Table, plain
from lottery.report.tables.numbers import NOTHING, counted, duration, energy, megabytes
from lottery.results.layout import Layout

Record = dict[str, Any]

PAPERS_SEARCH = f"search {PAPERS_METHODS[UNITS]}"  # of the paper's structured pruning
MIB = 2**20  # what benchmark files call MB
SUMS = ["seconds", "cpu_seconds", "gpu_seconds", "joules"]
AUTHORS_SCHEMA: dict[str, type] = dict.fromkeys(["step", "method", "task"], str)
AUTHORS_SCHEMA |= {"runs": int, "models": int, "minutes_mean": float}

CAPTION = (
    "What the run has cost: the jobs on which this page rests, by step. Wall time, CPU time and"
    " peak memory (of the largest job) are those of Snakemake's benchmark files. GPU time is the"
    " wall time of jobs that held a GPU. The paper: the same step in the logs of its authors"
    " (bert-base on GLUE, a GeForce RTX 2080 Ti), the mean of a job."
)
ENERGY = (
    " Energy is what the GPU counted while a job held it, the board without the rest of the"
    " machine."
)
SHARED = " Jobs shared a GPU: each counts the energy of the whole device, so the sum is too large."
AUTHORS = (
    "Search times of the paper's authors: minutes per run, mean of five seeds, on one of eight"
    " GeForce RTX 2080 Ti, from the tracker logs of their repository (2020)."
)
SEARCHES = {
    "structured": "heads and MLPs",
    "heads_only": "heads",
    "mlps_only": "MLPs",
    "structured_on_train": "heads and MLPs, on training data",
}


def read_records(*folders: Path) -> list[Record]:
    """Reads every provenance record below some folders: the results, and resources/."""
    records = []
    for path in (path for folder in folders for path in sorted(folder.rglob("*provenance.json"))):
        try:
            record = files.read_json(path)
        except StudyError:
            continue  # it is a description, not a result
        if isinstance(record, dict) and {"rule", "inputs", "outputs"} <= record.keys():
            records.append(record)
    return records


def paths_of(named: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """The paths in a record's `inputs` or `outputs`."""
    for digests in named.values():
        yield from digests


def makers(records: Iterable[Record]) -> dict[str, Record]:
    """The record of the job that made each path, the latest where several claim it."""
    by_start = sorted(records, key=lambda record: str(record.get("started", "")))
    return {path: record for record in by_start for path in paths_of(record["outputs"])}


def behind(paths: Iterable[str], records: Iterable[Record]) -> list[Record]:
    """The records of the jobs that some files rest on, and that their inputs do, by start.

    What is in the folder from another study is no part of it.
    """
    made, found = makers(records), {}
    waiting = list(paths)
    while waiting:
        record = made.get(waiting.pop())
        if record is not None and id(record) not in found:
            found[id(record)] = record
            waiting += paths_of(record["inputs"])
    return sorted(found.values(), key=lambda each: (str(each.get("started", "")), each["rule"]))


def job_table(
    records: Iterable[Record], results: Path, papers: Mapping[str, str | None]
) -> pd.DataFrame:
    """What was measured of each job, a row per record; NaN where something was not measured.

    Args:
        results: the folder of the run's results.
        papers: method -> the paper's method that it repeats, if any.

    Returns:
        Columns step, task, the times `seconds`, `cpu_seconds` (of all cores together) and
        `gpu_seconds` (the wall time, if the job held a GPU), peak_mb, and joules (of that GPU).
    """
    schema = {"step": object, "task": object, **dict.fromkeys([*SUMS, "peak_mb"], float)}
    jobs = [_job(record, results, papers) for record in records]
    return pd.DataFrame(jobs, columns=list(schema)).astype(schema)


def _job(record: Record, results: Path, papers: Mapping[str, str | None]) -> dict[str, Any]:
    # The benchmark file has the place of the log in another folder.
    name = str(record.get("log") or "").removeprefix(f"{results}/logs/").removesuffix(".log")
    try:
        lines = pd.read_csv(results / "benchmarks" / f"{name}.tsv", sep="\t").tail(1)
    except (OSError, ValueError):
        lines = pd.DataFrame()
    # A time of day is no number, and neither is NA where nothing was sampled.
    numbers = lines.apply(pd.to_numeric, errors="coerce").dropna(axis=1).to_dict("records")
    measured = numbers[0] if numbers else {}
    gpu = record.get("device") not in (None, "", "cpu")
    # Snakemake samples memory, and misses jobs that end before the first sample.
    peak = max(measured.get("max_rss", 0.0) * MIB / 1e6, record.get("peak_memory_mb") or 0.0)
    return {
        "step": step_of(record, papers),
        "task": record.get("wildcards", {}).get("task"),
        "seconds": measured.get("s"),
        "cpu_seconds": measured.get("cpu_time"),
        "gpu_seconds": measured.get("s") if gpu else None,
        "joules": record.get("energy_joules") if gpu else None,
        "peak_mb": peak or None,
    }


def step_of(record: Record, papers: Mapping[str, str | None]) -> str:
    """The step of a record; searches of different algorithms count apart."""
    step = str(record.get("step", record["rule"]))
    if step != "search":
        return step
    algorithm = record["params"]["settings"]["algorithm"]
    return f"search {papers.get(record['wildcards']['method']) or algorithm}"


def costs_of(jobs: pd.DataFrame) -> pd.DataFrame:
    """The jobs of each step together, in the order of the jobs, and of "all" steps.

    Returns:
        Per step: jobs, sums of the times and joules, mean_seconds, and the largest peak_mb; NaN
        where no job was measured.
    """
    steps = pd.concat([jobs, jobs.assign(step="all")]).groupby("step", sort=False)
    sums, seconds = steps[SUMS].sum(min_count=1), steps["seconds"].mean()
    return sums.assign(jobs=steps.size(), mean_seconds=seconds, peak_mb=steps["peak_mb"].max())


def cost_table(jobs: pd.DataFrame, authors: pd.DataFrame, *, shared: bool) -> Table:
    """The cost per step, with the authors' times; `shared`: several jobs could hold one GPU."""
    costs = costs_of(jobs)
    known = costs.astype(object).where(costs.notna(), None)

    def cells(name: str, spelled: Callable[[float | None], str]) -> list[Cell]:
        # Times in several units sort by their seconds.
        return [Cell(spelled(value), value=value) for value in known[name]]

    columns = {
        "": [Cell(step) for step in costs.index],
        "jobs": [Cell(f"{number:,}") for number in costs["jobs"]],
        "wall time": cells("seconds", duration),
        "a job": cells("mean_seconds", duration),
        "CPU time": cells("cpu_seconds", duration),
        "peak memory": cells("peak_mb", megabytes),
    }
    if costs["gpu_seconds"].notna().any():
        columns["GPU time"] = cells("gpu_seconds", duration)
    with_energy = bool(costs["joules"].notna().any())
    if with_energy:
        columns["energy"] = cells("joules", energy)
    # The authors' mean time of a job of ours: a search, and an evaluation of one model.
    search = authors[(authors["step"] == "search") & (authors["method"] == PAPERS_METHODS[UNITS])]
    scored = authors[authors["step"] == "evaluate"]
    search_minutes = (search["minutes_mean"] * search["runs"]).sum() / search["runs"].sum()
    theirs = {
        PAPERS_SEARCH: duration(60 * search_minutes),
        "evaluate": duration(60 * scored["minutes_mean"].sum() / scored["models"].sum()),
    }
    rows = [
        [*row, Cell("", paper=theirs.get(row[0].text, ""))]
        for row in zip(*columns.values(), strict=True)
    ]
    caption = CAPTION + ENERGY * with_energy + SHARED * (with_energy and shared)
    unmeasured = int(jobs["seconds"].isna().sum())
    note = f"Without a benchmark file: {counted(unmeasured, 'job')}." if unmeasured else ""
    groups = [Group("", rows[:-1]), Group("", rows[-1:])]
    return Table("cost", caption, [*columns, "the authors, a job"], groups, note=note)


def authors_table(jobs: pd.DataFrame, authors: pd.DataFrame, layout: Layout) -> Table:
    """The authors' search times by task, and this run's on the tasks that are the paper's."""
    theirs = authors[authors["step"] == "search"]
    tasks: Sequence[str] = theirs["task"].unique()
    minutes = theirs.pivot(index="method", columns="task", values="minutes_mean")
    minutes = minutes.reindex(index=[*SEARCHES], columns=tasks).rename(SEARCHES)
    ours = jobs[jobs["step"] == PAPERS_SEARCH]
    published = ours["task"].map({task.id: task.published for task in layout.tasks})
    means = ours.groupby(published)["seconds"].mean() / 60
    if means.notna().any():
        minutes.loc["this run, all structured methods"] = means.reindex(tasks)
    rows = [
        (name, *(NOTHING if pd.isna(value) else f"{value:.1f}" for value in row))
        for name, row in zip(minutes.index, minutes.to_numpy(), strict=True)
    ]
    return Table("authors", AUTHORS, ("", *tasks), plain(rows))
