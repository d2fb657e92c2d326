"""Step plot_scores: scores.csv -> the scores of one model and method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from lottery.report import strips, style
from lottery.results.folds import over_folds
from lottery.results.layout import SPLIT_NAMES, Layout
from lottery.results.published import Published
from lottery.results.scores import score_table
from lottery.results.summary import ROW, by_row, reported_runs

VERSION = 5
COLUMNS = 3


def plot_scores(
    *,
    path_to_scores: Path,
    paths_to_published: list[Path],
    paths_to_figure: list[Path],
    model: str,
    method: str,
    layout: dict[str, Any],
) -> None:
    """Draws one panel per task with the lines majority, full, and each subnetwork."""
    scores, published = score_table(path_to_scores), Published.read(*paths_to_published)
    with style.settings():
        figure = draw_scores(scores, Layout.of(**layout), published, model, method)
        style.save(figure, paths_to_figure)


def draw_scores(
    scores: pd.DataFrame, layout: Layout, published: Published, model: str, method: str
) -> Figure:
    """Draws the scores of one model and method on the split that shows the method."""
    split = layout.display_split(method)
    rows = [row for row in layout.rows if row[0] in ("none", method)]
    names = list(dict.fromkeys(row[1] for row in rows))
    shown, layout = over_folds(reported_runs(scores, layout), layout), layout.over_folds()
    shown = shown[(shown["split"] == split) & shown["model"].isin(("none", model))]
    shown = shown[pd.MultiIndex.from_frame(shown[ROW]).isin(rows)]
    with_method = set(shown.loc[shown["method"] == method, "task"])
    tasks = [task for task in layout.tasks if task.id in with_method]
    cells = {task.id: by_row(shown, task.id) for task in tasks}
    paper = {
        task.id: {
            row: score.mean
            for row in cells[task.id]
            for of in ("none" if row[1] == "majority" else model,)
            if (score := layout.published_score(published, of, row, task, split)) is not None
        }
        for task in tasks
    }
    panel = (style.PAGE / 3, strips.height(len(names)))
    figure, axes = style.panels(len(tasks), COLUMNS, panel, 0.9)
    values = [value for task in tasks for value in strips.extremes(cells[task.id])]
    values += [value for marks in paper.values() for value in marks.values()]
    style.same_range(axes, min(values, default=0.0), max(values, default=1.0))
    for index, (axis, task) in enumerate(zip(axes, tasks, strict=True)):
        first = index % COLUMNS == 0
        strips.draw(axis, names, cells[task.id], paper[task.id], named=first)
        last = index % COLUMNS == COLUMNS - 1 or index == len(tasks) - 1
        strips.sizes(axis, names, cells[task.id], named=last)
        axis.set_title(task.id)
        axis.set_xlabel(style.measure(task.metric))
    runs = shown[shown["task"].isin(with_method) & shown["seed"].notna()]
    n = runs.groupby(["task", "subnetwork"])["seed"].nunique()
    entries = strips.entries(
        seeds=int(n.max()) if len(n) else 0,
        degenerate=bool(runs["degenerate"].any()),
        published=any(paper.values()),
    )
    style.legend(figure, entries, columns=4 if len(tasks) > 1 else 2)
    details = (method, model, SPLIT_NAMES[split], style.seeds([runs["seed"].nunique()]))
    over = "Scores, mean over tasks" if len(tasks) > 1 else "Scores"
    style.finding(figure, f"{over} \N{EM DASH} {strips.sentence(cells.values(), names)}")
    style.heading(figure, "Scores of the full model and of subnetworks", *details)
    return figure
