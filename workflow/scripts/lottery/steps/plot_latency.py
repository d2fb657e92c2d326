"""Step plot_latency: score of each retrained subnetwork over the time that it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery import files
from lottery.pruning.subnetworks import Subnetwork
from lottery.report import strips, style
from lottery.report.tables.numbers import percent, rounded
from lottery.results.latency import BATCH_SIZES, FULL, SCHEMA
from lottery.results.layout import SPLIT_NAMES, Layout
from lottery.results.scores import score_table
from lottery.results.summary import by_row, reported_runs
from lottery.tasks.metrics import METRICS

VERSION = 3
COLUMNS = 3
WIDEST = 1.3  # quartiles above this many times the largest ratio end in an arrow
NAMES = {strips.FULL: "full model", strips.MAJORITY: "majority"}
MARKERS = dict(zip(BATCH_SIZES, "os", strict=True))
AT_A_TIME = {size: f"{size} example{'s' * (size > 1)} at a time" for size in BATCH_SIZES}


def plot_latency(
    *,
    path_to_scores: Path,
    path_to_latency: Path,
    paths_to_figure: list[Path],
    model: str,
    method: str,
    layout: dict[str, Any],
) -> None:
    """Draws one panel per task with a mark per subnetwork and size of a batch."""
    scores, latency = score_table(path_to_scores), files.read_table(path_to_latency, SCHEMA)
    with style.settings():
        figure = draw_latency(scores, latency, Layout.of(**layout), model, method)
        style.save(figure, paths_to_figure)


def draw_latency(
    scores: pd.DataFrame, latency: pd.DataFrame, layout: Layout, model: str, method: str
) -> Figure:
    """Draws the scores of one model and method, on the split that shows the method.

    Args:
        scores: of `score_table`, of the model and the method.
        latency: the rows of latency.csv, of the model and the method.
        layout: the order of tasks.
        model, method: their ids.
    """
    split = layout.display_split(method)
    runs = reported_runs(scores, layout)
    runs = runs[(runs["split"] == split) & (runs["phase"] != "pruned")]
    tasks = [task for task in layout.tasks if task.id in set(latency["task"])]
    cells = {task.id: by_row(runs, task.id) for task in tasks}
    # A mask from elsewhere in the study is no subnetwork of this task that was found or drawn.
    shown = [
        name != FULL and Subnetwork.parse(name).source is None for name in latency["subnetwork"]
    ]
    timed = latency[shown]
    panel = (style.PAGE / COLUMNS, 1.9)
    x = "time per example / full model's"
    figure, axes = style.panels(len(tasks), COLUMNS, panel, 1.1, x=x)
    values = [value for each in cells.values() for value in strips.extremes(each)]
    style.same_range(axes, min(values, default=0.0), max(values, default=1.0), upright=True)
    ends = [1.0, *timed["ratio_low"], *timed["ratio_high"]]
    most = WIDEST * max([1.0, *timed["ratio"]])
    style.same_range(axes, min(ends), min(max(ends), most))
    for axis, task in zip(axes, tasks, strict=True):
        _draw_baselines(axis, cells[task.id])
        for row in timed[timed["task"] == task.id].itertuples():
            cell = (method, row.subnetwork, "retrained")
            if cell in cells[task.id]:
                known = cells[task.id][cell]["counted"].dropna()
                _draw_point(axis, row, known, METRICS[task.metric].least)
        axis.grid()
        axis.set_title(style.title(task.id, task.metric))
    kinds = dict.fromkeys(Subnetwork.parse(name).kind for name in timed["subnetwork"])
    entries: dict[str, Any] = {
        name.replace("_", " "): style.DOT | {"color": style.colour_of(name), "marker": "D"}
        for name in kinds
    }
    entries |= {
        AT_A_TIME[size]: style.DOT | {"color": style.INK, "marker": mark}
        for size, mark in MARKERS.items()
    }
    entries |= {
        NAMES[row]: style.LINE | {"color": style.SUBNETWORKS[row[1]], "linestyle": dashes}
        for row, dashes in strips.BASELINES.items()
    }
    several = runs.groupby("task")["seed"].nunique().max() >= style.FEWEST
    upright = style.LINE | {"color": style.INK, "marker": "|", "linestyle": "", "markersize": 7}
    entries |= {
        "quartiles of the time": style.LINE | {"color": style.INK},
        "score, mean ± sample sd": bool(several) and upright,
    }
    style.legend(figure, entries, columns=4 if len(tasks) > 1 else 2)
    style.finding(figure, *sentences(latency))
    seeds = style.seeds([runs["seed"].nunique()])
    what = "Scores of retrained subnetworks over time"
    style.heading(figure, what, method, model, SPLIT_NAMES[split], seeds)
    return figure


def sentences(latency: pd.DataFrame) -> list[str]:
    """What was measured: the mean over tasks of the ratio to the full model's time."""
    found = []
    for size, of_size in latency.groupby("batch_size", sort=False):
        means = of_size.groupby("subnetwork", sort=False)["ratio"].mean()
        itself = rounded(means.pop(FULL), 2)
        texts = ", ".join(f"{name} {rounded(ratio, 2)}" for name, ratio in means.items())
        found.append(
            f"Time per example relative to the full model's, {AT_A_TIME[size]}: {texts};"
            f" the full model against itself {itself}."
        )
    weights = latency[latency["granularity"] == "weights"]
    if len(weights):
        kept = percent(weights["kept_fraction"].mean())
        ratio = rounded(weights["ratio"].mean(), 2)
        found.append(
            f"Masks of weights keep {kept} of the body on average and take {ratio} times as long as"
            " the full model: zeros are computed like other numbers."
        )
    return found


def _draw_baselines(axis: Axes, cells: dict[Any, pd.DataFrame]) -> None:
    axis.axvline(1.0, color=style.GREY, linewidth=0.7, zorder=1)
    for row, dashes in strips.BASELINES.items():
        if row in cells and cells[row]["counted"].notna().any():
            look = {"color": style.SUBNETWORKS[row[1]], "linestyle": dashes, "linewidth": 0.9}
            axis.axhline(cells[row]["counted"].mean(), zorder=1, **look)


def _draw_point(axis: Axes, row: Any, scores: pd.Series, least: float) -> None:
    """Draws one subnetwork at one size of batches: quartiles of the ratio, sd of the score.

    Whiskers end at the scores that are possible, from `least` to 1.
    """
    if scores.empty:
        return
    look, mean = {"color": style.colour_of(row.subnetwork)}, float(scores.mean())
    within = axis.get_xlim()
    style.draw_interval(axis, mean, row.ratio_low, row.ratio_high, within=within, **look)
    if len(scores) >= style.FEWEST:
        sd = float(scores.std())
        ends = [max(least, mean - sd), min(1.0, mean + sd)]
        axis.plot([row.ratio] * 2, ends, **style.LINE | look)
    mark = style.DOT | look | {"marker": MARKERS[row.batch_size], "zorder": 4}
    axis.plot(row.ratio, mean, **mark)
