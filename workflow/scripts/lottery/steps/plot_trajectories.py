"""Step plot_trajectories: the searches of one model and method -> score against kept_fraction."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pandas as pd

from lottery.report.figures import style
from lottery.report.figures.curves import draw_trajectories
from lottery.results.trajectory import search_table

VERSION = 3


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

    Raises:
        StudyError: a search is missing or damaged.
    """
    cells = zip(product(search_metrics, seeds), paths_to_searches, strict=True)
    searches = pd.concat(
        search_table(path).assign(task=task, seed=seed) for (task, seed), path in cells
    )
    title = f"{model}, {method}: searches"
    with style.settings():
        style.save(draw_trajectories(searches, search_metrics, title), path_to_svg, path_to_png)
