"""Tables of the page on differences, the overlap of controls, and attention patterns."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING

from lottery.attention.classes import WORDS
from lottery.report.tables.model import Cell, Group, Record, Table, records
from lottery.report.tables.numbers import MINUS, NOTHING, interval, p_value, percent, rounded
from lottery.results import overlap
from lottery.results.layout import SPLIT_NAMES, Layout
from lottery.results.summary import AVERAGE

if TYPE_CHECKING:
    import pandas as pd

ASSOCIATIONS = (
    "Whether heads that survive under every seed show a pattern more often than others, in the"
    " fine-tuned models; heads are the units, not maps; the mean over tasks that enter averages."
    " phi: surviving with the class of most of the head's maps; r: with the share of its maps in"
    " the class. Raw: attention probabilities; weighted: by the norm of the vectors they move. p:"
    " two-sided, by permutation of the heads, not corrected for the number of patterns."
)
MEASURES = (("raw", "phi"), ("raw", "correlation"), ("normed", "phi"), ("normed", "correlation"))
ASSOCIATED = ("", "phi, raw", "p", "r, raw", "p", "phi, weighted", "p", "r, weighted", "p")


def differences_table(frame: pd.DataFrame, layout: Layout, caption: str) -> Table | None:
    """The averages over tasks of differences.csv, on the split where each method is shown."""
    splits = {method.id: method.display_split for method in layout.methods}
    shown = frame[(frame["task"] == AVERAGE) & (frame["split"] == frame["method"].map(splits))]
    if shown.empty:
        return None
    groups = [
        Group(f"{method}, {model}, {SPLIT_NAMES[splits[method]]}", list(map(_difference, rows)))
        for (model, method), rows in _by_method(shown)
    ]
    published = shown["published_difference"].notna().any()
    return Table(
        "differences",
        caption,
        ["", "n", "difference", "95 % interval", "p", "p over examples"],
        groups,
        published="the published difference." if published else "",
    )


def _by_method(frame: pd.DataFrame) -> Iterator[tuple[tuple[str, str], list[Record]]]:
    """The rows of each model and method, in the order of the table."""
    for key, own in frame.groupby(["model", "method"], sort=False):
        yield key, records(own)


def _difference(row: Record) -> list[Cell]:
    smallest = row["smallest_p_examples"]
    every, count = rounded(row["difference_with_collapsed"]), row["n_collapsed"]
    least = "" if smallest is None else f"[{p_value(smallest)}]"
    return [
        Cell(f"{row['first']} {MINUS} {row['second']}, {row['phase']}"),
        Cell(str(row["n_seeds"])),
        Cell(
            rounded(row["difference"]),
            (f"with {count} collapsed {every}" if count else "",),
            paper=rounded(row["published_difference"], none=""),
        ),
        Cell(interval(row["low"], row["high"]) or NOTHING),
        Cell(p_value(row["p"])),
        Cell(p_value(row["p_examples"]), (least,)),
    ]


def overlap_table(frame: pd.DataFrame, layout: Layout, caption: str) -> Table | None:
    """Shares of the controls in the good subnetworks, from overlap.csv."""
    shares = overlap.control_shares(frame)
    if shares.empty:
        return None
    tasks = [task.id for task in layout.tasks]
    by_method = dict(_by_method(shares))
    groups = []
    for model, method in product(layout.models, (each.id for each in layout.methods)):
        lines: dict[str, dict[str, float]] = {}
        for row in by_method.get((model, method), []):
            lines.setdefault(row["subnetwork"], {})[row["task"]] = row["parameters_share"]
        cells = [
            [Cell(control), *(Cell(percent(of_task.get(task))) for task in tasks)]
            for control, of_task in lines.items()
        ]
        if cells:
            groups.append(Group(f"{method}, {model}", cells))
    return Table("overlap", caption, ["", *tasks], groups)


def association_table(frame: pd.DataFrame) -> Table | None:
    """Patterns and survival, from pattern_association.csv: a group for each model and method."""
    shown = frame[(frame["task"] == AVERAGE) & (frame["weights"] == "fine_tuned")]
    if shown[["phi", "correlation"]].isna().all(axis=None):
        return None
    groups = []
    for (model, method), rows in _by_method(shown):
        cells = {(row["pattern"], row["attention"]): row for row in rows}
        lines = []
        for pattern in dict.fromkeys(row["pattern"] for row in rows):
            line = [Cell(WORDS[pattern])]
            for attention, measure in MEASURES:
                row = cells[pattern, attention]
                line += [Cell(rounded(row[measure], 2)), Cell(p_value(row[f"{measure}_p"]))]
            lines.append(line)
        groups.append(Group(f"{method}, {model}", lines))
    return Table("associations", ASSOCIATIONS, ASSOCIATED, groups)
