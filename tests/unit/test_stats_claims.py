"""Every claim: supported where it is true, contradicted where it is false, and honest otherwise."""

from __future__ import annotations

from dataclasses import replace

import pytest
from synthetic_claims import (
    ALSO_FALSE,
    FALSE,
    GRANULARITIES,
    METHODS,
    SEARCH,
    TASKS,
    World,
    evidence,
    facts,
    reported,
    rows_of,
)

from lottery import files
from lottery.pruning.algorithms.declaration import PAPERS_METHODS
from lottery.statistics import differences
from lottery.statistics.claims.check import papers_value
from lottery.statistics.claims.evidence import BASELINES
from lottery.statistics.claims.follow_ups import FOLLOW_UPS
from lottery.statistics.claims.table import CLAIMS
from lottery.statistics.intervals import holm

IDS = [f"A{number}" for number in range(1, 6)] + [f"C{number}" for number in range(1, 16)]
WORDS = {"supported", "contradicted", "undecided", "true by construction"}
WORDS |= {"not applicable", "not run"}
# A ratio of spreads of six tasks has no smaller p-value than 1/64, which does not survive the
# correction for so many claims.
ALONE = ("C3",)


@pytest.fixture(scope="module")
def true_rows():
    return rows_of(World())


def spoken_of() -> list[tuple[str, str]]:
    """(claim, method) of every claim about the method's granularity."""
    return [(claim.id, PAPERS_METHODS[name]) for claim in CLAIMS for name in claim.parts]


def row_of(world: World, claim: str, method: str, **changes: object) -> dict:
    """The row of a claim that is judged alone."""
    return rows_of(world, claim, **changes)[claim, method]


def test_there_is_a_row_for_every_claim_and_method_the_abstract_first(true_rows):
    assert [claim.id for claim in CLAIMS] == IDS
    assert list(dict.fromkeys(claim for claim, _ in true_rows)) == IDS
    assert set(true_rows) == {(claim, method) for claim in IDS for method in METHODS}
    assert all(row["verdict"] in WORDS for row in true_rows.values())


@pytest.mark.parametrize("key", spoken_of(), ids="-".join)
def test_a_true_claim_is_supported(key, true_rows):
    row = row_of(World(), *key) if key[0] in ALONE else true_rows[key]
    expected = "true by construction" if key[0] == "C1" else "supported"
    assert row["verdict"] == expected, row["details"]
    assert row["direction"] == "supports"
    assert row["published"] and row["statement"] and row["test"] and row["effect"]
    if row["low"] is not None:
        assert row["low"] <= row["estimate"] <= row["high"]


@pytest.mark.parametrize("key", FALSE, ids="-".join)
def test_a_false_claim_is_contradicted(key):
    row = row_of(FALSE[key](), *key)
    assert (row["verdict"], row["direction"]) == ("contradicted", "against"), row["details"]


def test_claims_that_could_be_contradicted_all_have_a_world_in_which_they_are():
    # A permutation test of what pairs of tasks share has no other side.
    assert {*spoken_of()} - {*FALSE} == {("C14", "structured")}


@pytest.mark.parametrize("key", ALSO_FALSE, ids="-".join)
def test_every_part_of_a_claim_must_hold(key):
    row = row_of(ALSO_FALSE[key](), *key)
    assert row["verdict"] == "contradicted", row["details"]


@pytest.mark.parametrize("claim", ["A1", "A2", "C2", "C3", "C5", "C6", "C7", "C8", "C9"])
def test_noise_decides_nothing(claim):
    world = World(sd=0.5, sds={}, tasks=("cola", "mnli"))
    (row,) = (row for row in rows_of(world, claim).values() if "p" in row) if claim[0] == "C" else (
        rows_of(world, claim)[claim, "structured"],
    )  # fmt: skip
    assert row["verdict"] == "undecided"


