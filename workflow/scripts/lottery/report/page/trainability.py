"""What still learns, as the page shows it, from trainability.csv."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lottery.report.page.summary import score_columns, score_row
from lottery.report.page.table import Cell, Group, Table
from lottery.results.layout import Layout
from lottery.results.printed import SPLIT_NAMES

CAPTION = (
    "What still learns (the paper's Table 2): bad subnetworks, retrained from the pretrained"
    " weights, beside the majority baseline, other systems where their scores were supplied,"
    " random subnetworks of a model whose weights were drawn, trained likewise, and the full"
    " models. Mean over seeds with the sample standard deviation below it. In colour: the paper's"
    " numbers, where model, method and task are the same."
)
WORDS = {"bad": "retrained", "untrained": "untrained, trained likewise"}

Row = Mapping[str, str]


def trainability_table(rows: Sequence[Row], layout: Layout) -> Table | None:
    """One group of rows for each split.

    Args:
        rows: of trainability.csv, as `lottery.files.read_csv` gives them.
        layout: order of the tasks.

    Returns:
        None where no subnetwork was retrained that the table is about, and no score supplied.
    """
    if not any(row["system"] in (*WORDS, "given") for row in rows):
        return None
    by_split: dict[str, dict[tuple[str, str], dict[str, Row]]] = {}
    for row in rows:
        lines = by_split.setdefault(row["split"], {})
        lines.setdefault(_label(row), {})[row["task"]] = row
    degenerate = any(row["n_degenerate"] not in ("", "0") for row in rows)
    groups = [
        Group(SPLIT_NAMES[split], [_line(*line, layout, degenerate) for line in lines.items()])
        for split, lines in by_split.items()
    ]
    columns = score_columns(layout, degenerate=degenerate)
    return Table("trainability", CAPTION, columns, groups)


def _line(
    label: tuple[str, str], cells: Mapping[str, Row], layout: Layout, degenerate: bool
) -> list[Cell]:
    name, below = label
    row = score_row(name, cells, layout, degenerate=degenerate)
    return [Cell(name, (below,) if below else ()), *row[1:]]


def _label(row: Row) -> tuple[str, str]:
    """The name of a row, and what is said below it."""
    if row["system"] == "given":
        return row["name"], "supplied"
    if row["system"] == "majority":
        return "majority", ""
    if row["system"] == "full":
        return "full", row["model"]
    what = f"{row['method']}: {row['subnetwork']}"
    return what, f"{row['model']}, {WORDS[row['system']]}"
