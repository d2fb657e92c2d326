"""The claims of the paper as the page shows them, from claims.csv."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby

from lottery.report.page.numbers import MINUS, compact, interval, p_value, parsed
from lottery.report.page.table import Cell, Group, Table

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
CAPTION = (
    "The claims of the paper in this run. Estimates with their 95 % interval over seeds (t, pooled"
    " over tasks), on which the verdict rests. “Equal” and “about like” are tests of equivalence"
    " within a margin; a failure to find a difference supports nothing. A claim of several parts"
    " needs all of them. Intervals of kappas, correlations and shares end at what is possible."
    " p over seeds belongs to the claim's own, one-sided test, p over examples to a test of no"
    " difference at all. Fewer than three seeds decide nothing. Margins and thresholds were laid"
    " down before any run."
)
UNJUDGED = "Methods for which a claim was not judged, and why"
COLUMNS = ("", "verdict", "this run", "the paper's number", "test")

Row = Mapping[str, str]


def tally(rows: Sequence[Row]) -> list[tuple[str, str, int]]:
    """How often each verdict was given: (verdict, its class, number), as `VERDICTS` orders them."""
    counts = Counter(row["verdict"] for row in rows)
    order = [*VERDICTS, *sorted(counts.keys() - VERDICTS.keys())]
    return [(word, verdict_class(word), counts[word]) for word in order if counts[word]]


def verdict_class(verdict: str) -> str:
    """The class that colours a verdict."""
    return VERDICTS.get(verdict, "silent")


def claims_tables(rows: Sequence[Row]) -> list[Table]:
    """One group of rows per claim, a row per model and method.

    Methods of which a claim says nothing, for the same reason, share a line. It stands in a table
    of its own, the second, unless the claim was judged for no method.

    Args:
        rows: of claims.csv, as `lottery.files.read_csv` gives them.

    Returns:
        The table, and the second one where there is something for it; none without rows.
    """
    several_models = len({row["model"] for row in rows}) > 1
    groups, others = [], []
    for claim, of_claim in groupby(rows, key=lambda row: row["claim"]):
        own = list(of_claim)
        judged = [_row(row, several_models) for row in own if row["estimate"]]
        silent: dict[tuple[str, str, str], list[str]] = {}
        for row in own:
            if not row["estimate"]:
                # The paper's number says nothing about a method that the claim is not about.
                about = not row["reason"].startswith("The claim is about")
                key = (row["published"] if about else "", row["reason"], row["verdict"])
                silent.setdefault(key, []).append(_subject(row, several_models))
        without = [_silent_row(key, names) for key, names in silent.items()]
        title = f"{claim}. {own[0]['statement']}"
        groups.append(Group(title, judged or without))
        if judged and without:
            others.append(Group(title, without))
    words = frozenset({1, 2, 3, 4})
    tables = [Table("claims", CAPTION, COLUMNS, groups, words=words)] if groups else []
    if others:
        tables.append(Table("unjudged", UNJUDGED, COLUMNS, others, words=words, title=UNJUDGED))
    return tables


def _subject(row: Row, several_models: bool) -> str:
    return f"{row['method']}, {row['model']}" if several_models else row["method"]


def _row(row: Row, several_models: bool) -> list[Cell]:
    low, high = parsed(row["low"]), parsed(row["high"])
    measured = f"{compact(parsed(row['estimate']))} {interval(low, high)}".strip()
    below = [_signs(row["quantity"]), _counted(row), *_p_values(row)]
    published = parsed(row["published_value"])
    paper = [row["published"]] if row["published"] else []
    if published is not None:
        paper.insert(0, compact(published))
    notes = [row["reason"]] if row["reason"] else []
    if row["verdict_without_degenerate"] not in ("", row["verdict"]):
        notes.append(f"without degenerate runs: {row['verdict_without_degenerate']}")
    parts = _signs(row["details"]).rstrip(".").split(". ")
    test = (row["test"], *(parts if len(parts) > 1 else ()))
    return [
        Cell(_subject(row, several_models)),
        Cell(row["verdict"], tuple(notes), verdict=verdict_class(row["verdict"])),
        Cell(measured, tuple(below)),
        Cell(paper[0] if paper else "", tuple(paper[1:])),
        Cell(test[0], test[1:]),
    ]


def _silent_row(key: tuple[str, str, str], names: Sequence[str]) -> list[Cell]:
    published, reason, verdict = key
    return [
        Cell(", ".join(names)),
        Cell(verdict, verdict=verdict_class(verdict)),
        Cell("", (reason,) if reason else ()),
        Cell("", (published,) if published else ()),
        Cell(""),
    ]


def _counted(row: Row) -> str:
    text = f"{row['n_tasks']} task{'' if row['n_tasks'] == '1' else 's'}"
    text += f", {row['n_seeds']} seed{'' if row['n_seeds'] == '1' else 's'}"
    degenerate = row["n_degenerate"]
    return text + (f", {degenerate} degenerate" if degenerate not in ("", "0") else "")


def _p_values(row: Row) -> list[str]:
    texts = [
        f"{p_value(parsed(row[name]))} {of}"
        for name, of in (("p_seeds", "over seeds"), ("p_examples", "over examples"))
        if row[name]
    ]
    return [f"p {', '.join(texts)}"] if texts else []


def _signs(text: str) -> str:
    """A formula of the table with true signs."""
    text = text.replace(" - ", f" {MINUS} ").replace("[-", f"[{MINUS}").replace(": -", f": {MINUS}")
    return text.replace(", -", f", {MINUS}").replace(" x ", " × ")
