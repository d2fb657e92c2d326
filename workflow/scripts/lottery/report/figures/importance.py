"""Importances: histograms at the cuts, correlation between steps, and magnitudes of the weights."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lottery.analysis.importance import MOMENTS
from lottery.analysis.magnitudes import BOTH
from lottery.report.figures import dots, style

COLOURS = {"heads": style.BLUE, "mlps": style.ORANGE}
COLUMNS = 3
Rows = Sequence[Mapping[str, Any]]


def draw_histograms(rows: Rows, tasks: Sequence[str], n_seeds: int, title: str) -> Figure:
    """Draws the scores of the units that could be removed, at the first, middle and last removal.

    Args:
        rows: of `lottery.analysis.importance.HISTOGRAM_COLUMNS`.
        tasks: a line of panels each.
        n_seeds: number of searches per task.
        title: title of the figure.
    """
    # A method that prunes MLPs alone removes no head.
    unit = "heads" if any(row["unit"] == "heads" for row in rows) else "mlps"
    panel = (style.PAGE / COLUMNS, 1.0 if len(tasks) > 4 else 1.4)
    figure, axes = style.panels(len(tasks) * COLUMNS, columns=COLUMNS, panel=panel, margin=0.75)
    for place, axis in enumerate(axes):
        task, moment = tasks[place // COLUMNS], MOMENTS[place % COLUMNS]
        wanted = (task, unit, moment)
        _draw_histogram(
            axis, [r for r in rows if (r["task"], r["unit"], r["when"]) == wanted], unit
        )
        axis.set_title(f"{task}: {moment} removal", pad=2)
        axis.set_xlim(0, 1)
        if style.is_bottom(place, len(axes), COLUMNS):
            axis.set_xlabel("importance")
        else:
            axis.set_xticklabels([])
        if place % COLUMNS == 0:
            axis.set_ylabel(dots.UNIT_NAMES[unit])
    handles = [
        Patch(color=COLOURS[unit], label=f"{dots.UNIT_NAMES[unit]}, mean over {n_seeds} seeds"),
        Line2D([], [], color=style.VERMILION, linewidth=0.8, label="cut of one seed"),
    ]
    dots.legend(figure, handles)
    figure.suptitle(title)
    return figure


def _draw_histogram(axis: Axes, rows: Rows, unit: str) -> None:
    if not rows:
        axis.text(0.5, 0.5, "no such removal", transform=axis.transAxes, ha="center", va="center")
        axis.set_yticks([])
        return
    edges = sorted({edge for row in rows for edge in (row["low"], row["high"])})
    counts = np.zeros(len(edges) - 1)
    for row in rows:
        counts[edges.index(row["low"])] += row["count"]
    searches = {row["seed"] for row in rows}
    axis.stairs(counts / len(searches), edges, fill=True, color=COLOURS[unit])
    for cut in {row["seed"]: row["cut"] for row in rows}.values():
        axis.axvline(cut, color=style.VERMILION, linewidth=0.8)
    axis.locator_params(axis="y", nbins=3)


def draw_correlations(rows: Rows, tasks: Sequence[str], title: str) -> Figure:
    """Draws how far the scores of a step agree with those of the step before, a panel per task.

    Args:
        rows: of `lottery.analysis.importance.CORRELATION_COLUMNS`.
        tasks: in the order of the panels.
        title: title of the figure.
    """
    panel = (style.PAGE / COLUMNS, 1.6)
    figure, axes = style.panels(len(tasks), columns=COLUMNS, panel=panel, margin=0.75)
    for place, (axis, task) in enumerate(zip(axes, tasks, strict=True)):
        for unit, colour in COLOURS.items():
            _draw_lines(axis, [r for r in rows if (r["task"], r["unit"]) == (task, unit)], colour)
        axis.set_title(task)
        axis.set_ylim(-1.05, 1.05)
        axis.axhline(0, color=style.GREY, linewidth=0.5)
        axis.locator_params(axis="x", integer=True, nbins=6)
        if place % COLUMNS == 0:
            axis.set_ylabel("Pearson correlation")
        if style.is_bottom(place, len(tasks), COLUMNS):
            axis.set_xlabel("step")
    handles = [
        Line2D([], [], color=colour, linewidth=1.4, label=f"{dots.UNIT_NAMES[unit]}, mean")
        for unit, colour in COLOURS.items()
    ]
    handles.append(Line2D([], [], color="#666666", linewidth=0.5, label="one seed"))
    dots.legend(figure, handles)
    figure.suptitle(f"{title}, {style.seeds([len({row['seed'] for row in rows})])}")
    return figure


def _draw_lines(axis: Axes, rows: Rows, colour: str) -> None:
    by_step: dict[int, list[float]] = defaultdict(list)
    by_seed: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for row in rows:
        if row["pearson"] is not None:
            by_step[row["step"]].append(row["pearson"])
            by_seed[row["seed"]].append((row["step"], row["pearson"]))
    for points in by_seed.values():
        axis.plot(*zip(*points, strict=True), color=colour, linewidth=0.5, alpha=0.6)
    steps = sorted(by_step)
    axis.plot(
        steps,
        [np.mean(by_step[s]) for s in steps],
        color=colour,
        linewidth=1.4,
        marker=".",
        markersize=3,
    )


def draw_magnitudes(rows: Rows, title: str) -> Figure:
    """Draws mean |w| of kept units over that of pruned units, a dot per seed.

    Args:
        rows: of `lottery.analysis.magnitudes.COLUMNS`.
        title: title of the figure.
    """
    units = _compared_units(rows)
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    panel = (style.PAGE / COLUMNS, dots.height(tasks))
    figure, axes = style.panels(len(units), columns=COLUMNS, panel=panel, margin=0.75)
    for place, (axis, unit) in enumerate(zip(axes, units, strict=True)):
        dots.frame(axis, tasks, named=place == 0)
        axis.axvline(1.0, color=style.GREY, linewidth=0.6)
        known = [row for row in rows if row["unit"] == unit and row["difference"] is not None]
        for line, task in enumerate(tasks):
            ratios = [r["kept_mean"] / r["pruned_mean"] for r in known if r["task"] == task]
            if not ratios:
                dots.draw_missing(axis, line)
            axis.plot(
                ratios, [line] * len(ratios), color=style.SKY, **{**dots.DOT, "markersize": 3}
            )
            if ratios:
                axis.plot(np.mean(ratios), line, color=style.BLUE, **{**dots.DOT, "marker": "D"})
        dots.settle(axis, least=0.1)
        larger = sum(row["difference"] > 0 for row in known)
        axis.set_title(f"{dots.UNIT_NAMES[unit]}:\nkept > pruned in {larger} of {len(known)}")
        axis.set_xlabel("mean |w| kept / pruned")
    handles = [
        Line2D([], [], **{**dots.DOT, "markersize": 3}, color=style.SKY, label="one seed"),
        Line2D([], [], **{**dots.DOT, "marker": "D"}, color=style.BLUE, label="mean over seeds"),
    ]
    dots.legend(figure, handles)
    figure.suptitle(title)
    return figure


def _compared_units(rows: Rows) -> list[str]:
    """The units that the method prunes, and both pooled where it prunes both; all if it none."""
    units = list(dict.fromkeys(row["unit"] for row in rows))
    pruned = {row["unit"] for row in rows if row["pruned_units"]} - {BOTH}
    if not pruned:
        return units
    return [unit for unit in units if unit in pruned or (unit == BOTH and len(pruned) > 1)]
