"""How often the claims' tests decide where the truth is known: the rates of docs/simulations.md.

Nothing is trained: `lottery.statistics.claims.simulation` draws what studies would have measured.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import pytest

from lottery.statistics.claims.follow_ups import FOLLOW_UPS
from lottery.statistics.claims.simulation import Design, rates
from lottery.statistics.claims.table import CLAIMS, Part
from lottery.statistics.claims.verdicts import ALPHA, SIGN_FLIP

STUDIES = 2000
# GLUE without WNLI, whose tasks vary as unequally as the paper's; and small studies.
DESIGNS = {
    "8 tasks, 5 seeds": Design(
        n_tasks=8,
        n_seeds=5,
        n_examples=1000,
        training=(0.2, 0.07, 0.01, 0.01, 0.01, 0.02, 0.02, 0.01),
        shared=0.05,
        own=0.05,
    ),
    "8 tasks, 3 seeds": Design(n_tasks=8, n_seeds=3, training=(0.01, 0.02)),
    "2 tasks, 3 seeds": Design(n_tasks=2, n_seeds=3),
}


def distinct() -> Iterator[tuple[str, Part]]:
    """The parts whose simulation differs by more than a shift, with the claims that have them.

    A difference is tested against any bound by the same interval: its rates do not depend on it.
    """
    found: dict[tuple[str, str], tuple[list[str], Part]] = {}
    for claim in (*CLAIMS, *FOLLOW_UPS):
        for parts in claim.parts.values():
            for part in parts:
                if part.boundary:
                    key = (part.boundary.func.__name__, part.criterion.kind)
                    ids, _ = found.setdefault(key, ([], part))
                    ids += [claim.id] * (claim.id not in ids)
    for (name, kind), (ids, part) in found.items():
        yield f"{' '.join(ids)}: {name}, {kind}", part


PARTS = dict(distinct())


def upper(n: int, errors: int) -> float:
    """The nominal size and so many standard errors of a simulation of n studies."""
    return ALPHA + errors * math.sqrt(ALPHA * (1 - ALPHA) / n)


@pytest.mark.parametrize("name", PARTS)
def test_a_test_seldom_decides_at_its_boundary(name):
    part, n = PARTS[name], 60
    supports, against = rates(part.boundary, part.criterion, DESIGNS["2 tasks, 3 seeds"], n)
    # Of two dozen rates one lies two standard errors out, but none four.
    assert max(supports, against) <= upper(n, 4)


@pytest.mark.long
@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("design", DESIGNS)
def test_a_test_has_its_size_and_finds_an_effect(name, design):
    # Whatever further claims of later studies share the row.
    part, seed = PARTS[name], sum(map(ord, re.sub(r" ?F\d", "", name) + design))
    supports, against = rates(part.boundary, part.criterion, DESIGNS[design], STUDIES, seed)
    power, wrong = rates(part.effect, part.criterion, DESIGNS[design], STUDIES, seed)
    print(f"| {name} | {design} | {supports:.1%} | {against:.1%} | {power:.0%} |")
    assert max(supports, against) <= upper(STUDIES, 2)
    assert wrong <= ALPHA
    if part.criterion.kind == SIGN_FLIP and DESIGNS[design].n_tasks < 6:
        assert supports == against == power == 0


def test_every_test_declares_its_null():
    for claim in (*CLAIMS, *FOLLOW_UPS):
        for parts in claim.parts.values():
            assert all(
                part.null and (part.boundary is None) == (part.effect is None) for part in parts
            )
