"""claims.md: the verdicts as one reads them, short enough to stand in a README."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lottery.results.printed import NOTHING, SPLIT_NAMES, line, number
from lottery.statistics.claims.table import CLAIMS

INTRODUCTION = """\
# Claims

The claims of the paper in this run, in one table per model and method. Of a claim with several
parts the part that decides is shown. Brackets hold the 95 % interval over seeds (t, pooled over
tasks), on which the verdict rests; those of kappas, correlations and shares end at what is
possible. “Equal” and “about like” are tests of equivalence within a margin. Numbers of the paper
are its mean over eight GLUE tasks by the same formula, or what it says in words. Tests, margins,
p-values and all parts stand in claims.csv.
"""
COLUMNS = ("claim", "measured", "paper", "this run", "verdict")
SHORT = {claim.id: claim.short for claim in CLAIMS}

Row = dict[str, Any]


def print_claims(rows: Sequence[Row]) -> str:
    """Prints one table per model and method.

    Args:
        rows: of claims.csv (`lottery.statistics.claims.check.check`).

    Returns:
        Markdown.
    """
    by_subject: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        by_subject.setdefault((row["model"], row["method"]), []).append(row)
    parts = [INTRODUCTION]
    for (model, method), own in by_subject.items():
        parts += _table(f"{model}, {method}", own)
    return "\n".join(parts)


def _table(title: str, rows: list[Row]) -> Iterator[str]:
    """The table of one method with its heading, and below it what has no numbers."""
    judged = [row for row in rows if row.get("estimate") is not None]
    yield f"## {title}\n"
    if judged:
        seeds, tasks = (_range(row[name] for row in judged) for name in ("n_seeds", "n_tasks"))
        yield f"Scores on {SPLIT_NAMES[judged[0]['split']]}; seeds: {seeds}; tasks: {tasks}.\n"
        lines = [line(list(COLUMNS)), line(["---"] * len(COLUMNS)), *map(_line, judged)]
        yield "\n".join(lines) + "\n"
    notes = list(_notes(rows))
    if notes:
        yield "\n".join(f"- {note}" for note in notes) + "\n"


def _line(row: Row) -> str:
    paper = row.get("published_value")
    verdict, sound = row["verdict"], row.get("verdict_without_degenerate") or row["verdict"]
    if sound != verdict:
        verdict += f" (without degenerate runs: {sound})"
    return line(
        [
            f"{row['claim']} {SHORT[row['claim']]}",
            row["quantity"],
            number(paper) if paper is not None else row.get("published") or NOTHING,
            _measured(row, "") + _sound(row),
            verdict,
        ]
    )


def _measured(row: Row, suffix: str) -> str:
    """A number with its interval, where it has one."""
    low, high = row.get(f"low{suffix}"), row.get(f"high{suffix}")
    interval = "" if low is None else f" [{number(low)}, {number(high)}]"
    return number(row.get(f"estimate{suffix}")) + interval


def _sound(row: Row) -> str:
    """The same without degenerate runs, where there are any."""
    count = row.get("n_degenerate")
    return f"; without {count} degenerate {_measured(row, '_without_degenerate')}" if count else ""


def _notes(rows: list[Row]) -> Iterator[str]:
    """Why a verdict is not plain or missing; claims with the same reason share a line."""
    by_reason: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.get("reason"):
            by_reason.setdefault((row["verdict"], row["reason"]), []).append(row["claim"])
    for (verdict, reason), claims in by_reason.items():
        yield f"{', '.join(claims)}: {verdict}. {reason}"


def _range(counts: Iterable[int]) -> str:
    """The smallest and the largest of some numbers, once where they are equal."""
    found = sorted(set(counts))
    return " to ".join(str(count) for count in dict.fromkeys([found[0], found[-1]]))
