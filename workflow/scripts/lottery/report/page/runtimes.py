"""The cost of the run as tables, beside the run times that the authors of the paper published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lottery.report.page.cost import PAPERS_SEARCH, Job, StepCost, add_up, total
from lottery.report.tables.model import Cell, Group, Table, plain
from lottery.report.tables.numbers import NOTHING, counted, duration, energy, megabytes
from lottery.results.layout import Layout

Row = Mapping[str, str]

CAPTION = (
    "What the run has cost: the jobs on which this page rests, by step. Wall time, CPU time and"
    " peak memory (of the largest job) are those of Snakemake's benchmark files. GPU time is the"
    " wall time of jobs that held a GPU. In colour: the same step in the logs of the paper's"
    " authors (bert-base on GLUE, a GeForce RTX 2080 Ti), the mean of a job."
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


def cost_table(jobs: Sequence[Job], authors: Sequence[Row], *, shared: bool) -> Table:
    """The cost per step, with the authors' times of the same step.

    Args:
        jobs: the jobs of the run.
        authors: of workflow/resources/paper/runtimes.csv.
        shared: whether several jobs could hold one GPU.
    """
    costs = [*add_up(jobs), total(jobs)]
    with_energy = any(cost.joules is not None for cost in costs)
    with_gpu = any(cost.gpu_seconds is not None for cost in costs)
    columns = ["", "jobs", "wall time", "a job", "CPU time", "peak memory"]
    columns += ["GPU time"] * with_gpu + ["energy"] * with_energy + ["the authors, a job"]
    beside = _authors_means(authors)
    rows = [_line(cost, with_gpu, with_energy, beside) for cost in costs]
    caption = CAPTION + ENERGY * with_energy + SHARED * (with_energy and shared)
    unmeasured = costs[-1].jobs - costs[-1].measured
    note = "" if not unmeasured else f"Without a benchmark file: {counted(unmeasured, 'job')}."
    return Table("cost", caption, columns, [Group("", rows[:-1]), Group("", rows[-1:])], note=note)


def _line(
    cost: StepCost, with_gpu: bool, with_energy: bool, authors: Mapping[str, str]
) -> list[Cell]:
    texts = [
        cost.step,
        f"{cost.jobs:,}",
        duration(cost.seconds),
        duration(cost.mean_seconds),
        duration(cost.cpu_seconds),
        megabytes(cost.peak_mb),
    ]
    texts += [duration(cost.gpu_seconds)] * with_gpu + [energy(cost.joules)] * with_energy
    return [*(Cell(text) for text in texts), Cell("", paper=authors.get(cost.step, ""))]


def _authors_means(authors: Sequence[Row]) -> dict[str, str]:
    """The authors' mean time of a job of ours: a search, and an evaluation of one model."""
    searches = [r for r in authors if r["step"] == "search" and r["method"] == "structured"]
    scored = [row for row in authors if row["step"] == "evaluate"]
    means = {}
    if searches:
        minutes = sum(float(row["minutes_mean"]) * int(row["runs"]) for row in searches)
        means[PAPERS_SEARCH] = duration(60 * minutes / sum(int(r["runs"]) for r in searches))
    if scored:
        minutes = sum(float(row["minutes_mean"]) for row in scored)
        means["evaluate"] = duration(60 * minutes / sum(int(row["models"]) for row in scored))
    return means


def authors_table(
    jobs: Mapping[str, Sequence[float]], authors: Sequence[Row], layout: Layout
) -> Table:
    """The authors' search times by task, and this run's on the tasks that are the paper's.

    Args:
        jobs: task -> seconds of this run's structured searches on it.
        authors: of workflow/resources/paper/runtimes.csv.
        layout: which of the tasks are the paper's.
    """
    searches = [row for row in authors if row["step"] == "search"]
    tasks = list(dict.fromkeys(row["task"] for row in searches))
    minutes = {
        (row["method"], row["task"]): f"{float(row['minutes_mean']):.1f}" for row in searches
    }
    rows = [
        (words, *(minutes.get((method, task), NOTHING) for task in tasks))
        for method, words in SEARCHES.items()
    ]
    ours = {
        column.published: jobs[column.id]
        for column in layout.tasks
        if column.published and jobs.get(column.id)
    }
    if ours:
        means = [f"{sum(ours[t]) / len(ours[t]) / 60:.1f}" if t in ours else NOTHING for t in tasks]
        rows.append(("this run, all structured methods", *means))
    return Table("authors", AUTHORS, ("", *tasks), plain(rows))
