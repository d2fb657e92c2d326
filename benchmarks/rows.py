"""The rows of the benchmarks' table, and the json they are kept in.

A row compares two numbers that were measured in one run on one machine, and holds their ratio
against a target. Nothing here knows what is measured.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lottery.files import atomic

TINY = "Tiny sizes: it runs; the numbers and verdicts say nothing."
COLUMNS = ("row", "ours", "against", "ratio", "target", "verdict")


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: what was done.
        ours: this project's number, in `unit`; None where it could not be measured.
        unit: of both numbers.
        against: what it is compared with.
        theirs: that one's number, None where it could not be measured.
        ratio: the number that the target is about, None where it could not be measured.
        target: None for a row that only informs.
        at_least: whether the ratio must reach the target, rather than stay at or below it.
        note: how it was measured, where that needs a word.
    """

    name: str
    ours: float | None
    unit: str
    against: str
    theirs: float | None
    ratio: float | None
    target: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def verdict(self) -> str:
        """met, missed or not measured; empty without a target."""
        if self.target is None:
            return ""
        if self.ratio is None:
            return "not measured"
        met = self.ratio >= self.target if self.at_least else self.ratio <= self.target
        return "met" if met else "missed"

    def cells(self) -> tuple[str, ...]:
        """The row's texts, one per column of the table."""
        sign = "at least" if self.at_least else "at most"
        return (
            self.name,
            _number(self.ours, self.unit),
            f"{self.against}: {_number(self.theirs, self.unit)}",
            _number(self.ratio, ""),
            "" if self.target is None else f"{sign} {self.target:g}",
            self.verdict,
        )


def speedup(
    name: str,
    seconds: float,
    against: str,
    theirs: float | None,
    target: float | None = None,
    note: str = "",
) -> Row:
    """A row whose ratio says how many times faster we are: theirs / ours."""
    ratio = None if theirs is None else theirs / seconds
    return Row(name, seconds, "s", against, theirs, ratio, target, True, note)


def share(
    name: str,
    seconds: float,
    against: str,
    theirs: float,
    target: float | None = None,
    note: str = "",
) -> Row:
    """A row whose ratio says how many times as long we take: ours / theirs."""
    return Row(name, seconds, "s", against, theirs, seconds / theirs, target, False, note)


def not_measured(name: str, reason: str, target: float | None = None, at_least: bool = True) -> Row:
    """A row of what this machine cannot measure."""
    return Row(name, None, "", f"not measured, {reason}", None, None, target, at_least)


def table(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table whose columns are aligned in plain text, too."""
    lines = [COLUMNS, *(row.cells() for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    texts = [[text.ljust(w) for text, w in zip(line, widths, strict=True)] for line in lines]
    texts.insert(1, ["-" * width for width in widths])
    return "\n".join("| " + " | ".join(line) + " |" for line in texts)


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{text} {unit}".rstrip()


def finish(
    options: argparse.Namespace, facts: dict[str, Any], rows: list[Row], **more: Any
) -> None:
    """Prints the rows and writes them as json; arguments as of `write`."""
    if rows:
        print(table(rows), flush=True)
        if options.quick:
            print(TINY, flush=True)
    write(options, facts, rows, **more)


def write(options: argparse.Namespace, facts: dict[str, Any], rows: list[Row], **more: Any) -> None:
    """Writes rows as json where the command line asks for it; the file is always whole.

    Args:
        options: of the command line.
        facts: `machine()`, called when the script began.
        rows: of the table.
        more: further numbers for the json.
    """
    if options.json:
        found = {
            "machine": facts,
            "quick": options.quick,
            "rows": [asdict(row) | {"verdict": row.verdict} for row in rows],
            "details": more,
        }
        with atomic(options.json) as temporary:
            temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def read_rows(path: Path) -> list[Row]:
    """The rows of a json file that `finish` wrote."""
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return [Row(**{key: row[key] for key in row if key != "verdict"}) for row in rows]
