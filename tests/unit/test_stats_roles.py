"""What is read as good, random and bad, and what is compared with what."""

from __future__ import annotations

from lottery.statistics.runs import contrasts, roles

PUBLISHED = ("good", "random", "bad")
STRICT = ("good", "good_half", "random_half", "random_half_2", "bad_half", "super_good")


def test_roles_under_strict_are_the_halves_and_good_is_what_the_search_found():
    assert roles(PUBLISHED, "published") == {
        "full": ("full",),
        "good": ("good",),
        "random": ("random",),
        "bad": ("bad",),
        "found": ("good",),
    }
    strict = roles(STRICT, "strict")
    assert strict["good"] == ("good_half",)
    assert strict["random"] == ("random_half", "random_half_2")
    assert strict["found"] == ("good",)
    assert roles(("good",), "strict") == {"full": ("full",), "found": ("good",)}


def test_every_difference_is_taken_once():
    named = [(each.first, each.second) for each in contrasts(PUBLISHED, "published")]
    assert named == [
        ("good", "random"),
        ("good", "bad"),
        ("random", "bad"),
        ("full", "good"),
        ("full", "random"),
        ("full", "bad"),
    ]
    named = [(each.first, each.second) for each in contrasts(STRICT, "strict")]
    assert ("full", "good") in named and ("full", "good_half") in named
    assert ("good_half", "random_half") in named
