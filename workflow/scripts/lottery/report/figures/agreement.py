"""Stability over seeds, and seed noise beside the noise of data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lottery.report.figures import dots, style
from lottery.statistics.intervals import possible

# What is drawn of masks of 0 and 1, and of shares.
DRAWN = {True: ("fleiss_kappa", "jaccard"), False: ("krippendorff_alpha", "correlation")}
SHARES = ("head_shares", "mlp_shares")
STATISTIC_NAMES = {
    "fleiss_kappa": "Fleiss' kappa",
    "jaccard": "Jaccard index, mean over pairs of seeds",
    "krippendorff_alpha": "Krippendorff's alpha",
    "correlation": "Pearson correlation, mean over pairs",
}
Rows = Sequence[Mapping[str, Any]]


def draw_stability(
    rows: Rows, pairs: Rows, published: Mapping[tuple[str, str, str], float], title: str
) -> Figure:
    """Draws agreement over seeds beside what chance gives, a line per task.

    Args:
        rows: of `lottery.analysis.stability.COLUMNS`.
        pairs: of `lottery.analysis.stability.PAIR_COLUMNS`.
        published: (task, unit, statistic) -> the paper's number, where it is comparable.
        title: title of the figure.
    """
    of_tasks = [row for row in rows if not row["other_task"]]
    units = list(dict.fromkeys(row["unit"] for row in of_tasks))
    tasks = list(dict.fromkeys(row["task"] for row in of_tasks))
    values = {(row["task"], row["unit"], row["statistic"]): row for row in of_tasks}
    panel = (style.PAGE / max(2, len(units)), dots.height(tasks))
    figure, axes = style.panels(2 * len(units), columns=len(units), panel=panel, margin=0.7)
    marked = False
    for place, axis in enumerate(axes):
        unit = units[place % len(units)]
        statistic = DRAWN[unit not in SHARES][place // len(units)]
        dots.frame(axis, tasks, named=place % len(units) == 0)
        for line, task in enumerate(tasks):
            _draw_value(axis, line, values[task, unit, statistic])
            if statistic == "jaccard":
                of_pairs = [p for p in pairs if (p["task"], p["unit"]) == (task, unit)]
                _draw_pairs(axis, line, [pair["jaccard"] for pair in of_pairs])
            if (known := published.get((task, unit, statistic))) is not None:
                dots.draw_published(axis, line, known)
                marked = True
        dots.settle(axis, least=0.1)
        if place < len(units):
            n = values[tasks[0], unit, statistic]
            axis.set_title(f"{dots.UNIT_NAMES[unit]} ({n['n_units']:,} per mask)")
        axis.set_xlabel(STATISTIC_NAMES[statistic])
    handles = [Line2D([], [], color=style.BLUE, **dots.DOT, label="all seeds")]
    if any(unit not in SHARES for unit in units):
        handles.append(Line2D([], [], **SMALL, label="one pair of seeds"))
    dots.legend(figure, handles + dots.chance_handles(published=marked), columns=4)
    figure.suptitle(f"{title}, {style.seeds(row['n_masks'] for row in of_tasks)}")
    return figure


SMALL = {"marker": "o", "markersize": 2, "linestyle": "", "color": style.SKY}


def _draw_value(axis: Axes, line: float, row: Mapping[str, Any]) -> None:
    """Draws a value before what chance gives."""
    if np.isnan(row["value"]):
        dots.draw_missing(axis, line)
        return
    ends = possible(row["statistic"], row["n_masks"])
    dots.draw_chance(axis, line, row["expected"], row["expected_sd"], possible=ends)
    axis.plot(row["value"], line, color=style.BLUE, zorder=5, **dots.DOT)


def _draw_pairs(axis: Axes, line: float, values: Sequence[float]) -> None:
    axis.plot(values, [line] * len(values), zorder=3, **SMALL)


# Of each source of noise: colour, and where on a task's line it stands.
SOURCES = {"seeds": (style.BLUE, -0.17), "data": (style.ORANGE, 0.17)}


def draw_noise(rows: Rows, title: str) -> Figure:
    """Draws the phi of masks of different seeds beside that of masks from different data.

    Args:
        rows: of `lottery.analysis.noise.COLUMNS`.
        title: title of the figure.
    """
    shown = [row for row in rows if row["statistic"] == "phi"]
    units = list(dict.fromkeys(row["unit"] for row in shown))
    tasks = list(dict.fromkeys(row["task"] for row in shown))
    panel = (style.PAGE / 2, dots.height(tasks) + 0.07 * len(tasks))
    figure, axes = style.panels(len(units), columns=2, panel=panel, margin=0.8)
    for place, (axis, unit) in enumerate(zip(axes, units, strict=True)):
        dots.frame(axis, tasks, named=place % 2 == 0)
        axis.axvline(0.0, color=style.GREY, linewidth=0.6, zorder=1)
        for line, task in enumerate(tasks):
            of_task = [row for row in shown if (row["task"], row["unit"]) == (task, unit)]
            if all(row["mean"] is None for row in of_task):
                dots.draw_missing(axis, line)
            for row in of_task:
                _draw_noise(axis, line, row)
        dots.settle(axis, least=0.1)
        axis.set_title(dots.UNIT_NAMES[unit])
        axis.set_xlabel("phi, mean over pairs of masks")
    bare = {**dots.DOT, "color": style.ORANGE}
    handles = [
        Line2D([], [], **dots.DOT, color=style.BLUE, label="same examples, other seed"),
        Line2D([], [], **bare, label="same model, other examples"),
        Line2D(
            [], [], **bare, markerfacecolor="white", label="same model, some examples in common"
        ),
    ]
    dots.legend(figure, handles)
    most = {
        source: max((row["n"] for row in shown if row["source"] == source), default=0)
        for source in SOURCES
    }
    figure.suptitle(f"{title},\nn = {most['seeds']} pairs of seeds, {most['data']} models at most")
    return figure


def _draw_noise(axis: Axes, line: float, row: Mapping[str, Any]) -> None:
    """Draws one comparison; hollow where the two sets of examples overlap."""
    if row["mean"] is None:
        return
    colour, shift = SOURCES[row["source"]]
    hollow = row["source"] == "data" and not row["disjoint"]
    face = "white" if hollow else colour
    axis.plot(row["mean"], line + shift, color=colour, markerfacecolor=face, zorder=3, **dots.DOT)
