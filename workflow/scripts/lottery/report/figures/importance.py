"""Importances: histograms at the cuts, correlation between steps, and magnitudes of the weights."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from lottery.analysis.importance import MOMENTS
from lottery.analysis.magnitudes import BOTH
from lottery.report.figures import style

COLOURS = {"heads": style.BLUE, "mlps": style.ORANGE}
COLUMNS = 3
# What is drawn of the tables, which are empty where no search removed anything.
BINS = ["task", "seed", "unit", "when", "cut", "low", "high", "count"]
CORRELATIONS = ["task", "seed", "unit", "step", "pearson"]


def draw_histograms(rows: object, tasks: Sequence[str], n_seeds: int, title: str) -> Figure:
    """Draws the scores of the units that could be removed, at the first, middle and last removal.

    Args:
        rows: of `lottery.analysis.importance.HISTOGRAMS`.
        tasks: a line of panels each.
        n_seeds: number of searches per task.
    """
    shown = pd.DataFrame(rows, columns=BINS)
    # A method that prunes MLPs alone removes no head.
    unit = "heads" if (shown["unit"] == "heads").any() else "mlps"
    bins = dict(tuple(shown[shown["unit"] == unit].groupby(["task", "when"])))
    panel = (style.PAGE / COLUMNS, 1.0 if len(tasks) > 4 else 1.4)
    figure, axes = style.panels(len(tasks) * COLUMNS, columns=COLUMNS, panel=panel, margin=0.75)
    places = [(task, moment) for task in tasks for moment in MOMENTS]
    for place, (axis, (task, moment)) in enumerate(zip(axes, places, strict=True)):
        _draw_histogram(axis, bins.get((task, moment)), COLOURS[unit])
        axis.set_title(f"{task}: {moment} removal", pad=2)
        axis.set_xlim(0, 1)
        if not style.is_bottom(place, len(axes), COLUMNS):
            axis.set_xticklabels([])
    style.label_outer(axes, COLUMNS, x="importance", y=style.UNIT_NAMES[unit])
    entries = {
        f"{style.UNIT_NAMES[unit]}, mean over {n_seeds} seeds": Patch(color=COLOURS[unit]),
        "cut of one seed": {"color": style.VERMILION, "linewidth": 0.8},
    }
    style.legend(figure, entries)
    figure.suptitle(title)
    return figure


def _draw_histogram(axis: Axes, bins: pd.DataFrame | None, colour: str) -> None:
    if bins is None:
        axis.text(0.5, 0.5, "no such removal", transform=axis.transAxes, ha="center", va="center")
        axis.set_yticks([])
        return
    edges = sorted({*bins["low"], *bins["high"]})
    counts = bins.groupby("low")["count"].sum().reindex(edges[:-1], fill_value=0)
    axis.stairs(counts / bins["seed"].nunique(), edges, fill=True, color=colour)
    for cut in bins.groupby("seed", sort=False)["cut"].last():
        axis.axvline(cut, color=style.VERMILION, linewidth=0.8)
    axis.locator_params(axis="y", nbins=3)


def draw_correlations(rows: object, tasks: Sequence[str], title: str) -> Figure:
    """Draws how far the scores of a step agree with those of the step before, a panel per task.

    Args:
        rows: of `lottery.analysis.importance.CORRELATIONS`.
        tasks: in the order of the panels.
    """
    shown = pd.DataFrame(rows, columns=CORRELATIONS)
    panel = (style.PAGE / COLUMNS, 1.6)
    figure, axes = style.panels(len(tasks), columns=COLUMNS, panel=panel, margin=0.75)
    for axis, task in zip(axes, tasks, strict=True):
        for unit, colour in COLOURS.items():
            known = shown[(shown["task"] == task) & (shown["unit"] == unit)]
            known = known.dropna(subset="pearson").astype({"pearson": float})
            for _, line in known.groupby("seed", sort=False):
                axis.plot(line["step"], line["pearson"], color=colour, linewidth=0.5, alpha=0.6)
            look = {"color": colour, "linewidth": 1.4, "marker": ".", "markersize": 3}
            axis.plot(known.groupby("step")["pearson"].mean(), **look)
        axis.set_title(task)
        axis.set_ylim(-1.05, 1.05)
        axis.axhline(0, color=style.GREY, linewidth=0.5)
        axis.locator_params(axis="x", integer=True, nbins=6)
    style.label_outer(axes, COLUMNS, x="step", y="Pearson correlation")
    means = {
        f"{style.UNIT_NAMES[unit]}, mean": {"color": colour, "linewidth": 1.4}
        for unit, colour in COLOURS.items()
    }
    style.legend(figure, means | {"one seed": {"color": style.DARK, "linewidth": 0.5}})
    figure.suptitle(f"{title}, {style.seeds([shown['seed'].nunique()])}")
    return figure


def draw_magnitudes(rows: object, title: str) -> Figure:
    """Draws mean |w| of kept units over that of pruned units, a dot per seed.

    Args:
        rows: of `lottery.analysis.magnitudes.MAGNITUDES`.
    """
    shown = pd.DataFrame(rows)
    units, tasks = _compared_units(shown), shown["task"].unique()
    panel = (style.PAGE / COLUMNS, style.height(tasks))
    figure, axes = style.panels(len(units), columns=COLUMNS, panel=panel, margin=0.75)
    small = style.DOT | {"markersize": 3, "color": style.SKY}
    mean = style.DOT | {"marker": "D", "color": style.BLUE}
    for place, (axis, unit) in enumerate(zip(axes, units, strict=True)):
        style.task_lines(axis, tasks, named=place == 0)
        axis.axvline(1.0, color=style.GREY, linewidth=0.6)
        known = shown[(shown["unit"] == unit) & shown["difference"].notna()]
        for line, task in enumerate(tasks):
            of_task = known[known["task"] == task]
            if of_task.empty:
                style.draw_missing(axis, line)
                continue
            ratios = (of_task["kept_mean"] / of_task["pruned_mean"]).astype(float)
            axis.plot(ratios, [line] * len(ratios), **small)
            axis.plot(ratios.mean(), line, **mean)
        style.settle(axis, least=0.1)
        larger = (known["difference"] > 0).sum()
        axis.set_title(f"{style.UNIT_NAMES[unit]}:\nkept > pruned in {larger} of {len(known)}")
        axis.set_xlabel("mean |w| kept / pruned")
    style.legend(figure, {"one seed": small, "mean over seeds": mean})
    figure.suptitle(title)
    return figure


def _compared_units(rows: pd.DataFrame) -> list[str]:
    """The units that the method prunes, and both pooled where it prunes both; all if it none."""
    units = rows["unit"].unique().tolist()
    pruned = {*rows.loc[rows["pruned_units"] > 0, "unit"]} - {BOTH}
    if not pruned:
        return units
    return [unit for unit in units if unit in pruned or (unit == BOTH and len(pruned) > 1)]
