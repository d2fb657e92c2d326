"""Values of --config, in which Snakemake leaves everything inside lists and mappings as text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_WHOLE = re.compile(r"[-+]?\d+")
_WORDS = {"true": True, "false": False, "null": None}


def typed(value: Any) -> Any:
    """The value as a config file would give it: `--config "seeds=[1, 2]"` means numbers.

    Of words only true, false and null are read: `no` may be the name of a label, and whoever means
    a text that looks like a number writes a config file.
    """
    if isinstance(value, Mapping):
        return {key: typed(below) for key, below in value.items()}
    if isinstance(value, list):
        return [typed(below) for below in value]
    if not isinstance(value, str):
        return value
    if value in _WORDS:
        return _WORDS[value]
    if _WHOLE.fullmatch(value):
        return int(value)
    return _real(value)


def _real(text: str) -> float | str:
    """A number as YAML reads it, which asks for a dot, or the text as it is."""
    try:
        return float(text) if re.fullmatch(r"[-+\d.e]+", text) and "." in text else text
    except ValueError:
        return text
