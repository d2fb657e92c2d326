"""Pruning algorithms: one module each, with one declaration `ALGORITHM` (`declaration.py`).

A module imports torch inside its functions only. Users add algorithms of their own by plugins
(`plugins.py`, docs/extending.md).
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from functools import cache

from lottery.pruning.algorithms.declaration import (
    EMPTIED_ATTENTION,
    PRESETS,
    SCORE_OPTIONS,
    SEARCH_OPTIONS,
    THRESHOLD_OPTIONS,
    Algorithm,
    Choice,
    Integer,
    Number,
    Option,
    Plugin,
    Switch,
    Text,
    UnitKinds,
)

__all__ = [
    "EMPTIED_ATTENTION",
    "PRESETS",
    "SCORE_OPTIONS",
    "SEARCH_OPTIONS",
    "THRESHOLD_OPTIONS",
    "Algorithm",
    "Choice",
    "Integer",
    "Number",
    "Option",
    "Plugin",
    "Switch",
    "Text",
    "UnitKinds",
    "algorithm",
    "algorithm_names",
    "built_in",
    "declared",
    "register",
]

# The modules with a declaration, in the order in which they are shown.
MODULES = ("structured", "magnitude", "iterative", "imported")

_registered: dict[str, Algorithm] = {}


@cache
def built_in() -> tuple[Algorithm, ...]:
    """The algorithms of this package."""
    return tuple(importlib.import_module(f"{__name__}.{name}").ALGORITHM for name in MODULES)


def declared() -> tuple[Algorithm, ...]:
    """All algorithms: those of this package, then those of plugins."""
    return (*built_in(), *_registered.values())


def algorithm_names() -> tuple[str, ...]:
    """The names of all algorithms."""
    return tuple(each.name for each in declared())


def algorithm(name: str) -> Algorithm:
    """The declaration of one algorithm."""
    return {each.name: each for each in declared()}[name]


def register(algorithms: Iterable[Algorithm]) -> None:
    """Makes these the algorithms of plugins, in place of any before: a process has one study."""
    _registered.clear()
    _registered.update({each.name: each for each in algorithms})
