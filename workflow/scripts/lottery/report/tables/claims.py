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
    percent,
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
    "true by construction": "constructed",
    "not applicable": "silent",
    "not run": "silent",
}
DECIDED = ("supported", "contradicted", "true by construction")
# Where the estimate lies although nothing is decided.
TOWARDS = {"supports": "leans towards the claim", "against": "leans against the claim"}
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
    measured = (_signs(row["effect"]), _signs(row["quantity"]), ", ".join(counts), _collapsed(row))
    parts = _signs(row["details"]).rstrip(".").split(". ")
    kind = verdict_class(row["verdict"])
    side = "" if row["verdict"] in DECIDED else TOWARDS.get(row["direction"], "")
    value = row["published_value"]
    paper = ("" if value is None else compact(value), row["published"], row["published_note"])
    return [
        Cell(row["subject"], (f"judged: {row['judged']}" if row["judged"] else "",)),
        Cell(row["verdict"], (side, row["reason"]), verdict=kind),
        Cell(_measured(row), measured),
        Cell(paper[0], paper[1:]) if paper[0] else Cell(paper[1], paper[2:]),
        Cell(row["test"], (_p_values(row), *(parts if len(parts) > 1 else ()))),
    ]


def _p_values(row: Record) -> str:
    """The p-values of a row: its own, corrected, and over examples alone."""
    named = (("p", ""), ("p_holm", " corrected"), ("p_examples", " by swapped examples"))
    found = [f"{p_value(row[name])}{of}" for name, of in named if row[name] is not None]
    return f"p {', '.join(found)}" if found else ""


def _collapsed(row: Record) -> str:
    """How many runs collapsed, with the interval of their share; empty if none did."""
    if not row["n_collapsed"]:
        return ""
    low, high = (percent(row[f"collapsed_{end}"]) for end in ("low", "high"))
    return f"{row['n_collapsed']} of {row['n_runs']} runs collapsed ({low} to {high})"


def _measured(row: Record) -> str:
    """An estimate with its interval, where it has one."""
    return f"{compact(row['estimate'])} {interval(row['low'], row['high'])}".strip()


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
    paper = row["published_value"]
    return [
        Cell(f"{row['claim']} {SHORT[row['claim']]}"),
        Cell(row["quantity"]),
        Cell(row["published"] or NOTHING if paper is None else rounded(paper)),
        Cell(_measured(row), (_collapsed(row),)),
        Cell(
            row["verdict"],
            ("" if row["verdict"] in DECIDED else TOWARDS.get(row["direction"], ""),),
        ),
    ]


def _range(counts: pd.Series) -> str:
    return " to ".join(str(end) for end in sorted({counts.min(), counts.max()}))
