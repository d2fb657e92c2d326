"""The kinds of units that structured pruning removes, by the names that the config uses."""

from __future__ import annotations

from collections.abc import Sequence

# Kind -> the plural that readers see.
KINDS = {"head": "heads", "mlp": "MLPs"}
# Words of the config that mean a list of kinds.
ALIASES = {"both": ("head", "mlp"), "heads": ("head",), "mlps": ("mlp",)}


def kinds_of(value: str | Sequence[str]) -> tuple[str, ...]:
    """The kinds that the option `units` names, in the order of `KINDS`.

    Args:
        value: a word of `ALIASES`, or names of kinds.
    """
    names = ALIASES[value] if isinstance(value, str) else value
    return tuple(kind for kind in KINDS if kind in names)


def word_of(value: str | Sequence[str]) -> str:
    """The word for some kinds."""
    return next(word for word, kinds in ALIASES.items() if kinds == kinds_of(value))
