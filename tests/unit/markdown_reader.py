"""Tables of a Markdown text, as tests look at them."""

from __future__ import annotations

import re


def tables_of(text: str) -> dict[str, dict[str, list[str]]]:
    """The tables below each heading: heading -> first word of a row -> all its cells.

    Every row must have as many cells as the header above it.
    """
    tables: dict[str, dict[str, list[str]]] = {}
    heading, width = "", 0
    for row in text.splitlines():
        if row.startswith("#"):
            heading = row.lstrip("# ")
        if not row.startswith("|"):
            width = 0
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
        if not width:
            width = len(cells)
            assert heading not in tables, "two tables below one heading"
            tables[heading] = {}
        elif set("".join(cells)) != {"-"}:
            assert len(cells) == width, row
            tables[heading][cells[0].split()[0]] = cells
    return tables
