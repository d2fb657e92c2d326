"""Stability over seeds, and the noise of seeds next to the noise of data."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lottery.report.figures import style
from lottery.statistics.intervals import possible

# What is drawn of masks of 0 and 1, and of shares.
DRAWN = {True: ("fleiss_kappa", "jaccard"), False: ("krippendorff_alpha", "correlation")}
SHARES = ("head_shares", "mlp_shares")
STATISTICS = {
    "fleiss_kappa": "Fleiss' kappa",
    "jaccard": "Jaccard index, mean over pairs of seeds",
    "krippendorff_alpha": "Krippendorff's alpha",
    "correlation": "Pearson correlation, mean over pairs",
}
SMALL = {"marker": "o", "markersize": 2, "linestyle": "", "color": style.SKY}
# Of each source of noise: colour, and its place on a task's line.
SOURCES = {"seeds": (style.BLUE, -0.17), "data": (style.ORANGE, 0.17)}


def draw_stability(
    rows: object, pairs: object, published: Mapping[tuple[str, str, str], float], title: str
) -> Figure:
    """Draws agreement over seeds next to what chance gives, a line per task.

    Args:
        rows: of `lottery.analysis.stability.STABILITY`.
        pairs: of `lottery.analysis.stability.PAIRS`.
        published: (task, unit, statistic) -> the paper's number, where it is comparable.
    """
    shown, paired = pd.DataFrame(rows), pd.DataFrame(pairs, columns=["task", "unit", "jaccard"])
    shown = shown[shown["other_task"] == ""]
    units, tasks = shown["unit"].unique(), shown["task"].unique()
    panel = (style.PAGE / max(2, len(units)), style.height(tasks))
    figure, axes = style.panels(2 * len(units), columns=len(units), panel=panel, margin=0.7)
    marked = False
    for place, axis in enumerate(axes):
        unit = units[place % len(units)]
        statistic = DRAWN[unit not in SHARES][place // len(units)]
        style.task_lines(axis, tasks, named=place % len(units) == 0)
        values = shown[(shown["unit"] == unit) & (shown["statistic"] == statistic)]
        for line, row in enumerate(values.set_index("task").loc[tasks].itertuples()):
            if np.isnan(row.value):
                style.draw_missing(axis, line)
            else:
                ends = possible(statistic, row.n_masks)
                style.draw_chance(axis, line, row.expected, row.expected_sd, possible=ends)
                axis.plot(row.value, line, color=style.BLUE, zorder=5, **style.DOT)
            if statistic == "jaccard":
                own = paired[(paired["task"] == row.Index) & (paired["unit"] == unit)]["jaccard"]
                axis.plot(own, [line] * len(own), zorder=3, **SMALL)
            if (known := published.get((row.Index, unit, statistic))) is not None:
                style.draw_published(axis, line, known)
                marked = True
        style.settle(axis, least=0.1)
        if place < len(units):
            axis.set_title(f"{style.UNIT_NAMES[unit]} ({values['n_units'].iloc[0]:,} per mask)")
        axis.set_xlabel(STATISTICS[statistic])
    entries = {
        "all seeds": style.DOT | {"color": style.BLUE},
        "one pair of seeds": not {*units} <= {*SHARES} and SMALL,
    }
    style.legend(figure, entries | style.chance_entries(published=marked), columns=4)
    figure.suptitle(f"{title}, {style.seeds(shown['n_masks'])}")
    return figure


def draw_noise(rows: object, title: str) -> Figure:
    """Draws the phi of masks of different seeds next to that of masks from different data.

    Args:
        rows: of `lottery.analysis.stability.NOISE`.
    """
    shown = pd.DataFrame(rows)
    shown = shown[shown["statistic"] == "phi"]
    units, tasks = shown["unit"].unique(), shown["task"].unique().tolist()
    panel = (style.PAGE / 2, style.height(tasks) + 0.07 * len(tasks))
    figure, axes = style.panels(len(units), columns=2, panel=panel, margin=0.8)
    for place, (axis, unit) in enumerate(zip(axes, units, strict=True)):
        style.task_lines(axis, tasks, named=place % 2 == 0)
        axis.axvline(0.0, color=style.GREY, linewidth=0.6, zorder=1)
        known = shown[(shown["unit"] == unit) & shown["mean"].notna()]
        for task in {*tasks} - {*known["task"]}:
            style.draw_missing(axis, tasks.index(task))
        for row in known.itertuples():
            colour, shift = SOURCES[row.source]
            # Hollow where the two sets of examples overlap.
            face = "white" if row.source == "data" and not row.disjoint else colour
            look = {"color": colour, "markerfacecolor": face, "zorder": 3} | style.DOT
            axis.plot(row.mean, tasks.index(row.task) + shift, **look)
        style.settle(axis, least=0.1)
        axis.set_title(style.UNIT_NAMES[unit])
        axis.set_xlabel("phi, mean over pairs of masks")
    dot = style.DOT | {"color": style.ORANGE}
    entries = {
        "same examples, other seed": style.DOT | {"color": style.BLUE},
        "same model, other examples": dot,
        "same model, some examples in common": dot | style.HOLLOW,
    }
    style.legend(figure, entries)
    most = shown.groupby("source")["n"].max().reindex(SOURCES, fill_value=0)
    figure.suptitle(f"{title},\nn = {most['seeds']} pairs of seeds, {most['data']} models at most")
    return figure
