"""The names of subnetworks: parts and back, and what existing names mean."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lottery.pruning.algorithms import algorithm, algorithm_names
from lottery.pruning.subnetworks import CONSTRAINT, DRAWN, Subnetwork, base_name

KINDS = sorted(
    {
        name
        for each in algorithm_names()
        for names in algorithm(each).subnetworks.values()
        for name in names
    }
    | {"full"}
)


@given(
    st.sampled_from(KINDS),
    st.integers(1, 40),
    st.none() | st.integers(1, 99999).map(lambda n: n / 100000),
    st.none() | st.sampled_from(["shuffled", "reinitialised", "rewound"]),
    st.none() | st.from_regex(r"[a-z0-9_]{1,8}", fullmatch=True),
)
def test_a_name_is_read_as_it_was_written(
    kind: str, draw: int, kept: float | None, start: str | None, source: str | None
) -> None:
    made = Subnetwork(kind, draw if kind in DRAWN else 1, kept, start, source)
    assert Subnetwork.parse(str(made)) == made
    assert re.fullmatch(CONSTRAINT, str(made))


@pytest.mark.parametrize("kind", KINDS)
def test_existing_names_are_kinds_alone(kind: str) -> None:
    assert Subnetwork.parse(kind) == Subnetwork(kind)
    assert base_name(kind) == kind


@pytest.mark.parametrize(
    ("name", "kind", "draw"),
    [
        ("random_2", "random", 2),
        ("random_half_13", "random_half", 13),
        ("random_1", "random_1", 1),
        ("random_02", "random_02", 1),
        ("good_2", "good_2", 1),
    ],
)
def test_draws_are_numbered_from_two(name: str, kind: str, draw: int) -> None:
    assert Subnetwork.parse(name) == Subnetwork(kind, draw)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Good",
        "good-",
        "good-kept_0.30",
        "good-kept_1.5",
        "good-from_a-kept_0.5",
        "a/b",
        "good.x",
    ],
)
def test_other_names_are_rejected(name: str) -> None:
    with pytest.raises(ValueError, match="no name of a subnetwork"):
        Subnetwork.parse(name)
    assert not re.fullmatch(CONSTRAINT, name)
