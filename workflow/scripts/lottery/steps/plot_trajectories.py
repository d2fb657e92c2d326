"""Step plot_trajectories: the searches of one model and method -> score against kept_fraction."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery.report import style
from lottery.results.trajectory import search_table

VERSION = 3
COLUMNS = 3
# One colour and one dash pattern per seed; more seeds begin again.
COLOURS = (style.BLUE, style.VERMILION, style.GREEN, style.PURPLE, style.ORANGE, style.SKY)
DASHES = ("-", (0, (6, 1)), (0, (4, 1, 1, 1)), (0, (3, 1)), (0, (6, 1, 1, 1, 1, 1)), (0, (1, 0.7)))
MARKERS = {"both": "o", "heads": "^", "mlps": "s", "weights": "o"}
STAGES = {"both": "heads and MLPs", "heads": "heads", "mlps": "MLPs", "weights": "weights"}
# A score that is undefined has no place on the axis.
UNDEFINED = {"marker": "x", "markersize": 4, "markeredgewidth": 1.0}


def plot_trajectories(
    *,
    paths_to_searches: list[Path],
    path_to_svg: Path,
    path_to_png: Path,
    model: str,
    method: str,
    seeds: list[int],
    search_metrics: dict[str, str],
) -> None:
    """Draws one panel per task with a line per seed, the threshold and the end.

    Args:
        paths_to_searches: search.csv of each task and seed, all seeds of the first task first.
        search_metrics: task -> the metric that its search scores, in the order of the panels.
    """
    cells = zip(product(search_metrics, seeds), paths_to_searches, strict=True)
    searches = pd.concat(
        search_table(path).assign(task=task, seed=seed) for (task, seed), path in cells
    )
    title = f"{model}, {method}: searches"
    with style.settings():
        style.save(draw_trajectories(searches, search_metrics, title), path_to_svg, path_to_png)


def draw_trajectories(searches: pd.DataFrame, metrics: Mapping[str, str], title: str) -> Figure:
    """Draws the searches of one model and method.

    Args:
        searches: the rows of search.csv, with the columns task and seed.
        metrics: task -> the metric that its search scores, in the order of the panels.
    """
    panel = (style.PAGE / COLUMNS, 1.9)
    x, y = "kept fraction of the body", "score of the search"
    figure, axes = style.panels(len(metrics), COLUMNS, panel, 1.0, x=x, y=y)
    for axis, (task, metric) in zip(axes, metrics.items(), strict=True):
        of_task = searches[searches["task"] == task]
        for place, (_, steps) in enumerate(of_task.groupby("seed", sort=False)):
            _draw_search(axis, steps, COLOURS[place % 6], DASHES[place % 6])
        # Axes run the way the search does: from the whole body on the left.
        lowest = of_task["kept_fraction"].min()
        margin = 0.06 * max(1.0 - lowest, 0.05)
        axis.set_xlim(1.0 + margin, lowest - margin)
        axis.grid()
        axis.set_title(style.title(task, metric))
    style.legend(figure, _entries(searches), columns=4 if len(metrics) > 1 else 2)
    figure.suptitle(title)
    return figure


def _draw_search(axis: Axes, steps: pd.DataFrame, colour: str, dashes: object) -> None:
    """Draws the accepted states as one line, the failed ones as hollow side steps from it."""
    line = {"color": colour, "linewidth": 0.9}
    accepted = steps[steps["accepted"]]
    axis.plot(accepted["kept_fraction"], accepted["score"], linestyle=dashes, zorder=3, **line)
    before = None
    for step in steps.itertuples():
        # A failed step ends its stage; the next one starts from the last accepted state.
        if before is not None and not step.accepted and not np.isnan(step.score):
            kept, scores = zip(before[:2], (step.kept_fraction, step.score), strict=True)
            axis.plot(kept, scores, linestyle=":", zorder=2, **line)
        look = {"marker": MARKERS.get(step.stage, "D"), "markersize": 2.6, "zorder": 4}
        face = colour if step.accepted else "white"
        _mark(axis, step, markerfacecolor=face, markeredgecolor=colour, **look)
        before = (step.kept_fraction, step.score) if step.accepted else before
    for threshold in steps["threshold"].dropna().head(1):
        axis.axhline(threshold, color=colour, linestyle=dashes, linewidth=0.5, alpha=0.8, zorder=1)
    # The good subnetwork is the last accepted state; where nothing may be pruned, the full model.
    end = next((accepted if len(accepted) else steps.head(1)).tail(1).itertuples())
    star = {"marker": "*", "markersize": 8, "markerfacecolor": colour, "markeredgecolor": "black"}
    _mark(axis, end, **star, zorder=5)


def _mark(axis: Axes, step: Any, **look: object) -> None:
    """Draws one state; one with an undefined score as a cross on the lower edge."""
    look |= {"markeredgewidth": 0.6, "clip_on": False}
    score = step.score
    if np.isnan(score):
        look |= UNDEFINED | {"transform": axis.get_xaxis_transform()}
        score = 0.0
    axis.plot(step.kept_fraction, score, **look)


def _entries(searches: pd.DataFrame) -> dict[str, dict]:
    """The legend of the searches."""
    bare = {"linestyle": "", "markeredgecolor": "black", "markersize": 4}
    hollow = bare | style.HOLLOW
    seeds = {
        f"seed {seed}": {"color": COLOURS[place % 6], "linestyle": DASHES[place % 6]}
        for place, seed in enumerate(searches["seed"].unique())
    }
    stages = {
        f"step: {STAGES.get(stage, stage)}": bare
        | {"marker": MARKERS.get(stage, "D"), "markerfacecolor": "black"}
        for stage in searches["stage"].unique()
    }
    return {
        **seeds,
        **stages,
        "failed step": hollow | {"marker": "o"},
        "good subnetwork": hollow | {"markersize": 8, "marker": "*"},
        "threshold": {"color": "black", "linewidth": 0.5},
        "undefined score": searches["score"].isna().any() and bare | UNDEFINED,
    }
