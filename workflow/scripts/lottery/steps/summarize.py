"""Step summarize: scores.csv and the published numbers -> summary.csv and summary.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lottery import files
from lottery.results import summary
from lottery.results.layout import Layout
from lottery.results.printed import print_summary
from lottery.results.published import Published
from lottery.results.scores import read_scores

VERSION = 1


def summarize(
    *,
    path_to_scores: Path,
    paths_to_published: list[Path],
    path_to_summary: Path,
    path_to_printed: Path,
    layout: dict[str, Any],
) -> None:
    """Writes the numeric table, long for programs and printed for readers.

    Args:
        path_to_scores: results/tables/scores.csv.
        paths_to_published: scores.csv and sizes.csv of workflow/resources/paper.
        path_to_summary: results/tables/summary.csv.
        path_to_printed: results/tables/summary.md.
        layout: see `Layout.of`.
    """
    order = Layout.of(**layout)
    published = Published.read(*paths_to_published)
    rows = summary.summarize(read_scores(path_to_scores), order, published)
    files.write_csv(path_to_summary, rows, summary.COLUMNS)
    with files.atomic(path_to_printed) as temporary:
        temporary.write_text(print_summary(rows, order), encoding="utf-8")
