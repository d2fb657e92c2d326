"""Step compare_subnetworks: predictions and scores of a method's cells -> differences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lottery import files
from lottery.results.layout import Layout
from lottery.results.published import Published
from lottery.results.scores import score_table
from lottery.results.summary import reported_runs
from lottery.statistics.differences import SCHEMA, Comparison

VERSION = 4


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
    permutations: int,
) -> None:
    """Writes how the subnetworks of a method differ on one split, per task and over tasks.

    Args:
        paths_to_predictions: predictions.parquet of every cell, in its place in the results.
        path_to_scores: scores.csv of the model and method.
        controls: "published" or "strict": the kinds of subnetworks that the method has.
        permutations: permutations of a test.
    """
    order = Layout.of(**layout)
    comparison = Comparison(
        scores=reported_runs(score_table(path_to_scores), order),
        model=model,
        method=method,
        split=split,
        controls=controls,
        layout=order,
        published=Published.read(*paths_to_published),
        permutations=permutations,
    )
    rows = comparison.rows(paths_to_predictions)
    files.write_table(path_to_differences, files.table(rows, SCHEMA), SCHEMA)
