"""What is read as good, random and bad of a method, and which differences are taken of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lottery.pruning.subnetworks import base_name

PHASES = ("pruned", "retrained")
FULL = ("full",)
# Under strict the search's own result has a size that no control shares, so the halves are read in
# its place; the claims about the search itself (C1, C4) read what it found.
NAMES = {
    "published": {"good": "good", "random": "random", "bad": "bad"},
    "strict": {"good": "good_half", "random": "random_half", "bad": "bad_half"},
}
SUPER = ("super_good", "super_random", "super_bad")
CONTRASTS = (
    ("good", "random"),
    ("good", "bad"),
    ("random", "bad"),
    ("full", "good"),
    ("full", "random"),
    ("full", "bad"),
    ("full", "found"),
    ("super_good", "super_random"),
    ("super_good", "super_bad"),
    ("super_random", "super_bad"),
    ("full", "super_good"),
    ("full", "super_random"),
    ("full", "super_bad"),
)


@dataclass(frozen=True)
class Contrast:
    """A difference between two systems of one phase, first - second.

    Attributes:
        first_draws, second_draws: their subnetworks: one, or all draws of a random one.
    """

    first_draws: tuple[str, ...]
    second_draws: tuple[str, ...]

    @property
    def first(self) -> str:
        """The kind of the first, `full` or of a subnetwork."""
        return base_name(self.first_draws[0])

    @property
    def second(self) -> str:
        """The kind of the second."""
        return base_name(self.second_draws[0])


def roles(subnetworks: Sequence[str], controls: str) -> dict[str, tuple[str, ...]]:
    """What a method's subnetworks are read as.

    Args:
        subnetworks: of the method.
        controls: "published" or "strict": the preset whose kinds of subnetworks it has.

    Returns:
        Role -> subnetworks, all draws of a random one. Roles: full, good, random, bad, found (the
        search's own result), super_good, super_random, super_bad; missing ones are left out.
    """
    names = NAMES[controls] | {"found": "good"} | {name: name for name in SUPER}
    by_role = {
        role: tuple(name for name in subnetworks if base_name(name) == kind)
        for role, kind in names.items()
    }
    return {"full": FULL} | {role: draws for role, draws in by_role.items() if draws}


def contrasts(subnetworks: Sequence[str], controls: str) -> list[Contrast]:
    """The differences that are taken of a method's subnetworks, each once."""
    known = roles(subnetworks, controls)
    made = [Contrast(known[a], known[b]) for a, b in CONTRASTS if a in known and b in known]
    return list(dict.fromkeys(made))
