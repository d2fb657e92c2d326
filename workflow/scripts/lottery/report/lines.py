"""Panels with a line per entry, and on it marks of several kinds: means with their intervals."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from lottery.report import strips, style
from lottery.results.layout import Row

MARK = {"markersize": 4, "linestyle": "", "markeredgewidth": 0.8, "zorder": 4}
PANEL_OF_AVERAGE = "average over tasks"
SPREAD = 0.3  # of the marks of a line, to either side of it


def height(lines: Collection[str], looks: Collection[str]) -> float:
    """Height in inches of a panel with these lines and marks."""
    return 0.65 + (0.08 + 0.09 * len(looks)) * len(lines)


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
    """What the legend has besides the marks."""
    levels = {
        name: style.LINE | {"color": style.SUBNETWORKS[row[1]], "linestyle": strips.BASELINES[row]}
        for name, row in (("full model", strips.FULL), ("majority", strips.MAJORITY))
    }
    interval = style.LINE | {"color": style.INK}
    return levels | {
        "95 % interval": bool(rows["score_low"].notna().any()) and interval,
        "with a collapsed run": bool((rows["n_collapsed"] > 0).any()) and style.COLLAPSED,
    }
