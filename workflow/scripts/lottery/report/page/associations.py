"""Patterns and survival, as the page shows them, from the tables pattern_association.csv."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from lottery.attention.classes import WORDS
from lottery.report.page.numbers import p_value, parsed, rounded
from lottery.report.page.table import Cell, Group, Table
from lottery.results.summary import AVERAGE

CAPTION = (
    "Whether heads that survive under every seed show a pattern more often than others, in the"
    " fine-tuned models; heads are the units, not maps; the mean over tasks that enter averages."
    " phi: surviving with the class of most of the head's maps; r: with the share of its maps in"
    " the class. Raw: attention probabilities; weighted: by the norm of the vectors they move. p:"
    " two-sided, by permutation of the heads, not corrected for the number of patterns."
)
MEASURES = (("raw", "phi"), ("raw", "correlation"), ("normed", "phi"), ("normed", "correlation"))
COLUMNS = ("", "phi, raw", "p", "r, raw", "p", "phi, weighted", "p", "r, weighted", "p")

Row = Mapping[str, str]


def association_table(rows: Sequence[Row]) -> Table | None:
    """A group of rows for each model and method.

    Args:
        rows: of all pattern_association.csv, as `lottery.files.read_csv` gives them.
    """
    shown = [row for row in rows if (row["task"], row["weights"]) == (AVERAGE, "fine_tuned")]
    if not any(row["phi"] or row["correlation"] for row in shown):
        return None
    groups = []
    for (model, method), own in groupby(shown, key=lambda row: (row["model"], row["method"])):
        by_pattern: dict[str, dict[str, Row]] = {}
        for row in own:
            by_pattern.setdefault(row["pattern"], {})[row["attention"]] = row
        lines = [_line(pattern, cells) for pattern, cells in by_pattern.items()]
        groups.append(Group(f"{method}, {model}", lines))
    return Table("associations", CAPTION, COLUMNS, groups)


def _line(pattern: str, cells: Mapping[str, Row]) -> list[Cell]:
    line = [Cell(WORDS[pattern])]
    for attention, measure in MEASURES:
        row = cells[attention]
        line += [
            Cell(rounded(parsed(row[measure]), 2)),
            Cell(p_value(parsed(row[f"{measure}_p"]))),
        ]
    return line
