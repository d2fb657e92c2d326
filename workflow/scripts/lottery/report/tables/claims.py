"""The claims of the paper: for the page a table by claim, for print a table per method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lottery.report.tables.model import Cell, Group, Record, Table, records
from lottery.report.tables.numbers import (
    MINUS,
    NOTHING,
    compact,
    counted,
    interval,
    p_value,
    rounded,
)
from lottery.results.layout import SPLIT_NAMES
from lottery.statistics.claims.table import CLAIMS

if TYPE_CHECKING:
    import pandas as pd

# Verdict -> its class, which colours it.
VERDICTS = {
    "supported": "supported",
    "contradicted": "contradicted",
    "undecided": "undecided",
    "undecided (too few seeds)": "undecided",
    "true by construction": "constructed",
    "not applicable": "silent",
    "not comparable": "silent",
    "not run": "silent",
}
UNJUDGED = "Methods for which a claim was not judged, and why"
COLUMNS = ("", "verdict", "this run", "the paper's number", "test")
NARROW = ("claim", "measured", "paper", "this run", "verdict")
SHORT = {claim.id: claim.short for claim in CLAIMS}


def tally(claims: pd.DataFrame) -> list[tuple[str, str, int]]:
    """How often each verdict was given: (verdict, its class, number), as `VERDICTS` orders them."""
    counts = claims["verdict"].value_counts()
    order = [*VERDICTS, *sorted(set(counts.index) - set(VERDICTS))]
    return [(word, verdict_class(word), int(counts[word])) for word in order if word in counts]


def verdict_class(verdict: str) -> str:
    """The class that colours a verdict."""
    return VERDICTS.get(verdict, "silent")


def claims_tables(claims: pd.DataFrame, caption: str) -> list[Table]:
    """claims.csv by claim: a group of rows for each, a row per model and method.

    Methods that a claim is not about, for the same reason, share a row. It is in a second table,
    unless the claim was judged for no method.
    """
    several_models = claims["model"].nunique() > 1
    claims = claims.assign(subject=claims["method"])
    if several_models:
        claims["subject"] += ", " + claims["model"]
    # The paper's number is of no use for a method that the claim is not about.
    about = ~claims["reason"].str.startswith("The claim is about")
    claims["shown"] = claims["published"].where(about, "")
    groups, others = [], []
    for claim, rows in claims.groupby("claim", sort=False):
        has_estimate = rows["estimate"].notna()
        judged = [_judged_row(row) for row in records(rows[has_estimate])]
        without = [
            [
                Cell(", ".join(own["subject"])),
                Cell(verdict, verdict=verdict_class(verdict)),
                Cell("", (reason,)),
                Cell("", (published,)),
                Cell(""),
            ]
            for (published, reason, verdict), own in rows[~has_estimate].groupby(
                ["shown", "reason", "verdict"], sort=False
            )
        ]
        title = f"{claim}. {rows['statement'].iloc[0]}"
        groups.append(Group(title, judged or without))
        if judged and without:
            others.append(Group(title, without))
    words = (1, 2, 3, 4)
    tables = [
        Table("claims", caption, COLUMNS, groups, words=words),
        Table("unjudged", UNJUDGED, COLUMNS, others, words=words, title=UNJUDGED),
    ]
    return [table for table in tables if table.groups]


def _judged_row(row: Record) -> list[Cell]:
    counts = [counted(row["n_tasks"], "task"), counted(row["n_seeds"], "seed")]
    counts += [f"{row['n_degenerate']} degenerate"] * bool(row["n_degenerate"])
    p_values = ", ".join(
        f"{p_value(row[name])} {of}"
        for name, of in (("p_seeds", "over seeds"), ("p_examples", "over examples"))
        if row[name] is not None
    )
    below = (_signs(row["quantity"]), ", ".join(counts), f"p {p_values}" if p_values else "")
    value = row["published_value"]
    paper = ("" if value is None else compact(value), row["published"])
    parts = _signs(row["details"]).rstrip(".").split(". ")
    notes, kind = (row["reason"], _other_verdict(row)), verdict_class(row["verdict"])
    return [
        Cell(row["subject"]),
        Cell(row["verdict"], notes, verdict=kind),
        Cell(_measured(row), below),
        Cell(paper[0], paper[1:]) if paper[0] else Cell(paper[1]),
        Cell(row["test"], tuple(parts) if len(parts) > 1 else ()),
    ]


def _other_verdict(row: Record) -> str:
    """The verdict without degenerate runs, where it is another."""
    other = row["verdict_without_degenerate"]
    return f"without degenerate runs: {other}" if other not in ("", row["verdict"]) else ""


def _measured(row: Record, suffix: str = "") -> str:
    """An estimate with its interval, where it has one."""
    ends = interval(row[f"low{suffix}"], row[f"high{suffix}"])
    return f"{compact(row[f'estimate{suffix}'])} {ends}".strip()


def _signs(text: str) -> str:
    """A formula of the table with true signs."""
    text = text.replace(" - ", f" {MINUS} ").replace("[-", f"[{MINUS}").replace(": -", f": {MINUS}")
    return text.replace(", -", f", {MINUS}").replace(" x ", " × ")


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
    paper, count = row["published_value"], row["n_degenerate"]
    without = f"without {count} degenerate {_measured(row, '_without_degenerate')}" if count else ""
    return [
        Cell(f"{row['claim']} {SHORT[row['claim']]}"),
        Cell(row["quantity"]),
        Cell(row["published"] or NOTHING if paper is None else rounded(paper)),
        Cell(_measured(row), (without,)),
        Cell(row["verdict"], (_other_verdict(row),)),
    ]


def _range(counts: pd.Series) -> str:
    return " to ".join(str(end) for end in sorted({counts.min(), counts.max()}))
