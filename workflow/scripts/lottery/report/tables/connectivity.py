"""Linear mode connectivity in a table, a sentence and an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lottery.report.tables.model import Cell, Group, Record, Said, Scope, Table, records
from lottery.report.tables.numbers import counted, interval, rounded
from lottery.results.connectivity import BOUND, STABLE, UNDECIDED, UNSTABLE

if TYPE_CHECKING:
    import pandas as pd


def connectivity_table(frame: pd.DataFrame, caption: str) -> Table | None:
    """The barriers, from connectivity.csv: a line per task and subnetwork."""
    groups = [
        Group(f"{method}, {model}", [_line(row) for row in records(rows)], Scope(model, method))
        for (model, method), rows in frame.groupby(["model", "method"], sort=False)
    ]
    columns = ["", "seeds", "error at the ends", "highest error", "barrier", "verdict"]
    if not groups:
        return None
    return Table("connectivity", caption, columns, groups, words=(5,), source="connectivity")


def _line(row: Record) -> list[Cell]:
    scope = Scope(row["model"], row["method"], row["task"])
    return [
        Cell(f"{row['task']}: {row['subnetwork'].replace('_', ' ')}", scope=scope),
        Cell(str(row["n_seeds"])),
        Cell(rounded(row["ends"])),
        Cell(rounded(row["highest"])),
        Cell(rounded(row["barrier"]), (interval(row["low"], row["high"]),)),
        Cell(row["verdict"]),
    ]


def connectivity_sentence(frame: pd.DataFrame) -> str:
    """How many barriers in accuracy are stable; empty without any."""
    said = connectivity_answer(frame)
    return f"Barriers in accuracy: {said.word}; {said.text}." if said else ""


def connectivity_answer(frame: pd.DataFrame) -> Said | None:
    """How many subnetworks are stable, by the intervals of their barriers."""
    judged = frame[frame["verdict"].isin((STABLE, UNDECIDED, UNSTABLE)) & frame["barrier"].notna()]
    if judged.empty:
        return None
    counts = judged["verdict"].value_counts()
    others = [f"{counts[word]} {word}" for word in (UNDECIDED, UNSTABLE) if word in counts]
    stable = f"{counts.get(STABLE, 0)} of {len(judged)} stable"
    below = int((judged["barrier"] < BOUND).sum())
    text = (
        f"the interval of the barrier stays below {BOUND} in {counts.get(STABLE, 0)} of"
        f" {counted(len(judged), 'pair')} of task and subnetwork, its mean over seeds in {below}"
    )
    return Said(", ".join([stable, *others]), text, judged)
