"""Step plot_starts: scores and predictions -> starts.csv and its figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from lottery import files
from lottery.report import lines, strips, style
from lottery.report.tables.axes import start_sentence
from lottery.results.layout import SPLIT_NAMES, Layout, Row
from lottery.results.overlap import SCHEMA as OVERLAP
from lottery.results.scores import score_table
from lottery.results.summary import reported_runs
from lottery.statistics.starts import ORDER, SCHEMA, start_table

VERSION = 2


def plot_starts(
    *,
    path_to_scores: Path,
    paths_to_predictions: list[Path],
    path_to_overlap: Path,
    path_to_table: Path,
    paths_to_figure: list[Path],
    model: str,
    method: str,
    layout: dict[str, Any],
) -> None:
    """Writes what masks are worth on other weights, and draws it.

    Args:
        path_to_scores: scores.csv of the model and method.
        paths_to_predictions: predictions.parquet of its cells, in their place in the results.
        path_to_overlap: overlap.csv of the method.
    """
    order = Layout.of(**layout)
    scores = reported_runs(score_table(path_to_scores), order)
    overlap = files.read_table(path_to_overlap, OVERLAP)
    table = start_table(scores, paths_to_predictions, overlap, order, model, method)
    files.write_table(path_to_table, table, SCHEMA)
    with style.settings():
        style.save(draw_starts(table, scores, order, model, method), paths_to_figure)


def draw_starts(
    starts: pd.DataFrame, scores: pd.DataFrame, layout: Layout, model: str, method: str
) -> Figure:
    """Draws a panel per task and one for their average, with a line per start.

    Args:
        starts: starts.csv of the method.
        scores: of `lottery.results.summary.reported_runs`.
    """
    title = "Masks retrained from other weights"
    if why := style.reason(scores, starts):
        return style.blank(why, title, method, model)
    split = layout.display_split(method)
    masked = starts[starts["mask"] != "full"]
    order = [start for start in ORDER if start in set(masked["start"])]
    masks = list(dict.fromkeys(masked["mask"]))
    looks = {mask: _look(mask, masks) for mask in masks}
    majority = scores[(scores["split"] == split) & (scores["subnetwork"] == "majority")]

    def levels(task: str) -> dict[Row, pd.Series]:
        full = starts[(starts["task"] == task) & (starts["mask"] == "full")]["score"]
        floor = majority[majority["task"] == task]["counted"].dropna()
        return {strips.FULL: full, strips.MAJORITY: floor}

    rows = starts.rename(columns={"start": "line", "mask": "mark"})
    figure = lines.draw_tasks(rows, layout, order, looks, levels)
    entries = {mask.replace("_", " "): look for mask, look in looks.items()}
    style.legend(figure, entries | lines.entries(masked), columns=4)
    style.finding(figure, start_sentence(starts))
    details = (method, model, SPLIT_NAMES[split], style.seeds(masked["n_seeds"]))
    style.heading(figure, title, *details)
    return figure


def _look(mask: str, masks: Sequence[str]) -> dict[str, Any]:
    marker = style.MARKERS[masks.index(mask) % len(style.MARKERS)]
    return lines.MARK | {"color": style.colour_of(mask), "marker": marker}
