"""trainability.md: what still learns, as one reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lottery.results.layout import Layout
from lottery.results.printed import (
    HALF_NOTE,
    PAPER_NOTE,
    SPLIT_NAMES,
    header,
    line,
    own_cells,
    paper_cells,
)

INTRODUCTION = """\
# What still learns

Bad subnetworks, retrained from the pretrained weights, beside the majority baseline, other systems
where their scores were supplied, random subnetworks of a model whose weights were drawn, trained
likewise, and the full models. Mean ± sample standard deviation over seeds; n is the number of
seeds, kept the mean share of the body's parameters. †k: k of the runs are degenerate; the last
column leaves them out. Of a random subnetwork with several draws, a seed counts with their mean.
"""
GIVEN_NOTE = """\
The scores of {names} were supplied; how and on which examples they were measured is not known here.
"""

Rows = list[dict[str, Any]]


def print_trainability(rows: Rows, layout: Layout) -> str:
    """Prints the table, once for each split.

    Args:
        rows: the rows of trainability.csv (`lottery.statistics.trainability`).
        layout: order of models, methods and tasks.

    Returns:
        Markdown.
    """
    parts = [INTRODUCTION]
    outside = [f"`{task.id}`" for task in layout.tasks if not task.in_average]
    if outside:
        parts.append(f"Not in the average: {', '.join(outside)}.\n")
    names = list(dict.fromkeys(row["name"] for row in rows if row["system"] == "given"))
    if names:
        parts.append(GIVEN_NOTE.format(names=", ".join(names)))
    for split in dict.fromkeys(row["split"] for row in rows):
        parts += _table([row for row in rows if row["split"] == split], layout, split)
    return "\n".join(parts)


def _table(rows: Rows, layout: Layout, split: str) -> Iterator[str]:
    by_line: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        by_line.setdefault(_label(row), {})[row["task"]] = row
    columns = header(layout)
    lines = [line(columns), line(["---"] + ["---:"] * (len(columns) - 1))]
    compared = False
    for label, cells in by_line.items():
        lines.append(line([label, *own_cells(cells, layout)]))
        if any(cell.get("published_mean") is not None for cell in cells.values()):
            lines.append(line(["*paper*", *paper_cells(cells, layout)]))
            compared = True
    yield f"## Scores on {SPLIT_NAMES[split]}\n"
    yield "\n".join(lines) + "\n"
    if compared:
        yield PAPER_NOTE
    if split == "report_half" and any(m.preset == "published" for m in layout.methods):
        yield HALF_NOTE


def _label(row: dict[str, Any]) -> str:
    """The name of a row: of whom, of which method, what."""
    if row["system"] == "given":
        return row["name"]
    if row["system"] == "majority":
        return "majority"
    if row["system"] == "full":
        return f"{row['model']}: full"
    model, phase = row["model"], "retrained"
    if row["system"] == "untrained":
        model, phase = f"{model} (untrained)", "trained"
    return f"{model}, {row['method']}: {row['subnetwork']}, {phase}"
