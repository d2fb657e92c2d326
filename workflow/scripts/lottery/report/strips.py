"""Panels with a line per subnetwork: what the figures of scores have in common."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from lottery.report import style
from lottery.report.tables.numbers import rounded
from lottery.results.layout import Row

FULL, MAJORITY = ("none", "full", "finetuned"), ("none", "majority", "none")
BASELINES = {FULL: "-", MAJORITY: (0, (1, 1.2))}
SHIFT = {"pruned": -0.19, "retrained": 0.19}
SINGLE = style.DOT | {"marker": "s", "markersize": 3.6}  # a score that is of no seed


def height(lines: int) -> float:
    """Height in inches of a panel with so many lines."""
    return 0.62 + 0.24 * max(2, lines)


def extremes(cells: Mapping[Row, pd.DataFrame]) -> list[float]:
    """The scores that a panel shows."""
    return [float(value) for runs in cells.values() for value in runs["counted"].dropna()]


def draw(
    axis: Axes,
    subnetworks: Sequence[str],
    cells: Mapping[Row, pd.DataFrame],
    published: Mapping[Row, float],
    *,
    named: bool = True,
) -> None:
    """Draws a line per subnetwork, the first one on top; full and majority also as upright lines.

    Args:
        axis: a panel whose range is set.
        subnetworks: the lines, `full` and `majority` among them.
        cells: the runs of each method, subnetwork and phase: columns counted, degenerate, seed.
        published: the paper's means.
    """
    axis.set_ylim(len(subnetworks) - 0.45, -0.55)
    axis.set_yticks(range(len(subnetworks)), subnetworks if named else [])
    axis.tick_params(axis="y", length=0)
    axis.locator_params(axis="x", nbins=5)
    axis.grid(axis="x")
    for row, dashes in BASELINES.items():
        if row in cells and cells[row]["counted"].notna().any():
            look = {"color": style.SUBNETWORKS[row[1]], "linestyle": dashes, "linewidth": 0.9}
            axis.axvline(cells[row]["counted"].mean(), zorder=1, **look)
    for row, runs in cells.items():
        place = subnetworks.index(row[1]) + SHIFT.get(row[2], 0.0)
        colour = style.colour_of(row[1])
        if row == MAJORITY:
            axis.plot(runs["counted"], [place] * len(runs), color=colour, zorder=4, **SINGLE)
        else:
            draw_cell(axis, place, runs, colour, row[2])
    for row, value in published.items():
        place = subnetworks.index(row[1]) + SHIFT.get(row[2], 0.0)
        style.draw_published(axis, place, value, half=0.2 if row[2] in SHIFT else 0.4)


def draw_cell(
    axis: Axes, place: float, runs: pd.DataFrame, colour: str, phase: str, spread: float = 0.1
) -> None:
    """Draws the runs of a cell that have a score; see `style.draw_runs`."""
    known = runs.dropna(subset="counted")
    scores, degenerate = known["counted"].tolist(), known["degenerate"].tolist()
    pruned = phase == "pruned"
    style.draw_runs(axis, place, scores, degenerate, colour=colour, pruned=pruned, spread=spread)


def sizes(
    axis: Axes, subnetworks: Sequence[str], cells: Mapping[Row, pd.DataFrame], *, named: bool
) -> None:
    """Writes to the right of every line which share of the body it keeps, mean over its runs."""
    kept = {row[1]: runs["kept_fraction"].mean() for row, runs in cells.items()}
    right = axis.secondary_yaxis("right")
    known = [kept.get(name, np.nan) for name in subnetworks]
    texts = ["" if np.isnan(share) else f"{share:.2f}" for share in known]
    right.set_yticks(range(len(subnetworks)), texts)
    right.tick_params(length=0, pad=2)
    if named:
        right.set_ylabel("share of the body kept")
    right.spines[:].set_visible(False)


def sentence(cells: Iterable[Mapping[Row, pd.DataFrame]], subnetworks: Sequence[str]) -> str:
    """What the subnetworks reach: the mean over panels, by phase."""
    means: dict[tuple[str, str], list[float]] = defaultdict(list)
    for of_panel in cells:
        for (_, name, phase), runs in of_panel.items():
            means[phase, name].append(runs["counted"].mean())
    parts = []
    for phase in ("pruned", "retrained", "finetuned", "none"):
        known = [
            f"{name} {rounded(fmean(means[phase, name]), 2)}"
            for name in subnetworks
            if (phase, name) in means
        ]
        word = f"{phase}: " if phase in SHIFT and known else ""
        parts += [word + ", ".join(known)] if known else []
    return "; ".join(parts) + "."


def entries(*, seeds: int, degenerate: bool, published: bool) -> dict[str, Any]:
    """The legend of such panels."""
    look = {
        row[1]: style.LINE | {"color": style.SUBNETWORKS[row[1]], "linestyle": dashes}
        for row, dashes in BASELINES.items()
    }
    found = style.run_entries(seeds=seeds, degenerate=degenerate, published=published)
    return found | {"full model": look["full"], "majority": look["majority"]}
