"""The claims of the paper: for the page a table by claim, for print a table per method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lottery import files
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

SCHEMA: files.Schema = (
    dict.fromkeys(("claim", "model", "method", "statement", "verdict"), str)
    | dict.fromkeys(("verdict_without_degenerate", "quantity", "test"), str)
    | dict.fromkeys(("estimate", "low", "high"), float)
    | {"published": str, "published_value": float, "p_seeds": float, "p_examples": float}
    | dict.fromkeys(("n_tasks", "n_seeds", "n_degenerate"), int)
    | {f"{name}_without_degenerate": float for name in ("estimate", "low", "high")}
    | dict.fromkeys(("split", "details", "reason"), str)
)
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
    """The claims by claim: a group of rows for each, a row per model and method.

    Methods that a claim is not about, for the same reason, share a row. It is in a second table,
    unless the claim was judged for no method.

    Args:
        claims: claims.csv.

    Returns:
        The table, and the second one where there is something for it; none without rows.
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
                Cell("", (reason,) if reason else ()),
                Cell("", (published,) if published else ()),
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
    words = frozenset({1, 2, 3, 4})
    tables = [Table("claims", caption, COLUMNS, groups, words=words)] if groups else []
    if others:
        tables.append(Table("unjudged", UNJUDGED, COLUMNS, others, words=words, title=UNJUDGED))
    return tables


def _judged_row(row: Record) -> list[Cell]:
    counts = f"{counted(row['n_tasks'], 'task')}, {counted(row['n_seeds'], 'seed')}"
    if row["n_degenerate"]:
        counts += f", {row['n_degenerate']} degenerate"
    p_values = [
        f"{p_value(row[name])} {of}"
        for name, of in (("p_seeds", "over seeds"), ("p_examples", "over examples"))
        if row[name] is not None
    ]
    below = [_signs(row["quantity"]), counts] + [f"p {', '.join(p_values)}"] * bool(p_values)
    paper = [row["published"]] if row["published"] else []
    if row["published_value"] is not None:
        paper.insert(0, compact(row["published_value"]))
    notes = [row["reason"]] if row["reason"] else []
    if row["verdict_without_degenerate"] not in ("", row["verdict"]):
        notes.append(f"without degenerate runs: {row['verdict_without_degenerate']}")
    parts = _signs(row["details"]).rstrip(".").split(". ")
    return [
        Cell(row["subject"]),
        Cell(row["verdict"], tuple(notes), verdict=verdict_class(row["verdict"])),
        Cell(_measured(row), tuple(below)),
        Cell(paper[0] if paper else "", tuple(paper[1:])),
        Cell(row["test"], tuple(parts) if len(parts) > 1 else ()),
    ]


def _measured(row: Record, suffix: str = "") -> str:
    """An estimate with its interval, where it has one."""
    ends = interval(row[f"low{suffix}"], row[f"high{suffix}"])
    return f"{compact(row[f'estimate{suffix}'])} {ends}".strip()


def _signs(text: str) -> str:
    """A formula of the table with true signs."""
    text = text.replace(" - ", f" {MINUS} ").replace("[-", f"[{MINUS}").replace(": -", f": {MINUS}")
    return text.replace(", -", f", {MINUS}").replace(" x ", " × ")


def narrow_tables(claims: pd.DataFrame) -> list[Table]:
    """The claims by method: a narrow table per model and method, what has no numbers below it.

    Args:
        claims: claims.csv.
    """
    tables = []
    for (model, method), rows in claims.groupby(["model", "method"], sort=False):
        judged = rows[rows["estimate"].notna()]
        caption, groups = "", []
        if len(judged):
            seeds, tasks = (_range(judged[name]) for name in ("n_seeds", "n_tasks"))
            split = SPLIT_NAMES[judged["split"].iloc[0]]
            caption = f"Scores on {split}; seeds: {seeds}; tasks: {tasks}."
            groups = [Group("", [_narrow_row(row) for row in records(judged)])]
        tables.append(
            Table(
                f"claims-{model}-{method}",
                caption,
                NARROW,
                groups,
                words=frozenset(range(len(NARROW))),
                note="\n".join(_notes(rows)),
                title=f"{model}, {method}",
            )
        )
    return tables


def _narrow_row(row: Record) -> Sequence[Cell]:
    paper = row["published_value"]
    without = row["verdict_without_degenerate"]
    count = row["n_degenerate"]
    measured = _measured(row, "_without_degenerate")
    return (
        Cell(f"{row['claim']} {SHORT[row['claim']]}"),
        Cell(row["quantity"]),
        Cell(row["published"] or NOTHING if paper is None else rounded(paper)),
        Cell(_measured(row), (f"without {count} degenerate {measured}",) if count else ()),
        Cell(
            row["verdict"],
            (f"without degenerate runs: {without}",) if without not in ("", row["verdict"]) else (),
        ),
    )


def _notes(rows: pd.DataFrame) -> Iterator[str]:
    """Why a verdict is not plain or missing; claims with the same reason share a line."""
    explained = rows[rows["reason"] != ""]
    for (verdict, reason), own in explained.groupby(["verdict", "reason"], sort=False):
        yield f"{', '.join(own['claim'])}: {verdict}. {reason}"


def _range(counts: pd.Series) -> str:
    low, high = counts.min(), counts.max()
    return str(low) if low == high else f"{low} to {high}"
