"""The schema of the config: its defaults, and a sentence for whatever does not fit it."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

from lottery.config.sentences import allowed_are, did_you_mean, dotted, listed, which_key
from lottery.files.errors import StudyError
from lottery.files.workflow import WORKFLOW
from lottery.models.units import KINDS
from lottery.pruning.algorithms import declared
from lottery.tasks.metrics import METRICS

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

    from lottery.pruning.algorithms import Algorithm

SCHEMA_PATH = WORKFLOW / "schemas/config.schema.yaml"
_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}
_BOUNDS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "greater than",
    "exclusiveMaximum": "less than",
}

TOO_LARGE = 2**63  # whole numbers of a config are smaller


def schema() -> dict[str, Any]:
    """The schema of the config, with the algorithms and metrics that are declared at present."""
    return _schema(declared(), tuple(KINDS))


@cache
def _schema(algorithms: tuple[Algorithm, ...], kinds: tuple[str, ...]) -> dict[str, Any]:
    with SCHEMA_PATH.open(encoding="utf-8") as file:
        made = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    task = made["properties"]["tasks"]["additionalProperties"]
    method = made["properties"]["methods"]["additionalProperties"]
    task["properties"]["metric"]["enum"] = [
        name for name, each in METRICS.items() if not each.search_only
    ]
    method["properties"]["algorithm"] |= {
        "enum": [each.name for each in algorithms],
        "$comment": "or what a file listed under plugins declares",
    }
    # Each name leads to the algorithm's own, closed entry.
    made["$defs"]["algorithms"] = entries = {
        each.name: algorithm_schema(each, made["$defs"]["common"]) for each in algorithms
    }
    method["allOf"] = [
        {
            "if": {"properties": {"algorithm": {"const": name}}, "required": ["algorithm"]},
            "then": entry,
        }
        for name, entry in entries.items()
    ]
    return made


def algorithm_schema(declared: Algorithm, common: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a method of one algorithm, with the keys that all methods share."""
    # Imported masks may name tasks otherwise; nothing is searched that could lend sizes.
    left_out = "sizes_from" if declared.imported else "tasks"
    keys = {key: entry for key, entry in common.items() if key != left_out}
    return {
        "description": declared.summary,
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, option in declared.options.items() if option.required],
        "properties": keys | {name: each.schema() for name, each in declared.options.items()},
    }


def defaults(section: str) -> dict[str, Any]:
    """The default of every key of a top-level section, in the schema's order."""
    properties = schema()["properties"][section]["properties"]
    return {name: entry["default"] for name, entry in properties.items() if "default" in entry}


def check_schema(config: Mapping[str, Any]) -> None:
    """Rejects a config that does not fit the schema.

    Raises:
        StudyError: the first problem in the order of the document.
    """
    errors = _validator(declared(), tuple(KINDS)).iter_errors(config)
    first = min(errors, key=lambda error: _position(error, config), default=None)
    if first is not None:
        raise StudyError(_sentence(first, config))


@cache
def _validator(algorithms: tuple[Algorithm, ...], kinds: tuple[str, ...]) -> Validator:
    # jsonschema takes a tenth of a second to import, and jobs that only want types need none of it.
    from jsonschema import Draft202012Validator, validators

    checker = Draft202012Validator.TYPE_CHECKER.redefine_many(
        # jsonschema alone would let 1.0 pass as a whole number, and .nan and 1.0e+400 as numbers.
        {
            "integer": lambda _, value: type(value) is int and abs(value) < TOO_LARGE,
            "number": lambda _, value: (
                (type(value) is int and abs(value) < TOO_LARGE)
                or (type(value) is float and math.isfinite(value))
            ),
        }
    )
    return validators.extend(Draft202012Validator, type_checker=checker)(_schema(algorithms, kinds))


def _position(error: ValidationError, config: Mapping[str, Any]) -> tuple[int, ...]:
    """Where in the document an error is, to sort by; what is missing counts as the last key."""
    positions, value = [], config
    for part in error.absolute_path:
        positions.append(list(value).index(part) if isinstance(value, Mapping) else part)
        value = value[part]
    if error.validator == "required":
        positions.append(len(value))
    elif (key := _wrong_key(error)) is not None:
        positions.append(list(value).index(key))
    return tuple(positions)


def _wrong_key(error: ValidationError) -> Any:
    """The key that an error is about, of the mapping at its path; None if it is about a value."""
    if "propertyNames" in error.absolute_schema_path:
        return error.instance
    if error.validator == "additionalProperties":
        return next(key for key in error.instance if key not in error.schema["properties"])
    return None


