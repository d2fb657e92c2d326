"""From an estimate and a test to a verdict."""

from __future__ import annotations

from collections.abc import Sequence

from lottery.statistics.intervals import Estimate, equivalence_p, holm

SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"
TOO_FEW = "undecided (too few seeds)"
BY_CONSTRUCTION = "true by construction"
NOT_APPLICABLE, NOT_COMPARABLE, NOT_RUN = "not applicable", "not comparable", "not run"
DECIDED = (SUPPORTED, CONTRADICTED)

# Tests: `above` or `below` the bound (the 95 % interval clears it); `equivalent` (the 90 % interval
# lies within +- the bound: two one-sided tests at 5 %); `some tasks`: first is above second on at
# least one task and on at least one other not so by the bound.
ABOVE, BELOW, EQUIVALENT, SOME_TASKS = "above", "below", "equivalent", "some tasks"
FEWEST_SEEDS = 3
ALPHA = 0.05


def verdict(
    test: str, bound: float, estimate: Estimate | None, by_task: Sequence[Estimate] = ()
) -> str:
    """The verdict of a test; it rests on the intervals over seeds.

    Args:
        test: see above.
        bound: threshold or margin.
        estimate: what was measured; None where nothing is left to measure.
        by_task: the same of each task, for `some tasks`.
    """
    if estimate is None:
        return UNDECIDED
    if estimate.n_seeds < FEWEST_SEEDS:
        return TOO_FEW
    if test == SOME_TASKS:
        return _some_tasks(by_task, bound)
    low, high = estimate.low, estimate.high
    if low is None or high is None or estimate.inner_low is None or estimate.inner_high is None:
        return UNDECIDED
    above, below = low > bound, high < bound
    if test == EQUIVALENT:
        holds = -bound < estimate.inner_low and estimate.inner_high < bound
        fails = above or high < -bound
    else:
        holds, fails = (above, below) if test == ABOVE else (below, above)
    return SUPPORTED if holds else CONTRADICTED if fails else UNDECIDED


def _some_tasks(by_task: Sequence[Estimate], margin: float) -> str:
    """Whether first is above second on some tasks, and on others not so by the margin.

    That there is a task of a kind is a claim about many, hence Holm; that all are of a kind is one
    about each.
    """
    if len(by_task) < 2 or any(each.se is None for each in by_task):
        return UNDECIDED
    # One-sided p-values of "not above" and of "above by the margin or more".
    worse = [each.p_above(0.0) for each in by_task]
    alike = [1 - each.p_above(margin) for each in by_task]
    if max(worse) < ALPHA / 2 or max(alike) < ALPHA:
        return CONTRADICTED
    if min(holm(worse)) < ALPHA / 2 and min(holm(alike)) < ALPHA:
        return SUPPORTED
    return UNDECIDED


def p_value(test: str, bound: float, estimate: Estimate) -> float | None:
    """P-value over seeds of what is tested; None without spread, or without a t interval."""
    if not estimate.se or test == SOME_TASKS:
        return None
    if test == EQUIVALENT:
        return equivalence_p(estimate, bound)
    above = estimate.p_above(bound)
    return above if test == ABOVE else 1 - above


def combined(verdicts: Sequence[str]) -> str:
    """The verdict on a claim all of whose parts must hold."""
    worst_first = (CONTRADICTED, TOO_FEW, UNDECIDED)
    return next((word for word in worst_first if word in verdicts), SUPPORTED)


def words(test: str, bound: float) -> str:
    """The test, for readers."""
    if test == EQUIVALENT:
        return f"equivalent within ±{bound:g} (two one-sided t tests at 5 %)"
    if test == SOME_TASKS:
        where = "above 0 on a task, and on another not above it by"
        return f"{where} {bound:g} (t tests, Holm over tasks)"
    return f"95 % interval {test} {bound:g}"
