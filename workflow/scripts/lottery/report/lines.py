"""Panels with a line per entry, and on it marks of several kinds: means with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery.report import strips, style
from lottery.results.layout import Layout, Row
from lottery.results.summary import AVERAGE

MARK = {"markersize": 4, "linestyle": "", "markeredgewidth": 0.8, "zorder": 4}
COLUMNS = 3
SPREAD = 0.3  # of the marks of a line, to either side of it


def draw_tasks(
    rows: pd.DataFrame,
    layout: Layout,
    lines: Collection[str],
    looks: Mapping[str, dict[str, Any]],
    levels: Callable[[str], Mapping[Row, pd.Series]],
) -> Figure:
    """Draws a panel per task, and one for the average over several.

    Args:
        rows: columns task, n_tasks, and those of `draw`; marks without a look are not drawn.
        lines: from top to bottom.
        looks: see `draw`.
        levels: gives those of `draw` for a task, or for `average`.
    """
    metrics = {task.id: task.metric for task in layout.tasks if task.id in set(rows["task"])}
    names = [*metrics, *([AVERAGE] if (rows["n_tasks"] > 1).any() else [])]
    height = 0.65 + (0.08 + 0.09 * len(looks)) * len(lines)
    figure, axes = style.panels(
        len(names), COLUMNS, (style.PAGE / 3, height), 0.9, narrowest=style.PAGE * 2 / 3
    )
    marked = rows[rows["mark"].isin(looks)]
    for index, (axis, name) in enumerate(zip(axes, names, strict=True)):
        named = {line: style.short(line) if index % COLUMNS == 0 else "" for line in lines}
        draw(axis, marked[marked["task"] == name], levels(name), named, looks)
        axis.set_title("average over tasks" if name == AVERAGE else name)
        shared = style.axis_of(metrics.values(), "score, mean over tasks")
        axis.set_xlabel(style.measure(metrics[name]) if name in metrics else shared)
    return figure


def draw(
    axis: Axes,
    rows: pd.DataFrame,
    levels: Mapping[Row, pd.Series],
    lines: Mapping[str, str],
    looks: Mapping[str, dict[str, Any]],
) -> None:
    """Draws a panel, the first line on top.

    Args:
        rows: columns line, mark, score, score_low, score_high and n_collapsed.
        levels: scores of the full models and of majority, as in `strips.BASELINES`.
        lines: the name of each line.
        looks: how each mark looks; marks follow each other in this order, so that they differ
            without colour.
    """
    heights = [*rows["score"], *(value for level in levels.values() for value in level)]
    held = style.reach(heights, rows[["score_low", "score_high"]].to_numpy().flat)
    style.same_range([axis], min(held), max(held))
    axis.set_ylim(len(lines) - 0.5, -0.5)
    axis.set_yticks(range(len(lines)), lines.values())
    axis.tick_params(axis="y", length=0)
    axis.locator_params(axis="x", nbins=5)
    for between in range(1, len(lines)):
        axis.axhline(between - 0.5, color=style.RULE, linewidth=0.3, zorder=0)
    for row, level in levels.items():
        if len(level):
            look = {"color": style.SUBNETWORKS[row[1]], "linestyle": strips.BASELINES[row]}
            axis.axvline(level.mean(), zorder=1, linewidth=0.9, **look)
    offsets = np.linspace(-SPREAD, SPREAD, len(looks)) if len(looks) > 1 else [0.0]
    places = dict(zip(looks, offsets, strict=True))
    order = list(lines)
    for row in rows.itertuples():
        place = order.index(row.line) + places[row.mark]
        whisker: dict[str, Any] = {"color": looks[row.mark]["color"], "zorder": 3}
        reach = row.score_low, row.score_high
        style.draw_interval(axis, place, *reach, within=axis.get_xlim(), **whisker)
        axis.plot(row.score, place, **looks[row.mark])
        if row.n_collapsed:
            axis.plot(row.score, place, **style.COLLAPSED)


def entries(rows: pd.DataFrame) -> dict[str, Any]:
    """What the legend has apart from the marks."""
    levels = {
        name: style.LINE | {"color": style.SUBNETWORKS[row[1]], "linestyle": strips.BASELINES[row]}
        for name, row in (("full model", strips.FULL), ("majority", strips.MAJORITY))
    }
    interval = style.LINE | {"color": style.INK}
    return levels | {
        "95 % interval": bool(rows["score_low"].notna().any()) and interval,
        "with a collapsed run": bool((rows["n_collapsed"] > 0).any()) and style.COLLAPSED,
    }
