"""Step plot_differences: differences.csv -> the differences of one model and method."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery import files
from lottery.report import style
from lottery.report.tables.numbers import rounded
from lottery.results.layout import SPLIT_NAMES, Layout
from lottery.results.summary import AVERAGE
from lottery.statistics.differences import SCHEMA

VERSION = 5
# The axis holds these, and most ends of intervals; one over few seeds may reach beyond it.
WITHIN = ["difference", "published_difference"]
SHIFT = {"pruned": 0.18, "retrained": -0.18}
MARK = {"linestyle": "", "markersize": 3.6, "markeredgewidth": 0.8, "zorder": 5}


def plot_differences(
    *,
    path_to_differences: Path,
    paths_to_figure: list[Path],
    model: str,
    method: str,
    layout: dict[str, Any],
) -> None:
    """Draws one panel per pair of subnetworks, with a line per task."""
    order = Layout.of(**layout)
    rows = files.read_table(path_to_differences, SCHEMA)
    tasks = [task.id for task in order.over_folds().tasks]
    with style.settings():
        figure = draw_differences(rows, tasks, model, method, order.display_split(method))
        style.save(figure, paths_to_figure)


def draw_differences(
    rows: pd.DataFrame, tasks: Sequence[str], model: str, method: str, split: str
) -> Figure:
    """Draws differences.csv of one model and method: a line per task and one for their average."""
    cell = (rows["model"] == model) & (rows["method"] == method) & (rows["split"] == split)
    shown = rows[cell & rows["task"].isin([*tasks, AVERAGE])]
    names = [task for task in (*tasks, AVERAGE) if task in set(shown["task"])]
    pairs = list(shown.groupby(["first", "second"], sort=False))
    columns = style.columns_for(len(pairs))
    panel = (style.PAGE / columns, 0.5 + 0.17 * max(2, len(names)))
    x = "difference of scores"
    # Below a single panel the legend has more lines.
    margin = 0.9 if len(pairs) > 1 else 1.5
    figure, axes = style.panels(max(1, len(pairs)), columns, panel, margin, x=x)
    reach = shown[["low", "high"]].quantile([0.1, 0.9]).to_numpy().ravel()
    ends = [0.0, *shown[WITHIN].min(), *shown[WITHIN].max(), *reach]
    style.same_range(axes, float(np.nanmin(ends)), float(np.nanmax(ends)))
    for index, (axis, ((first, second), of_pair)) in enumerate(zip(axes, pairs, strict=False)):
        _draw_panel(axis, of_pair, names, named=index % columns == 0)
        axis.set_title(f"{first} \N{MINUS SIGN} {second}")
    if not pairs:
        axes[0].axis("off")
        where = {"transform": axes[0].transAxes, "ha": "center"}
        axes[0].text(0.5, 0.5, "no two subnetworks to compare", **where)
    mark = MARK | {"marker": "o"}
    entries = {
        "pruned": mark | style.HOLLOW | {"color": style.PHASES["pruned"]},
        "retrained": mark | {"color": style.PHASES["retrained"]},
        "average of tasks": mark | {"marker": "D", "color": style.INK},
        "95 % interval over seeds and examples": style.LINE | {"color": style.GREY},
        "interval leaves the panel": {"color": style.GREY, "linestyle": "", "marker": ">"},
        "published difference": shown["published_difference"].notna().any()
        and style.PUBLISHED_ENTRY,
    }
    if pairs:
        style.legend(figure, entries, columns=2 if len(pairs) < 2 else 4)
    n = [style.seeds(shown.loc[shown["n_seeds"] > 0, "n_seeds"])] if len(shown) else []
    what = "Differences between subnetworks"
    style.finding(figure, _sentence(shown))
    style.heading(figure, what, method, model, SPLIT_NAMES[split], *n)
    return figure


def _sentence(rows: pd.DataFrame) -> str:
    """The differences over tasks, or on the only task, after retraining."""
    of_all = rows[rows["task"] == AVERAGE]
    of_all = rows if of_all.empty else of_all
    parts = [
        f"{row.first} \N{MINUS SIGN} {row.second}"
        + (
            " not estimated, since runs collapsed"
            if pd.isna(row.difference)
            else f" {rounded(row.difference, 3)} ({rounded(row.low, 3)} to {rounded(row.high, 3)})"
        )
        for row in of_all[of_all["phase"] == "retrained"].itertuples()
    ]
    return f"Retrained, average over tasks: {', '.join(parts)}." if parts else ""


def _draw_panel(axis: Axes, rows: pd.DataFrame, names: Sequence[str], *, named: bool) -> None:
    within = axis.get_xlim()
    for row in rows.itertuples():
        colour = style.PHASES[row.phase]
        place = len(names) - 1 - names.index(row.task) + SHIFT[row.phase]
        style.draw_interval(axis, place, row.low, row.high, within=within, color=colour, zorder=3)
        shape = MARK | {"marker": "D" if row.task == AVERAGE else "o", "color": colour}
        hollow = style.HOLLOW if row.phase == "pruned" else {}
        axis.plot(row.difference, place, **shape | hollow)
        if not np.isnan(row.published_difference):
            style.draw_published(axis, place, row.published_difference, half=0.2)
    axis.axvline(0, color=style.INK, linewidth=0.6, zorder=1)
    if AVERAGE in names[1:]:
        axis.axhline(0.5, color=style.GREY, linewidth=0.5, zorder=1)
    axis.set_yticks(range(len(names))[::-1], names)
    axis.tick_params(axis="y", length=0, labelleft=named)
    axis.set_ylim(-0.6, len(names) - 0.4)
    axis.locator_params(axis="x", nbins=4)
    axis.grid(axis="x")
