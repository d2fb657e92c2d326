"""Step measure_importance: searches and their importances -> histograms and correlations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from lottery import files
from lottery.analysis import importance
from lottery.report import style

VERSION = 4
COLOURS = {"heads": style.BLUE, "mlps": style.ORANGE}
COLUMNS = 3


def measure_importance(
    *,
    paths_to_searches: list[Path],
    paths_to_importances: list[Path],
    paths_to_paths: list[Path],
    path_to_histograms: Path,
    path_to_correlations: Path,
    path_to_first_step: Path,
    path_to_test: Path,
    path_to_histograms_svg: Path,
    path_to_histograms_png: Path,
    path_to_correlations_svg: Path,
    path_to_correlations_png: Path,
    model: str,
    method: str,
    tasks: list[str],
    seeds: list[int],
    averaged_tasks: list[str],
    permutations: int,
) -> None:
    """Shows importances where units are removed, and how they change from step to step.

    Args:
        paths_to_searches, paths_to_importances, paths_to_paths: search.csv, importance.npz and
            path.npz of every task and seed, tasks first.
        averaged_tasks: the tasks that enter averages.
        permutations: permutations behind the p-value of heads that stand out.
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
    name = f"{model}, {method}: importances"
    with style.settings():
        figure = draw_histograms(bins, tasks, len(seeds), f"{name} where units are removed")
        style.save(figure, path_to_histograms_svg, path_to_histograms_png)
        figure = draw_correlations(steps, tasks, f"{name} from step to step")
        style.save(figure, path_to_correlations_svg, path_to_correlations_png)


def draw_histograms(rows: object, tasks: Sequence[str], n_seeds: int, title: str) -> Figure:
    """Draws the scores of what could be removed, at the first, middle and last removal."""
    shown = pd.DataFrame(rows, columns=list(importance.HISTOGRAMS))
    # A method that prunes MLPs alone removes no head.
    unit = "heads" if (shown["unit"] == "heads").any() else "mlps"
    bins = dict(tuple(shown[shown["unit"] == unit].groupby(["task", "when"])))
    panel = (style.PAGE / COLUMNS, 1.0 if len(tasks) > 4 else 1.4)
    y = style.UNIT_NAMES[unit]
    figure, axes = style.panels(len(tasks) * COLUMNS, COLUMNS, panel, 0.75, x="importance", y=y)
    places = [(task, moment) for task in tasks for moment in importance.MOMENTS]
    for place, (axis, (task, moment)) in enumerate(zip(axes, places, strict=True)):
        _draw_histogram(axis, bins.get((task, moment)), COLOURS[unit])
        axis.set_title(f"{task}: {moment} removal", pad=2)
        axis.set_xlim(0, 1)
        if not style.is_bottom(place, len(axes), COLUMNS):
            axis.set_xticklabels([])
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
    """Draws how far the scores of a step agree with those of the step before, a panel per task."""
    shown = pd.DataFrame(rows, columns=list(importance.CORRELATIONS))
    panel = (style.PAGE / COLUMNS, 1.6)
    figure, axes = style.panels(len(tasks), COLUMNS, panel, 0.75, x="step", y="Pearson correlation")
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
    means = {
        f"{style.UNIT_NAMES[unit]}, mean": {"color": colour, "linewidth": 1.4}
        for unit, colour in COLOURS.items()
    }
    style.legend(figure, means | {"one seed": {"color": style.DARK, "linewidth": 0.5}})
    figure.suptitle(f"{title}, {style.seeds([shown['seed'].nunique()])}")
    return figure
