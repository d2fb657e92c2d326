"""Tables of the page on differences, the overlap of controls, and attention patterns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lottery import files
from lottery.attention.classes import WORDS
from lottery.report.tables.model import Cell, Group, Record, Table, records
from lottery.report.tables.numbers import MINUS, NOTHING, interval, p_value, percent, rounded
from lottery.results import overlap
from lottery.results.layout import SPLIT_NAMES, Layout
from lottery.results.summary import AVERAGE

if TYPE_CHECKING:
    import pandas as pd

# The columns of pattern_association.csv that are shown.
ASSOCIATIONS_SCHEMA: files.Schema = dict.fromkeys(
    ("model", "method", "task", "weights", "attention", "pattern"), str
) | dict.fromkeys(("phi", "phi_p", "correlation", "correlation_p"), float)

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
        Group(
            f"{method}, {model}, {SPLIT_NAMES[splits[method]]}", [*map(_difference, records(own))]
        )
        for (model, method), own in shown.groupby(["model", "method"], sort=False)
    ]
    published = shown["published_difference"].notna().any()
    columns = ["", "n", "difference", "t", "bootstrap", "p"]
    return Table(
        "differences",
        caption,
        columns,
        groups,
        published="the published difference." if published else "",
    )


def _difference(row: Record) -> list[Cell]:
    paper, smallest = row["published_difference"], row["smallest_p_examples"]
    without = rounded(row["difference_without_degenerate"])
    count = row["n_degenerate"]
    return [
        Cell(f"{row['first']} {MINUS} {row['second']}, {row['phase']}"),
        Cell(str(row["n_seeds"])),
        Cell(
            rounded(row["difference"]),
            (f"without {count} degenerate {without}",) if count else (),
            paper="" if paper is None else rounded(paper),
        ),
        Cell(interval(row["t_low"], row["t_high"]) or NOTHING),
        Cell(interval(row["bootstrap_low"], row["bootstrap_high"]) or NOTHING),
        Cell(p_value(row["p_examples"]), () if smallest is None else (f"[{p_value(smallest)}]",)),
    ]


def overlap_table(frame: pd.DataFrame, layout: Layout, caption: str) -> Table | None:
    """Shares of the controls in the good subnetworks, from overlap.csv."""
    shares = overlap.control_shares(frame)
    if shares.empty:
        return None
    tasks = [task.id for task in layout.tasks]
    groups = []
    for model in layout.models:
        for method in (each.id for each in layout.methods):
            own = shares[(shares["model"] == model) & (shares["method"] == method)]
            lines = []
            for control, of_control in own.groupby("subnetwork", sort=False):
                by_task = dict(zip(of_control["task"], of_control["parameters_share"], strict=True))
                cells = [Cell(percent(by_task.get(task))) for task in tasks]
                lines.append([Cell(control), *cells])
            if lines:
                groups.append(Group(f"{method}, {model}", lines))
    return Table("overlap", caption, ["", *tasks], groups)


def association_table(frame: pd.DataFrame) -> Table | None:
    """Patterns and survival, a group of rows for each model and method.

    Args:
        frame: all pattern_association.csv, one below the other.
    """
    shown = frame[(frame["task"] == AVERAGE) & (frame["weights"] == "fine_tuned")]
    if shown[["phi", "correlation"]].isna().all(axis=None):
        return None
    groups = []
    for (model, method), own in shown.groupby(["model", "method"], sort=False):
        lines = []
        for pattern, of_pattern in own.groupby("pattern", sort=False):
            cells = {row["attention"]: row for row in records(of_pattern)}
            line = [Cell(WORDS[pattern])]
            for attention, measure in MEASURES:
                row = cells[attention]
                line += [Cell(rounded(row[measure], 2)), Cell(p_value(row[f"{measure}_p"]))]
            lines.append(line)
        groups.append(Group(f"{method}, {model}", lines))
    return Table("associations", ASSOCIATIONS, ASSOCIATED, groups)
