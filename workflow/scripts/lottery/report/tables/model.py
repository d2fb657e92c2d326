"""A table for readers: plain text only, which the printers of `render` and the page escape."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

Record = dict[str, Any]


class Said(NamedTuple):
    """An answer to a question about an axis: a few words, numbers, and the rows it is about."""

    word: str
    text: str
    about: pd.DataFrame


class Scope(NamedTuple):
    """What rows, or a column, are about: the page shows those of one model, method or task."""

    model: str = ""
    method: str = ""
    task: str = ""


EVERYTHING = Scope()


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: its main text.
        below: smaller lines under it; an empty one is left out.
        paper: the published number, set apart.
        verdict: the class of a verdict, which colours it; empty for other cells.
        sd, paper_sd: the standard deviations of both; the page leaves out the second.
        mark: a mark behind `text`.
        value: the number by which the page sorts, where it is not the first one in `text`.
        scope: in the first cell of a row, what the row is about.
    """

    text: str
    below: tuple[str, ...] = ()
    paper: str = ""
    verdict: str = ""
    sd: str = ""
    mark: str = ""
    paper_sd: str = ""
    value: float | None = None
    scope: Scope = EVERYTHING


@dataclass(frozen=True)
class Group:
    """Rows under a heading of their own, all about `scope`; the first cell of a row is its name."""

    title: str
    rows: Sequence[Sequence[Cell]]
    scope: Scope = EVERYTHING


@dataclass(frozen=True)
class Table:
    """A table with its caption.

    Attributes:
        name: an id within the page.
        caption: what is seen, how it was computed, and n.
        columns: headings, of the column of names as well.
        groups: the rows.
        words: the columns whose cells are texts, set flush left, not numbers, set flush right.
        note: lines of text below the table.
        title: its heading, and the line that opens it where it is folded.
        how: how to read it, which the page says of several tables once.
        published: what the published numbers in it are.
        tasks: column -> the task that it is about.
        source: the path of the csv file with its numbers in full, where there is one.
    """

    name: str
    caption: str
    columns: Sequence[str]
    groups: Sequence[Group]
    words: Collection[int] = ()
    note: str = ""
    title: str = ""
    how: str = ""
    published: str = ""
    tasks: Mapping[int, str] = field(default_factory=dict)
    source: str = ""

    @property
    def full_caption(self) -> str:
        """Caption and how to read it."""
        return f"{self.caption} {self.how}".rstrip()


def plain(rows: Sequence[Sequence[str]]) -> list[Group]:
    """Rows of text without headings between them."""
    return [Group("", [[Cell(text) for text in row] for row in rows])]


def read_caption(path: Path) -> str:
    """The caption of a table: the first paragraph, plain text, of its text in workflow/report.

    Snakemake's own report shows the whole text, which goes on with the columns of the csv file.
    """
    return " ".join(path.read_text(encoding="utf-8").split("\n\n")[0].split())


def records(frame: pd.DataFrame) -> list[Record]:
    """The rows of a DataFrame as dictionaries, None for missing numbers."""
    return frame.astype(object).where(frame.notna(), None).to_dict("records")
