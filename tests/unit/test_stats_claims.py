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
    World,
    evidence,
    facts,
    reported,
    rows_of,
)

from lottery import files
from lottery.pruning.algorithms.declaration import PAPERS_METHODS
from lottery.report.tables.claims import VERDICTS
from lottery.statistics.claims import verdicts
from lottery.statistics.claims.check import papers_value
from lottery.statistics.claims.evidence import BASELINES
from lottery.statistics.claims.table import CLAIMS
from lottery.statistics.intervals import mean_estimate

IDS = [f"C{number}" for number in range(1, 16)]


@pytest.fixture(scope="module")
def true_rows():
    return rows_of(World())


def spoken_of() -> list[tuple[str, str]]:
    """(claim, method) of every claim about the method's granularity."""
    return [(claim.id, PAPERS_METHODS[name]) for claim in CLAIMS for name in claim.parts]


def test_there_is_a_row_for_every_claim_and_method(true_rows):
    assert [claim.id for claim in CLAIMS] == IDS
    assert set(true_rows) == {(claim, method) for claim in IDS for method in METHODS}
    assert all(row["verdict"] in VERDICTS for row in true_rows.values())


@pytest.mark.parametrize("key", spoken_of(), ids="-".join)
def test_a_true_claim_is_supported(key, true_rows):
    row = true_rows[key]
    expected = "true by construction" if key[0] == "C1" else "supported"
    assert row["verdict"] == expected, row["details"]
    assert row["verdict_without_degenerate"] == expected
    assert row["low"] <= row["estimate"] <= row["high"]
    assert row["published"] and row["statement"] and row["test"]


@pytest.mark.parametrize("key", spoken_of(), ids="-".join)
def test_a_false_claim_is_contradicted(key):
    row = rows_of(FALSE[key]())[key]
    assert row["verdict"] == "contradicted", row["details"]
    assert row["verdict_without_degenerate"] == "contradicted"


@pytest.mark.parametrize("key", ALSO_FALSE, ids="-".join)
def test_every_part_of_a_claim_must_hold(key, true_rows):
    row = rows_of(ALSO_FALSE[key]())[key]
    assert row["verdict"] == "contradicted", row["details"]


@pytest.mark.parametrize("claim", ["C2", "C3", "C5", "C6", "C7", "C8", "C9"])
def test_noise_decides_nothing(claim):
    world = World(sd=0.5, sds={}, tasks=("cola", "mnli"))
    (row,) = (row for key, row in rows_of(world).items() if key[0] == claim and "details" in row)
    assert row["verdict"] == "undecided"


def test_no_difference_found_is_no_equality():
    """Good and random differ by nothing that 5 seeds could show: that supports no equality."""
    world = World(levels={}, by_task={}, sd=0.2, sds={})
    row = rows_of(world)["C6", "structured"]
    assert row["low"] < 0 < row["high"]
    assert row["verdict"] == "undecided"


@pytest.mark.parametrize("key", spoken_of(), ids="-".join)
def test_two_seeds_decide_nothing(key):
    for world in (World(), FALSE[key]()):
        row = rows_of(replace(world, seeds=(1337, 42)))[key]
        built = "true by construction" if key[0] == "C1" else "undecided (too few seeds)"
        assert row["verdict"] == built, row["details"]


def test_one_seed_gives_rows_all_the_same():
    rows = rows_of(World(seeds=(1337,)))
    assert rows["C2", "magnitude"]["verdict"] == "undecided (too few seeds)"
    assert rows["C2", "magnitude"]["estimate"] == pytest.approx(0.005)
    assert rows["C3", "structured"]["verdict"] == "undecided (too few seeds)"


def test_a_search_scored_on_other_examples_is_tested():
    world = World()
    strict = {
        method: facts(
            method,
            ("good", "good_half", "bad_half"),
            controls="strict",
            split="report_half",
            search=SEARCH | {"search_on": "search_half"},
        )
        for method in world.methods
    }
    rows = rows_of(world, methods=strict)
    assert rows["C1", "structured"]["verdict"] == "supported"
    assert rows["C1", "structured"]["estimate"] == pytest.approx(0.83 - 0.9 * 0.9)
    # What is read as good otherwise are the halves, which this world has no scores of.
    assert rows["C2", "magnitude"]["verdict"] == "not run"
    assert rows["C4", "structured"]["verdict"] == "supported"
    # So are they where agreement over seeds is judged: here the halves agree, the good ones do not.
    assert rows["C10", "structured"]["verdict"] == "contradicted"
    assert rows["C10", "structured"]["estimate"] == pytest.approx(0.24 + 0.4)


def test_sizes_are_compared_under_the_same_threshold_only():
    world = World()
    methods = {method: facts(method, names) for method, names in world.methods.items()}
    methods["magnitude"] = replace(methods["magnitude"], search=SEARCH | {"keep_score": 0.8})
    rows = rows_of(world, methods=methods)
    assert rows["C4", "structured"]["verdict"] == "not run"
    # Nine tenths are not what this search stopped at.
    assert rows["C1", "magnitude"]["verdict"] == "supported"


