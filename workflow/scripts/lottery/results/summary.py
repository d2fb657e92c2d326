"""The numeric table of the study: means over seeds, and the average over tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lottery import files
from lottery.results.folds import over_folds
from lottery.results.layout import Layout, Row
from lottery.results.published import Published, PublishedOn
from lottery.results.scores import COSTS

if TYPE_CHECKING:
    import pandas as pd

AVERAGE = "average"
SPLITS = ("validation", "validation_mismatched", "search_half", "report_half")
ROW = ["method", "subnetwork", "phase"]
CELL = ["model", "split", *ROW]

# n_runs counts all runs; n, mean and sd those with a value, degenerate ones among them (undefined
# Matthews or correlation counts as 0); the columns *_without_degenerate leave degenerate runs out.
# In a row of task `average`, n is the number of seeds with a value on every task, mean the mean of
# the tasks' means, median that of their medians, sd that of the seeds' averages; n_runs and
# n_degenerate add up its tasks.
OVER_SEEDS: dict[str, type] = {
    "n_runs": int,
    "n": int,
    "mean": float,
    "sd": float,
    "median": float,
    "n_degenerate": int,
    "n_tasks_without_degenerate": int,
    "n_without_degenerate": int,
    "mean_without_degenerate": float,
    "sd_without_degenerate": float,
    "kept_fraction": float,
    "kept_fraction_sd": float,
}
# Means over seeds of what a model costs (`lottery.pruning.cost.cost_of`).
COST = dict.fromkeys((*COSTS, "flops"), float)
PAPER: dict[str, type] = {"published_mean": float, "published_sd": float, "published_n": int}
# Those of one task; what is counted over tasks is left out.
OF_TASK = {k: v for k, v in OVER_SEEDS.items() if k != "n_tasks_without_degenerate"}
# Of the cells of a table of scores; summary.csv has costs as well.
NUMBERS: files.Schema = (
    dict.fromkeys((*CELL, "task", "metric"), str)
    | {"n_tasks": int}
    | OVER_SEEDS
    | PAPER
    | {"published_kept_fraction": float}
)
SCHEMA: files.Schema = {**NUMBERS, **COST}
COLUMNS = list(SCHEMA)
# Of evaluation_only.csv. An empty group means all examples, an empty label all gold labels. The
# columns *_without_degenerate leave out trained runs whose predictions for the group are all the
# same, or whose metric is undefined.
ON_KEYS = ["model", "task", "eval_task", *ROW, "split", "group", "label", "metric"]
ON_SCHEMA: files.Schema = (
    dict.fromkeys(ON_KEYS, str) | {"n_examples": int} | OF_TASK | {"published_mean": float}
)
# Majority is a baseline, no run: it is constant by definition and never left out.
OF_RUNS = [name for name in COLUMNS if name.endswith("degenerate")]


def summarize(scores: pd.DataFrame, layout: Layout, published: Published) -> pd.DataFrame:
    """Makes summary.csv from what `score_table` reads; majority is under model `none`, once."""
    runs = reported_runs(scores, layout)
    frame = cell_numbers(runs, layout, published).set_index([*CELL, "task"])
    frame = frame.join(_costs(runs, layout))
    order = [
        (model, split, *row, task)
        for model in ("none", *layout.models)
        for split in SPLITS
        for row in layout.every_row
        for task in dict.fromkeys((*layout.metrics, *layout.over_folds().metrics, AVERAGE))
    ]
    frame = frame.loc[[cell for cell in order if cell in frame.index]]
    return files.table(frame.reset_index(), SCHEMA)


def summarize_on(scores: pd.DataFrame, published: PublishedOn) -> pd.DataFrame:
    """Makes evaluation_only.csv: over seeds, in the order of the scores."""
    frame = over_seeds(scores, ON_KEYS)
    frame["published_mean"] = [published.mean(cell.label, cell) for cell in frame.itertuples()]
    return files.table(frame[list(ON_SCHEMA)], ON_SCHEMA)


def reported_runs(scores: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """The scores on the tasks of the study, each in the metric that its task reports."""
    reported = scores["metric"] == scores["task"].map(layout.metrics)
    return scores[reported & (scores["eval_task"] == "")]


def by_row(runs: pd.DataFrame, task: str) -> dict[Row, pd.DataFrame]:
    """The runs on a task by method, subnetwork and phase."""
    return dict(tuple(runs[runs["task"] == task].groupby(ROW, sort=False)))


def cell_numbers(runs: pd.DataFrame, layout: Layout, published: Published) -> pd.DataFrame:
    """The rows of summary.csv for some cells: one per task, then one each for their average.

    A data set with folds has a row after those of its folds, in which a run is a seed.

    Args:
        runs: one score per cell, task and seed, with the columns of `score_table`.
    """
    import pandas as pd

    whole, runs_of = layout.over_folds(), over_folds(runs, layout)
    tasks = _task_numbers(runs_of, whole, published)
    averages = _averages(_averaged(runs_of, whole), _averaged(tasks, whole))
    folds = runs[runs["task"].isin([fold for names in layout.folds.values() for fold in names])]
    of_folds = [_task_numbers(folds, layout, published)] if len(folds) else []
    frame = pd.concat([*of_folds, tasks, averages], ignore_index=True)
    return files.table(frame[list(NUMBERS)], NUMBERS)


def _task_numbers(runs: pd.DataFrame, layout: Layout, published: Published) -> pd.DataFrame:
    import pandas as pd

    tasks = over_seeds(runs, [*CELL, "task", "metric"])
    return pd.concat([tasks, _published(tasks, layout, published)], axis=1)


def _averaged(rows: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """The rows of tasks that take part in averages."""
    return rows[rows["task"].isin([task.id for task in layout.tasks if task.in_average])]


def _costs(runs: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """Mean costs of each cell and task, and of each cell over the tasks that take part."""
    import pandas as pd

    whole, runs_of = layout.over_folds(), over_folds(runs, layout)
    data_sets = runs_of[runs_of["task"].isin([*layout.folds])]
    average = _averaged(runs_of, whole).assign(task=AVERAGE)
    return (
        pd.concat([runs, *([data_sets] if len(data_sets) else []), average])
        .groupby([*CELL, "task"])[[*COST]]
        .mean()
    )


def over_seeds(runs: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Numbers over the runs with the same keys, with and without the degenerate ones.

    Args:
        runs: scores, with the columns of `score_table`.
        keys: columns, `subnetwork` among them; the rows are in the order of the runs.
    """
    runs = runs.assign(without_degenerate=runs["counted"].mask(runs["degenerate"]))
    frame = runs.groupby(list(keys), sort=False).agg(
        n_examples=("n_examples", "first"),
        n_runs=("counted", "size"),
        n=("counted", "count"),
        mean=("counted", "mean"),
        sd=("counted", "std"),
        median=("counted", "median"),
        n_degenerate=("degenerate", "sum"),
        n_without_degenerate=("without_degenerate", "count"),
        mean_without_degenerate=("without_degenerate", "mean"),
        sd_without_degenerate=("without_degenerate", "std"),
        kept_fraction=("kept_fraction", "mean"),
        kept_fraction_sd=("kept_fraction", "std"),
    )
    has_runs = (frame["n_without_degenerate"] > 0).astype("Int64")
    frame = frame.assign(n_tasks=1, n_tasks_without_degenerate=has_runs)
    return _without_majority(frame.reset_index())


