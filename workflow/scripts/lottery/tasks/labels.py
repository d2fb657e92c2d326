"""One rule for the names of labels and columns, whatever a file or the config writes them as."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from unicodedata import normalize

TRUTH = ("true", "True", "TRUE", "false", "False", "FALSE")
# A text of several columns names them in braces: "{title}. {body}".
COLUMN = re.compile(r"\{([^{}]*[^{}\s][^{}]*)\}")
FRACTION = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")


def label_name(value: object) -> str | None:
    """The name of a label: 1, 1.0, "1" and "1.0" are `1`; true, "True" and "TRUE" are `true`.

    Other texts keep their case and are compared in NFC, without blanks around them.

    Returns:
        The name, or None where the label is missing: None, NaN, or a blank text.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # 1e22, which would be written with an exponent
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    text = normalize("NFC", str(value)).strip()
    if text in TRUTH:
        return text.lower()
    if FRACTION.fullmatch(text):
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text or None


def column_name(name: str) -> str:
    """The name of a column as it is compared: in NFC, without blanks around it."""
    return normalize("NFC", name).strip()


def template_columns(text: str) -> tuple[str, ...]:
    """The columns that a template of a text names, each once; none if it is no template."""
    return tuple(dict.fromkeys(map(column_name, COLUMN.findall(text))))


def filled(template: str, values: Mapping[str, str]) -> str:
    """A template with the values of its columns."""
    return COLUMN.sub(lambda found: values[column_name(found[1])], template)
