"""The closed schema of the config: one check, and the defaults that stand in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from lottery.config.sentences import key_sentence, key_text, place, sentence
from lottery.errors import StudyError

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

SCHEMA_PATH = Path(__file__).resolve().parents[3] / "schemas" / "config.schema.yaml"


@cache
def schema() -> dict[str, Any]:
    """The schema of the config, read once."""
    with SCHEMA_PATH.open(encoding="utf-8") as file:
        return yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def defaults(section: str) -> dict[str, Any]:
    """The default of every key of a top-level section, in the schema's order."""
    properties = resolve(schema()["properties"][section]).get("properties", {})
    return {name: entry["default"] for name, entry in properties.items() if "default" in entry}


def resolve(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of the schema with its `$ref` followed; keys beside the `$ref` win."""
    if "$ref" not in entry:
        return dict(entry)
    target: Any = schema()
    for name in entry["$ref"].removeprefix("#/").split("/"):
        target = target[name]
    return resolve(target) | {key: value for key, value in entry.items() if key != "$ref"}


def check_schema(config: Mapping[str, Any]) -> None:
    """Refuses a config that does not fit the schema.

    Raises:
        StudyError: the first problem in the order of the document.
    """
    # A mapping in the place of a list is told as that, whatever its keys.
    lists = {key for key, entry in schema()["properties"].items() if entry.get("type") == "array"}
    for path, key in _odd_keys({k: v for k, v in config.items() if k not in lists}, ()):
        raise StudyError(key_sentence(path, key))
    errors = list(_validator().iter_errors(config))
    if errors:
        first = min(errors, key=lambda error: place(error, config))
        raise StudyError(sentence(first, config, schema()))


def _odd_keys(
    value: object, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """Keys that are no text, as an unquoted no or 1 gives, with the path of their mapping."""
    items = value.items() if isinstance(value, Mapping) else ()
    for key, below in items:
        if not isinstance(key, str):
            yield path, key
        yield from _odd_keys(below, (*path, key if isinstance(key, str) else key_text(key)))
    if isinstance(value, list):
        for position, below in enumerate(value):
            yield from _odd_keys(below, (*path, position))


@cache
def _validator() -> Validator:
    # jsonschema takes a tenth of a second to import; who wants only this room's types is spared it.
    from jsonschema import Draft202012Validator, validators

    checker = Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_integer, "number": _is_number}
    )
    return validators.extend(Draft202012Validator, type_checker=checker)(schema())


def _is_integer(_: object, value: object) -> bool:
    """A whole number as written: jsonschema alone would let 1.0 pass."""
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(_: object, value: object) -> bool:
    """A finite number: every range check lets .nan pass."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < float("inf")