def _without_majority(frame: pd.DataFrame) -> pd.DataFrame:
    majority = frame["subnetwork"] == "majority"
    return frame.assign(**{name: frame[name].mask(majority) for name in OF_RUNS})


def _averages(runs: pd.DataFrame, tasks: pd.DataFrame) -> pd.DataFrame:
    """The average of each cell over the tasks that take part, from their runs and their rows."""
    by_cell = tasks.groupby(CELL, sort=False)
    frame = by_cell.agg(
        n_tasks=("n_tasks", "sum"),
        n_runs=("n_runs", "sum"),
        n_degenerate=("n_degenerate", "sum"),
        n_tasks_without_degenerate=("n_tasks_without_degenerate", "sum"),
        mean_without_degenerate=("mean_without_degenerate", "mean"),
    )
    for name in ("mean", "median", "published_mean", "published_kept_fraction"):
        frame[name] = by_cell[name].mean().where(by_cell[name].count() == frame["n_tasks"])
    frame["kept_fraction"] = runs.groupby(CELL)["kept_fraction"].mean()
    others = runs.assign(counted=runs["counted"].mask(runs["degenerate"]))
    for suffix, counted in (("", runs), ("_without_degenerate", others)):
        seeds = counted.groupby([*CELL, "seed"], dropna=False)["counted"].agg(["count", "mean"])
        seeds = seeds.reset_index().merge(frame["n_tasks"].reset_index())
        whole = seeds.loc[seeds["count"] == seeds["n_tasks"]].groupby(CELL)["mean"]
        frame[f"n{suffix}"] = whole.count().reindex(frame.index, fill_value=0)
        frame[f"sd{suffix}"] = whole.std()
    return _without_majority(frame.reset_index().assign(task=AVERAGE, metric=""))


def _published(frame: pd.DataFrame, layout: Layout, published: Published) -> pd.DataFrame:
    """The published numbers of some cells, a row for each."""
    tasks = {task.id: task for task in layout.tasks}
    rows = []
    for cell in frame.itertuples():
        place = (cell.model, (cell.method, cell.subnetwork, cell.phase), tasks[cell.task])
        score = layout.published_score(published, *place, cell.split)
        numbers = (score.mean, score.sd, score.n_seeds) if score else (None, None, None)
        rows.append((*numbers, layout.published_kept_fraction(published, *place)))
    schema = {name: kind for name, kind in SCHEMA.items() if name.startswith("published")}
    return files.table([dict(zip(schema, row, strict=True)) for row in rows], schema)
