"""docs/options.md: what a method may have in the config, from what the algorithms declare."""

from __future__ import annotations

from collections.abc import Sequence

from lottery.config.schema import algorithm_schema, schema
from lottery.pruning.algorithms import PRESETS, Algorithm, built_in
from lottery.pruning.algorithms.declaration import UNITS, spelled
from lottery.pruning.subnetworks import DRAWN, base_name

INTRODUCTION = """\
# Options

The keys of an entry under `methods`, by algorithm. This page is generated from the
declarations in `workflow/scripts/lottery/pruning/algorithms`:

    PYTHONPATH=workflow/scripts python -m lottery.config.options > docs/options.md

[Methods](methods.md) explains what the options do. [Add a pruning algorithm](extending.md)
explains how to declare your own.
"""


def options_page(algorithms: Sequence[Algorithm] | None = None) -> str:
    """The page as Markdown, of these algorithms or of all that this package has."""
    parts = [INTRODUCTION]
    for each in built_in() if algorithms is None else algorithms:
        parts += [f"## {each.name}", _facts(each), _keys(each), _options(each), _subnetworks(each)]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _facts(declared: Algorithm) -> str:
    units = declared.granularity == UNITS
    masks = f"whole units ({', '.join(declared.units)})" if units else "single weights"
    facts = [declared.summary, f"Its masks are of {masks}."]
    facts += ["It searches down to a threshold."] * declared.to_threshold
    facts += ["It records importances of units."] * declared.importance
    return " ".join(facts)


def _keys(declared: Algorithm) -> str:
    entries = algorithm_schema(declared, schema()["$defs"]["common"])["properties"]
    keys = [f"`{key}`" for key in entries if key not in declared.options]
    return f"Keys next to its options: {', '.join(keys)}."


def _options(declared: Algorithm) -> str:
    rows = []
    for name, option in declared.options.items():
        presets = [spelled(option.preset(preset)) for preset in PRESETS]
        usual = ["must be given"] * len(PRESETS) if option.required else presets
        rows.append([f"`{name}`", option.values.words, *usual, option.help])
    return table(["option", "values", *PRESETS, "meaning"], rows)


def _subnetworks(declared: Algorithm) -> str:
    """A row for each kind of subnetwork: whether it is made and listed by default, and its source.

    The column is the preset's, or the one that `halves` decides for.
    """
    rows = []
    for kind in dict.fromkeys(kind for preset in PRESETS for kind in declared.subnetworks[preset]):
        cells = []
        for preset in PRESETS:
            listed = [n for n in declared.default_subnetworks[preset] if base_name(n) == kind]
            allowed = kind in declared.subnetworks[preset]
            count = f" ({len(listed)} draws)" if len(listed) > 1 else ""
            cells.append(f"by default{count}" if listed else "allowed" if allowed else "")
        rows.append([f"`{kind}`", *cells, _source(kind, declared)])
    columns = list(PRESETS)
    if "halves" in declared.options:
        columns = [f"{preset} (halves: {spelled(preset == 'strict')})" for preset in PRESETS]
    return table(["subnetwork", *columns, "its mask"], rows)


def _source(kind: str, declared: Algorithm) -> str:
    if kind in declared.sources:
        further = f"; {kind}_2, {kind}_3, ... are further draws" if kind in DRAWN else ""
        return f"drawn from {declared.sources[kind]}{further}"
    if kind.startswith("super_"):
        return "made of the good masks of all seeds"
    return "read from files" if declared.imported else "found by the search"


def table(columns: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown. Vertical bars are escaped, and angle brackets outside of code."""
    rows = [[_escaped(cell) for cell in row] for row in rows]
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escaped(cell: str) -> str:
    outside_and_code = cell.replace("|", r"\|").split("`")
    outside_and_code[::2] = [text.replace("<", "&lt;") for text in outside_and_code[::2]]
    return "`".join(outside_and_code)


if __name__ == "__main__":
    print(options_page(), end="")
