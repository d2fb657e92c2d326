"""How a list is written that YAML reads as one text: `1, 2, 3`, `1..5`, `good bad`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_RANGE = re.compile(r"(\d+)\s*(?:\.{2,}|-|:|to|–)\s*(\d+)")
_LONGEST_RANGE = 20  # numbers that are written out
_BRACKETS = "[](){} "


def list_spelling(text: str, items: Mapping[str, Any]) -> str:
    """The list that a text means, as a config writes it.

    Args:
        text: what stands in the place of a list.
        items: the schema of the list's entries.
    """
    if items.get("type") == "integer":
        numbers = integers(text)
        return f"[{_joined(numbers)}]" if numbers else "every number, as in [1, 2, 3]"
    # Names of classes may hold spaces, ids may not.
    separators = r"[,;\s]+" if items.get("type") == "string" else r"\s*[,;]\s*"
    return f"[{_joined(_parts(text, separators))}]"


def entry_spelling(text: str) -> str | None:
    """The entries that a text in a list of whole numbers means; None unless it means several."""
    numbers = integers(text)
    return _joined(numbers) if numbers and len(numbers) > 1 else None


def integers(text: str) -> list[int] | None:
    """The whole numbers that a text means; None where it is not clear."""
    if span := _RANGE.fullmatch(text.strip(_BRACKETS)):
        first, last = int(span[1]), int(span[2])
        return [*range(first, last + 1)] if 0 < last - first < _LONGEST_RANGE else None
    # A dash without a space behind it is the sign of a number.
    parts = [part.removeprefix("-") for part in _parts(text, r"[,;\s]+")]
    return [int(part) for part in parts] if parts and all(map(str.isdecimal, parts)) else None


def _parts(text: str, separators: str) -> list[str]:
    return [part for part in re.split(separators, text.strip(_BRACKETS)) if part]


def _joined(entries: list[Any]) -> str:
    return ", ".join(map(str, entries))
