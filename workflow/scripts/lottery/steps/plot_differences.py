"""Step plot_differences: differences.csv -> the differences of one model and method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lottery import files
from lottery.report.figures import style
from lottery.report.figures.differences import draw_differences
from lottery.results.layout import Layout

VERSION = 3


def plot_differences(
    *,
    path_to_differences: Path,
    path_to_svg: Path,
    path_to_png: Path,
    model: str,
    method: str,
    layout: dict[str, Any],
) -> None:
    """Draws one panel per pair of subnetworks, with a line per task.

    Args:
        path_to_differences: results/tables/differences.csv.
        path_to_svg, path_to_png: the figure.
        model, method: ids of what is drawn.
        layout: see `Layout.of`.
    """
    order = Layout.of(**layout)
    rows = files.read_csv(path_to_differences)
    tasks = [task.id for task in order.tasks]
    split = order.display_split(method)
    with style.settings():
        figure = draw_differences(rows, tasks, model, method, split)
        style.save(figure, path_to_svg, path_to_png)
