"""Dot plots with one line per task, and how chance is drawn in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lottery.models.units import KINDS
from lottery.report.figures import style

CHANCE = "#cccccc"
LINE = 0.17  # inches for one task
DOT = {"marker": "o", "markersize": 4, "linestyle": "", "markeredgewidth": 0.6}
UNIT_NAMES = {kind.array: kind.label for kind in KINDS.values()}
UNIT_NAMES |= {
    f"{name}_shares": f"share kept per {kind.label.removesuffix('s')}"
    for name, kind in KINDS.items()
}
UNIT_NAMES |= {"weights": "weights", "both": "heads and MLPs"}


def height(tasks: Sequence[str]) -> float:
    """Height in inches of a panel with these tasks."""
    return 0.55 + LINE * max(3, len(tasks))


def frame(axis: Axes, tasks: Sequence[str], *, named: bool) -> None:
    """Gives every task a line of the panel, the first one on top."""
    axis.set_ylim(len(tasks) - 0.4, -0.6)
    axis.set_yticks(range(len(tasks)), tasks if named else [])
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="y", linewidth=0.3, color="#dddddd")
    axis.set_axisbelow(True)
    axis.use_sticky_edges = False  # bars would stand flush with the frame


def settle(axis: Axes, *, least: float, whole: bool = False) -> None:
    """Gives a panel that is drawn an axis that can be read.

    Args:
        axis: the panel.
        least: the smallest range it shows; values that differ by less are equal to the eye, and
            matplotlib would blow them up and print what they have in common beside the axis.
        whole: whether it shows counts.
    """
    if not np.isfinite(axis.dataLim.get_points()).all():
        axis.set_xticks([])
        return
    low, high = axis.get_xlim()
    if high - low < least:
        axis.set_xlim((low + high - least) / 2, (low + high + least) / 2)
    axis.locator_params(axis="x", nbins=5, integer=whole)


def draw_chance(
    axis: Axes, line: float, expected: float, sd: float, *, possible: tuple[float, float]
) -> None:
    """Draws what chance gives: its mean as a tick, two standard deviations to either side.

    Args:
        axis: the panel.
        line: the task's line.
        expected, sd: of independent masks; NaN draws nothing.
        possible: the smallest and the largest value there can be, where the band is cut.
    """
    if np.isnan(expected):
        return
    if not np.isnan(sd):
        low, high = np.clip([expected - 2 * sd, expected + 2 * sd], *possible)
        axis.barh(line, high - low, left=low, height=0.6, color=CHANCE, zorder=1)
    axis.plot([expected] * 2, [line - 0.3, line + 0.3], color=style.GREY, linewidth=0.8, zorder=2)


def draw_published(axis: Axes, line: float, value: float) -> None:
    """Draws the paper's number as a thin mark."""
    axis.plot(
        [value] * 2, [line - 0.42, line + 0.42], color=style.VERMILION, linewidth=0.9, zorder=4
    )


def draw_missing(axis: Axes, line: float) -> None:
    """Says that a task has no value."""
    place = axis.get_yaxis_transform()
    axis.text(0.98, line, "undefined", transform=place, ha="right", va="center", color="#666666")


def chance_handles(*, published: bool) -> list[Patch | Line2D]:
    """Entries of the legend for chance and, where there is one, the published value."""
    handles: list[Patch | Line2D] = [
        Patch(color=CHANCE, label="independent masks of the same sizes, mean ± 2 sd")
    ]
    if published:
        line = Line2D([], [], color=style.VERMILION, linewidth=0.9, marker="|", linestyle="")
        line.set_label("published")
        handles.append(line)
    return handles


def legend(figure: Figure, handles: list[Patch | Line2D], columns: int = 3) -> None:
    """Puts the legend below all panels."""
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False)
