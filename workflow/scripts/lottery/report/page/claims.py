"""The claims on the page: what was decided first, then what was not, then what was not judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lottery.config.sentences import listed
from lottery.report.tables.claims import collapsed, leaning, measured
from lottery.report.tables.model import Cell, Group, Record, Scope, Table, records
from lottery.report.tables.numbers import compact, counted, p_value, signs
from lottery.statistics.claims.verdicts import (
    BY_CONSTRUCTION,
    CONTRADICTED,
    NOT_APPLICABLE,
    SUPPORTED,
    UNDECIDED,
)

if TYPE_CHECKING:
    import pandas as pd

# Verdict -> its class, which colours it.
CLASSES = {
    SUPPORTED: "supported",
    CONTRADICTED: "contradicted",
    BY_CONSTRUCTION: "constructed",
}
DECIDED = (*CLASSES,)
COLUMNS = ("", "method", "verdict", "this run", "the paper", "test")
PUBLISHED = "the paper's number of the same thing by the same formula, or its own words."


def verdict_class(verdict: str) -> str:
    """The class that colours a verdict."""
    known = CLASSES | {verdict: UNDECIDED} if verdict.startswith(UNDECIDED) else CLASSES
    return known.get(verdict, "silent")


def tally(claims: pd.DataFrame) -> list[tuple[str, str, int]]:
    """How often each verdict was given: (verdict, its class, number), decided ones first."""
    counts = claims["verdict"].value_counts()
    order = sorted(counts.index, key=lambda word: (_rank(word), word))
    return [(word, verdict_class(word), int(counts[word])) for word in order]


def _rank(verdict: str) -> int:
    if verdict in DECIDED:
        return DECIDED.index(verdict)
    return len(DECIDED) + (not verdict.startswith(UNDECIDED))


def judged_tables(claims: pd.DataFrame) -> list[Table]:
    """Two tables of claims.csv, a row for each claim, model and method: decided, and undecided."""
    several = claims["model"].nunique() > 1
    kinds = {
        "claims-decided": ("Decided", claims["verdict"].isin(DECIDED)),
        "claims-undecided": ("Undecided", claims["verdict"].str.startswith(UNDECIDED)),
    }
    tables = []
    for name, (title, chosen) in kinds.items():
        rows = [_row(row, several=several) for row in records(claims[chosen])]
        if rows:
            tables.append(
                Table(
                    name,
                    f"{title}.",
                    COLUMNS,
                    [Group("", rows)],
                    words=range(1, len(COLUMNS)),
                    title=title,
                    published=PUBLISHED,
                    source="claims",
                )
            )
    return tables


def _row(row: Record, *, several: bool) -> list[Cell]:
    value, note = row["published_value"], row["published_note"]
    paper = row["published"] if value is None else compact(value)
    notes = [row["published"] if value is not None else "", note]
    subject = row["method"] + (f", {row['model']}" if several else "")
    parts = signs(row["details"]).rstrip(".").split(". ")
    return [
        Cell(
            row["claim"],
            (row["statement"],),
            value=_number(row["claim"]),
            scope=Scope(row["model"], row["method"]),
        ),
        Cell(subject, (row["judged"],)),
        Cell(
            row["verdict"],
            (leaning(row), row["reason"], row["incomplete"]),
            verdict=verdict_class(row["verdict"]),
        ),
        Cell(signs(row["effect"]), _numbers(row)),
        Cell("", tuple(filter(None, notes)), paper=paper),
        Cell(signs(row["test"]), tuple(parts) if len(parts) > 1 else ()),
    ]


def _numbers(row: Record) -> tuple[str, ...]:
    """What stands below the effect: interval, numbers of tasks, seeds and runs, and p-values."""
    if row["estimate"] is None:
        return ()
    counts = [
        counted(row[name], word)
        for name, word in (("n_tasks", "task"), ("n_seeds", "seed"))
        if row[name]
    ]
    p_values = [
        f"{name} {p_value(row[key])}"
        for key, name in (("p", "p"), ("p_holm", "corrected (Holm)"))
        if row[key] is not None
    ]
    counts += filter(None, [collapsed(row)])
    quantity = f"{signs(row['quantity'])}: {measured(row)}"
    return (quantity, ", ".join(counts), ", ".join(p_values))


def _number(claim: str) -> float:
    """The place of a claim among all: the abstract's, those of the text, those of later studies."""
    return int(claim[1:]) + 100 * "ACF".index(claim[0])


def not_applicable(claims: pd.DataFrame) -> str:
    """The claims that are not about a method, in one line: `structured: C2; magnitude: C3, C6`."""
    rows = claims[claims["verdict"] == NOT_APPLICABLE]
    by_subject = rows.groupby(_subjects(rows), sort=False)["claim"]
    return "; ".join(f"{subject}: {', '.join(own)}" for subject, own in by_subject)


def not_run(claims: pd.DataFrame) -> list[dict[str, Any]]:
    """What was not judged for lack of results: claims, subjects and verdict by their reason."""
    judged = claims["verdict"].str.startswith(UNDECIDED)
    rows = claims[~judged & ~claims["verdict"].isin([*DECIDED, NOT_APPLICABLE])]
    rows = rows.assign(subject=_subjects(rows))
    return [
        {
            "verdict": verdict,
            "claims": listed(dict.fromkeys(own["claim"])),
            "subjects": listed(dict.fromkeys(own["subject"])),
            "reason": reason,
        }
        for (verdict, reason), own in rows.groupby(["verdict", "reason"], sort=False)
    ]


def _subjects(claims: pd.DataFrame) -> pd.Series:
    several = claims["model"].nunique() > 1
    return claims["method"] + (", " + claims["model"] if several else "")


def finding(
    claims: Sequence[str], rows: Mapping[tuple[str, str, str], Record], model: str, method: str
) -> str:
    """What the first of some claims says of a method that has a number: effect, claim, verdict."""
    for claim in claims:
        row = rows.get((claim, model, method))
        if row and row["effect"]:
            verdict = ", ".join(filter(None, (row["verdict"], leaning(row), row["incomplete"])))
            return f"{method}: {signs(row['effect'])} ({claim}: {verdict})"
    return ""
