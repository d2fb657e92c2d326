"""Step plot_overview: scores of all methods on a model -> one figure, averaged over tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from lottery.pruning.subnetworks import base_name
from lottery.report import strips, style
from lottery.results.folds import over_folds
from lottery.results.layout import SPLIT_NAMES, Layout, Row, TaskColumn
from lottery.results.published import Published
from lottery.results.scores import score_tables
from lottery.results.summary import reported_runs

VERSION = 1
COLUMNS = 3
# The lines of a panel, where a method has them.
LINES = ("majority", "full", "good", "random", "bad", "good_half", "random_half", "bad_half")


def plot_overview(
    *,
    paths_to_scores: list[Path],
    paths_to_published: list[Path],
    paths_to_figure: list[Path],
    model: str,
    layout: dict[str, Any],
) -> None:
    """Draws one panel per method with the lines majority, full, good, random, bad.

    Args:
        paths_to_scores: scores.csv of the model and each of its methods.
    """
    scores = score_tables(paths_to_scores)
    published = Published.read(*paths_to_published)
    with style.settings():
        figure = draw_overview(scores, Layout.of(**layout), published, model)
        style.save(figure, paths_to_figure)


def draw_overview(scores: pd.DataFrame, layout: Layout, published: Published, model: str) -> Figure:
    """Draws all methods on a model, each on the split that shows it."""
    runs, layout = over_folds(reported_runs(scores, layout), layout), layout.over_folds()
    runs = runs[runs["model"].isin(("none", model))]
    methods = [each.id for each in layout.methods if each.id in set(runs["method"])]
    averaged = {method: averaged_tasks(runs, layout, method) for method in methods}
    splits = {method: layout.display_split(method) for method in methods}
    cells = {
        method: averages(runs[runs["split"] == splits[method]], averaged[method], method)
        for method in methods
    }
    paper = {
        method: _published(
            published, layout, model, cells[method], averaged[method], splits[method]
        )
        for method in methods
    }
    names = {
        method: [name for name in LINES if name in {row[1] for row in cells[method]}]
        for method in methods
    }
    tasks = {task.id: task for of_method in averaged.values() for task in of_method}
    lines = max(map(len, names.values()), default=2)
    columns = style.columns_for(len(methods), most=COLUMNS, least=2)
    figure, axes = style.panels(
        len(methods),
        columns,
        (style.PAGE / max(2, columns), strips.height(lines)),
        0.9,
        narrowest=style.PAGE * 2 / 3,
        x=style.axis_of([t.metric for t in tasks.values()], "average score over tasks"),
    )
    values = [value for method in methods for value in strips.extremes(cells[method])]
    values += [value for marks in paper.values() for value in marks.values()]
    style.same_range(axes, min(values, default=0.0), max(values, default=1.0))
    for index, (axis, method) in enumerate(zip(axes, methods, strict=True)):
        strips.draw(axis, names[method], cells[method], paper[method])
        last = (index + 1) % columns == 0 or index == len(methods) - 1
        strips.sizes(axis, names[method], cells[method], named=last)
        own = f"{style.short(method)}\n{SPLIT_NAMES[splits[method]]}"
        few = len(averaged[method]) < len(tasks)
        axis.set_title(own + (f", {len(averaged[method])} tasks" if few else ""))
    counts = [runs_of["seed"].nunique() for each in cells.values() for runs_of in each.values()]
    entries = strips.entries(
        seeds=max(counts, default=0), degenerate=False, published=any(paper.values())
    )
    style.legend(figure, entries, columns=3)
    found = (f"{name} \N{EM DASH} {strips.sentence([cells[name]], LINES)}" for name in methods)
    style.finding(figure, *found)
    several = f"average of {len(tasks)} tasks"
    over = several if len(tasks) > 1 else "".join(tasks)
    details = (model, over, style.seeds([max(counts, default=0)]))
    style.heading(figure, "All methods side by side", *details)
    return figure


def averaged_tasks(runs: pd.DataFrame, layout: Layout, method: str) -> list[TaskColumn]:
    """The tasks of a method that enter averages; all of its tasks where none does."""
    own = set(runs.loc[runs["method"] == method, "task"])
    tasks = [task for task in layout.tasks if task.id in own]
    return [task for task in tasks if task.in_average] or tasks


def averages(
    runs: pd.DataFrame, tasks: Sequence[TaskColumn], method: str
) -> Mapping[Row, pd.DataFrame]:
    """Each seed's mean over tasks, draws of a random subnetwork averaged first, by row.

    A seed without a score on every task is left out: its mean would be of other tasks.
    """
    own = runs["method"].isin(("none", method)) & runs["task"].isin([task.id for task in tasks])
    known = runs[own].assign(subnetwork=runs.loc[own, "subnetwork"].map(base_name))
    known = known[known["subnetwork"].isin(LINES)].dropna(subset="counted")
    keys = ["method", "subnetwork", "phase", "seed"]
    numbers = ["counted", "kept_fraction"]
    of_tasks = known.groupby([*keys, "task"], dropna=False, sort=False)[numbers].mean()
    over = of_tasks.groupby(level=keys, dropna=False, sort=False)
    means = over.mean()[over.size() == len(tasks)].reset_index().assign(degenerate=False)
    return dict(tuple(means.groupby(keys[:3], sort=False)))


def _published(
    published: Published,
    layout: Layout,
    model: str,
    rows: Iterable[Row],
    tasks: Sequence[TaskColumn],
    split: str,
) -> dict[Row, float]:
    """The means of the paper's scores, of the rows of which it has every task."""
    means = {}
    for row in rows:
        of = "none" if row[1] == "majority" else model
        scores = [layout.published_score(published, of, row, task, split) for task in tasks]
        known = [score.mean for score in scores if score is not None]
        if known and len(known) == len(tasks):
            means[row] = fmean(known)
    return means
