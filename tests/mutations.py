"""Configs with one leaf changed: bounds, foreign types, huge and odd values, keys, aliases.

`mutants()` yields (name, text of a config file) in a fixed order. Whatever the text, reading it
ends in one sentence or in a study whose jobs can be listed.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import yaml

# A config that names every section, with values other than the defaults.
BASE = yaml.safe_load("""
models:
  one: {source: embedded}
  two: {source: embedded, init: random, init_seed: 3}
tasks:
  sentiment: {generated: sentiment, train_examples: 64, validation_examples: 32}
  acceptability: {generated: acceptability, in_average: false, training: {epochs: 1}}
seeds: [1, 2]
training: {learning_rate: 1.0e-3, batch_size: 8, epochs: 2, max_length: 32, warmup_steps: 0.1,
  weight_decay: 0.01, precision: fp32}
methods:
  structured:
    algorithm: structured
    preset: strict
    models: [one]
    subnetworks: [good, good_half, random_half, bad_half]
    threshold: full
    units: [head, mlp]
    keep_score: 0.8
  magnitude: {algorithm: magnitude, preset: published, only_tasks: [sentiment], subnetworks: [good]}
evaluation: {batch_size: 16}
compute: {torch_threads: 1, checkpoint_minutes: 5}
analysis: {permutations: 100, maps_per_cell: 2}
results: results/mutated
keep_retrained: false
data_warnings: warn
""")

VALUES: dict[str, Any] = {
    "null": None,
    "empty": "",
    "blank": "  ",
    "word": "no_such_word",
    "number as text": "1e-3",
    "true": True,
    "false": False,
    "zero": 0,
    "one": 1,
    "minus one": -1,
    "half": 0.5,
    "tiny": 5e-324,
    "large": 2**31,
    "larger": 2**63,
    "huge": 10**400,
    "huge float": 1.7e308,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "minus infinity": float("-inf"),
    "list": [],
    "list of nothing": [None],
    "mapping": {},
    "mapping of numbers": {1: 2},
    "nested": [[[[["a"]]]]],
    "long": "a" * 5000,
    "null byte": "a\0b",
    "line break": "a\nb",
    "full width": "\uff41\uff11",
    "combining": "e\u0301",
    "emoji": "\U0001f600",
    "surrogate": "\\ud800",
    "right to left": "\u202eabc",
    "wildcard": "{task}",
    "angle": "<results>",
    "parent": "../../outside",
    "root": "/",
    "device": "/dev/zero",
    "null device": "/dev/null",
    "stdin": "/dev/stdin",
    "no such user": "~nosuchuser/file",
    "home": "~",
    "dollar": "$x_$",
    "percent": "%s%n",
    "option": "--help",
    "pickle": "model.bin",
    "address": "http://127.0.0.1:9/x",
    "python": "__import__('os').system('true')",
    "date": yaml.safe_load("2020-01-01"),
    "binary": b"\xff\x00",
    "set": {"a", "b"},
}
TEXTS = {
    "empty file": "",
    "only a comment": "# nothing",
    "a list": "- 1\n- 2\n",
    "a text": "hello",
    "a number": "3",
    "two documents": "a: 1\n---\nb: 2\n",
    "tab": "models:\n\tone: {}\n",
    "open bracket": "seeds: [1, 2\n",
    "repeated key": "seeds: [1]\nseeds: [2]\n",
    "python tag": "seeds: !!python/object/apply:os.system ['true']\n",
    "unknown tag": "seeds: !mine [1]\n",
    "yte": "__use_yte__: true\n?if True:\n  seeds: [1]\n",
    "alias of itself": "seeds: &a [*a]\n",
    "mapping of itself": "models: &a {one: *a}\n",
    "unknown alias": "seeds: *a\n",
    "doubling aliases": "a: &a [x, x]\n"
    + "".join(f"{n}: &{n} [*{m}, *{m}]\n" for m, n in pairwise("abcdefghijklmnopqrstuvwxyz")),
    "deep": "[" * 3000 + "]" * 3000,
    "deep mapping": "{a: " * 3000 + "1" + "}" * 3000,
    "merge key": "a: &a {seeds: [1]}\n<<: *a\n",
    "merge of a number": "<<: 3\n",
    "list as key": "? [a, b]\n: 1\n",
    "null as key": "~: 1\n",
    "number as key": "1: 1\n",
    "base 60": "seeds: [1:30]\n",
    "octal": "seeds: [010]\n",
    "control": "a: \x07\n",
    "byte order mark": "\ufeffseeds: [1]\n",
    "utf-16": "seeds: [1]\n".encode("utf-16").decode("latin-1"),
    "json": '{"seeds": [1], "seeds": [2]}',
    "json NaN": '{"seeds": [NaN]}',
}


def leaves(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The places of a config, sections and lists among them."""
    if place:
        yield place
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, below in items:
            yield from leaves(below, (*place, key))


def changed(place: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    config = copy.deepcopy(BASE)
    section = config
    for key in place[:-1]:
        section = section[key]
    section[place[-1]] = value
    return config


def renamed(place: tuple[str | int, ...], key: Any) -> dict[str, Any]:
    config = copy.deepcopy(BASE)
    section = config
    for part in place[:-1]:
        section = section[part]
    section[key] = section.pop(place[-1])
    return config


def mutants() -> Iterator[tuple[str, str]]:
    """Every value at every place, every odd key in place of every key, and every odd text."""
    for place in leaves(BASE):
        where = ".".join(map(str, place))
        for name, value in VALUES.items():
            yield f"{where}: {name}", yaml.safe_dump(changed(place, value), allow_unicode=True)
        if isinstance(place[-1], str):
            for name in (
                "null",
                "true",
                "one",
                "NaN",
                "word",
                "empty",
                "wildcard",
                "long",
                "parent",
                "emoji",
                "date",
            ):
                text = yaml.safe_dump(renamed(place, VALUES[name]), allow_unicode=True)
                yield f"{where} renamed: {name}", text
    yield from ((f"text: {name}", text) for name, text in TEXTS.items())
