"""What a page of the report holds, as tests look at it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Seen(HTMLParser):
    """What a page holds.

    Attributes:
        tags: every element with its attributes.
        tables: id of the figure -> rows of texts.
        figures: (address, all text of its frame) of every picture.
        folded: for every picture what the line says that opens it; empty where none need be opened.
        text: all text.
    """

    tags: list[tuple[str, dict]] = field(default_factory=list)
    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    figures: list[list[str]] = field(default_factory=list)
    folded: list[str] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []
        self._table = self._fold = ""
        self._figure = False

    def handle_starttag(self, tag: str, attrs: list) -> None:
        named = dict(attrs)
        self.tags.append((tag, named))
        if tag not in ("meta", "link", "img", "br", "hr"):
            self._open.append(tag)
        if tag == "figure" and named.get("id", "").startswith("table-"):
            self._table = named["id"]
            self.tables[self._table] = []
        elif tag == "figure":
            self._figure = True
            self.figures.append(["", ""])
        elif tag == "tr" and self._table:
            self.tables[self._table].append([])
        elif tag in ("td", "th") and self._table:
            self.tables[self._table][-1].append("")
        elif tag == "img":
            self.figures[-1][0] = named["src"]
            self.folded.append(self._fold if "details" in self._open else "")
        elif tag == "summary":
            self._fold = ""

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"{tag} closes something else"
        if tag == "figure":
            self._table, self._figure = "", False

    def handle_data(self, data: str) -> None:
        if {"style", "script"} & {*self._open}:
            return
        self.text += data
        if "summary" in self._open:
            self._fold += data.strip()
        if self._table and {"td", "th"} & set(self._open):
            self.tables[self._table][-1][-1] += f" {data.strip()}" if data.strip() else ""
        elif self._figure:
            self.figures[-1][1] += data

    def close(self) -> None:
        super().close()
        assert self._open == [], "elements are left open"


def seen(page: str) -> Seen:
    """Reads a page; every element must be closed in order."""
    found = Seen()
    found.feed(page)
    found.close()
    for rows in found.tables.values():
        for row in rows:
            row[:] = [" ".join(cell.split()) for cell in row]
    return found
