"""Intervals and tests over runs and examples; equivalence, spreads, shares; Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

LEVEL = 0.95
# Two one-sided tests at 5 % are a 90 % interval that lies within the margins (Schuirmann 1987).
EQUIVALENCE_LEVEL = 0.90
# Bisections of a p-value: more than a float's digits.
STEPS = 80
Values = Sequence[float] | np.ndarray


def half_width(tail: float, se_seeds: Any, df: Any, se_examples: Any) -> Any:
    """How far an interval reaches to each side; arrays are allowed throughout.

    Its square is t(df)^2 se_seeds^2 + z^2 se_examples^2: each source of noise with the quantile of
    its own distribution. One quantile for their sum would give the few seeds too little or the
    many examples too much.

    Args:
        tail: what is left out on each side: (1 - level) / 2.
        se_seeds: standard error over seeds.
        df: degrees of freedom of `se_seeds`.
        se_examples: standard error over examples.
    """
    from scipy import special

    return np.hypot(special.stdtrit(df, tail) * se_seeds, special.ndtri(tail) * se_examples)


@dataclass(frozen=True)
class Estimate:
    """A number with its intervals.

    Attributes:
        low, high: the 95 % interval; None where there is none.
        inner_low, inner_high: the 90 % interval, for tests of equivalence.
        n_seeds: the smallest number of seeds that a task has.
        se_seeds: standard error over seeds; None where the interval is not that of `Estimate.of`.
        df: its degrees of freedom.
        se_examples: standard error over the examples of the development sets; 0 where they are
            held fixed.
    """

    value: float
    low: float | None = None
    high: float | None = None
    inner_low: float | None = None
    inner_high: float | None = None
    n_tasks: int = 1
    n_seeds: int = 0
    df: float | None = None
    se_seeds: float | None = None
    se_examples: float = 0.0

    @classmethod
    def of(
        cls, value: float, se_seeds: float, df: float, se_examples: float = 0.0, **counts: int
    ) -> Estimate:
        """An estimate with intervals over seeds and examples (see `half_width`).

        Args:
            value: the estimate.
            se_seeds, df, se_examples: see above.
            counts: n_tasks and n_seeds.
        """
        half, inner = (
            float(half_width((1 - level) / 2, se_seeds, df, se_examples))
            for level in (LEVEL, EQUIVALENCE_LEVEL)
        )
        ends = (value - half, value + half, value - inner, value + inner)
        return cls(value, *ends, df=df, se_seeds=se_seeds, se_examples=se_examples, **counts)

    @property
    def se(self) -> float | None:
        """Standard error over seeds and examples; None where `se_seeds` is."""
        return None if self.se_seeds is None else math.hypot(self.se_seeds, self.se_examples)

    def p(self) -> float | None:
        """Two-sided p-value of the test against 0; None where no spread is known, or none is.

        Seeds that agree to the last digit do not make a difference certain: without a spread over
        examples no test is possible.
        """
        return 2 * self.tail(abs(self.value)) if self.se else None

    def p_above(self, bound: float) -> float:
        """P-value of the test that the true value is not above the bound; 0 or 1 if certain."""
        difference = self.value - bound
        if self.se:
            return self.tail(difference)
        return 0.0 if difference > 0 else 1.0

    def tail(self, distance: float) -> float:
        """How likely an estimate is to be off by the distance or more, on one side; `se` > 0.

        The interval turned around: an interval with this much left out on each side ends at the
        distance from the value. So p < 0.025 exactly where the 95 % interval clears the bound.
        """
        from scipy import special

        if self.se is None or self.se_seeds is None or not self.se:
            raise ValueError("a number without a standard error has no p-value")
        if distance < 0:
            return 1 - self.tail(-distance)
        if not self.se_examples:
            return float(special.stdtr(self.df, -distance / self.se_seeds))
        if not self.se_seeds:
            return float(special.ndtr(-distance / self.se_examples))
        # On the scale of normal quantiles, where t's are further out: the answer lies between.
        low, high = 0.0, distance / self.se
        for _ in range(STEPS):
            middle = (low + high) / 2
            reach = half_width(special.ndtr(-middle), self.se_seeds, self.df, self.se_examples)
            low, high = (middle, high) if reach < distance else (low, middle)
        return float(special.ndtr(-(low + high) / 2))

    def within(self, lowest: float, highest: float) -> Estimate:
        """The same with its intervals cut at what is possible, which a t interval knows nothing of.

        Standard errors and p-values stay; a test against a bound that is possible does too.
        """
        ends = {
            name: min(max(end, lowest), highest)
            for name in ("low", "high", "inner_low", "inner_high")
            if (end := getattr(self, name)) is not None
        }
        return replace(self, **ends)


def mean_estimate(values_by_task: Sequence[Values], se_examples: float = 0.0) -> Estimate | None:
    """`t_estimate`; None if there is no task, or one has no value at all."""
    known = len(values_by_task) > 0 and all(len(values) for values in values_by_task)
    return t_estimate(values_by_task, se_examples) if known else None


def t_estimate(values_by_task: Sequence[Values], se_examples: float = 0.0) -> Estimate:
    """Mean over tasks of their means over seeds, with an interval over seeds and examples.

    Tasks are fixed, seeds are drawn. The variance over seeds adds up the tasks' own, and its
    degrees of freedom are Satterthwaite's (1946); with one task and fixed examples the interval is
    the usual t interval with seeds - 1.

    Args:
        values_by_task: one list per task with a value per seed.
        se_examples: standard error of that mean over the examples (`se_of_mean` of the tasks');
            0 holds the examples fixed.

    Returns:
        No interval if a task has a single value.
    """
    counts = [len(values) for values in values_by_task]
    value = float(np.mean([np.mean(values) for values in values_by_task]))
    size = {"n_tasks": len(counts), "n_seeds": min(counts)}
    if min(counts) < 2:
        return Estimate(value, **size)
    parts = [float(np.var(v, ddof=1)) / len(v) / len(counts) ** 2 for v in values_by_task]
    total = sum(parts)
    df = float(sum(count - 1 for count in counts))
    if total > 0:
        shares = [part / total for part in parts]
        df = 1 / sum(share**2 / (n - 1) for share, n in zip(shares, counts, strict=True))
    return Estimate.of(value, math.sqrt(total), df, se_examples, **size)


def examples_se(added: np.ndarray) -> float:
    """Standard error over examples of a mean over seeds: of what the seeds have in common.

    What the examples do to a seed alone is part of its spread over seeds; counted once more, it
    would make intervals too wide (95 % ones would cover 99 %). So the variance per example is the
    mean covariance of two seeds.

    Args:
        added: what every example adds to the seeds' values (`lottery.tasks.metrics.influences`),
            with draws averaged, [seeds, n].

    Returns:
        Of a single seed, whose spread is unknown, the standard error of its value; 0 without any.
    """
    seeds, n = added.shape
    if seeds < 2:
        return float(added.std(1, ddof=1).sum() / math.sqrt(n))
    of_seeds, of_sum = added.var(1, ddof=1).sum(), added.sum(0).var(ddof=1)
    return math.sqrt(max(of_sum - of_seeds, 0.0) / (seeds * (seeds - 1)) / n)


def se_of_mean(standard_errors: Values) -> float:
    """Standard error of the mean over tasks from the tasks' own; no two share examples."""
    return math.hypot(*standard_errors) / max(1, len(standard_errors))


def exact_share(count: int, n: int) -> tuple[float, float]:
    """The exact 95 % interval of a share (Clopper and Pearson 1934), n > 0."""
    from scipy import special

    tail = (1 - LEVEL) / 2
    low = float(special.betaincinv(count, n - count + 1, tail)) if count else 0.0
    high = float(special.betaincinv(count + 1, n - count, 1 - tail)) if count < n else 1.0
    return low, high


def draw_components(values: np.ndarray) -> tuple[float, float]:
    """Splits the variance of runs into that of seeds and that of the draws of a random subnetwork.

    One-way analysis of variance with random effects, estimated by its mean squares.

    Args:
        values: one score per seed and draw, [S, D], S > 1, D > 1.

    Returns:
        The standard deviation over seeds, without what the draws add to a seed's mean, and that
        over draws within a seed.
    """
    draws = float(np.mean(np.var(values, axis=1, ddof=1)))
    seeds = float(np.var(values.mean(1), ddof=1)) - draws / values.shape[1]
    return math.sqrt(max(seeds, 0.0)), math.sqrt(draws)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) adjusted p-values, in the order given."""
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty(len(p_values))
    steps = np.asarray(p_values, float)[order] * np.arange(len(p_values), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted.tolist()


def possible(statistic: str, masks: int) -> tuple[float, float]:
    """The smallest and the largest value that a measure of agreement can have.

    Args:
        statistic: kappa, alpha, jaccard, phi or correlation, by its name in the tables.
        masks: number of masks, at least two. Not all of more than two can disagree with all others:
            of kappa and alpha the end is -1 / (masks - 1).
    """
    if statistic == "jaccard":
        return 0.0, 1.0
    # A mean of phi or correlation may leave out masks, so it is known to be above -1 only.
    whole = statistic in ("fleiss_kappa", "krippendorff_alpha")
    return (-1 / (masks - 1) if whole else -1.0), 1.0
