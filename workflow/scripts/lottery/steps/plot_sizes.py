"""Step plot_sizes: scores and predictions -> score_over_size.csv, size_curves.csv, and a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery import files
from lottery.pruning.subnetworks import base_name
from lottery.report import strips, style
from lottery.report.tables.axes import size_sentence
from lottery.results import overlap
from lottery.results.layout import SPLIT_NAMES, Layout, Row
from lottery.results.scores import score_table
from lottery.results.summary import reported_runs
from lottery.statistics.axes import sound_seeds
from lottery.statistics.runs import NAMES, PHASES
from lottery.statistics.sizes import CURVES, SCHEMA, size_tables

VERSION = 2
TITLE = "Score over the share of the body kept"
PAIRS = 2  # of panels in a row: a task, pruned and retrained
CURVE = {"linewidth": 1.0, "markersize": 3.6, "markeredgewidth": 0.8, "zorder": 4}
POINT = {"marker": "*", "markersize": 6, "linestyle": "", "markeredgewidth": 0.6, "zorder": 5}
POINT |= {"color": style.INK}
LEVELS = strips.BASELINES
# Those that have the size of the search, where the config names them.
UNSIZED = {name for names in NAMES.values() for name in names.values()}


def plot_sizes(
    *,
    path_to_scores: Path,
    paths_to_predictions: list[Path],
    path_to_overlap: Path,
    path_to_table: Path,
    path_to_curves: Path,
    paths_to_figure: list[Path],
    model: str,
    method: str,
    layout: dict[str, Any],
) -> None:
    """Writes how scores depend on the share kept, and draws it.

    Args:
        path_to_scores: scores.csv of the model and method.
        paths_to_predictions: predictions.parquet of its cells, in their place in the results.
        path_to_overlap: overlap.csv of the model and method.
    """
    order = Layout.of(**layout)
    scores = reported_runs(score_table(path_to_scores), order)
    shared = files.read_table(path_to_overlap, overlap.SCHEMA)
    sizes, curves = size_tables(scores, paths_to_predictions, shared, order, model, method)
    files.write_table(path_to_table, sizes, SCHEMA)
    files.write_table(path_to_curves, curves, CURVES)
    with style.settings():
        if why := style.reason(scores, sizes):
            figure = style.blank(why, TITLE, method, model)
        else:
            figure = draw_sizes(sizes, curves, scores, order, model, method)
        style.save(figure, paths_to_figure)


def draw_sizes(
    sizes: pd.DataFrame,
    curves: pd.DataFrame,
    scores: pd.DataFrame,
    layout: Layout,
    model: str,
    method: str,
) -> Figure:
    """Draws two panels per task, pruned and retrained: the score over the share that is kept.

    Args:
        sizes, curves: score_over_size.csv and size_curves.csv of the method.
        scores: of `lottery.results.summary.reported_runs`.
    """
    split = layout.display_split(method)
    of_model = (scores["split"] == split) & scores["model"].isin(("none", model))
    shown = sound_seeds(scores[of_model])
    tasks = [task for task in layout.tasks if task.id in set(sizes["task"])]
    kinds = list(dict.fromkeys(sizes["subnetwork"]))
    columns = 2 * min(PAIRS, len(tasks))
    figure, axes = style.panels(
        2 * len(tasks),
        columns,
        (style.PAGE / (2 * PAIRS), 1.75),
        0.9,
        narrowest=style.PAGE * 2 / 3,
        x="share of the body kept",
    )
    unsized = False
    for place, task in enumerate(tasks):
        of_task = sizes[sizes["task"] == task.id]
        runs = shown[(shown["task"] == task.id) & shown["method"].isin(("none", method))]
        levels = {row: runs.loc[runs["subnetwork"] == row[1], "counted"].mean() for row in LEVELS}
        heights = [*of_task["score"], *(level for level in levels.values() if pd.notna(level))]
        both = axes[2 * place : 2 * place + 2]
        for axis, phase in zip(both, PHASES, strict=True):
            points = _points(runs, phase)
            heights += points["counted"].tolist()
            unsized |= len(points) > 0
            _draw_levels(axis, levels)
            _draw_panel(axis, of_task[of_task["phase"] == phase], points, kinds)
            axis.set_title(f"{task.id}, {phase}")
        held = style.reach(heights, of_task[["score_low", "score_high"]].to_numpy().flat)
        style.same_range(both, min(held), max(held), upright=True)
        both[0].set_ylabel(style.measure(task.metric))
        both[1].tick_params(labelleft=False)
    style.legend(figure, _entries(kinds, sizes, unsized=unsized), columns=4)
    style.finding(figure, size_sentence(curves))
    details = (method, model, SPLIT_NAMES[split], style.seeds(sizes["n_seeds"]))
    style.heading(figure, TITLE, *details)
    return figure


def _points(runs: pd.DataFrame, phase: str) -> pd.DataFrame:
    """The means of the subnetworks without a size of the config, draws averaged first."""
    named = runs.assign(subnetwork=runs["subnetwork"].map(base_name))
    own = named[(named["phase"] == phase) & named["subnetwork"].isin(UNSIZED)]
    numbers = ["counted", "kept_fraction"]
    by_seed = own.groupby(["subnetwork", "seed"], sort=False)[numbers].mean()
    return by_seed.groupby(level="subnetwork", sort=False).mean().reset_index()


def _draw_levels(axis: Axes, levels: Mapping[Row, float]) -> None:
    for row, level in levels.items():
        if pd.notna(level):
            look = {"color": style.SUBNETWORKS[row[1]], "linestyle": LEVELS[row], "linewidth": 0.9}
            axis.axhline(level, zorder=1, **look)


def _draw_panel(axis: Axes, rows: pd.DataFrame, points: pd.DataFrame, kinds: Sequence[str]) -> None:
    axis.set_xlim(-0.03, 1.03)
    axis.grid(axis="y")
    for kind, curve in rows.sort_values("kept_fraction").groupby("subnetwork", sort=False):
        hollow = style.HOLLOW if curve["phase"].iloc[0] == "pruned" else {}
        axis.plot(curve["kept_fraction"], curve["score"], **_look(kind, kinds) | hollow)
        ends = curve["kept_fraction"], curve["score_low"], curve["score_high"]
        axis.vlines(*ends, color=style.colour_of(kind), linewidth=0.6, zorder=3)
        lost = curve[curve["n_collapsed"] > 0]
        axis.plot(lost["kept_fraction"], lost["score"], **style.COLLAPSED)
    for point in points.itertuples():
        look = POINT | {"markerfacecolor": style.colour_of(point.subnetwork)}
        axis.plot(point.kept_fraction, point.counted, **look)


def _look(kind: str, kinds: Sequence[str]) -> dict[str, Any]:
    marker = style.MARKERS[kinds.index(kind) % len(style.MARKERS)]
    return CURVE | {"color": style.colour_of(kind), "marker": marker}


def _entries(kinds: Sequence[str], sizes: pd.DataFrame, *, unsized: bool) -> dict[str, Any]:
    """The legend."""
    curves = {kind.replace("_", " "): _look(kind, kinds) for kind in kinds}
    levels = {
        name: style.LINE | {"color": style.SUBNETWORKS[row[1]], "linestyle": LEVELS[row]}
        for name, row in (("full model", strips.FULL), ("majority", strips.MAJORITY))
    }
    interval = {"color": style.INK, "linewidth": 0.6, "marker": "|", "linestyle": ""}
    return curves | {
        **levels,
        "size of the search": unsized and POINT | {"markerfacecolor": style.FILL},
        "95 % interval": bool(sizes["score_low"].notna().any()) and interval,
        "with a collapsed run": bool((sizes["n_collapsed"] > 0).any()) and style.COLLAPSED,
    }
