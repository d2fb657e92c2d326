"""From an estimate and a test to p-values, and from p-values to a verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lottery.statistics.intervals import Estimate, holm

SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"
BY_CONSTRUCTION = "true by construction"
NOT_APPLICABLE, NOT_RUN = "not applicable", "not run"
SUPPORTS, AGAINST = "supports", "against"
FEWEST_SEEDS = 3
# One-sided, on each side: a 95 % interval that clears the bound.
ALPHA = 0.025

# The share of the full model's score that the search must keep.
KEEP_SCORE = 0.90

ABOVE, BELOW, EQUIVALENT, SOME_TASKS = "above", "below", "equivalent", "some tasks"
PERMUTATION, SIGN_FLIP = "permutation", "sign flip"


class Criterion(NamedTuple):
    """What must hold of a number.

    `above` or `below` the bound; `equivalent`: within +- the bound; `some tasks`: above 0 on at
    least one task, and on at least one other not above 0 by the bound; `permutation`: larger than
    permutations make it, and at least the bound; `sign flip`: a ratio above the bound.
    """

    kind: str
    bound: float

    @property
    def words(self) -> str:
        """The test, for readers."""
        kind, bound = self
        if kind == EQUIVALENT:
            return f"95 % interval within ±{bound:g}"
        if kind == SOME_TASKS:
            return f"above 0 on a task, and on another not above it by {bound:g} (Holm over tasks)"
        if kind == SIGN_FLIP:
            return f"above {bound:g}, by signs flipped over tasks"
        if kind == PERMUTATION:
            return "above chance, by permutation" + (f", and at least {bound:g}" if bound else "")
        return f"95 % interval {kind} {bound:g}"


@dataclass(frozen=True)
class Tested:
    """The outcome of a test.

    Attributes:
        estimate: what was measured.
        supports: one-sided p-value; small where the number speaks for the claim.
        against: one-sided p-value; small where it speaks against the claim.
        holds: whether the estimate itself lies on the claim's side.
        reason: why the test cannot decide; empty where it can.
        note: a sentence on another number that belongs to it.
    """

    estimate: Estimate
    supports: float
    against: float
    holds: bool
    reason: str = ""
    note: str = ""


def judged(test: Criterion, estimate: Estimate, *, reason: str = "", note: str = "") -> Tested:
    """The outcome of `above`, `below` and `equivalent`, from an estimate with standard errors."""
    kind, bound = test
    value = estimate.value
    if kind == EQUIVALENT:
        holds = abs(value) < bound
    else:
        holds = value > bound if kind == ABOVE else value < bound
    if estimate.se_seeds is None or not estimate.se:
        # Seeds that agree to the last digit do not make a number certain.
        alone = estimate.se_seeds is None
        why = "One seed alone has no spread." if alone else "The values do not vary over seeds."
        return Tested(estimate, 1.0, 1.0, holds, reason or why, note)
    above = estimate.p_above(bound)
    if kind == EQUIVALENT:
        above_lower = estimate.p_above(-bound)
        supports, against = max(above_lower, 1 - above), min(above, 1 - above_lower)
    else:
        supports, against = (above, 1 - above) if kind == ABOVE else (1 - above, above)
    return Tested(estimate, supports, against, holds, reason, note)


def some_tasks(by_task: Sequence[Estimate], margin: float) -> tuple[float, float]:
    """P-values of: first is above second on a task, and on another not so by the margin.

    That there is a task of a kind is a claim about many, hence Holm; that no task is above by the
    margin, which speaks against the claim, is one about each. That all are above speaks for its
    first half and against no more than the word "some": it decides nothing.

    Returns:
        P-values for and against.
    """
    if len(by_task) < 2 or not all(each.se for each in by_task):
        return 1.0, 1.0
    worse = [each.p_above(0.0) for each in by_task]
    alike = [1 - each.p_above(margin) for each in by_task]
    return max(min(holm(worse)), min(holm(alike))), max(alike)


def together(parts: Sequence[Tested]) -> tuple[float, float, int]:
    """P-values of a claim all of whose parts must hold, and the part that decides.

    For the claim the largest p-value counts (an intersection-union test, Berger 1982); against it
    the smallest, as one of so many (Bonferroni).

    Returns:
        P-values for and against, and the number of the part that decides: where all estimates lie
        on the claim's side the one that is least sure, else the surest on the other side.
    """
    supports = max(part.supports for part in parts)
    against = min(1.0, len(parts) * min(part.against for part in parts))
    places = range(len(parts))
    failing = [place for place in places if not parts[place].holds]
    if failing:
        return supports, against, min(failing, key=lambda place: parts[place].against)
    return supports, against, max(places, key=lambda place: parts[place].supports)


def verdict(direction: str, p: float) -> str:
    """The verdict of a p-value on the side on which the estimate lies."""
    if p >= ALPHA:
        return UNDECIDED
    return SUPPORTED if direction == SUPPORTS else CONTRADICTED


def sorting_seeds(n: int) -> int:
    """How many of n seeds sort what is compared on the others: a third; 0 where too few are left.

    What is sorted and compared on the same runs would be compared with its own noise.
    """
    return max(1, n // 3) if n > FEWEST_SEEDS else 0


def log_scale_p(low: float, high: float, df: float, bound: float) -> float:
    """P-value that a positive number is not above a bound, from its 95 % t interval of logarithms.

    Args:
        low, high: the interval.
        df: its degrees of freedom.
        bound: threshold, above 0.
    """
    from scipy import special

    half, middle = (math.log(high) - math.log(low)) / 2, (math.log(high) + math.log(low)) / 2
    se = half / float(special.stdtrit(df, 0.975))
    return float(special.stdtr(df, -(middle - math.log(bound)) / se))
