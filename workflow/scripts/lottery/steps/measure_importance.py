"""Step measure_importance: searches and their importances -> histograms and correlations."""

from __future__ import annotations

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
    """Shows importances at the cuts, and how they change from step to step.

    Args:
        paths_to_searches: search.csv of every task and seed, tasks first.
        paths_to_importances: importance.npz, in the same order.
        paths_to_paths: path.npz, in the same order.
        path_to_histograms: csv of the bins (`lottery.analysis.importance.HISTOGRAM_COLUMNS`).
        path_to_correlations: csv of the correlations between consecutive steps.
        path_to_histograms_svg, path_to_histograms_png: the histograms.
        path_to_correlations_svg, path_to_correlations_png: the correlations.
        model, method: ids.
        tasks, seeds: what the searches are of, in their order.
    """
    histograms, correlations = [], []
    cells = [(task, seed) for task in tasks for seed in seeds]
    for (task, seed), *paths in zip(
        cells, paths_to_searches, paths_to_importances, paths_to_paths, strict=True
    ):
        walk = importance.read_walk(*paths)
        cell = {"model": model, "method": method, "task": task, "seed": seed}
        histograms += importance.histogram_rows(walk, cell)
        correlations += importance.correlation_rows(walk, cell)
    files.write_csv(path_to_histograms, histograms, importance.HISTOGRAM_COLUMNS)
    files.write_csv(path_to_correlations, correlations, importance.CORRELATION_COLUMNS)
    name = f"{model}, {method}"
    with style.settings():
        title = f"{name}: importances where units are removed"
        figure = draw_histograms(histograms, tasks, len(seeds), title)
        style.save(figure, path_to_histograms_svg, path_to_histograms_png)
        title = f"{name}: importances from step to step"
        figure = draw_correlations(correlations, tasks, title)
        style.save(figure, path_to_correlations_svg, path_to_correlations_png)
