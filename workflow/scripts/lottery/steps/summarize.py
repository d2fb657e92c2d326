"""Step summarize: scores.csv and the published numbers -> summary.csv, .md and .tex."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lottery import files
from lottery.report.tables.model import read_caption
from lottery.report.tables.render import write_printed
from lottery.report.tables.scores import summary_tables
from lottery.results import summary
from lottery.results.layout import Layout
from lottery.results.published import Published
from lottery.results.scores import score_table

VERSION = 4


def summarize(
    *,
    path_to_scores: Path,
    paths_to_published: list[Path],
    path_to_summary: Path,
    path_to_printed: Path,
    path_to_latex: Path,
    path_to_caption: Path,
    layout: dict[str, Any],
    missing: str = "",
) -> None:
    """Writes the numeric table, long for programs and printed for readers.

    `missing` says what a partial study lacks.
    """
    order = Layout.of(**layout)
    published = Published.read(*paths_to_published)
    frame = summary.summarize(score_table(path_to_scores), order, published)
    files.write_table(path_to_summary, frame, summary.SCHEMA)
    tables = summary_tables(frame, order, f"{missing} {read_caption(path_to_caption)}".lstrip())
    write_printed(path_to_printed, path_to_latex, "Summary", tables)