def test_claims_without_their_runs_or_tables_are_not_run():
    world = World(methods={"structured": ("good",)})
    rows = rows_of(world, tables={}, baselines=files.table([], BASELINES))
    expected = {
        "C4": "not run",
        "C6": "not run",
        "C7": "not run",
        "C8": "not run",
        "C9": "not run",
        "C10": "not run",
        "C11": "not run",
        "C12": "not run",
        "C14": "not run",
        "C15": "not run",
    }
    assert {claim: rows[claim, "structured"]["verdict"] for claim in expected} == expected
    assert "no bad subnetworks" in rows["C7", "structured"]["reason"]
    assert rows["C2", "structured"]["verdict"] == "not applicable"
    assert all(rows[claim, "structured"]["reason"] for claim in expected)


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
    for claim in ("C10", "C11", "C12", "C13", "C14"):
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
    rows = rows_of(World(), methods={"structured": imported})
    assert rows["C1", "structured"]["verdict"] == "supported"
    assert rows["C4", "structured"]["verdict"] == "not applicable"


def test_sizes_are_compared_between_the_granularities_alone():
    methods = {
        name: facts(name, METHODS["magnitude"], granularity="weights", units=()) for name in METHODS
    }
    rows = rows_of(World(), methods=methods)
    assert {rows["C4", name]["verdict"] for name in METHODS} == {"not run"}
    assert {rows["C3", name]["verdict"] for name in METHODS} == {"not applicable"}


def test_a_baseline_that_nobody_gave_is_not_comparable():
    rows = rows_of(World(), baselines=files.table([], BASELINES))
    assert rows["C15", "magnitude"]["verdict"] == "not comparable"


def test_some_tasks_need_two_tasks():
    rows = rows_of(World(tasks=("cola",)))
    assert rows["C9", "structured"]["verdict"] == "not comparable"
    assert rows["C14", "structured"]["verdict"] == "not comparable"


def test_tasks_outside_averages_stay_out(true_rows):
    world = World(tasks=(*World().tasks, "wnli"))
    world.by_task["wnli"] = dict.fromkeys(World().levels, 0.1)
    assert rows_of(world)["C2", "magnitude"]["estimate"] == pytest.approx(
        true_rows["C2", "magnitude"]["estimate"]
    )


@pytest.mark.parametrize(
    ("claim", "world", "lowest", "highest"),
    [
        ("C10", World(kappa=(0.7, 0.5)), -0.25, 1.0),
        ("C10", World(kappa=(-0.2, 0.5)), -0.25, 1.0),
        ("C11", World(importance=(0.99, 0.0), seeds=(1, 2, 3), tasks=("cola",)), 0.0, 1.0),
        ("C12", World(association=-1.0, seeds=(1, 2, 3), tasks=("cola",)), -1.0, 1.0),
    ],
)
def test_intervals_end_at_what_is_possible(claim, world, lowest, highest):
    row = rows_of(world)[claim, "structured"]
    assert lowest <= row["low"] <= row["estimate"] <= row["high"] <= highest
    assert row["low"] == lowest or row["high"] == highest


def test_degenerate_runs_count_with_and_without():
    scores = [
        replace(score, value=0.0, degenerate=True)
        if (score.task, score.subnetwork, score.phase) == ("rte", "good", "retrained")
        and score.seed in (42, 86, 71, 166)
        else score
        for score in World().scores()
    ]
    row = rows_of(World(), scores=reported(scores, World()))["C2", "magnitude"]
    assert row["verdict"] == "contradicted"
    assert row["n_degenerate"] == 4
    # One sound seed is too few for a spread: the task is left out.
    assert row["verdict_without_degenerate"] == "supported"
    assert row["estimate"] > 0.15 > row["estimate_without_degenerate"]


def test_runs_that_all_are_degenerate_decide_nothing():
    scores = [replace(score, value=0.5, degenerate=True) for score in World().scores()]
    rows = rows_of(World(), scores=reported(scores, World()))
    for claim in ("C6", "C7"):  # all differences are 0, which looks like equality
        row = rows[claim, "structured"]
        assert row["verdict"] == "undecided", claim
        assert "degenerate" in row["reason"]


def test_the_papers_numbers_come_out_of_its_tables(true_rows):
    expected = {
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
        assert found == pytest.approx(value, abs=6e-4), claim_id
    assert set(known.paper) == {(claim.id, name) for claim in CLAIMS for name in claim.parts}


@pytest.mark.parametrize(
    ("test", "values", "expected"),
    [
        ("above", [0.21, 0.22, 0.23], "supported"),
        ("above", [0.01, 0.02, 0.03], "contradicted"),
        ("above", [0.0, 0.1, 0.2], "undecided"),
        ("below", [0.01, 0.02, 0.03], "supported"),
        ("equivalent", [0.01, -0.01, 0.02], "supported"),
        ("equivalent", [-0.31, -0.32, -0.33], "contradicted"),
        ("equivalent", [0.09, 0.11, 0.10], "undecided"),
        ("above", [0.11, 0.12], "undecided (too few seeds)"),
    ],
)
def test_verdicts_of_intervals(test, values, expected):
    assert verdicts.verdict(test, 0.1, mean_estimate([values])) == expected


def test_one_false_part_outweighs_one_that_cannot_be_told():
    still = World(sds={("none", "full", "finetuned"): 0.0})
    row = rows_of(still)["C3", "structured"]
    assert (row["verdict"], row["estimate"]) == ("undecided", pytest.approx(0.05))
    assert "does not vary" in row["reason"]
    still.levels["structured", "good", "retrained"] = 0.6
    assert rows_of(still)["C3", "structured"]["verdict"] == "contradicted"
