"""Params of the analyses of masks, and which methods belong together."""

from __future__ import annotations

import numpy as np
from small_study import study

from lottery.planning import params

FAMILY = """
tasks: {rte: {}, wnli: {}}
methods:
  s: {algorithm: structured}
  s_half: {algorithm: structured, search_on: search_half, subnetworks: []}
  s_train: {algorithm: structured, search_on: train_sample, subnetworks: []}
  rte_only: {algorithm: structured, search_on: search_half, only_tasks: [rte]}
  examples: {algorithm: structured, importance: per_example}
  m: {algorithm: magnitude}
  m_same: {algorithm: magnitude}
  strict: {algorithm: structured, preset: strict}
  strict_other: {algorithm: structured, preset: strict, halves: false, search_on: report_half}
  strict_sizes: {algorithm: structured, preset: strict, halves: false, subnetworks: [], kept: [0.5]}
"""


def test_methods_that_differ_in_their_examples_alone_are_a_family():
    made = study(FAMILY)
    assert params.family_of(made, "s_half") == ["s", "s_half", "s_train"]
    assert params.family_of(made, "strict_other") == ["strict", "strict_other"]
    # Equal methods search on the same examples: nothing to compare, and none counts twice.
    assert params.families(made) == ["s", "strict"]
    assert params.noise_params(made, "small", "strict") == {
        "search_on": {"strict": "search_half", "strict_other": "report_half"},
        "averaged_tasks": ["rte"],
        "permutations": 2000,
        "published": False,
    }


def test_a_method_that_lends_its_sizes_stays_in_its_family():
    made = study(
        """
models: {small: {source: embedded}, drawn: {source: embedded, init: random}}
methods:
  s: {algorithm: structured, sizes_from: small, subnetworks: [good, random]}
  s_half: {algorithm: structured, models: [small], search_on: search_half, subnetworks: []}
  s_both: {algorithm: structured, search_on: train_sample, subnetworks: []}
"""
    )
    # The last one searches the drawn model as well.
    assert params.family_of(made, "s") == ["s", "s_half"]
    assert params.families(made) == ["s"]


def test_importance_params_hold_no_options_since_the_search_has_saved_its_path():
    found = params.importance_params(study(FAMILY), "small", "strict")
    tested = {"averaged_tasks": ["rte"], "permutations": 2000}
    assert found == tested | {"tasks": ["rte", "wnli"], "seeds": [3, 1], "published": {}}


def test_published_marks_stand_where_model_method_and_task_are_the_papers():
    paper = f"{{source: google-bert/bert-base-uncased, revision: {'a' * 40}}}"
    changes = f"models: {{small: {{source: embedded}}, bert: {paper}}}\n{FAMILY}"
    made = study(changes)
    recipe = {"rte": "rte", "wnli": "wnli"}
    assert params.published_tasks(made, "bert", "s") == recipe
    assert params.published_tasks(made, "small", "s") == {}
    assert params.published_tasks(made, "bert", "examples") == {}
    assert params.published_tasks(made, "bert", "m") == {}
    assert params.overlap_params(made, "bert", "s")["averaged_tasks"] == ["rte"]


def test_imported_masks_go_by_their_names_of_tasks(tmp_path):
    np.savez(tmp_path / "masks.npz", a=np.zeros(1))
    made = study(
        """
tasks: {rte: {}, cola: {}}
methods:
  i: {algorithm: imported, masks: masks.npz, tasks: {RTE: rte}}
  j: {algorithm: imported, masks: masks.npz, emptied_attention: keep_bias}
""",
        tmp_path,
    )
    assert params.import_params(made, "i", "rte") == {
        "masks": "masks.npz",
        "task_name": "RTE",
        "emptied_attention": "drop_bias",
    }
    assert params.import_params(made, "j", "cola")["task_name"] == "cola"
    assert params.import_params(made, "j", "cola")["emptied_attention"] == "keep_bias"
    assert params.families(made) == []
    assert params.config_params(made, "small") == {
        "source": "embedded",
        "kind": "embedded",
        "revision": None,
    }


def test_the_papers_searches_of_one_kind_of_unit_are_recognised():
    methods = """
methods:
  heads: {algorithm: structured, units: heads, subnetworks: [good]}
  mlps: {algorithm: structured, units: mlps, subnetworks: [good]}
  both: {algorithm: structured}
  other: {algorithm: structured, units: heads, importance: per_example, subnetworks: [good]}
"""
    layout = params.layout_params(study(methods))
    assert {name: rows["published"] for name, rows in layout["methods"].items()} == {
        "heads": "heads_only",
        "mlps": "mlps_only",
        "both": "structured",
        "other": None,
    }
