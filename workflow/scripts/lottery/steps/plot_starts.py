"""Step plot_starts: scores and predictions -> starts.csv and its figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery import files
from lottery.report import strips, style
from lottery.report.tables.axes import start_sentence
from lottery.results.layout import SPLIT_NAMES, Layout
from lottery.results.scores import score_table
from lottery.results.summary import AVERAGE, reported_runs
from lottery.statistics.starts import ORDER, SCHEMA, start_table

VERSION = 1
COLUMNS = 3
# One after the other, so that masks differ without colour.
MARK = {"markersize": 4, "linestyle": "", "markeredgewidth": 0.8, "zorder": 4}
SPREAD = 0.3  # of the marks of a line, to either side of it
PANEL_OF_AVERAGE = "average over tasks"


def plot_starts(
    *,
    path_to_scores: Path,
    paths_to_predictions: list[Path],
    path_to_table: Path,
    paths_to_figure: list[Path],
    model: str,
    method: str,
    layout: dict[str, Any],
) -> None:
    """Writes what masks are worth on other weights, and draws it.

    Args:
        path_to_scores: scores.csv of the model and method.
        paths_to_predictions: predictions.parquet of its cells, in their place in the results.
    """
    order = Layout.of(**layout)
    scores = reported_runs(score_table(path_to_scores), order)
    table = start_table(scores, paths_to_predictions, order, model, method)
    files.write_table(path_to_table, table, SCHEMA)
    with style.settings():
        style.save(draw_starts(table, scores, order, model, method), paths_to_figure)


def draw_starts(
    starts: pd.DataFrame, scores: pd.DataFrame, layout: Layout, model: str, method: str
) -> Figure:
    """Draws a panel per task and one for their average, with a line per start.

    Args:
        starts: starts.csv of the method.
        scores: of `lottery.results.summary.reported_runs`.
    """
    split = layout.display_split(method)
    metrics = {task.id: task.metric for task in layout.tasks if task.id in set(starts["task"])}
    several = (starts["n_tasks"] > 1).any()
    names = [*metrics, *([AVERAGE] if several else [])]
    masked = starts[starts["mask"] != "full"]
    lines = [start for start in ORDER if start in set(masked["start"])]
    masks = list(dict.fromkeys(masked["mask"]))
    figure, axes = style.panels(
        len(names),
        COLUMNS,
        (style.PAGE / 3, 0.65 + (0.08 + 0.09 * len(masks)) * len(lines)),
        0.9,
        narrowest=style.PAGE * 2 / 3,
    )
    majority = scores[(scores["split"] == split) & (scores["subnetwork"] == "majority")]
    for index, (axis, name) in enumerate(zip(axes, names, strict=True)):
        of_task = masked[masked["task"] == name]
        full = starts[(starts["task"] == name) & (starts["mask"] == "full")]["score"]
        floor = majority[majority["task"] == name]["counted"].dropna()
        levels = {strips.FULL: full, strips.MAJORITY: floor}
        _draw_panel(axis, of_task, levels, lines, masks, named=index % COLUMNS == 0)
        axis.set_title(PANEL_OF_AVERAGE if name == AVERAGE else name)
        metric = metrics.get(name)
        shared = style.axis_of(metrics.values(), "score, mean over tasks")
        axis.set_xlabel(style.measure(metric) if metric else shared)
    style.legend(figure, _entries(masked, masks), columns=4)
    style.finding(figure, start_sentence(starts))
    details = (method, model, SPLIT_NAMES[split], style.seeds(masked["n_seeds"]))
    style.heading(figure, "Masks retrained from other weights", *details)
    return figure


def _draw_panel(
    axis: Axes,
    rows: pd.DataFrame,
    levels: dict[Any, pd.Series],
    lines: Sequence[str],
    masks: Sequence[str],
    *,
    named: bool,
) -> None:
    heights = [*rows["score"], *(value for level in levels.values() for value in level)]
    held = style.reach(heights, rows[["score_low", "score_high"]].to_numpy().flat)
    style.same_range([axis], min(held), max(held))
    axis.set_ylim(len(lines) - 0.5, -0.5)
    axis.set_yticks(range(len(lines)), lines if named else [])
    axis.tick_params(axis="y", length=0)
    axis.locator_params(axis="x", nbins=5)
    for between in range(1, len(lines)):
        axis.axhline(between - 0.5, color=style.RULE, linewidth=0.3, zorder=0)
    for row, level in levels.items():
        if len(level):
            look = {"color": style.SUBNETWORKS[row[1]], "linestyle": strips.BASELINES[row]}
            axis.axvline(level.mean(), zorder=1, linewidth=0.9, **look)
    offsets = np.linspace(-SPREAD, SPREAD, len(masks)) if len(masks) > 1 else [0.0]
    for row in rows.itertuples():
        place = lines.index(row.start) + offsets[masks.index(row.mask)]
        whisker: dict[str, Any] = {"color": style.colour_of(row.mask), "zorder": 3}
        reach = row.score_low, row.score_high
        style.draw_interval(axis, place, *reach, within=axis.get_xlim(), **whisker)
        axis.plot(row.score, place, **_look(row.mask, masks))
        if row.n_collapsed:
            axis.plot(row.score, place, **style.COLLAPSED)


def _look(mask: str, masks: Sequence[str]) -> dict[str, Any]:
    marker = style.MARKERS[masks.index(mask) % len(style.MARKERS)]
    return MARK | {"color": style.colour_of(mask), "marker": marker}


def _entries(rows: pd.DataFrame, masks: Sequence[str]) -> dict[str, Any]:
    """The legend."""
    levels = {
        name: style.LINE | {"color": style.SUBNETWORKS[row[1]], "linestyle": strips.BASELINES[row]}
        for name, row in (("full model", strips.FULL), ("majority", strips.MAJORITY))
    }
    interval = style.LINE | {"color": style.INK}
    return {mask.replace("_", " "): _look(mask, masks) for mask in masks} | {
        **levels,
        "95 % interval": bool(rows["score_low"].notna().any()) and interval,
        "with a collapsed run": bool((rows["n_collapsed"] > 0).any()) and style.COLLAPSED,
    }
