"""Claims of later studies: read from subnetworks of a size, a start or a source."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic_claims import TASKS, World, evidence, reported
from synthetic_runs import MODEL, SEEDS

from lottery import files
from lottery.results.connectivity import BARRIERS
from lottery.statistics.claims.check import check
from lottery.statistics.claims.verdicts import sorting_seeds

METHOD = "magnitude"


def judged(
    barriers: list[dict] | None = None,
    world: World | None = None,
    *,
    trains: bool = False,
    **shifts: float,
) -> dict[str, dict]:
    """The rows of follow-up claims in a world with further subnetworks, retrained.

    Args:
        barriers: rows of barriers.csv, without model and method.
        world: whose full model is taken.
        trains: whether the method prunes in rounds of training.
        shifts: their names (with ___ for the hyphen, __ for the dot) -> how much above the score of
            the full model; a mapping gives it by task.
    """
    world = world or World()
    plain = world.scores()
    full = [score for score in plain if score.subnetwork == "full"]
    rng = np.random.default_rng(0)
    more = [
        replace(
            score,
            method=METHOD,
            subnetwork=name.replace("___", "-").replace("__", "."),
            phase="retrained",
            value=score.value
            + (shift[score.task] if isinstance(shift, dict) else shift)
            + 0.002 * rng.normal(),
        )
        for name, shift in shifts.items()
        for score in full
        if not isinstance(shift, dict) or score.task in shift
    ]
    place = {"model": MODEL, "method": METHOD}
    rows = [place | row for row in barriers or []]
    tables = {"barriers": files.table(rows, BARRIERS)} if rows else {}
    given = evidence(world, scores=reported(plain + more, world), tables=tables)
    if trains:
        given.methods[METHOD] = replace(given.methods[METHOD], trains=True)
    found = check(given, [])
    assert all(row["method"] == METHOD for row in found)
    return {row["claim"]: row for row in found}


def test_a_study_without_axes_has_no_rows_of_later_studies():
    assert judged() == {}


@pytest.mark.parametrize(
    ("shift", "verdict"), [(0.0, "supported"), (-0.1, "contradicted"), (-0.02, "undecided")]
)
def test_one_shot_pruning_is_free_if_no_size_from_half_loses(shift: float, verdict: str):
    row = judged(good___kept_0__7=0.01, good___kept_0__5=shift, good___kept_0__3=-0.3)["F1"]
    assert row["verdict"] == verdict
    # The worst of the two sizes; the third keeps too little to count.
    assert row["estimate"] == pytest.approx(shift, abs=0.01)


def test_only_pruning_in_one_shot_is_judged_as_such():
    names = {"good___kept_0__7": 0.0}
    row = judged(**names)["F1"]
    # 50 to 70 % rests on a single size here, and says so.
    assert "of good-kept_0.7 alone" in row["details"]
    assert "F1" not in judged(trains=True, **names)
    assert {"F3"} == {*judged(trains=True, **names)}


@pytest.mark.parametrize(("shift", "verdict"), [(0.0, "supported"), (-0.2, "contradicted")])
def test_layerwise_masks_are_compared_with_good_ones_of_their_size(shift: float, verdict: str):
    names = {"good___kept_0__3": -0.1, "random_layerwise___kept_0__3": -0.1 + shift}
    # Above a half a control is mostly the good mask: it does not count.
    names |= {"good___kept_0__9": 0.0, "random_layerwise___kept_0__9": -0.5}
    row = judged(**names)["F2"]
    assert row["verdict"] == verdict
    assert row["estimate"] == pytest.approx(shift, abs=0.01)


@pytest.mark.parametrize(("shift", "verdict"), [(0.03, "supported"), (-0.03, "contradicted")])
def test_light_pruning_is_that_of_the_largest_size(shift: float, verdict: str):
    row = judged(good___kept_0__9=shift, good___kept_0__7=-0.4)["F3"]
    assert row["verdict"] == verdict
    assert "F3" not in judged(good___kept_0__6=shift)


def test_a_mask_transfers_if_it_beats_random_ones_of_its_size():
    names = {"good___from_a": -0.05, "random_uniform___from_a": -0.2}
    names |= {"good___from_b": -0.15, "random_uniform___from_b": -0.2}
    row = judged(**names)["F4"]
    assert row["verdict"] == "supported"
    assert row["estimate"] == pytest.approx(0.1, abs=0.01)  # the mean of both sources
    assert "F4" not in judged(good___from_a=0.0)


def test_draws_of_a_control_count_with_their_mean():
    names = {"good___from_a": -0.05, "random_uniform___from_a": -0.2}
    row = judged(**names, random_uniform_2___from_a=-0.1)["F4"]
    assert row["estimate"] == pytest.approx(0.1, abs=0.01)


def test_a_start_is_compared_with_the_same_mask_on_pretrained_weights():
    names = {"good___kept_0__5": -0.05, "good___kept_0__5___start_reinitialised": -0.35}
    row = judged(**names)["F5"]
    assert row["verdict"] == "supported"
    assert row["estimate"] == pytest.approx(0.3, abs=0.01)
    assert row["published_note"] == "other studies"


def test_later_studies_are_corrected_among_themselves():
    names = {"good___kept_0__9": 0.03, "random_layerwise___kept_0__2": -0.1}
    rows = judged(**names, good___kept_0__2=-0.1)
    assert set(rows) == {"F2", "F3"}
    p = sorted(row["p"] for row in rows.values())
    assert min(row["p_holm"] for row in rows.values()) == pytest.approx(min(1, 2 * p[0]))


# Of the world's tasks, by the size at which Chen et al. found a ticket.
AT_SIZE = {
    "good___kept_0__1": ("qqp",),
    "good___kept_0__3": ("mnli", "qnli"),
    "good___kept_0__4": ("rte",),
    "good___kept_0__5": ("cola", "mrpc"),
}


@pytest.mark.parametrize(("shift", "verdict"), [(-0.005, "supported"), (-0.06, "contradicted")])
def test_each_task_is_judged_at_the_size_that_was_published_for_it(shift: float, verdict: str):
    # At every other size the subnetwork is far off, for better or worse.
    shifts = {
        name: {task: shift if task in tasks else 0.3 for task in TASKS}
        for name, tasks in AT_SIZE.items()
    }
    row = judged(**shifts)["F6"]
    assert row["verdict"] == verdict
    assert row["estimate"] == pytest.approx(shift, abs=0.003)
    assert row["n_tasks"] == len(TASKS)
    assert "QQP 90 %" in row["published"]
    for task, pruned in (("qqp", "90%"), ("mnli", "70%"), ("rte", "60%"), ("cola", "50%")):
        number = row["details"].split(f"{task} ")[1].split(f" at {pruned}")[0]
        assert float(number) == pytest.approx(shift, abs=0.003)


def test_the_published_sizes_are_those_of_unchanged_glue_tasks():
    assert "F6" not in judged(good___kept_0__9=0.0)
    # A size of other tasks: it says nothing of qqp, rte, cola and mrpc.
    row = judged(good___kept_0__3=0.0)["F6"]
    assert row["n_tasks"] == 2
    own = World(tasks=("own", "other"), by_task={})
    assert "F6" not in judged(world=own, good___kept_0__3=0.0)


STABLE, UNSTABLE = 0.01, 0.08


def barriers(by_name: dict[str, float], **more: object) -> list[dict]:
    """Barriers of subnetworks on every task, which vary a little over seeds."""
    return [
        {"task": task, "subnetwork": name, "seed": seed, "metric": "accuracy"}
        | {"barrier": value + 0.001 * place}
        | more
        for name, value in by_name.items()
        for task in TASKS
        for place, seed in enumerate(SEEDS)
    ]


@pytest.mark.parametrize(
    ("stable", "unstable", "verdict"),
    [
        (-0.005, -0.1, "supported"),
        (-0.1, -0.1, "contradicted"),
        (-0.005, 0.0, "contradicted"),
        (-0.02, -0.1, "undecided"),
    ],
)
def test_stable_subnetworks_are_those_that_match(stable: float, unstable: float, verdict: str):
    given = barriers({"full": UNSTABLE, "good-kept_0.7": STABLE, "good-kept_0.3": UNSTABLE})
    row = judged(given, good___kept_0__7=stable, good___kept_0__3=unstable)["F7"]
    assert row["verdict"] == verdict
    words = row["details"].split(". ")
    assert f"stable subnetworks - full, retrained: {stable:.3f}"[:-1] in words[0]
    assert "6 of 12 subnetworks, sorted by 1 of 5 seeds" in row["details"]


def test_what_is_compared_does_not_sort():
    """Seeds that are compared may have any barrier; those that sort may have any score."""
    names = {"good-kept_0.7": STABLE, "good-kept_0.3": UNSTABLE}
    given = barriers(names)
    shifts = {"good___kept_0__7": 0.0, "good___kept_0__3": -0.1}
    before = judged(given, **shifts)["F7"]
    sorting = SEEDS[: sorting_seeds(len(SEEDS))]
    for row in given:
        if row["seed"] not in sorting:
            row["barrier"] = UNSTABLE + STABLE - names[row["subnetwork"]]
    after = judged(given, **shifts)["F7"]
    assert (after["estimate"], after["p"]) == (before["estimate"], before["p"])
    assert before["n_seeds"] == len(SEEDS) - len(sorting) == 4


def test_without_both_kinds_of_subnetworks_nothing_is_decided():
    given = barriers({"good-kept_0.7": STABLE})
    row = judged(given, good___kept_0__7=0.0)["F7"]
    assert (row["verdict"], row["reason"]) == (
        "undecided",
        "None of the 6 subnetworks is unstable.",
    )
    # A barrier is one of error rates.
    assert "F7" not in judged(barriers({"good-kept_0.7": 0.0}, metric="f1"), good___kept_0__7=0.0)
    # The full model is not compared with itself.
    assert "F7" not in judged(barriers({"full": STABLE}), good___kept_0__7=0.0)


def test_stability_takes_seeds_that_sort_and_seeds_that_are_compared():
    world = World(seeds=SEEDS[:3])
    given = [row for row in barriers({"good-kept_0.7": STABLE}) if row["seed"] in world.seeds]
    row = judged(given, world, good___kept_0__7=0.0)["F7"]
    assert row["verdict"] == "undecided" and "It takes 4 seeds" in row["reason"]
    assert [sorting_seeds(n) for n in (1, 2, 3, 4, 5, 6, 9)] == [0, 0, 0, 1, 1, 2, 3]
