"""One sentence for each way a config can break its schema: key, what was found, what is allowed."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lottery.config.lists import entry_spelling, list_spelling

if TYPE_CHECKING:
    from jsonschema import ValidationError

_PLAIN_KEY = re.compile(r"[\w-]+")
_NUMBER = re.compile(r"([-+]?\d+)(\.\d*)?(?:[eE]([-+]?)(\d+))?")
_KINDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}


def dotted(path: Iterable[str | int]) -> str:
    """The place of a value as users write it: `tasks.rte.text[1]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f"[{part!r}]"
    return text or "The config"


def listed(names: Iterable[object]) -> str:
    """Names as words: `a, b and c`."""
    words = [str(name) for name in names]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def allowed_are(names: Iterable[object]) -> str:
    """The end of a sentence: `allowed are a, b and c`."""
    words = list(names)
    return f"allowed {'is' if len(words) == 1 else 'are'} {listed(words)}"


def did_you_mean(name: object, allowed: Iterable[str]) -> str:
    """` (did you mean rte?)`, or nothing when no allowed name comes near."""
    close = difflib.get_close_matches(str(name).lower(), list(allowed), n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else ""


def shown(value: object) -> str:
    """A value as the user would find it in the file, cut when it is long."""
    if isinstance(value, bool) or value is None:
        return key_text(value)
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def key_text(value: object) -> str:
    """A scalar as YAML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)


def key_sentence(path: Sequence[str | int], key: object) -> str:
    """About a key that YAML did not read as text."""
    if isinstance(key, bool):
        return f"{dotted(path)} has the key {key_text(key)}: {_boolean_hint(key)}."
    return f'{dotted(path)} has the key {key_text(key)}, which is no text: write it as "{key}".'


def place(error: ValidationError, config: Mapping[str, Any]) -> tuple[int, ...]:
    """Where in the document an error stands, to sort by; what is missing counts as the last key."""
    positions, value = [], config
    for part in error.absolute_path:
        positions.append(list(value).index(part) if isinstance(value, Mapping) else part)
        value = value[part]
    if error.validator == "additionalProperties":
        positions.append(list(value).index(_unknown_keys(error)[0]))
    elif error.validator == "required":
        positions.append(len(value))
    return tuple(positions)


def sentence(error: ValidationError, config: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """The sentence for one violation of the schema."""
    if error.validator == "additionalProperties":
        return _unknown(error, config, schema)
    return _WRITERS.get(error.validator, _other)(error)


def _unknown_keys(error: ValidationError) -> list[str]:
    return [key for key in error.instance if key not in error.schema.get("properties", {})]


def _unknown(error: ValidationError, config: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    path = tuple(error.absolute_path)
    key = _unknown_keys(error)[0]
    allowed = list(error.schema.get("properties", {}))
    found = f"{dotted(path)} has the unknown key {key!r}"
    if path[:1] == ("methods",):
        own = config["methods"][path[1]]["algorithm"]
        others = [
            name
            for name in schema["$defs"]["method"]["properties"]["algorithm"]["enum"]
            if key in schema["$defs"]["algorithms"][name]["properties"]
        ]
        if others:
            found = f"{dotted((*path, key))} is an option of {listed(others)} but not of {own}"
    return f"{found}{did_you_mean(key, allowed)}; {allowed_are(allowed)}."


def _missing(error: ValidationError) -> str:
    key = next(name for name in error.validator_value if name not in error.instance)
    entry = error.schema.get("properties", {}).get(key, {})
    allowed = f": one of {listed(entry['enum'])}" if "enum" in entry else ""
    others = [name for name in error.instance if name not in error.schema.get("properties", {})]
    near = difflib.get_close_matches(key, others, n=1)
    instead = f" (found {near[0]!r} instead)" if near else ""
    return f"{_name(error)} lacks the key {key}{instead}{allowed}."


def _wrong_type(error: ValidationError) -> str:
    value, wanted = error.instance, error.validator_value
    wanted = [wanted] if isinstance(wanted, str) else wanted
    must = " or ".join(_KINDS[kind] for kind in wanted)
    found = f"{_name(error)} is {shown(value)}"
    scalar = not isinstance(value, list | Mapping)
    if isinstance(value, bool) and "string" in wanted:
        return f"{found}: {_boolean_hint(value)}."
    if isinstance(value, str):
        return f"{_name(error)} is the text {value!r}{_unquoted(error, wanted)}; it must be {must}."
    if value is None:
        is_task = error.absolute_path[0] == "tasks" and len(error.absolute_path) == 2
        defaults = ", {} for all defaults" if is_task else ""
        return f"{_name(error)} is empty; it must be {must}{defaults}."
    if "string" in wanted and scalar:
        return f'{found}, which YAML does not read as text: write "{value}".'
    if isinstance(value, float) and not math.isfinite(value):
        must = "a finite number"
    entries = [value] if scalar else _braced(value)
    example = f", as [{', '.join(map(key_text, entries))}]" if entries else ""
    return f"{found}; it must be {must}{example if wanted == ['array'] else ''}."


def _braced(value: object) -> list[object]:
    """The entries of a mapping without values, which is a list in the wrong brackets."""
    is_set = isinstance(value, Mapping) and all(below is None for below in value.values())
    return list(value) if is_set else []


def _unquoted(error: ValidationError, wanted: Sequence[str]) -> str:
    """What to write for a text that stands where something else is wanted, if it can be told."""
    text = error.instance
    if wanted == ["boolean"]:
        return " in quotes" if text in ("true", "false") else ""
    if wanted == ["array"]:
        return f" (write {list_spelling(text, error.schema['items'])})"
    if isinstance(error.absolute_path[-1], int) and (entries := entry_spelling(text)):
        return f" (write {entries})"
    spelling = _number_spelling(text, wanted)
    if spelling is None:
        return ""
    if "e" in text.lower():
        return f" (YAML reads an exponent only after a dot and with a sign: write {spelling})"
    return f" (write {spelling}, without quotes)"


def _wrong_size(error: ValidationError) -> str:
    bound, n = error.validator_value, len(error.instance)
    if isinstance(error.instance, str):
        return f"{_name(error)} is an empty text."
    found = "is empty" if n == 0 else f"has {n} {'entry' if n == 1 else 'entries'}"
    allowed = f"at most {bound}" if error.validator == "maxItems" else f"at least {bound}"
    return f"{_name(error)} {found}; it needs {allowed} {'entry' if bound == 1 else 'entries'}."


def _repeated(error: ValidationError) -> str:
    twice = next(value for value in error.instance if error.instance.count(value) > 1)
    return f"{_name(error)} holds {shown(twice)} more than once; each may stand there once."


def _not_in_list(error: ValidationError) -> str:
    value, allowed = error.instance, error.validator_value
    if isinstance(value, bool):
        hint = f": {_boolean_hint(value)};"
    else:
        hint = f"{did_you_mean(value, allowed)};"
    also = f", {error.schema['$comment']}" if "$comment" in error.schema else ""
    return f"{_name(error)} is {shown(value)}{hint} {allowed_are(allowed)}{also}."


def _bad_range(error: ValidationError) -> str:
    words = {
        "minimum": "at least",
        "maximum": "at most",
        "exclusiveMinimum": "greater than",
        "exclusiveMaximum": "less than",
    }
    bounds = [f"{words[key]} {error.schema[key]}" for key in words if key in error.schema]
    return f"{_name(error)} is {shown(error.instance)}; it must be {listed(bounds)}."


def _bad_pattern(error: ValidationError) -> str:
    if error.absolute_path[-1] == "revision":
        allowed = "the 40 hexadecimal digits of a commit, since branches and tags move"
    elif set("{}") & set(error.instance):
        allowed = "a path without { and }, which Snakemake takes for wildcards"
    elif error.absolute_path[-1] == "results":
        allowed = (
            "a folder below the working directory, other than resources and workflow, in letters, "
            "digits, _, - and ., as studies/first"
        )
    else:
        allowed = (
            "the path of a csv, tsv, jsonl, parquet or arrow file, or of a folder of save_to_disk"
        )
    return f"{_name(error)} is {shown(error.instance)}; it must be {allowed}."


def _other(error: ValidationError) -> str:
    return f"{_name(error)} is {shown(error.instance)}: {error.message}."


def _name(error: ValidationError) -> str:
    return dotted(error.absolute_path)


def _boolean_hint(value: bool) -> str:
    words = ("yes, on or true", "yes") if value else ("no, off or false", "no")
    return f'YAML reads an unquoted {words[0]} so; write it in quotes, as "{words[1]}"'


def _number_spelling(text: str, wanted: Sequence[str]) -> str | None:
    """The text as YAML reads it as a number: 2e-5 as 2.0e-5; None where no number is wanted."""
    match = _NUMBER.fullmatch(text.strip())
    if not match or not {"number", "integer"} & set(wanted):
        return None
    whole, rest, sign, exponent = match.groups()
    if "number" not in wanted:
        value = float(text)
        return str(int(value)) if value.is_integer() else None
    if exponent is None:
        return f"{whole}{rest or ''}"
    rest = rest if rest and rest != "." else ".0"
    return f"{whole}{rest}e{sign or '+'}{exponent}"


_WRITERS = {
    "required": _missing,
    "type": _wrong_type,
    "maxItems": _wrong_size,
    "minItems": _wrong_size,
    "minProperties": _wrong_size,
    "minLength": _wrong_size,
    "uniqueItems": _repeated,
    "enum": _not_in_list,
    "minimum": _bad_range,
    "maximum": _bad_range,
    "exclusiveMinimum": _bad_range,
    "exclusiveMaximum": _bad_range,
    "pattern": _bad_pattern,
}
