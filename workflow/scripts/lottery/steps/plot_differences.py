"""Step plot_differences: differences.csv -> the differences of one model and method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lottery import files
from lottery.report.figures import style
from lottery.report.figures.differences import SCHEMA, draw_differences
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
    """Draws one panel per pair of subnetworks, with a line per task."""
    order = Layout.of(**layout)
    rows = files.read_table(path_to_differences, SCHEMA)
    tasks = [task.id for task in order.tasks]
    with style.settings():
        figure = draw_differences(rows, tasks, model, method, order.display_split(method))
        style.save(figure, path_to_svg, path_to_png)
