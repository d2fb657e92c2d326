"""Step compare_methods: scores.csv -> methods.csv and its figure, for methods of one algorithm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from lottery import files
from lottery.models.architecture import Architecture
from lottery.report.figures import style
from lottery.report.figures.methods import draw_methods
from lottery.results.layout import Layout
from lottery.results.methods import SCHEMA, method_table
from lottery.results.published import Published
from lottery.results.scores import score_table

VERSION = 3


def compare_methods(
    *,
    paths_to_scores: list[Path],
    paths_to_published: list[Path],
    path_to_config: Path,
    path_to_table: Path,
    path_to_svg: Path,
    path_to_png: Path,
    model: str,
    compared: list[str],
    layout: dict[str, Any],
) -> None:
    """Writes what the good subnetworks of several methods keep and how they score, side by side.

    Args:
        paths_to_scores: scores.csv of the model and each of the methods.
        paths_to_published: scores.csv and sizes.csv of workflow/resources/paper.
        path_to_table: methods.csv.
        compared: the methods, all of one algorithm.
    """
    order = Layout.of(**layout)
    # The full models and majority are in each of the tables.
    scores = pd.concat(map(score_table, paths_to_scores), ignore_index=True).drop_duplicates()
    published = Published.read(*paths_to_published)
    config = files.read_json(path_to_config)
    architecture = Architecture.from_config(config, str(path_to_config))
    frame = method_table(scores, order, model, compared, published)
    files.write_table(path_to_table, frame, SCHEMA)
    with style.settings():
        figure = draw_methods(scores, order, published, architecture, model, compared)
        style.save(figure, path_to_svg, path_to_png)
