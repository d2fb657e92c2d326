"""Step measure_importance: searches and their importances -> histograms and correlations."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from lottery import files
from lottery.analysis import importance
from lottery.report.figures import style
from lottery.report.figures.importance import draw_correlations, draw_histograms

VERSION = 3


def measure_importance(
    *,
    paths_to_searches: list[Path],
    paths_to_importances: list[Path],
    paths_to_paths: list[Path],
    path_to_histograms: Path,
    path_to_correlations: Path,
    path_to_histograms_svg: Path,
    path_to_histograms_png: Path,
    path_to_correlations_svg: Path,
    path_to_correlations_png: Path,
    model: str,
    method: str,
    tasks: list[str],
    seeds: list[int],
) -> None:
    """Shows importances where units are removed, and how they change from step to step.

    Args:
        paths_to_searches, paths_to_importances, paths_to_paths: search.csv, importance.npz and
            path.npz of every task and seed, tasks first.
    """
    import pandas as pd

    histograms, correlations = [], []
    for (task, seed), *paths in zip(
        product(tasks, seeds), paths_to_searches, paths_to_importances, paths_to_paths, strict=True
    ):
        states = importance.read_states(*paths)
        cell = {"model": model, "method": method, "task": task, "seed": str(seed)}
        histograms.append(importance.histogram_table(states, cell))
        correlations.append(importance.correlation_table(states, cell))
    bins, steps = pd.concat(histograms), pd.concat(correlations)
    files.write_table(path_to_histograms, bins, importance.HISTOGRAMS)
    files.write_table(path_to_correlations, steps, importance.CORRELATIONS)
    name = f"{model}, {method}: importances"
    with style.settings():
        figure = draw_histograms(bins, tasks, len(seeds), f"{name} where units are removed")
        style.save(figure, path_to_histograms_svg, path_to_histograms_png)
        figure = draw_correlations(steps, tasks, f"{name} from step to step")
        style.save(figure, path_to_correlations_svg, path_to_correlations_png)
