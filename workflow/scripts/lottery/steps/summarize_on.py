"""Step summarize_on: evaluations on tasks that are not trained on -> evaluation_only.csv."""

from __future__ import annotations

from pathlib import Path

from lottery import files
from lottery.results import summary
from lottery.results.published import PublishedOn
from lottery.results.scores import on_table

VERSION = 2


def summarize_on(
    *,
    paths_to_metrics: list[Path],
    path_to_published: Path,
    path_to_table: Path,
    published_models: list[str],
    published_tasks: dict[str, list[str]],
) -> None:
    """Writes a row per cell, group, gold label and metric: mean, sample sd and n over seeds.

    Args:
        paths_to_metrics: metrics.json of the evaluations, in the order of the rows.
        path_to_published: the paper's hans.csv.
        published_models, published_tasks: see `lottery.results.published.PublishedOn`.
    """
    published = PublishedOn(path_to_published, published_models, published_tasks)
    frame = summary.summarize_on(on_table(paths_to_metrics), published)
    files.write_table(path_to_table, frame, summary.ON_SCHEMA)
