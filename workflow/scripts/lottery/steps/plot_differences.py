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
from lottery.results.layout import SPLIT_NAMES, Layout
from lottery.results.summary import AVERAGE
from lottery.statistics.differences import SCHEMA

VERSION = 4
COLUMNS = 3
# The axis holds these; an interval over few seeds may reach beyond it.
WITHIN = ["difference", "published_difference"]


def plot_differences(
    *,
    path_to_differences: Path,
    path_to_svg: Path,
    path_to_png: Path,
    model: str,
    method: str,
    layout: dict[str, Any],
) -> None:
    """Draws one panel per pair of subnetworks, with a line per task."""
    order = Layout.of(**layout)
    rows = files.read_table(path_to_differences, SCHEMA)
    tasks = [task.id for task in order.tasks]
    with style.settings():
        figure = draw_differences(rows, tasks, model, method, order.display_split(method))
        style.save(figure, path_to_svg, path_to_png)


def draw_differences(
    rows: pd.DataFrame, tasks: Sequence[str], model: str, method: str, split: str
) -> Figure:
    """Draws differences.csv of one model and method: a line per task and one for their average."""
    cell = (rows["model"] == model) & (rows["method"] == method) & (rows["split"] == split)
    shown = rows[cell]
    names = [task for task in (*tasks, AVERAGE) if task in set(shown["task"])]
    pairs = list(shown.groupby(["first", "second"], sort=False))
    panel = (style.PAGE / COLUMNS, 0.5 + 0.17 * len(names))
    figure, axes = style.panels(max(1, len(pairs)), COLUMNS, panel, 1.0, x="difference of scores")
    for index, (axis, ((first, second), of_pair)) in enumerate(zip(axes, pairs, strict=False)):
        _draw_panel(axis, of_pair, names, named=index % COLUMNS == 0)
        axis.set_title(f"{first} - {second}")
    if not pairs:
        axes[0].axis("off")
        axes[0].text(0.5, 0.5, "no two subnetworks to compare", ha="center")
    narrow = len(pairs) < 2
    dot, grey = {"linestyle": "", "marker": "o", "markersize": 3.4}, {"color": style.GREY}
    entries = {
        "pruned": dot | style.HOLLOW | {"color": style.PHASES["pruned"]},
        "retrained": dot | {"color": style.PHASES["retrained"]},
        "average of tasks": dot | grey | {"marker": "D"},
        "95 % interval over seeds and examples": grey | {"linewidth": 1.2},
        "published difference": shown["published_difference"].notna().any() and style.PUBLISHED,
    }
    style.legend(figure, entries, columns=2 if narrow else 3)
    n = f", {style.seeds(shown['n_seeds'])}" if len(shown) else ""
    lines = (f"{model}, {method}:", f"differences on {SPLIT_NAMES[split]}{n}")
    figure.suptitle(("\n" if narrow else " ").join(lines))
    return figure


def _draw_panel(axis: Axes, rows: pd.DataFrame, names: Sequence[str], *, named: bool) -> None:
    for row in rows.itertuples():
        pruned, colour = row.phase == "pruned", style.PHASES[row.phase]
        place = len(names) - 1 - names.index(row.task) + (0.18 if pruned else -0.18)
        axis.plot((row.low, row.high), [place] * 2, color=colour, linewidth=1.2, zorder=3)
        shape = {"marker": "D" if row.task == AVERAGE else "o", "markersize": 3.4}
        shape |= {"markerfacecolor": "white" if pruned else colour, "markeredgewidth": 0.8}
        axis.plot(row.difference, place, color=colour, zorder=4, **shape)
        if not np.isnan(row.published_difference):
            style.draw_published(axis, place, row.published_difference, half=0.2, **style.THICK)
    axis.axvline(0, color="black", linewidth=0.6, zorder=1)
    axis.set_yticks(range(len(names))[::-1], names)
    axis.tick_params(axis="y", length=0, labelleft=named)
    axis.set_ylim(-0.6, len(names) - 0.4)
    ends = [0.0, *rows[WITHIN].min(), *rows[WITHIN].max()]
    low, high = np.nanmin(ends), np.nanmax(ends)
    margin = 0.12 * (high - low) or 0.01
    axis.set_xlim(low - margin, high + margin)
    axis.locator_params(axis="x", nbins=5)
    axis.grid(axis="x", color="#cccccc")
