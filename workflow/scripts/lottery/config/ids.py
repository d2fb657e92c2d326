"""Which ids an entry of the config may bear: they become folder names and wildcards."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lottery.config.sentences import dotted, listed
from lottery.files.errors import StudyError
from lottery.pruning.algorithms import PRESETS, declared
from lottery.pruning.subnetworks import base_name

_ID = re.compile(r"[a-z0-9_]{1,64}")

# Words that stand in the place of an id in tables and paths.
RESERVED_WORDS = ("none", "majority", "full")
# Folders beside those of the models in results/.
RESERVED_MODELS = ("tables", "figures", "logs", "benchmarks")


def subnetwork_names() -> tuple[str, ...]:
    """Every kind of subnetwork that some algorithm makes, without further draws."""
    names = [name for each in declared() for preset in PRESETS for name in each.subnetworks[preset]]
    return tuple(dict.fromkeys(names))


def check_ids(config: Mapping[str, Any]) -> None:
    """Refuses ids that are no plain words, or that the workflow uses itself.

    Raises:
        StudyError: the first such id.
    """
    reserved = RESERVED_WORDS + subnetwork_names()
    for section in ("models", "tasks", "methods"):
        taken = reserved + (RESERVED_MODELS if section == "models" else ())
        for name in config[section]:
            where = dotted((section,))
            if not _ID.fullmatch(name):
                raise StudyError(
                    f"{where} has the id {name!r}; an id is 1 to 64 lower-case letters, digits "
                    "and underscores."
                )
            if name in taken or base_name(name) in taken:
                others = listed(word for word in taken if word != name)
                raise StudyError(
                    f"{where} has the id {name!r}, which is reserved, as are {others}; allowed is "
                    "any other word."
                )
