"""The closed schema of the config: one check, and the defaults that stand in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from lottery.config.sentences import key_sentence, key_text, place, sentence
from lottery.files.errors import StudyError
from lottery.models.units import KINDS
from lottery.pruning.algorithms import PRESETS, declared
from lottery.tasks.metrics import METRICS

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

    from lottery.pruning.algorithms import Algorithm

SCHEMA_PATH = Path(__file__).resolve().parents[3] / "schemas" / "config.schema.yaml"


def schema() -> dict[str, Any]:
    """The schema of the config, with the algorithms and metrics that are declared at present."""
    return _schema(declared(), tuple(KINDS))


@cache
def _schema(algorithms: tuple[Algorithm, ...], kinds: tuple[str, ...]) -> dict[str, Any]:
    with SCHEMA_PATH.open(encoding="utf-8") as file:
        made = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    definitions, method = made["$defs"], made["$defs"]["method"]
    metric = definitions["task"]["properties"]["metric"]
    metric["enum"] = [name for name, each in METRICS.items() if not each.search_only]
    method["properties"]["algorithm"]["enum"] = [each.name for each in algorithms]
    method["properties"]["algorithm"]["$comment"] = "or what a file listed under plugins declares"
    # Each name leads to the algorithm's own, closed entry.
    method["allOf"] = [
        {
            "if": {"properties": {"algorithm": {"const": each.name}}, "required": ["algorithm"]},
            "then": {"$ref": f"#/$defs/algorithms/{each.name}"},
        }
        for each in algorithms
    ]
    common = definitions["common"]
    definitions["algorithms"] = {each.name: algorithm_schema(each, common) for each in algorithms}
    return made


def algorithm_schema(declared: Algorithm, common: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a method of one algorithm.

    Args:
        declared: the algorithm.
        common: the entries of the keys that methods share.
    """
    # Masks made elsewhere may name tasks otherwise; nothing is searched that could lend sizes.
    left_out = "sizes_from" if declared.imported else "tasks"
    keys = {key: {"$ref": f"#/$defs/common/{key}"} for key in common if key != left_out}
    left = "; ".join(
        f"{preset}: {', '.join(declared.default_subnetworks[preset]) or 'none'}"
        for preset in PRESETS
    )
    keys["subnetworks"]["description"] = (
        f"{common['subnetworks']['description']} Left out - {left}."
    )
    options = {name: option.schema() for name, option in declared.options.items()}
    return {
        "description": declared.summary,
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, option in declared.options.items() if option.required],
        "properties": keys | options,
    }


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
    errors = list(_validator(declared(), tuple(KINDS)).iter_errors(config))
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
def _validator(algorithms: tuple[Algorithm, ...], kinds: tuple[str, ...]) -> Validator:
    # jsonschema takes a tenth of a second to import, and jobs that only want types need none of it.
    from jsonschema import Draft202012Validator, validators

    checker = Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_integer, "number": _is_number}
    )
    return validators.extend(Draft202012Validator, type_checker=checker)(_schema(algorithms, kinds))


def _is_integer(_: object, value: object) -> bool:
    """A whole number as written: jsonschema alone would let 1.0 pass."""
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(_: object, value: object) -> bool:
    """A finite number: every range check lets .nan pass."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < float("inf")