def test_a_claim_of_an_unfinished_study_says_on_how_many_runs_it_rests(true_rows):
    world, asked = World(), dict.fromkeys(METHODS, len(TASKS))
    assert not any(row.get("incomplete") for row in true_rows.values())
    whole = rows_of(world, asked_tasks=asked)
    assert [row["incomplete"] for row in whole.values() if "effect" in row] == [""] * len(
        [row for row in true_rows.values() if "effect" in row]
    )
    gone = ("rte", "structured", "good", "retrained")
    scores = [
        score
        for score in world.scores()
        if (score.task, score.method, score.subnetwork, score.phase) != gone
        or score.seed != world.seeds[0]
    ]
    rows = rows_of(world, scores=reported(scores, world), asked_tasks=asked)
    of_retrained = {key for key, row in rows.items() if row.get("incomplete")}
    assert {rows[key]["incomplete"] for key in of_retrained} == {"rests on 29 of 30 runs"}
    assert of_retrained == {(claim, "structured") for claim in ("A1", "C3", "C6")}
    # Of analyses of masks a task or a seed is missing as a whole.
    few = rows_of(World(tasks=TASKS[1:]), "A4", "A5", "C10", "C11", "C13", asked_tasks=asked)
    found = {row["incomplete"] for row in few.values() if "effect" in row}
    assert found == {"rests on 25 of 30 runs"}


def test_no_difference_found_is_no_equality():
    """Good and random differ by nothing that 5 seeds could show: that supports no equality."""
    row = row_of(World(levels={}, by_task={}, sd=0.2, sds={}), "C6", "structured")
    assert row["low"] < 0 < row["high"]
    assert row["verdict"] == "undecided"


@pytest.mark.parametrize(
    ("claim", "method", "level"),
    [
        ("C2", "magnitude", ("magnitude", "good", "retrained")),
        ("C3", "structured", ("structured", "good", "retrained")),
        ("C6", "structured", ("structured", "random", "retrained")),
        ("C15", "structured", ("structured", "bad", "retrained")),
    ],
)
def test_better_than_expected_contradicts_nothing(claim, method, level):
    """Lottery claims say "no worse": a subnetwork that is better supports them."""
    world = World()
    world.levels[level] = 0.97
    row = row_of(world, claim, method)
    assert (row["verdict"], row["direction"]) == ("supported", "supports"), row["details"]


def test_worse_on_every_task_does_not_contradict_worse_on_some():
    everywhere = {"super_random": 0.4, "super_bad": 0.4}
    levels = {("structured", name, "retrained"): value for name, value in everywhere.items()}
    world = World(by_task=dict.fromkeys(World().tasks, levels))
    assert row_of(world, "C9", "structured")["verdict"] == "undecided"


def test_two_seeds_give_a_direction_and_no_verdict():
    rows = rows_of(World(seeds=(1337, 42)))
    for key in spoken_of():
        row = rows[key]
        assert row["direction"] == "supports", key
        if row["verdict"] != "true by construction":
            assert row["verdict"] == "undecided", key
            assert row["reason"] == "A verdict takes 3 seeds; this run has 2."
    false = row_of(replace(FALSE["C6", "structured"](), seeds=(1337, 42)), "C6", "structured")
    assert (false["verdict"], false["direction"]) == ("undecided", "against")


def test_one_seed_gives_rows_all_the_same():
    row = row_of(World(seeds=(1337,)), "C2", "magnitude")
    assert (row["verdict"], row["direction"]) == ("undecided", "supports")
    assert row["estimate"] == pytest.approx(0.005)
    assert row_of(World(seeds=(1337,)), "C3", "structured")["verdict"] == "undecided"


def test_a_ratio_of_spreads_takes_six_tasks():
    row = row_of(World(tasks=("cola", "mnli", "qnli", "rte", "qqp")), "C3", "structured")
    assert row["verdict"] == "undecided"
    assert row["reason"] == "A ratio of spreads takes 6 tasks; this run has 5."


def test_examples_widen_the_interval():
    """What few examples leave open decides nothing, however much the seeds agree."""
    sure, unsure = (row_of(World(se_examples=se), "C7", "structured") for se in (0.002, 0.2))
    assert unsure["estimate"] == sure["estimate"]
    assert unsure["high"] - unsure["low"] > 10 * (sure["high"] - sure["low"])
    assert (sure["verdict"], unsure["verdict"]) == ("supported", "undecided")


