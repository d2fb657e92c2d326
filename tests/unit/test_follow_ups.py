"""Claims of later studies: read from subnetworks of a size, a start or a source."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic_claims import World, evidence, reported

from lottery.statistics.claims.check import check

METHOD = "magnitude"


def judged(**shifts: float) -> dict[str, dict]:
    """The rows of follow-up claims in a world with further subnetworks, retrained.

    Args:
        shifts: their names (with ___ for the hyphen, __ for the dot) -> how much above the score of
            the full model.
    """
    world = World()
    plain = world.scores()
    full = [score for score in plain if score.subnetwork == "full"]
    rng = np.random.default_rng(0)
    more = [
        replace(
            score,
            method=METHOD,
            subnetwork=name.replace("___", "-").replace("__", "."),
            phase="retrained",
            value=score.value + shift + 0.002 * rng.normal(),
        )
        for name, shift in shifts.items()
        for score in full
    ]
    rows = check(evidence(world, scores=reported(plain + more, world), tables={}), [])
    assert all(row["method"] == METHOD for row in rows)
    return {row["claim"]: row for row in rows}


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
    names = {"good___kept_0__9": 0.03, "random_layerwise___kept_0__3": -0.1}
    rows = judged(**names, good___kept_0__3=-0.1)
    assert set(rows) == {"F2", "F3"}
    p = sorted(row["p"] for row in rows.values())
    assert min(row["p_holm"] for row in rows.values()) == pytest.approx(min(1, 2 * p[0]))
