"""The claims of the paper for print: a narrow table per method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lottery.report.tables.model import Cell, Group, Record, Table, records
from lottery.report.tables.numbers import NOTHING, compact, interval, percent, rounded
from lottery.results.layout import SPLIT_NAMES
from lottery.statistics.claims.follow_ups import FOLLOW_UPS
from lottery.statistics.claims.table import CLAIMS
from lottery.statistics.claims.verdicts import AGAINST, SUPPORTS, UNDECIDED

if TYPE_CHECKING:
    import pandas as pd

NARROW = ("claim", "measured", "paper", "this run", "verdict")
SHORT = {claim.id: claim.short for claim in (*CLAIMS, *FOLLOW_UPS)}


def leaning(row: Record) -> str:
    """On which side the estimate of an undecided claim lies."""
    sides = {SUPPORTS: "leans towards the claim", AGAINST: "leans against the claim"}
    return sides.get(row["direction"], "") if row["verdict"].startswith(UNDECIDED) else ""


def collapsed(row: Record) -> str:
    """How many runs collapsed, with the interval of their share; empty if none did."""
    if not row["n_collapsed"]:
        return ""
    ends = [row[f"collapsed_{end}"] for end in ("low", "high")]
    share = "" if None in ends else f" ({percent(ends[0])} to {percent(ends[1])})"
    return f"{row['n_collapsed']} of {row['n_runs']} runs collapsed{share}"


def measured(row: Record) -> str:
    """An estimate with its interval, where it has one."""
    return f"{compact(row['estimate'])} {interval(row['low'], row['high'])}".strip()


def narrow_tables(claims: pd.DataFrame) -> list[Table]:
    """claims.csv by method: a narrow table per model and method, what has no numbers below it."""
    tables = []
    for (model, method), rows in claims.groupby(["model", "method"], sort=False):
        judged = rows[rows["estimate"].notna()]
        caption, groups = "", []
        if len(judged):
            seeds, tasks = (_range(judged[name]) for name in ("n_seeds", "n_tasks"))
            split = SPLIT_NAMES[judged["split"].iloc[0]]
            caption = f"Scores on {split}; seeds: {seeds}; tasks: {tasks}."
            groups = [Group("", [_narrow_row(row) for row in records(judged)])]
        # Claims whose verdict has the same reason share a line.
        reasons = rows[rows["reason"] != ""].groupby(["verdict", "reason"], sort=False)["claim"]
        notes = [f"{', '.join(own)}: {verdict}. {reason}" for (verdict, reason), own in reasons]
        table = Table(
            f"claims-{model}-{method}",
            caption,
            NARROW,
            groups,
            words=range(len(NARROW)),
            note="\n".join(notes),
            title=f"{model}, {method}",
        )
        tables.append(table)
    return tables


def _narrow_row(row: Record) -> list[Cell]:
    paper = row["published_value"]
    return [
        Cell(f"{row['claim']} {SHORT[row['claim']]}"),
        Cell(row["quantity"]),
        Cell(row["published"] or NOTHING if paper is None else rounded(paper)),
        Cell(measured(row), (collapsed(row),)),
        Cell(row["verdict"], (leaning(row), row["incomplete"])),
    ]


def _range(counts: pd.Series) -> str:
    return " to ".join(str(end) for end in sorted({counts.min(), counts.max()}))
