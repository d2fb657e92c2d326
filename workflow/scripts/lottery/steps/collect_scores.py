"""Step collect_scores: all evaluations and majority baselines -> scores.csv."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lottery import files
from lottery.results.scores import SCHEMA, gather, read_documents

VERSION = 3


def collect_scores(
    *,
    paths_to_metrics: list[Path],
    paths_to_majority: list[Path],
    path_to_scores: Path,
    reported_metrics: dict[str, str],
    paths_to_metrics_on: Sequence[Path] = (),
) -> None:
    """Writes one row per score, majority first, then the evaluations in the order given.

    Args:
        paths_to_metrics: metrics.json of every evaluation, those of the full models among them.
        paths_to_majority: metrics.json of the tasks' majority baselines.
        reported_metrics: task -> the metric in which its full model must beat majority.
        paths_to_metrics_on: of every evaluation on a task that is not trained on.
    """
    evaluations = read_documents(paths_to_metrics)
    majorities = read_documents(paths_to_majority)
    on_others = read_documents(paths_to_metrics_on)
    scores = gather(evaluations, majorities, reported_metrics, on_others)
    files.write_table(path_to_scores, scores, SCHEMA)
