"""docs/config.md: every key of the config, from its schema."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lottery.config.options import table
from lottery.config.schema import schema
from lottery.pruning.algorithms.declaration import spelled

INTRODUCTION = """\
# Config

Every key of a config. Unknown keys are rejected. This page is generated from
`workflow/schemas/config.schema.yaml`:

    PYTHONPATH=workflow/scripts python -m lottery.config.reference > docs/config.md

`models`, `tasks`, `seeds` and `methods` are required. In `models`, `tasks` and `methods` each
entry has an id of your choice; `{id}` stands for it below. A dot leads to a key of a section.
"""
METHODS = """\
These keys are common to all algorithms. [Options of methods](options.md) lists the options of
each algorithm. `sweep` may stand in any entry: `sweep: {keep_score: [0.8, 0.9]}` replaces the
entry by one method for each value, or for each combination of values
([how to use it](sweeps.md)).
"""
TYPES = {
    "array": "list",
    "boolean": "true, false",
    "integer": "whole number",
    "null": "null",
    "number": "number",
    "object": "mapping",
    "string": "text",
}
BOUNDS = {
    "exclusiveMinimum": "above",
    "minimum": "at least",
    "exclusiveMaximum": "below",
    "maximum": "at most",
}
COLUMNS = ["key", "values", "default", "meaning"]


def config_page() -> str:
    """The page as Markdown."""
    whole = schema()
    others: list[list[str]] = []
    parts = [INTRODUCTION]
    for name, entry in whole["properties"].items():
        if name == "methods":
            rows = [*_rows("{id}.", whole["$defs"]["common"])]
            parts += [f"## {name}", entry["description"], METHODS, table(COLUMNS, rows)]
            continue
        before, section = _section(entry)
        if section:
            rows = [*_rows(before, section)]
            parts += [f"## {name}", entry["description"], table(COLUMNS, rows)]
        else:
            others += _rows("", {name: entry})
    parts += ["## Other keys", table(COLUMNS, others)]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _section(entry: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The keys of a section, and what stands before each; no keys where it is no section."""
    for before, part in (
        ("", entry),
        ("{id}.", entry.get("additionalProperties")),
        ("", entry.get("items")),
    ):
        if isinstance(part, Mapping) and "properties" in part:
            return before, part["properties"]
    return "", {}


def _rows(before: str, properties: Mapping[str, Any]) -> Iterator[list[str]]:
    """A row for each key, those of a section after the section itself."""
    for name, entry in properties.items():
        default = entry.get("default")
        shown = "" if default in (None, {}, []) else f"`{spelled(default)}`"
        yield [f"`{before}{name}`", values(entry), shown, entry.get("description", "")]
        within, section = _section(entry)
        if name != "training":  # has a section of its own
            named = within.replace("{id}", "{place}") if before else within
            yield from _rows(f"{before}{name}.{named}", section)


def values(entry: Mapping[str, Any]) -> str:
    """The allowed values of a key, in words."""
    if "enum" in entry:
        return ", ".join(f"`{spelled(value)}`" for value in entry["enum"])
    types = entry.get("type", [])
    types = [types] if isinstance(types, str) else types
    words = " or ".join(TYPES[name] for name in types if name != "null")
    if "properties" in entry:
        return "section"
    bounds = [f"{word} {entry[key]:g}" for key, word in BOUNDS.items() if _tells(entry, key)]
    if "array" in types and "items" in entry:
        return f"{words} of {values(entry['items'])}" if "enum" in entry["items"] else words
    if "string" in types and "$comment" in entry:
        return re.split(r",? (?:since|without|as) ", entry["$comment"])[0]
    return ", ".join([words, *bounds])


def _tells(entry: Mapping[str, Any], bound: str) -> bool:
    """Whether a bound is worth saying: very large ones only keep numbers computable."""
    return bound in entry and abs(entry[bound]) < 1e5


if __name__ == "__main__":
    print(config_page(), end="")
