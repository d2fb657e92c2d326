"""Step plot_transfer: scores, predictions and masks -> transfer.csv and its figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lottery import files
from lottery.models.architecture import Architecture
from lottery.report import style
from lottery.report.tables.axes import source_lines, transfer_sentence
from lottery.report.tables.numbers import rounded
from lottery.results.layout import SPLIT_NAMES, Layout
from lottery.results.scores import score_table
from lottery.results.summary import reported_runs
from lottery.statistics.sources import GOOD, SCHEMA, transfer_table

VERSION = 2
PHASE = "retrained"  # of the figure; the table has both
# Dark letters can be read on both ends.
COLOURS = LinearSegmentedColormap.from_list("recovered", ["white", "#9a9a9a"])
KEY = "share recovered: (score − majority) / (full − majority); in cells the score"
RECOVERED = "share recovered"
TITLE = "Masks of one task or place, trained on another task"
LEAST = 0.05  # an axis is no shorter


def plot_transfer(
    *,
    path_to_scores: Path,
    paths_to_predictions: list[Path],
    paths_to_masks: list[Path],
    path_to_config: Path,
    path_to_table: Path,
    paths_to_figure: list[Path],
    model: str,
    method: str,
    layout: dict[str, Any],
) -> None:
    """Writes what masks from elsewhere are worth, and draws it.

    Args:
        path_to_scores: scores.csv of the model and method.
        paths_to_predictions: predictions.parquet of its cells, in their place in the results.
        paths_to_masks: good masks from elsewhere, each cell's own of the same sizes, random ones.
    """
    order = Layout.of(**layout)
    scores = reported_runs(score_table(path_to_scores), order)
    architecture = Architecture.from_config(files.read_json(path_to_config), str(path_to_config))
    table = transfer_table(
        scores, paths_to_predictions, paths_to_masks, architecture, order, model, method
    )
    files.write_table(path_to_table, table, SCHEMA)
    with style.settings():
        if why := style.reason(scores, table):
            figure = style.blank(why, TITLE, method, model)
        else:
            figure = draw_transfer(table, order, model, method)
        style.save(figure, paths_to_figure)


def draw_transfer(transfer: pd.DataFrame, layout: Layout, model: str, method: str) -> Figure:
    """Draws for each size the matrix of sources and tasks, and transfer over the overlap of masks.

    Args:
        transfer: transfer.csv of the method.
    """
    tasks = [task.id for task in layout.tasks if task.id in set(transfer["task"])]
    shown = transfer[(transfer["phase"] == PHASE) & transfer["task"].isin(tasks)]
    full = transfer[transfer["subnetwork"] == "full"]
    sizes = shown["kept"].drop_duplicates().sort_values(ascending=False, na_position="first")
    by_size = [(kept, pd.concat([_of_size(shown, kept), full])) for kept in sizes]
    lines = max((len(source_lines(rows, tasks)) for _, rows in by_size), default=0)
    panel = (style.PAGE / 2, max(1.9, 0.75 + 0.2 * lines))
    figure, axes = style.panels(2 * len(by_size), 2, panel, 1.2)
    colours = ScalarMappable(Normalize(0.0, 1.0, clip=True), COLOURS)
    for place, (kept, rows) in enumerate(by_size):
        matrix, scatter = axes[2 * place : 2 * place + 2]
        _draw_matrix(matrix, rows, tasks, colours)
        matrix.set_title("size of the search" if np.isnan(kept) else f"kept {kept:g}")
        _draw_overlap(scatter, rows)
    if axes:  # in an unfinished study nothing may be retrained yet
        style.colour_bar(figure, axes, colours, KEY, extend="both")
    good = {"color": style.SUBNETWORKS[GOOD]}
    entries = {"mask from elsewhere": style.DOT | good, "own mask": style.MEAN | good}
    style.legend(figure, entries)
    style.finding(figure, transfer_sentence(transfer))
    split = layout.display_split(method)
    details = (method, model, SPLIT_NAMES[split], PHASE, style.seeds(shown["n_seeds"]))
    style.heading(figure, TITLE, *details)
    return figure


def _of_size(rows: pd.DataFrame, kept: float) -> pd.DataFrame:
    return rows[rows["kept"].isna() if np.isnan(kept) else rows["kept"] == kept]


def _draw_matrix(
    axis: Axes, rows: pd.DataFrame, tasks: Sequence[str], colours: ScalarMappable
) -> None:
    """A line per source, a column per task; a cell's own mask is framed."""
    lines = source_lines(rows, tasks)
    recovered = np.full((len(lines), len(tasks)), np.nan)
    for y, cells in enumerate(lines.values()):
        for task, cell in cells.items():
            x = tasks.index(task)
            recovered[y, x] = np.nan if cell["recovered"] is None else cell["recovered"]
            axis.text(x, y, rounded(cell["score"], 3), ha="center", va="center")
            if cell["subnetwork"] == GOOD and cell["source"] == task:
                frame = {"fill": False, "edgecolor": style.SUBNETWORKS[GOOD], "linewidth": 1.5}
                axis.add_patch(Rectangle((x - 0.46, y - 0.46), 0.92, 0.92, **frame))
    shown = np.ma.masked_invalid(recovered)
    axis.imshow(shown, cmap=colours.cmap, norm=colours.norm, aspect="auto")
    axis.set_xticks(range(len(tasks)), tasks, rotation=90 if len(tasks) > 4 else 0)
    axis.set_yticks(range(len(lines)), [style.short(name) for name in lines])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.set_xlabel("trained on")
    axis.set_ylabel("mask of")


def _draw_overlap(axis: Axes, rows: pd.DataFrame) -> None:
    """A dot per source and task: what the mask recovers over what it shares with the own one."""
    good = rows[(rows["subnetwork"] == GOOD) & rows[["recovered", "jaccard"]].notna().all(axis=1)]
    own = good["source"] == good["task"]
    for chosen, mark in ((good[~own], style.DOT), (good[own], style.MEAN)):
        look = mark | {"color": style.SUBNETWORKS[GOOD]}
        axis.plot(chosen["jaccard"], chosen["recovered"], **look)
    axis.set_xlim(-0.03, 1.03)
    low, high = good["recovered"].min(), good["recovered"].max()
    if not np.isnan(low):
        short = max(0.0, LEAST - (high - low)) / 2
        style.same_range([axis], low - short, high + short, upright=True)
    axis.grid()
    axis.set_xlabel("parameters shared with the own mask (Jaccard)")
    axis.set_ylabel(RECOVERED)
