"""Snakemake's reasons to run a job, in a few words: which option of the config has changed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

FOLLOWS = "input that another job makes anew"
CHANGED_PARAMS = re.compile(
    r"Params have changed since last execution: .*?before: (?P<old>.*) now: (?P<new>.*?)\s*"
    r"(?=; Software environment|$)",
    re.DOTALL,
)
NOTHING = "<nothing exclusive>"
LONGEST = 80
# Snakemake forgets the names of params, so no two params of a rule may be of one kind.
BARE = {int: "torch_threads", str: "version", list: "splits or kinds"}

# What Snakemake's sentence begins with -> ours; the files that it lists stay.
WORDS = {
    "Missing output files: ": "missing: ",
    "Incomplete output files: ": "left half done: ",
    "Updated input files: ": "changed input: ",
}
SENTENCES = {
    "Forced execution": "left half done",
    "Set of input files has changed": "other input files than before",
    "Code has changed": "its script has changed",
    "Software environment definition has changed": "its environment has changed",
}


def told_reason(reason: str) -> str:
    """A reason of Snakemake's in a few words.

    Args:
        reason: sentences that are joined by "; ".

    Returns:
        Ours, joined in the same way; params as the leaves that differ, old -> new. A reason that is
        not known stays as it is. `FOLLOWS` where it is only that an input is made anew.
    """
    told = []
    changed = CHANGED_PARAMS.search(reason)
    for sentence in CHANGED_PARAMS.sub("", reason).split("; "):
        known = [word for start, word in SENTENCES.items() if sentence.startswith(start)]
        words = [
            word + sentence.removeprefix(start)
            for start, word in WORDS.items()
            if sentence.startswith(start)
        ]
        if sentence.startswith("Input files updated by another job"):
            told.append(FOLLOWS)
        elif sentence.strip():
            told += known or words or [sentence]
    if changed:
        told.append(told_params(changed["old"], changed["new"]))
    if len(told) > 1 and FOLLOWS in told:
        told.remove(FOLLOWS)
    return "; ".join(told)


def told_params(old: str, new: str) -> str:
    """Which leaves of a job's params differ.

    Args:
        old: the params that only the finished job had, as Python writes them, with commas between.
        new: those that only the planned job has.
    """
    values = _values(old), _values(new)
    if values[0] is None or values[1] is None:
        return f"params: {_short(old)} -> {_short(new)}"
    changes = changed_leaves(*(dict(_named(each)) for each in values))
    return ", ".join(f"{name} {was} -> {now}" for name, was, now in changes)


def changed_leaves(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The leaves that differ: dotted name, old value, new value, as short text.

    Args:
        old: values and mappings of values by name.
        new: likewise.
    """
    # As text, because True is 1 to Python but not to Snakemake.
    before, after = (
        {leaf: repr(end) for name, value in each.items() for leaf, end in _leaves(value, str(name))}
        for each in (old, new)
    )
    return [
        (name, _short(before.get(name, "none")), _short(after.get(name, "none")))
        for name in before | after
        if before.get(name) != after.get(name)
    ]


def _values(text: str) -> list[Any] | None:
    if text.strip() == NOTHING:
        return []
    try:
        return list(ast.literal_eval(f"[{text}]"))
    except (ValueError, SyntaxError):
        return None


def _named(values: list[Any]) -> Iterator[tuple[str, Any]]:
    """The values under the names that they can be told by."""
    for value in values:
        if isinstance(value, dict):
            yield from value.items()
        else:
            yield BARE.get(type(value), type(value).__name__), value


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict) or not value:
        yield name, value
        return
    for key, below in value.items():
        yield from _leaves(below, f"{name}.{key}")


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
