"""Step compare_subnetworks: predictions and scores of a method's cells -> differences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lottery import files
from lottery.results.layout import Layout
from lottery.results.published import Published
from lottery.results.scores import read_scores
from lottery.statistics.compare import compare
from lottery.statistics.differences import COLUMNS, Sizes
from lottery.statistics.runs import Runs

VERSION = 3


def compare_subnetworks(
    *,
    paths_to_predictions: list[Path],
    path_to_scores: Path,
    paths_to_published: list[Path],
    path_to_differences: Path,
    model: str,
    method: str,
    split: str,
    layout: dict[str, Any],
    controls: str,
    bootstrap_samples: int,
    permutations: int,
) -> None:
    """Writes how the subnetworks of a method differ on one split, per task and over tasks.

    Args:
        paths_to_predictions: predictions.parquet of every cell, in its place in the results.
        path_to_scores: scores.csv of the model and method.
        paths_to_published: scores.csv and sizes.csv of workflow/resources/paper.
        path_to_differences: csv to write.
        model, method: ids.
        split: validation or report_half.
        layout: see `Layout.of`.
        controls: "published" or "strict": the kinds of subnetworks that the method has.
        bootstrap_samples: resamples of the crossed bootstrap.
        permutations: permutations of a test.
    """
    order = Layout.of(**layout)
    rows = compare(
        paths_to_predictions,
        split,
        Runs(read_scores(path_to_scores), order.metrics),
        order,
        {method: controls},
        Published.read(*paths_to_published),
        Sizes(bootstrap_samples, permutations),
    )
    files.write_csv(path_to_differences, rows, COLUMNS)
