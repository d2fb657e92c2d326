"""Which methods' patterns are looked at, and what the rules depend on."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_study import study

from lottery.files.errors import StudyError
from lottery.planning import params

METHODS = """
tasks: {rte: {}, wnli: {}}
methods:
  both: {algorithm: structured}
  heads: {algorithm: structured, units: heads}
  mlps: {algorithm: structured, units: mlps}
  m: {algorithm: magnitude}
analysis: {maps_per_cell: 7, permutations: 21}
"""


def test_patterns_are_looked_at_where_a_search_may_prune_heads():
    made = study(METHODS)
    found = [name for name, method in made.methods.items() if params.has_patterns(method)]
    assert found == ["both", "heads"]


def test_each_rule_depends_on_its_own_sizes_alone():
    made = study(METHODS)
    assert params.classify_params(made, "rte") == {
        "maps_per_cell": 7,
        "least_map_tokens": 16,
        "max_length": 128,
    }
    assert params.pattern_rule_params(made) == {"annotated_maps": None}
    of_patterns = params.pattern_params(made, "small", "both")
    assert of_patterns == {
        "published": {},
        "averaged_tasks": ["rte"],
        "permutations": 21,
        "least_map_tokens": 16,
    }


def test_annotated_maps_are_those_that_the_config_names(tmp_path: Path):
    made = study(f"analysis: {{annotated_maps: {tmp_path}}}")
    assert params.pattern_rule_params(made)["annotated_maps"] == str(tmp_path)


@pytest.mark.parametrize("key", ["pattern_training_maps", "pattern_epochs"])
def test_keys_of_the_former_classifier_are_unknown(key: str):
    with pytest.raises(StudyError, match=key):
        study(f"analysis: {{{key}: 50}}")
