"""What the config says of a study's methods, for the statistics and the claims."""

from __future__ import annotations

from small_study import study

from lottery.planning.params import (
    claim_params,
    comparison_params,
    difference_rows,
    method_layout_params,
    trainability_params,
)

METHODS = """
models:
  small: {source: embedded}
  untrained: {source: embedded, init: random}
methods:
  s: {algorithm: structured}
  m: {algorithm: magnitude}
  s_strict: {algorithm: structured, preset: strict}
  m_strict: {algorithm: magnitude, preset: strict}
  heads: {algorithm: structured, units: heads}
"""


def test_claims_are_judged_on_pretrained_models_and_know_the_kinds_of_subnetworks():
    facts = claim_params(study(METHODS))["facts"]
    assert all(each["models"] == ["small"] for each in facts.values())
    assert (facts["m"]["granularity"], facts["m"]["units"]) == ("weights", [])
    assert (facts["s"]["granularity"], facts["heads"]["units"]) == ("units", ["head"])
    assert (facts["s"]["controls"], facts["s_strict"]["controls"]) == ("published", "strict")


def test_claims_and_the_table_of_what_still_learns_read_the_other_systems(tmp_path):
    path = tmp_path / "others.csv"
    path.touch()
    entry = study(METHODS + f"analysis: {{baselines: {path}}}")
    for function in (claim_params, trainability_params):
        assert function(entry)["baselines"] == str(path)
        assert function(study(METHODS))["baselines"] is None


def test_sizes_are_comparable_where_the_searches_stop_alike():
    facts = claim_params(study(METHODS))["facts"]
    assert facts["s"]["search"] == facts["m"]["search"]
    assert facts["s_strict"]["search"] == facts["m_strict"]["search"] != facts["s"]["search"]
    assert facts["heads"]["search"] != facts["m"]["search"]


def test_a_comparison_depends_on_its_permutations_and_a_figure_does_not():
    entry = study(METHODS + "analysis: {test_permutations: 99}")
    params = comparison_params(entry, "small", "m_strict")
    assert params["permutations"] == 99 < study(METHODS).analysis["test_permutations"]
    assert params["controls"] == "strict"
    drawn = method_layout_params(entry, "small", "m_strict")
    assert drawn == {"layout": params["layout"]}
    assert (drawn["layout"]["models"], list(drawn["layout"]["methods"])) == (
        ["small"],
        ["m_strict"],
    )


def test_methods_are_compared_where_they_are_shown_and_next_to_strict_ones():
    def splits(methods):
        rows = difference_rows(study(f"models: {{a: {{source: embedded}}}}\nmethods: {methods}"))
        return [(row["method"], row["split"]) for row in rows]

    published = "p: {algorithm: structured}"
    strict = "s: {algorithm: structured, preset: strict}"
    bare = "b: {algorithm: structured, subnetworks: []}"
    assert splits(f"{{{published}, {bare}}}") == [("p", "validation")]
    assert splits(f"{{{strict}}}") == [("s", "report_half")]
    both = [("p", "validation"), ("p", "report_half"), ("s", "report_half")]
    assert splits(f"{{{published}, {strict}, {bare}}}") == both