def _sentence(error: ValidationError, config: Mapping[str, Any]) -> str:
    """One sentence: the key, what was found, what is allowed."""
    name, value, bound = dotted(error.absolute_path), error.instance, error.validator_value
    if "propertyNames" in error.absolute_schema_path:
        return _no_id(name, value, error.schema)
    found = f"{name} is {_shown(value)}"
    match error.validator:
        case "additionalProperties":
            return _unknown(name, error, config)
        case "required":
            return _missing(name, error)
        case "type":
            return _wrong_type(name, error)
        case "minLength":
            return f"{name} is an empty text."
        case "minItems" | "maxItems" | "minProperties":
            has = f"has {_entries(len(value))}" if value else "is empty"
            most = "most" if error.validator == "maxItems" else "least"
            return f"{name} {has}; it needs at {most} {_entries(bound)}."
        case "uniqueItems":
            twice = next(each for each in value if value.count(each) > 1)
            return f"{name} holds {_shown(twice)} more than once; once is enough."
        case "enum":
            hint = f": {_quote(value)}" if isinstance(value, bool) else did_you_mean(value, bound)
            also = f", {error.schema['$comment']}" if "$comment" in error.schema else ""
            return f"{found}{hint}; {allowed_are(bound)}{also}."
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            words = (
                f"{_BOUNDS[key]} {error.schema[key]}" for key in _BOUNDS if key in error.schema
            )
            return f"{found}; it must be {listed(words)}."
        case "pattern":
            allowed = error.schema.get("$comment", f"text that matches {bound}")
            return f"{found}; it must be {allowed}."
    return f"{found}: {error.message}."


def _no_id(name: str, key: object, entry: Mapping[str, Any]) -> str:
    if isinstance(key, bool):
        return f"{name} has the key {_shown(key)}: {_quote(key)}."
    if not isinstance(key, str):
        text = "null" if key is None else key
        return f'{name} has the key {text}, which is no text: write it as "{text}".'
    return f"{name} has the key {key!r}; it must be {entry['$comment']}."


def _unknown(name: str, error: ValidationError, config: Mapping[str, Any]) -> str:
    key, allowed = _wrong_key(error), list(error.schema["properties"])
    found = f"{name} has the unknown key {key!r}"
    path = tuple(error.absolute_path)
    if path[:1] == ("methods",):
        entries = schema()["$defs"]["algorithms"]
        others = [each for each, entry in entries.items() if key in entry["properties"]]
        if others:
            this = config["methods"][path[1]]["algorithm"]
            found = f"{dotted((*path, key))} is an option of {listed(others)} but not of {this}"
    return f"{found}{which_key(key, allowed)}; {allowed_are(allowed)}."


def _missing(name: str, error: ValidationError) -> str:
    key = next(each for each in error.validator_value if each not in error.instance)
    properties = error.schema["properties"]
    others = [str(each) for each in error.instance if each not in properties]
    near = difflib.get_close_matches(key, others, n=1)
    instead = f" (found {near[0]!r} instead)" if near else ""
    names = properties.get(key, {}).get("enum")
    return f"{name} lacks the key {key}{instead}{f': one of {listed(names)}' if names else ''}."


def _wrong_type(name: str, error: ValidationError) -> str:
    value, wanted = error.instance, error.validator_value
    wanted = [wanted] if isinstance(wanted, str) else wanted
    found, must = f"{name} is {_shown(value)}", " or ".join(_TYPES[each] for each in wanted)
    if "examples" in error.schema:
        must += f", as {_yaml(error.schema['examples'][0])}"
    if isinstance(value, str):
        found = f"{name} is the text {value!r}{_number(value, wanted)}"
    elif value is None:
        found = f"{name} is empty"
    elif isinstance(value, bool) and "string" in wanted:
        return f"{found}: {_quote(value)}."
    elif "string" in wanted and not isinstance(value, list | Mapping):
        return f'{found}, which YAML does not read as text: write "{value}".'
    elif type(value) is int and {"integer", "number"} & {*wanted}:
        must = f"smaller than {TOO_LARGE}"
    elif isinstance(value, float) and not math.isfinite(value):
        must = "a finite number"
    return f"{found}; it must be {must}."


def _number(text: str, wanted: Sequence[str]) -> str:
    """What to write for a text that is a number to its writer: in quotes, or 2e-5 for 2.0e-5."""
    try:
        number = int(text) if "integer" in wanted else float(text) if "number" in wanted else None
    except ValueError:
        return ""
    if number is None or not math.isfinite(number):
        return ""
    if "e" in text.lower():
        return f" (YAML reads an exponent only after a dot and with a sign: write {_yaml(number)})"
    return f" (write {_yaml(number)}, without quotes)"


def _quote(value: bool) -> str:
    words, as_text = ("yes, on or true", "yes") if value else ("no, off or false", "no")
    return f'YAML reads an unquoted {words} so; write it in quotes, as "{as_text}"'


def _shown(value: object) -> str:
    """A value as the user would find it in the file, cut when it is long."""
    text = json.dumps(value) if isinstance(value, bool) or value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _yaml(value: object) -> str:
    return yaml.safe_dump(value, default_flow_style=True).splitlines()[0]


def _entries(n: int) -> str:
    return f"{n} {'entry' if n == 1 else 'entries'}"
