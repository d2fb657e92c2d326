"""Pruning algorithms: one module each, found by its place in this folder.

A module `lottery/algorithms/{algorithm}.py` says, at module level and without heavy imports,

- `OPTIONS: dict[str, Option]`: every option of the algorithm with its value in either preset;
- `SUBNETWORKS: dict[preset, names]`: what a method may list, further draws of random ones aside;
- `DEFAULT_SUBNETWORKS: dict[preset, names]`: what a method gets that lists none;

and its steps import torch inside their functions. Modules that are no algorithm of their own start
with `search_` or `_`, or are `common`. An algorithm also has an entry in the schema of the config.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType

from lottery.algorithms.common import PRESETS, Option

__all__ = ["PRESETS", "Option", "algorithm", "algorithm_names"]


@cache
def algorithm_names() -> tuple[str, ...]:
    """The algorithms of this folder, sorted; nothing is imported."""
    return tuple(
        sorted(
            module.name
            for module in pkgutil.iter_modules(__path__)
            if module.name != "common" and not module.name.startswith(("_", "search_"))
        )
    )


def algorithm(name: str) -> ModuleType:
    """The module of one algorithm.

    Raises:
        KeyError: there is no such algorithm (the schema of the config is what users meet first).
    """
    if name not in algorithm_names():
        raise KeyError(name)
    return importlib.import_module(f"{__name__}.{name}")
