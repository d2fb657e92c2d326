"""The two presets, option by option, and their agreement with the schema."""

from __future__ import annotations

from typing import Any

import pytest
from small_study import study

from lottery.config.schema import schema
from lottery.pruning.algorithms import PRESETS, algorithm, algorithm_names
from lottery.pruning.algorithms.declaration import METHOD_KEYS
from lottery.pruning.subnetworks import base_name, draws

# option: published, strict. The normative table, written out once more on purpose.
BOTH = {
    "search_on": ("validation", "search_half"),
    "threshold": ("full", "majority"),
    "keep_score": (0.9, 0.9),
    "search_metric": ("search", "reported"),
    "majority": ("validation", "train"),
    "search_batch_size": (64, 64),
    "search_order": ("file", "length"),
    "halves": (False, True),
}
TABLE = {
    "structured": BOTH
    | {
        "importance": ("running_sum", "per_example"),
        "units": (["head", "mlp"], ["head", "mlp"]),
        "normalisation": ("all", "kept"),
        "layer_norm": ("l2", "l2"),
        "stage_start": ("stale", "recompute"),
        "head_step": (0.1, 0.1),
        "mlp_step": (1, 1),
        "ranking": ("per_kind", "per_kind"),
        "emptied_attention": ("drop_bias", "keep_bias"),
    },
    "magnitude": BOTH
    | {
        "step": (0.05, 0.05),
        "max_steps": (30, 30),
        "importance": ("magnitude", "magnitude"),
        "scope": ("global", "global"),
    },
    "iterative": BOTH | {"share": (0.2, 0.2), "rounds": (10, 10)},
}


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", TABLE)
def test_presets(name: str, preset: str) -> None:
    method = study(f"methods: {{x: {{algorithm: {name}, preset: {preset}}}}}").methods["x"]
    assert method.options == {
        option: values[PRESETS.index(preset)] for option, values in TABLE[name].items()
    }


def test_published_is_the_default_and_an_option_is_set_by_its_name() -> None:
    method = study("methods: {x: {algorithm: structured, threshold: majority}}").methods["x"]
    assert method.preset == "published"
    assert method.options["threshold"] == "majority"
    assert method.options["search_on"] == "validation"


def test_default_subnetworks() -> None:
    strict = ("good", "good_half", "random_half", "random_half_2", "random_half_3", "bad_half")
    for name in TABLE:
        methods = study(
            f"methods: {{p: {{algorithm: {name}}}, s: {{algorithm: {name}, preset: strict}}}}"
        ).methods
        assert methods["p"].subnetworks == ("good", "random", "bad")
        assert methods["s"].subnetworks == strict


def test_halves_decide_the_controls_whatever_the_preset() -> None:
    methods = study(
        """methods:
          a: {algorithm: magnitude, halves: true, subnetworks: [good_half, bad_half]}
          b: {algorithm: magnitude, preset: strict, halves: false, subnetworks: [bad]}"""
    ).methods
    assert (methods["a"].halves, methods["a"].controls) == (True, "strict")
    assert (methods["b"].halves, methods["b"].controls) == (False, "published")


def test_further_draws() -> None:
    text = "methods: {{x: {{algorithm: magnitude, preset: {}, subnetworks: [{}]}}}}"
    assert study(text.format("published", "random_2")).methods["x"].subnetworks == ("random_2",)
    assert study(text.format("strict", "random_half_12")).methods["x"].subnetworks
    assert list(draws("random_half", 3)) == ["random_half", "random_half_2", "random_half_3"]
    assert {base_name(name) for name in draws("random", 12)} == {"random"}
    for name in ("random_half", "random_1", "random_02", "good_2", "super_random_2", "random_x"):
        assert base_name(name) == name


def test_the_schema_names_every_algorithm() -> None:
    methods = schema()["properties"]["methods"]["additionalProperties"]
    named = methods["properties"]["algorithm"]["enum"]
    assert tuple(named) == algorithm_names() == ("structured", "magnitude", "iterative", "imported")


@pytest.mark.parametrize("name", algorithm_names())
def test_schema_and_options_agree(name: str) -> None:
    entries = _definition(name)["properties"]
    options = algorithm(name).options
    assert set(entries) - set(METHOD_KEYS) == set(options)
    for key, option in options.items():
        if option.published is None:  # no preset can know it, so the schema requires it
            assert key in _definition(name)["required"]
            continue
        published, strict = (_as_yaml(option.preset(preset)) for preset in PRESETS)
        described = f"published: {published}; strict: {strict}."
        assert entries[key]["description"].endswith(described), key


@pytest.mark.parametrize("name", algorithm_names())
def test_default_subnetworks_are_allowed_ones(name: str) -> None:
    declared = algorithm(name)
    for preset in PRESETS:
        names = {base_name(each) for each in declared.default_subnetworks[preset]}
        assert names <= set(declared.subnetworks[preset])


def test_every_object_of_the_schema_is_closed_and_every_key_described() -> None:
    for place, entry in _entries(schema(), ()):
        # An entry of methods only leads to the closed entry of its algorithm.
        if entry.get("type") == "object" and "allOf" not in entry:
            assert "additionalProperties" in entry, place
        if not {"if", "then"} & set(place):
            for key, below in entry.get("properties", {}).items():
                assert below.get("description"), (*place, key)


def _definition(name: str) -> dict[str, Any]:
    return schema()["$defs"]["algorithms"][name]


def _as_yaml(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _entries(value: object, place: tuple[str, ...]) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    """Every mapping of the schema that describes something, with its place."""
    if not isinstance(value, dict):
        return []
    here = [(place, value)] if "properties" in value or value.get("type") == "object" else []
    below = [found for key, each in value.items() for found in _entries(each, (*place, key))]
    return here + below