def test_without_the_noise_of_examples_its_bound_is_taken():
    none = files.table([], differences.SCHEMA)
    known, bound = (
        row_of(World(se_examples=0.0005), "C7", "structured", **x)
        for x in ({}, {"differences": none})
    )
    assert bound["low"] < known["low"] and known["high"] < bound["high"]


def test_p_values_are_corrected_over_the_claims_of_a_method(true_rows):
    for method in METHODS:
        rows = [row for (_, name), row in true_rows.items() if name == method and "p_holm" in row]
        assert len(rows) > 5
        assert [row["p_holm"] for row in rows] == holm([row["p"] for row in rows])
    # Among others that are open, what would be decided alone is not.
    spread = rows_of(World(association=0.06))["C3", "structured"]
    assert spread["p"] < 0.025 < spread["p_holm"]
    assert spread["verdict"] == "undecided" and "Holm" in spread["reason"]


def strict_methods(world: World, names: tuple[str, ...]) -> dict:
    search = SEARCH | {"search_on": "search_half"}
    return {
        method: facts(method, names, controls="strict", split="report_half", search=search)
        for method in world.methods
    }


def test_a_search_scored_on_other_examples_is_tested():
    world = World(split="report_half")
    rows = rows_of(world, "C1", "C2", "C4", "C10",
                   methods=strict_methods(world, ("good", "good_half", "bad_half")))  # fmt: skip
    assert rows["C1", "structured"]["verdict"] == "supported"
    assert rows["C1", "structured"]["estimate"] == pytest.approx(0.83 - 0.9 * 0.9)
    # What is read as good otherwise are the halves, which this world has no scores of.
    assert rows["C2", "magnitude"]["verdict"] == "not run"
    assert rows["C4", "structured"]["verdict"] == "supported"
    # So are they where agreement over seeds is judged: here the halves agree, the good ones do not.
    assert rows["C10", "structured"]["verdict"] == "contradicted"
    assert rows["C10", "structured"]["estimate"] == pytest.approx(0.8, abs=0.01)


def test_halves_are_named_and_the_papers_number_is_not_theirs():
    halves = ("good", "good_half", "random_half", "bad_half")
    world = World(methods={"structured": halves, "magnitude": halves}, split="report_half")
    given = strict_methods(world, halves)
    rows = rows_of(world, "A1", "C6", "C10", methods=given)
    row = rows["C6", "structured"]
    assert row["judged"] == "good half, random half"
    assert row["quantity"] == "good half - random half, retrained"
    assert row["effect"].startswith("good half is ")
    assert row["published_value"] is None and not row.get("published")
    assert "good half" in row["published_note"]
    assert rows["C10", "structured"]["judged"] == "good half"
    # The search's own result is what the abstract speaks of.
    assert rows["A1", "structured"]["judged"] == ""
    assert rows["A1", "structured"]["published_value"] == pytest.approx(
        0.756 - 0.9 * 0.814, abs=1e-3
    )


def test_numbers_by_another_formula_are_not_shown(true_rows):
    row = true_rows["C14", "structured"]
    assert row["published_value"] is None and "another formula" in row["published_note"]
    for claim in ("C12", "C15"):
        assert "second-hand" in true_rows[claim, "structured"]["published_note"]


def test_sizes_are_compared_under_the_same_threshold_only():
    world = World()
    methods = {method: facts(method, names) for method, names in world.methods.items()}
    methods["magnitude"] = replace(methods["magnitude"], search=SEARCH | {"keep_score": 0.8})
    rows = rows_of(world, "C1", "C4", methods=methods)
    assert rows["C4", "structured"]["verdict"] == "not run"
    # Nine tenths are not what this search stopped at.
    assert rows["C1", "magnitude"]["verdict"] == "supported"


def test_claims_without_their_runs_or_tables_are_not_run():
    world = World(methods={"structured": ("good",)})
    rows = rows_of(world, tables={}, baselines=files.table([], BASELINES))
    missing = "A2 A3 A4 A5 C4 C6 C7 C8 C9 C10 C11 C12 C13 C14 C15".split()
    for claim in missing:
        assert rows[claim, "structured"]["verdict"] == "not run", claim
        assert rows[claim, "structured"]["reason"]
    assert "no bad subnetworks" in rows["C7", "structured"]["reason"]
    assert rows["C2", "structured"]["verdict"] == "not applicable"


