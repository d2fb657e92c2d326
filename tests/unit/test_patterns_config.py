"""Which methods' patterns are looked at, and what the rules depend on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from small_study import study

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
    assert params.classify_params(made) == {"maps_per_cell": 7}
    assert params.classifier_params(made) == {
        "training_maps": 2000,
        "epochs": 30,
        "annotated_maps": None,
    }
    of_patterns = params.pattern_params(made, "small", "both")
    assert of_patterns == {"published": {}, "averaged_tasks": ["rte"], "permutations": 21}


def test_annotated_maps_are_inputs(tmp_path: Path):
    assert params.annotated_files(study()) == []
    for name in ("raw/block/b.npy", "raw/block/a.npy", "normed/vertical/a.npy", "raw/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.eye(2))
    made = study(f"analysis: {{annotated_maps: {tmp_path}}}")
    assert params.annotated_files(made) == [
        str(tmp_path / name)
        for name in ("normed/vertical/a.npy", "raw/block/a.npy", "raw/block/b.npy")
    ]
    assert params.classifier_params(made)["annotated_maps"] == str(tmp_path)
