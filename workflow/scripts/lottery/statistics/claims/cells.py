"""What the claims are judged by, as numbers alone, and how each kind of number is tested.

A cell of a study gives one number for each task and seed, or one for each task. The tests take
these numbers, so that their size and power can be simulated without any training
(`lottery.statistics.claims.simulation`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from lottery.statistics.claims.verdicts import (
    ALPHA,
    BELOW,
    SOME_TASKS,
    Criterion,
    Tested,
    judged,
    log_scale_p,
    some_tasks,
    together,
)
from lottery.statistics.intervals import Estimate, se_of_mean, t_estimate

# Below this many tasks no flip of signs has a p-value below 2.5 %: 2 ** -5 is 3.1 %.
FEWEST_TASKS = 6
# Signs of more tasks than this are drawn instead of counted.
EXACT_TASKS = 16
# Means that differ by no more are equal, but for rounding.
SAME = 1e-9
UNBOUNDED = (-math.inf, math.inf)


class Cells(Protocol):
    """Numbers that a test can be made of."""

    def tested(self, test: Criterion) -> Tested:
        """The outcome of a test."""


@dataclass(frozen=True)
class Runs:
    """A number for each task and seed: mean over tasks of their means over seeds.

    Attributes:
        values: task -> one value per seed, of runs that did not collapse.
        se_examples: task -> standard error of its mean over the examples; none where the number is
            not of examples, such as a size.
        ends: the smallest and the largest value there can be.
        n_runs, n_collapsed: tasks x seeds, and those of them that collapsed.
        n_seeds: the smallest number of seeds of a task, collapsed ones among them.
        note: see `Tested`.
    """

    values: Mapping[str, np.ndarray]
    se_examples: Mapping[str, float] = field(default_factory=dict)
    ends: tuple[float, float] = UNBOUNDED
    n_runs: int = 0
    n_collapsed: int = 0
    n_seeds: int = 0
    note: str = ""

    def tested(self, test: Criterion) -> Tested:
        """See `Cells`."""
        estimate = t_estimate([*self.values.values()], self._se([*self.values]))
        estimate = replace(estimate.within(*self.ends), n_seeds=self.n_seeds or estimate.n_seeds)
        if test.kind != SOME_TASKS:
            return judged(test, estimate, note=self.note)
        by_task = [t_estimate([each], self._se([task])) for task, each in self.values.items()]
        supports, against = some_tasks(by_task, test.bound)
        listed = (f"{task} {one.value:.3f}" for task, one in zip(self.values, by_task, strict=True))
        return Tested(estimate, supports, against, supports < against, note=", ".join(listed))

    def _se(self, tasks: Sequence[str]) -> float:
        return se_of_mean([self.se_examples[task] for task in tasks]) if self.se_examples else 0.0


@dataclass(frozen=True)
class Worst:
    """Several numbers that must all pass a test: the worst of them is shown."""

    named: Mapping[str, Cells]

    def tested(self, test: Criterion) -> Tested:
        """See `Cells`."""
        tested = [cells.tested(test) for cells in self.named.values()]
        supports, against, place = together(tested)
        note = ", ".join(
            f"{name} {each.estimate.value:.3f}"
            for name, each in zip(self.named, tested, strict=True)
        )
        shown = tested[place]
        holds = all(each.holds for each in tested)
        note = f"the worst of {note}" if len(tested) > 1 else shown.note
        return Tested(shown.estimate, supports, against, holds, shown.reason, note)


@dataclass(frozen=True)
class Spreads:
    """Two standard deviations over seeds in each task; the ratio first / second.

    The test flips the signs of the tasks' log ratios: it supposes nothing of how values are
    distributed, nor that tasks or sides have one variance. The interval holds the ratios that the
    flips do not reject; its ends are ordered means of subsets of tasks (Hartigan 1969).

    Attributes:
        pairs: task -> values of the first and of the second side, of runs that did not collapse;
            both vary.
        n_seeds: the smallest number of seeds of a task, collapsed ones among them.
        n_runs: tasks x seeds, likewise.
    """

    pairs: Mapping[str, tuple[np.ndarray, np.ndarray]]
    n_seeds: int
    n_runs: int = 0

    def tested(self, test: Criterion) -> Tested:
        """See `Cells`."""
        first, second = np.array(
            [[np.std(side, ddof=1) for side in pair] for pair in self.pairs.values()]
        ).T
        logs = np.log(first / second) - math.log(test.bound)
        n = len(logs)
        ratio = test.bound * math.exp(float(logs.mean()))
        estimate = Estimate(ratio, n_tasks=n, n_seeds=self.n_seeds)
        if n < FEWEST_TASKS:
            reason = f"A ratio of spreads takes {FEWEST_TASKS} tasks; this run has {n}."
            return Tested(estimate, 1.0, 1.0, ratio > test.bound, reason)
        subsets = subset_means(logs)
        total = len(subsets) + 1
        supports = (1 + int((subsets <= SAME).sum())) / total
        against = (1 + int((subsets >= -SAME).sum())) / total
        # Of subsets and the empty one: the outermost that a one-sided test at 2.5 % leaves.
        place = math.floor(ALPHA * total) - 1
        low, high = (test.bound * math.exp(float(subsets[at])) for at in (place, -1 - place))
        return Tested(replace(estimate, low=low, high=high), supports, against, ratio > test.bound)


def subset_means(values: np.ndarray) -> np.ndarray:
    """Ordered means of all subsets of some numbers but the empty one; drawn of many numbers."""
    n = len(values)
    if n <= EXACT_TASKS:
        chosen = (np.arange(1, 2**n)[:, None] >> np.arange(n)) & 1
    else:
        chosen = np.random.default_rng(0).integers(0, 2, (2**EXACT_TASKS, n))
        chosen = chosen[chosen.any(axis=1)]
    return np.sort(chosen @ values / chosen.sum(axis=1))


@dataclass(frozen=True)
class Agreements:
    """Masks of several seeds: Fleiss' kappa over seeds, mean over tasks.

    Seeds and units are both drawn. Over seeds the standard error is the jackknife's (one mask left
    out), with the degrees of freedom of its values; over units it is the largest that the masks'
    disagreement can have (`kappa_error`).

    Attributes:
        shared: task -> how many units each two masks keep in common, [seeds, seeds]; the diagonal
            holds their sizes.
        n_units: units of a mask.
        note: see `Tested`.
    """

    shared: Mapping[str, np.ndarray]
    n_units: int
    note: str = ""

    def tested(self, test: Criterion) -> Tested:
        """See `Cells`."""
        kappas, values, errors = [], [], []
        for shared in self.shared.values():
            seeds = range(len(shared))
            kappas.append(fleiss_kappa(shared, self.n_units))
            errors.append(kappa_error(shared, self.n_units, kappas[-1]))
            if len(shared) > 2:
                without = [
                    fleiss_kappa(np.delete(np.delete(shared, seed, 0), seed, 1), self.n_units)
                    for seed in seeds
                ]
                values.append(len(shared) * kappas[-1] - (len(shared) - 1) * np.array(without))
        value, fewest = float(np.mean(kappas)), min(map(len, self.shared.values()))
        counts = {"n_tasks": len(kappas), "n_seeds": fewest}
        if len(values) < len(kappas) or not np.isfinite(np.concatenate(values)).all():
            holds = value < test.bound if test.kind == BELOW else value > test.bound
            reason = "Agreement over seeds has no interval with fewer than three masks a task."
            return Tested(Estimate(value, **counts), 1.0, 1.0, holds, reason, self.note)
        spread = t_estimate(values)
        if spread.se_seeds is None or spread.df is None:
            raise AssertionError("three values or more have a spread")
        error = se_of_mean(errors)
        estimate = Estimate.of(value, spread.se_seeds, spread.df, error, **counts)
        return judged(test, estimate.within(-1 / (fewest - 1), 1.0), note=self.note)


def fleiss_kappa(shared: np.ndarray, n: int) -> float:
    """Fleiss' kappa of masks from how many units each two keep in common; NaN if undefined.

    Args:
        shared: [masks, masks], sizes on the diagonal.
        n: units of a mask.
    """
    sizes = np.diagonal(shared)
    first, second = np.triu_indices(len(shared), k=1)
    differing = float(np.mean(sizes[first] + sizes[second] - 2 * shared[first, second])) / n
    kept = float(sizes.mean()) / n
    by_chance = 2 * kept * (1 - kept)
    return 1 - differing / by_chance if by_chance else math.nan


def kappa_error(shared: np.ndarray, n: int, kappa: float) -> float:
    """The largest standard error of kappa over units that are drawn independently.

    A unit on which the masks are as divided as can be disagrees on `most` of their pairs; a
    disagreement between 0 and that, of a given mean, varies most where it is one of the two.

    Args:
        shared, n: see `fleiss_kappa`.
        kappa: of the masks.
    """
    masks, kept = len(shared), float(np.diagonal(shared).mean()) / n
    most = (masks // 2) * ((masks + 1) // 2) / (masks * (masks - 1) / 2)
    scaled = most / (2 * kept * (1 - kept)) if 0 < kept < 1 else math.nan
    return math.sqrt(max((1 - kappa) * (scaled - (1 - kappa)), 0.0) / n)


@dataclass(frozen=True)
class Survivors:
    """How much survives in all seeds, between chance and full agreement, mean over tasks.

    (survives in all - expected of independent masks) / (kept by a mask - expected): 0 for masks
    that agree by chance, 1 for masks that are all the same. Where a share of the units is the same
    in all masks and the rest is drawn, it is that share for any number of seeds, which the
    number of survivors is not.

    Attributes:
        survive, kept, expected, expected_sd: of each task, as shares of the body: what survives in
            all seeds, mean size of the masks, what independent masks of these sizes have in common,
            and its standard deviation.
        n_seeds: masks of a task.
        note: see `Tested`.
    """

    survive: np.ndarray
    kept: np.ndarray
    expected: np.ndarray
    expected_sd: np.ndarray
    n_seeds: int
    note: str = ""

    def tested(self, test: Criterion) -> Tested:
        """See `Cells`."""
        room = self.kept - self.expected
        shares = (self.survive - self.expected) / room
        # Drawn units: the variance of a share v grows with v (1 - v).
        least = self.expected * (1 - self.expected)
        factor = np.maximum(self.survive * (1 - self.survive), least) / least
        se = se_of_mean(self.expected_sd * np.sqrt(factor) / room)
        counts = {"n_tasks": len(shares), "n_seeds": self.n_seeds}
        estimate = Estimate.of(float(shares.mean()), 0.0, math.inf, se, **counts)
        return judged(test, estimate.within(-1.0, 1.0), note=self.note)


@dataclass(frozen=True)
class Permuted:
    """A number of another analysis with p-values from permutations.

    Attributes:
        estimate: the number; its interval where there is one.
        supports: p-value of so large a number.
        smallest: the least that this p-value could have been.
        against: p-value of so small a number; 1 where the analysis has none.
        log_df: where the number must also clear the bound: the degrees of freedom of its interval,
            which is one of logarithms.
        note: see `Tested`.
    """

    estimate: Estimate
    supports: float
    smallest: float
    against: float = 1.0
    log_df: float | None = None
    note: str = ""

    def tested(self, test: Criterion) -> Tested:
        """See `Cells`."""
        estimate, supports, against = self.estimate, self.supports, self.against
        reason = ""
        if self.smallest >= ALPHA:
            reason = (
                f"So few tasks and seeds have no p-value below {self.smallest:.2g} "
                "(it takes more of them)."
            )
        if self.log_df and estimate.low and estimate.high:
            above = log_scale_p(estimate.low, estimate.high, self.log_df, test.bound)
            supports, against = max(supports, above), 1 - above
        elif test.bound:
            supports = 1.0
        if reason:
            supports, against = 1.0, 1.0
        holds = estimate.value > test.bound
        return Tested(estimate, supports, against, holds, reason, self.note)


@dataclass(frozen=True)
class Association:
    """A correlation over heads with the standard error that it has if nothing goes together.

    Attributes:
        value, se: of the mean over tasks.
        n_tasks, n_seeds: behind it.
    """

    value: float
    se: float
    n_tasks: int
    n_seeds: int

    def tested(self, test: Criterion) -> Tested:
        """See `Cells`."""
        counts = {"n_tasks": self.n_tasks, "n_seeds": self.n_seeds}
        estimate = Estimate.of(self.value, 0.0, math.inf, self.se, **counts)
        return judged(test, estimate.within(-1.0, 1.0))