def test_a_claim_whose_second_part_was_not_run_keeps_the_number_of_the_first():
    alone = World(methods={"structured": METHODS["structured"]})
    given = {"structured": replace(facts("structured", METHODS["structured"]), untrained={})}
    row = rows_of(alone, "A3", methods=given)["A3", "structured"]
    assert (row["verdict"], row["reason"]) == ("not run", "The untrained control was not run.")
    assert row["estimate"] == pytest.approx(0.36)
    # What is false already is false without it.
    false = World(methods=alone.methods, majority=0.8)
    assert rows_of(false, "A3", methods=given)["A3", "structured"]["verdict"] == "contradicted"


def test_a_claim_left_out_by_design_names_the_config_that_runs_it():
    given = {"structured": replace(facts("structured", METHODS["structured"]), untrained={})}
    world = World(methods={"structured": METHODS["structured"]})
    changes = {"left_out": {"A3": "more.yaml", "C6": "more.yaml"}, "methods": given}
    rows = rows_of(world, "A3", "C6", "C15", baselines=files.table([], BASELINES), **changes)
    reasons = {claim: row["reason"] for (claim, _), row in rows.items()}
    assert reasons["A3"] == "The untrained control was not run: left out here, more.yaml runs it."
    # Neither a claim that was run nor one that is not declared has such words.
    assert rows["C6", "structured"]["verdict"] == "supported" and not reasons["C6"]
    assert reasons["C15"] == "No scores of a BiLSTM were given."


def test_claims_about_another_granularity_are_not_applicable(true_rows):
    assert true_rows["C2", "structured"]["verdict"] == "not applicable"
    assert true_rows["C2", "structured"]["reason"] == "The claim is about magnitude pruning."


def test_claims_about_what_a_method_does_not_do_are_not_applicable():
    """A one-shot method searches down to no threshold; one that prunes MLPs alone has no heads."""
    methods = {
        "structured": facts("structured", METHODS["structured"], units=("mlp",), importance=False),
        "magnitude": facts("magnitude", METHODS["magnitude"], search={}),
    }
    rows = rows_of(World(), methods=methods)
    for claim in ("C1", "C4"):
        row = rows[claim, "magnitude"]
        assert row["verdict"] == "not applicable" and "estimate" not in row
        assert "stop" not in row["reason"] and "this method makes none" in row["reason"]
    for claim in ("A4", "A5", "C10", "C11", "C12", "C13", "C14"):
        assert rows[claim, "structured"]["verdict"] == "not applicable"
    assert "heads" in rows["C12", "structured"]["reason"]
    assert "importances" in rows["C11", "structured"]["reason"]
    # What they do is judged.
    assert rows["C2", "magnitude"]["verdict"] == "supported"
    assert rows["C1", "structured"]["verdict"] == "true by construction"
    # Nothing is left that it could be compared with.
    assert rows["C4", "structured"]["verdict"] == "not run"


def test_masks_made_elsewhere_are_judged_by_what_they_score():
    imported = facts("structured", METHODS["structured"], search={}, imported=True)
    rows = rows_of(World(), "C1", "C4", methods={"structured": imported})
    assert rows["C1", "structured"]["verdict"] == "supported"
    assert rows["C4", "structured"]["verdict"] == "not applicable"


def test_sizes_are_compared_between_the_granularities_alone():
    methods = {
        name: facts(name, METHODS["magnitude"], granularity="weights", units=()) for name in METHODS
    }
    rows = rows_of(World(), "C3", "C4", methods=methods)
    assert {rows["C4", name]["verdict"] for name in METHODS} == {"not run"}
    assert {rows["C3", name]["verdict"] for name in METHODS} == {"not applicable"}


def test_some_tasks_need_two_tasks_and_pairs_three():
    rows = rows_of(World(tasks=("cola",)), "C9", "C14")
    assert rows["C9", "structured"]["verdict"] == "not run"
    assert rows["C14", "structured"]["verdict"] == "not run"


def test_tasks_outside_averages_stay_out():
    world = World(tasks=(*World().tasks, "wnli"))
    world.by_task["wnli"] = dict.fromkeys(World().levels, 0.1)
    found, expected = (row_of(each, "C2", "magnitude") for each in (world, World()))
    assert found["estimate"] == pytest.approx(expected["estimate"])


