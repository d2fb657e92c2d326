"""Step plot_scores: scores.csv -> the bars of one model and method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lottery.report.figures import style
from lottery.report.figures.scores import draw_scores
from lottery.results.layout import Layout
from lottery.results.published import Published
from lottery.results.scores import score_table

VERSION = 4


def plot_scores(
    *,
    path_to_scores: Path,
    paths_to_published: list[Path],
    path_to_svg: Path,
    path_to_png: Path,
    model: str,
    method: str,
    layout: dict[str, Any],
) -> None:
    """Draws one panel per task with the bars majority, full, and each subnetwork.

    Args:
        paths_to_published: scores.csv and sizes.csv of workflow/resources/paper.
    """
    scores, published = score_table(path_to_scores), Published.read(*paths_to_published)
    with style.settings():
        figure = draw_scores(scores, Layout.of(**layout), published, model, method)
        style.save(figure, path_to_svg, path_to_png)
