"""Step measure_importance: searches and their importances -> histograms and correlations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery import files
from lottery.analysis import importance
from lottery.report import style
from lottery.report.tables.numbers import percent, rounded
from lottery.results.published import published_correlations

VERSION = 4
HEIGHT, BELOW = 0.95, 0.08  # of the marks of cuts, a line for each kind of unit
COLUMNS = 3
LOW = 0.25  # of importances, which are 1 at most
MEANS = {"linewidth": 1.4, "marker": ".", "markersize": 3}
PAPERS = {"color": style.PAPER, "marker": "_", "markersize": 8, "linestyle": "", "zorder": 6}
CUT = {"linestyle": "", "marker": 7, "markersize": 4, "markeredgewidth": 0}


def measure_importance(
    *,
    paths_to_searches: list[Path],
    paths_to_importances: list[Path],
    paths_to_paths: list[Path],
    path_to_published: Path,
    path_to_histograms: Path,
    path_to_correlations: Path,
    path_to_first_step: Path,
    path_to_test: Path,
    paths_to_histograms_figure: list[Path],
    paths_to_correlations_figure: list[Path],
    model: str,
    method: str,
    tasks: list[str],
    seeds: list[int],
    averaged_tasks: list[str],
    permutations: int,
    published: dict[str, str],
) -> None:
    """Shows importances where units are removed, and how they change from step to step.

    Args:
        paths_to_searches, paths_to_importances, paths_to_paths: search.csv, importance.npz and
            path.npz of every task and seed, tasks first.
        averaged_tasks: the tasks that enter averages.
        permutations: permutations behind the p-value of heads that stand out.
        path_to_published: the paper's analyses.csv.
        published: task -> the GLUE preset that it repeats as the paper has it.
    """
    histograms, correlations, measured = [], [], []
    heads: dict[str, list[np.ndarray]] = {task: [] for task in tasks}
    for (task, seed), *paths in zip(
        product(tasks, seeds), paths_to_searches, paths_to_importances, paths_to_paths, strict=True
    ):
        states = importance.read_states(*paths)
        cell = {"model": model, "method": method, "task": task, "seed": str(seed)}
        histograms.append(importance.histogram_table(states, cell))
        correlations.append(importance.correlation_table(states, cell))
        measured.append(importance.importance_table(states, cell))
        if "heads" in states.first:
            heads[task].append(states.first["heads"])
    bins, steps = pd.concat(histograms), pd.concat(correlations)
    files.write_table(path_to_histograms, bins, importance.HISTOGRAMS)
    files.write_table(path_to_correlations, steps, importance.CORRELATIONS)
    files.write_table(path_to_first_step, pd.concat(measured), importance.IMPORTANCES)
    of_tasks = {task: np.stack(arrays) for task, arrays in heads.items() if arrays}
    tested = importance.held_out_table(of_tasks, model, method, averaged_tasks, permutations)
    files.write_table(path_to_test, tested, importance.HELD_OUT)
    known = published_correlations(path_to_published, published)
    details = (method, model, style.seeds([len(seeds)]))
    with style.settings():
        style.save(draw_histograms(bins, tasks, *details), paths_to_histograms_figure)
        style.save(draw_correlations(steps, tasks, known, *details), paths_to_correlations_figure)


def draw_histograms(rows: object, tasks: Sequence[str], *details: str) -> Figure:
    """Draws the scores of what could be removed, at the first, middle and last removal.

    `details` of the title: the method, the model, the seeds.
    """
    shown = pd.DataFrame(rows, columns=list(importance.HISTOGRAMS))
    bins = dict(tuple(shown.groupby(["task", "when"])))
    panel = (style.PAGE / COLUMNS, 1.0 if len(tasks) > 4 else 1.4)
    figure, axes = style.panels(
        len(tasks) * COLUMNS, COLUMNS, panel, 0.75, x="importance", y="share of units"
    )
    places = [(task, moment) for task in tasks for moment in importance.MOMENTS]
    for axis, (task, moment) in zip(axes, places, strict=True):
        _draw_histogram(axis, bins.get((task, moment)))
        axis.set_title(f"{task}: {moment} removal", pad=2)
    largest = [patch.get_data().values.max() for axis in axes for patch in axis.patches]
    for place, axis in enumerate(axes):
        axis.set_xlim(0, 1)
        # Above the bars is space for the cuts.
        axis.set_ylim(0, 1.25 * max(largest, default=1.0))
        axis.locator_params(axis="y", nbins=4)
        axis.tick_params(labelbottom=style.is_bottom(place, len(axes), COLUMNS))
        axis.tick_params(labelleft=place % COLUMNS == 0)
    units = _units(shown)
    entries = {
        style.UNIT_NAMES[unit]: style.area(**_look(unit), linewidth=1.0) for unit in units
    } | {
        f"highest of the {style.UNIT_NAMES[unit]} that a seed removed": CUT
        | {"color": style.UNITS[unit]}
        for unit in units
    }
    style.legend(figure, entries, columns=2)
    first = shown[(shown["when"] == "first") & (shown["unit"] == "heads")]
    if len(first):
        low = first.loc[first["high"].astype(float) <= LOW, "count"].sum() / first["count"].sum()
        of_heads = f"{percent(low)} of the heads have an importance below {LOW}"
        style.finding(figure, f"At the first removal {of_heads}.")
    style.heading(figure, "Importances of the units that could be removed", *details)
    return figure


def _units(rows: pd.DataFrame) -> list[str]:
    """The kinds of unit that rows have, in the order of their colours."""
    return [unit for unit in style.UNITS if (rows["unit"] == unit).any()]


def _look(unit: str) -> dict[str, object]:
    """Heads are filled, other kinds an outline."""
    colour = style.UNITS[unit]
    return {"facecolor": colour if unit == "heads" else "none", "edgecolor": colour}


def _draw_histogram(axis: Axes, bins: pd.DataFrame | None) -> None:
    if bins is None:
        axis.text(0.5, 0.5, "no such removal", transform=axis.transAxes, ha="center", va="center")
        return
    edges = sorted({*bins["low"], *bins["high"]})
    for unit, of_unit in bins.groupby("unit", sort=False):
        counts = of_unit.pivot_table(index="low", columns="seed", values="count", aggfunc="sum")
        shares = (counts / counts.sum()).mean(axis=1).reindex(edges[:-1], fill_value=0.0)
        axis.stairs(shares, edges, fill=unit == "heads", **_look(unit))
        cuts = of_unit.groupby("seed", sort=False)["cut"].last().tolist()
        place = {"transform": axis.get_xaxis_transform(), "color": style.UNITS[unit]}
        height = HEIGHT - BELOW * list(style.UNITS).index(unit)
        axis.plot(cuts, [height] * len(cuts), **CUT, **place)


def draw_correlations(
    rows: object,
    tasks: Sequence[str],
    published: Mapping[tuple[str, str], Mapping[int, float]],
    *details: str,
) -> Figure:
    """Draws how far the scores of a step agree with those of the step before, a panel per task.

    Args:
        rows: of importance_correlations.csv.
        published: (task, unit) -> step -> the paper's correlation.
        details: of the title: the method, the model, the seeds.
    """
    shown = pd.DataFrame(rows, columns=list(importance.CORRELATIONS))
    shown = shown.dropna(subset="pearson").astype({"pearson": float})
    units = list(dict.fromkeys(("heads", "mlps", *_units(shown))))
    panel = (style.PAGE / COLUMNS, 1.6)
    figure, axes = style.panels(len(tasks), COLUMNS, panel, 0.75, x="step", y="Pearson correlation")
    for axis, task in zip(axes, tasks, strict=True):
        axis.axhline(0, color=style.GREY, linewidth=0.5)
        for unit in units:
            known = shown[(shown["task"] == task) & (shown["unit"] == unit)]
            colour = style.UNITS[unit]
            for _, line in known.groupby("seed", sort=False):
                axis.plot(line["step"], line["pearson"], color=colour, linewidth=0.5)
            # Where a seed's search has ended, the others' mean would jump.
            by_step = known.groupby("step")["pearson"]
            means = by_step.mean()[by_step.size() == known["seed"].nunique()]
            axis.plot(means, **MEANS | {"color": colour})
            for step, value in published.get((task, unit), {}).items():
                axis.plot(step, value, **PAPERS)
        axis.set_title(task)
        axis.locator_params(axis="x", integer=True, nbins=6)
    style.same_range(axes, min([0.0, *shown["pearson"]]), 1.0, upright=True)
    means = {
        f"{style.UNIT_NAMES[unit]}, mean of all seeds": MEANS | {"color": style.UNITS[unit]}
        for unit in units
    }
    entries = means | {
        "one seed": {"color": style.INK, "linewidth": 0.5},
        "published": bool(published) and PAPERS,
    }
    style.legend(figure, entries, columns=4 if len(tasks) > 1 else 2)
    means_of = shown.groupby("unit", sort=False)["pearson"].mean()
    texts = [f"{style.UNIT_NAMES[unit]} {rounded(mean, 2)}" for unit, mean in means_of.items()]
    style.finding(figure, f"Mean correlation of {', '.join(texts)}." if texts else "")
    what = "Correlation of importances with those of the step before"
    style.heading(figure, what, *details)
    return figure