def collapsed(world: World, seeds: tuple[int, ...]) -> dict:
    """Good subnetworks of one task collapse in some seeds."""
    scores = [
        replace(score, value=0.0, degenerate=True)
        if (score.task, score.subnetwork, score.phase) == ("rte", "good", "retrained")
        and score.seed in seeds
        else score
        for score in world.scores()
    ]
    return {"scores": reported(scores, world)}


def test_runs_that_collapsed_are_counted_and_left_out():
    sound = row_of(World(), "C2", "magnitude")
    row = row_of(World(), "C2", "magnitude", **collapsed(World(), (42, 86)))
    assert (row["n_runs"], row["n_collapsed"]) == (30, 2)
    assert row["collapsed_low"] < 2 / 30 < row["collapsed_high"]
    assert row["verdict"] == "supported"
    assert row["estimate"] == pytest.approx(sound["estimate"], abs=0.01)
    # One sound seed is too few for a spread: the task is left out.
    row = row_of(World(), "C2", "magnitude", **collapsed(World(), (42, 86, 71, 166)))
    assert (row["n_tasks"], row["n_collapsed"]) == (5, 4)


def test_whether_bad_subnetworks_learn_is_asked_of_collapsed_runs_too():
    world = World(methods={"structured": METHODS["structured"]})
    scores = [
        replace(score, value=world.majority, degenerate=True)
        if (score.subnetwork, score.phase) == ("bad", "retrained") and score.seed != 42
        else score
        for score in world.scores()
    ]
    rows = rows_of(world, "A3", "C7", scores=reported(scores, world))
    row = rows["A3", "structured"]
    assert "collapsed runs count here" in row["details"]
    # One seed that learns, of five, does not make bad subnetworks learn.
    assert row["verdict"] == "undecided"
    assert rows["C7", "structured"]["verdict"] == "undecided"


def test_runs_that_all_collapsed_are_not_judged():
    scores = [
        replace(score, value=0.5, degenerate=score.subnetwork != "majority")
        for score in World().scores()
    ]
    rows = rows_of(World(), "C6", "C7", scores=reported(scores, World()))
    for claim in ("C6", "C7"):  # all differences are 0, which looks like equality
        row = rows[claim, "structured"]
        assert row["verdict"] == "undecided", claim
        assert "collapsed" in row["reason"]


def test_the_papers_numbers_come_out_of_its_tables():
    expected = {
        ("A1", "structured"): 0.740 - 0.9 * 0.814,
        ("A2", "magnitude"): 0.754 - 0.372,
        ("C2", "magnitude"): 0.008,
        ("C5", "magnitude"): 0.806 - 0.613,
        ("C6", "structured"): 0.024,
        ("C7", "structured"): 0.124,
        ("C8", "structured"): 0.088,
        ("C10", "structured"): 0.240,
        ("C12", "structured"): 0.0023,
    }
    known = evidence(World())
    for (claim_id, method), value in expected.items():
        (claim,) = (claim for claim in CLAIMS if claim.id == claim_id)
        granularity = GRANULARITIES[method]
        part = claim.parts[granularity][0]
        found = papers_value(claim, part, granularity, known)
        assert found == pytest.approx(value, abs=1e-3), claim_id
    every = (*CLAIMS, *FOLLOW_UPS)
    assert set(known.paper) == {(claim.id, name) for claim in every for name in claim.parts}


def test_a_search_whose_scores_are_below_its_own_threshold_is_contradicted():
    row = row_of(FALSE["C1", "structured"](), "C1", "structured")
    assert row["verdict"] == "contradicted" and "yet the scores are below" in row["reason"]


def test_seeds_that_agree_to_the_last_digit_prove_nothing():
    world = World(kept={("structured", "good"): 0.6, ("magnitude", "good"): 0.5})
    scores = [replace(score, kept_fraction=0.5) for score in world.scores()]
    row = row_of(world, "C4", "structured", scores=reported(scores, world))
    assert (row["verdict"], row["reason"]) == ("undecided", "The values do not vary over seeds.")
