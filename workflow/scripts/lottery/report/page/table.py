"""A table as the page's template prints it: plain text only, which the template escapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: what it says.
        below: smaller lines under it.
        paper: the published number, set apart.
        verdict: the class of a verdict, which colours it; empty for other cells.
    """

    text: str
    below: tuple[str, ...] = ()
    paper: str = ""
    verdict: str = ""


@dataclass(frozen=True)
class Group:
    """Rows under a heading of their own; the first cell of a row is its name."""

    title: str
    rows: Sequence[Sequence[Cell]]
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table with its caption.

    Attributes:
        name: an id within the page.
        caption: what is seen, how it was computed, and n.
        columns: headings, of the column of names as well.
        groups: the rows.
        words: whether the cells are texts, set flush left, or numbers, set flush right.
        note: what is said below it.
        title: the line that opens it where it is folded.
    """

    name: str
    caption: str
    columns: Sequence[str]
    groups: Sequence[Group]
    words: frozenset[int] = field(default_factory=frozenset)
    note: str = ""
    title: str = ""


def plain(rows: Sequence[Sequence[str]]) -> list[Group]:
    """Rows of text without headings between them."""
    return [Group("", [[Cell(text) for text in row] for row in rows])]
