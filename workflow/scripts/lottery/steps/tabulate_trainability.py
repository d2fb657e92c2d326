"""Step tabulate_trainability: scores, and those of other systems -> trainability.csv, .md, .tex."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lottery import files
from lottery.report.tables.model import read_caption
from lottery.report.tables.render import write_printed
from lottery.report.tables.scores import trainability_table
from lottery.results.baselines import read_baselines
from lottery.results.layout import Layout
from lottery.results.published import Published
from lottery.results.scores import score_table
from lottery.statistics.trainability import SCHEMA, trainability

VERSION = 4


def tabulate_trainability(
    *,
    path_to_scores: Path,
    paths_to_published: list[Path],
    path_to_table: Path,
    path_to_printed: Path,
    path_to_latex: Path,
    path_to_caption: Path,
    layout: dict[str, Any],
    controls: dict[str, str],
    untrained: list[str],
    baselines: str | None = None,
    missing: str = "",
) -> None:
    """Writes the table of what still learns, long for programs and printed for readers.

    Args:
        controls: method -> "published" or "strict", the kinds of its subnetworks.
        untrained: the models whose weights are drawn.
        baselines: file of scores of other systems, where the user supplies them.
        missing: what a partial study lacks, in words.
    """
    order = Layout.of(**layout)
    tasks = [task.id for task in order.over_folds().tasks]
    given = read_baselines(files.expanded(baselines), tasks) if baselines else []
    published = Published.read(*paths_to_published)
    scores = score_table(path_to_scores)
    frame = trainability(scores, order, controls, untrained, given, published)
    files.write_table(path_to_table, frame, SCHEMA)
    table = trainability_table(frame, order, f"{missing} {read_caption(path_to_caption)}".lstrip())
    write_printed(path_to_printed, path_to_latex, "What still learns", [table])
