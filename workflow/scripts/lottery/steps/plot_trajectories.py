"""Step plot_trajectories: the searches of one model and method -> score against kept_fraction."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery.report import style
from lottery.report.tables.numbers import rounded
from lottery.results.trajectory import search_table

VERSION = 4
COLUMNS = 3
# One dash pattern per seed, next to its colour; more seeds begin again.
DASHES = ("-", (0, (6, 1)), (0, (4, 1, 1, 1)), (0, (3, 1)), (0, (6, 1, 1, 1, 1, 1)), (0, (1, 0.7)))
MARKERS = {"both": "o", "heads": "^", "mlps": "s", "weights": "o"}
STAGES = {"both": "heads and MLPs", "heads": "heads", "mlps": "MLPs", "weights": "weights"}
# A score that is undefined, or lower than the panel shows, is on its lower edge.
UNDEFINED = {"marker": "x", "markersize": 4, "markeredgewidth": 1.0}
LOWER = {"marker": 7, "markersize": 4}  # an arrow down
FAR = 2.0  # a failed state is shown this many times as far below the full model as the threshold
THRESHOLD = {"linewidth": 0.8, "linestyle": (0, (1, 1.5))}


def plot_trajectories(
    *,
    paths_to_searches: list[Path],
    paths_to_figure: list[Path],
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
    details = (method, model, style.seeds([len(seeds)]))
    with style.settings():
        style.save(draw_trajectories(searches, search_metrics, *details), paths_to_figure)


def draw_trajectories(searches: pd.DataFrame, metrics: Mapping[str, str], *details: str) -> Figure:
    """Draws the searches of one model and method, as differences to the full model's score.

    Args:
        searches: the rows of search.csv, with the columns task and seed.
        metrics: task -> the metric that its search scores, in the order of the panels.
        details: of the title: the method, the model, the seeds.
    """
    searches = relative(searches)
    panel = (style.PAGE / COLUMNS, 1.8)
    x = "share of the body kept\n(the search runs to the right)"
    y = "score \N{MINUS SIGN} full model's score"
    figure, axes = style.panels(len(metrics), COLUMNS, panel, 1.0, x=x, y=y)
    known = searches["accepted"] & searches["score"].notna()
    ends = [0.0, *searches.loc[known, "score"], *searches["threshold"].dropna()]
    low, high = float(min(ends)), float(max(ends))
    failed = searches.loc[~searches["accepted"], "score"].min()
    low = float(np.nanmax([FAR * low, np.nanmin([low, failed])]))
    style.same_range(axes, low, high, upright=True)
    kept = searches["kept_fraction"].min()
    margin = 0.06 * max(1.0 - kept, 0.05)
    for axis, (task, metric) in zip(axes, metrics.items(), strict=True):
        # Axes run the way the search does: from the whole body on the left.
        axis.set_xlim(1.0 + margin, kept - margin)
        of_task = searches[searches["task"] == task]
        for place, (_, steps) in enumerate(of_task.groupby("seed", sort=False)):
            _draw_search(axis, steps, style.SEEDS[place % 6], DASHES[place % 6])
        _draw_thresholds(axis, of_task)
        axis.grid()
        axis.set_title(style.title(task, metric))
    style.legend(figure, _entries(searches, low), columns=4 if len(metrics) > 1 else 2)
    kept = searches[searches["accepted"]].groupby(["task", "seed"])["kept_fraction"].min()
    if len(kept):
        sizes = f"{rounded(kept.min(), 2)} to {rounded(kept.max(), 2)}"
        mean = rounded(kept.mean(), 2)
        style.finding(figure, f"The good subnetworks keep {sizes} of the body, {mean} on average.")
    style.heading(figure, "Searches for the good subnetworks", *details)
    return figure


def relative(searches: pd.DataFrame) -> pd.DataFrame:
    """The searches with scores and thresholds less the score of their first state, the full model.

    Where that is undefined nothing may be pruned, and no state has a place.
    """
    full = searches.groupby(["task", "seed"], sort=False)["score"].transform(lambda s: s.iloc[0])
    numbers = {name: searches[name] - full for name in ("score", "threshold")}
    return searches.assign(**numbers)


def _draw_search(axis: Axes, steps: pd.DataFrame, colour: str, dashes: object) -> None:
    """Draws the accepted states as one line, the failed ones as hollow marks."""
    accepted = steps[steps["accepted"]]
    line = style.LINE | {"color": colour, "linestyle": dashes, "zorder": 3}
    axis.plot(accepted["kept_fraction"], accepted["score"], **line)
    for step in steps.itertuples():
        look = {"marker": MARKERS.get(step.stage, "D"), "markersize": 2.6, "zorder": 4}
        face = colour if step.accepted else "white"
        _mark(axis, step, color=colour, markerfacecolor=face, **look)
    # The good subnetwork is the last accepted state; where nothing may be pruned, the full model.
    end = next((accepted if len(accepted) else steps.head(1)).tail(1).itertuples())
    star = {"marker": "*", "markersize": 8, "color": style.INK, "markerfacecolor": colour}
    _mark(axis, end, **star, zorder=5)


def _mark(axis: Axes, step: Any, **look: object) -> None:
    """Draws one state; one without a place within the panel is on the lower edge."""
    look |= {"markeredgewidth": 0.6, "clip_on": False, "linestyle": ""}
    score = step.score
    if np.isnan(score) or score < axis.get_ylim()[0]:
        look |= UNDEFINED if np.isnan(score) else LOWER
        look |= {"transform": axis.get_xaxis_transform()}
        score = 0.0
    axis.plot(step.kept_fraction, score, **look)


def _draw_thresholds(axis: Axes, searches: pd.DataFrame) -> None:
    """A line per seed; seeds with thresholds equal to the eye share one, in black."""
    of_seeds = searches.groupby("seed", sort=False)["threshold"].first()
    height = abs(np.subtract(*axis.get_ylim()))
    if of_seeds.max() - of_seeds.min() < 0.03 * height:
        axis.axhline(of_seeds.mean(), color=style.INK, zorder=1, **THRESHOLD)
        return
    for place, threshold in enumerate(of_seeds):
        if not np.isnan(threshold):
            axis.axhline(threshold, color=style.SEEDS[place % 6], zorder=1, **THRESHOLD)


def _entries(searches: pd.DataFrame, low: float) -> dict[str, Any]:
    """The legend of the searches."""
    bare = {"linestyle": "", "color": style.INK, "markersize": 4}
    hollow = bare | style.HOLLOW
    looks = zip(searches["seed"].unique(), cycle(style.SEEDS), cycle(DASHES), strict=False)
    seeds = {
        f"seed {seed}": style.LINE | {"color": colour, "linestyle": dashes}
        for seed, colour, dashes in looks
    }
    names = STAGES
    if not {*searches["stage"]} <= {*STAGES}:  # units of other kinds are removed as well
        names = STAGES | {"both": "several kinds"}
    stages = {
        f"step: {names.get(stage, stage)}": bare | {"marker": MARKERS.get(stage, "D")}
        for stage in searches["stage"].unique()
    }
    return {
        **seeds,
        **stages,
        "failed step": hollow | {"marker": "o"},
        "failed, below the panel": bool((searches["score"] < low).any()) and hollow | LOWER,
        "good subnetwork": hollow | {"markersize": 8, "marker": "*"},
        "threshold": THRESHOLD | {"color": style.INK},
        "undefined score": searches["score"].isna().any() and bare | UNDEFINED,
    }
