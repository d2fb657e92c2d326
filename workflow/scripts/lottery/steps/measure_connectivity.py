"""Step measure_connectivity: errors between two trainings -> barriers of subnetworks."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lottery import files
from lottery.analysis.connectivity import (
    POSITIONS,
    SCHEMA,
    Cell,
    barrier_table,
    connectivity_table,
    read_lines,
)
from lottery.report import style
from lottery.report.tables.connectivity import connectivity_sentence
from lottery.report.tables.numbers import rounded
from lottery.results.connectivity import BARRIERS

VERSION = 2
COLUMNS = 3
MARKS = ("o", "s", "^", "D", "v", "P")  # subnetworks of one colour differ by these
SEED = {"linewidth": 0.4}


def measure_connectivity(
    *,
    paths_to_lines: list[Path],
    path_to_table: Path,
    path_to_barriers: Path,
    paths_to_figure: list[Path],
    model: str,
    method: str,
    split: str,
) -> None:
    """Writes the barriers of each task and subnetwork, and draws the errors on the lines.

    Args:
        paths_to_lines: line.csv of each subnetwork that was trained twice, in its place in the
            results.
        split: the one that shows the method.
    """
    lines = read_lines(paths_to_lines, split)
    table = connectivity_table(lines, model, method, split)
    files.write_table(path_to_table, table, SCHEMA)
    files.write_table(path_to_barriers, barrier_table(lines, model, method), BARRIERS)
    with style.settings():
        style.save(draw_connectivity(lines, table, method, model), paths_to_figure)


def draw_connectivity(
    lines: Mapping[Cell, tuple[str, np.ndarray]], table: pd.DataFrame, *details: str
) -> Figure:
    """Draws a panel per task: per subnetwork a thin line per seed and their mean.

    Args:
        lines: see `read_lines`.
        table: see `connectivity_table`.
        details: of the title: the method, the model.
    """
    metrics = {cell.task: metric for cell, (metric, _) in lines.items()}
    names = list(dict.fromkeys(cell.subnetwork for cell in lines))
    looks: dict[str, dict[str, Any]] = {
        name: {"color": style.colour_of(name), "marker": mark, "markersize": 2.6}
        for name, mark in zip(names, cycle(MARKS), strict=False)
    }
    x = "place between the two trainings"
    panel = (style.PAGE / COLUMNS, 1.8)
    figure, axes = style.panels(len(metrics), COLUMNS, panel, 1.0, x=x, y="1 \N{MINUS SIGN} score")
    for axis, (task, metric) in zip(axes, metrics.items(), strict=True):
        for name in names:
            of_seeds = [e for cell, (_, e) in lines.items() if cell[:2] == (task, name)]
            for errors in of_seeds if len(of_seeds) > 1 else ():
                axis.plot(POSITIONS, errors, color=looks[name]["color"], zorder=2, **SEED)
            defined = [errors for errors in of_seeds if not np.isnan(errors).any()]
            if defined:
                mean = np.mean(defined, axis=0)
                axis.plot(POSITIONS, mean, zorder=3, **style.LINE | looks[name])
        axis.set_title(style.title(task, metric))
        axis.grid()
    values = np.concatenate([errors for _, errors in lines.values()])
    values = values[~np.isnan(values)]
    if len(values):
        style.same_range(axes, float(values.min()), float(values.max()), upright=True)
    entries: dict[str, Any] = {name: style.LINE | look for name, look in looks.items()}
    several = len(lines) > len(table)
    entries["one seed"] = several and {"color": style.INK} | SEED
    style.legend(figure, entries, columns=4 if len(metrics) > 1 else 2)
    shown = table.dropna(subset="barrier").groupby("subnetwork", sort=False)["barrier"].mean()
    barriers = ", ".join(f"{name} {rounded(value, 3)}" for name, value in shown.items())
    over = ", mean over tasks" if len(metrics) > 1 else ""
    style.finding(
        figure,
        f"Barrier between two trainings{over}: {barriers}." if barriers else "",
        connectivity_sentence(table),
    )
    what = "Errors on the line between two trainings of one subnetwork"
    style.heading(figure, what, *details, style.seeds(table["n_seeds"]))
    return figure
