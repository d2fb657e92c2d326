"""Cells of studies that never ran: how often a test decides where the truth is known.

Nothing is trained. Each function draws the numbers that a study would have measured, with the true
value given; the tests then see them as they see a real study's. `rates` counts the decisions.
docs/simulations.md prints what `tests/unit/test_claims_simulated.py` finds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lottery.statistics.claims.cells import (
    Agreements,
    Association,
    Cells,
    Permuted,
    Runs,
    Spreads,
    Survivors,
    Worst,
)
from lottery.statistics.claims.verdicts import ALPHA, Criterion, sorting_seeds
from lottery.statistics.intervals import Estimate

HEADS = 144
CONNECTED = 4  # subnetworks that are trained twice, on each task
CLASSES = ("heterogeneous", "block", "diagonal", "vertical", "vertical_diagonal")


@dataclass(frozen=True)
class Design:
    """A study: its size, and how its numbers vary.

    Attributes:
        n_tasks, n_seeds, n_examples: of the study; examples of each task's development set.
        training: standard deviation over seeds of a difference, by task (repeated as needed).
        shared, own: variance of an example's contribution to a difference: what all seeds share,
            and what is a seed's own.
    """

    n_tasks: int = 2
    n_seeds: int = 3
    n_examples: int = 300
    training: Sequence[float] = (0.01, 0.02)
    shared: float = 0.1
    own: float = 0.1

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks."""
        return [f"task{number}" for number in range(self.n_tasks)]

    @property
    def sds(self) -> np.ndarray:
        """Standard deviation over seeds of each task."""
        return np.resize(self.training, self.n_tasks)


# Draws the cells of a study, given a numpy generator; the truth comes with the part. (Its module is
# not named here: loading it would slow down every step that reads the table of claims.)
Truth = Callable[[Any, Design], Cells]


def runs(rng: np.random.Generator, design: Design, truth: float) -> Runs:
    """A difference whose true mean is the truth on every task."""
    return _runs(rng, design, np.full(design.n_tasks, truth))


def runs_on_some_tasks(rng: np.random.Generator, design: Design, truth: float) -> Runs:
    """A difference that is the truth on every second task, and 0 on the others."""
    return _runs(rng, design, np.where(np.arange(design.n_tasks) % 2, 0.0, truth))


def _runs(rng: np.random.Generator, design: Design, means: np.ndarray) -> Runs:
    n = design.n_examples
    examples = rng.normal(0, (design.shared / n) ** 0.5, (design.n_tasks, 1))
    sds = np.sqrt(design.own / n + design.sds**2)[:, None]
    values = means[:, None] + examples + rng.normal(0, sds, (design.n_tasks, design.n_seeds))
    # Estimated from the same examples.
    error = np.sqrt(design.shared / n * rng.chisquare(n - 1, design.n_tasks) / (n - 1))
    return Runs(
        dict(zip(design.tasks, values, strict=True)),
        dict(zip(design.tasks, error.tolist(), strict=True)),
    )


def stable(rng: np.random.Generator, design: Design, truth: float) -> Runs:
    """A difference whose true mean is the truth, of the subnetworks that are found stable."""
    return _chosen(rng, design, truth, stable=True)


def unstable(rng: np.random.Generator, design: Design, truth: float) -> Runs:
    """The same of those that are found unstable."""
    return _chosen(rng, design, truth, stable=False)


def _chosen(rng: np.random.Generator, design: Design, truth: float, *, stable: bool) -> Runs:
    """A difference of subnetworks, sorted by the barriers of some seeds, on the other seeds.

    Their true barriers lie at the bound, so that noise alone decides which are chosen. A training
    that has come out well has a low error at its end of the line, and so a high barrier.
    """
    drawn = [_runs(rng, design, np.full(design.n_tasks, truth)) for _ in range(CONNECTED)]
    values = np.array([[*one.values.values()] for one in drawn])  # [subnetworks, tasks, seeds]
    noise = rng.normal(0, design.sds[:, None], values.shape)
    n = sorting_seeds(design.n_seeds)
    if not n:  # nothing is compared, as of one seed
        return replace(drawn[0], values=dict.fromkeys(design.tasks, values[0, 0, :1]))
    barriers = ((values - truth) / 2 + noise)[:, :, :n].mean(axis=2)
    signs = barriers if stable else -barriers
    # Of each task those that lie on this side, at least the one that lies farthest.
    chosen = signs <= np.maximum(signs.min(axis=0), 0.0)
    means = [values[chosen[:, task], task, n:].mean(axis=0) for task in range(design.n_tasks)]
    return replace(drawn[0], values=dict(zip(design.tasks, means, strict=True)))


def sizes(rng: np.random.Generator, design: Design, truth: float) -> Runs:
    """A difference of sizes, which no choice of examples moves."""
    values = truth + rng.normal(0, design.sds[:, None], (design.n_tasks, design.n_seeds))
    return Runs(dict(zip(design.tasks, values, strict=True)), ends=(-1.0, 1.0))


def mixes(rng: np.random.Generator, design: Design, truth: float) -> Worst:
    """Changes of the shares of five classes: one grows by the truth, another shrinks by it."""
    shape = (len(CLASSES), design.n_tasks, design.n_seeds)
    noise = rng.normal(0, design.sds[:, None], shape)
    noise -= noise.mean(axis=0)
    noise[0] += truth
    noise[1] -= truth
    return Worst(
        {
            name: Runs(dict(zip(design.tasks, values, strict=True)), ends=(-1.0, 1.0))
            for name, values in zip(CLASSES, noise, strict=True)
        }
    )


def spreads(rng: np.random.Generator, design: Design, truth: float) -> Spreads:
    """Two sides of which the first varies `truth` times as much, with runs far out on both."""
    shape = (2, design.n_tasks, design.n_seeds)
    sds = design.sds[:, None] * np.array([truth, 1.0])[:, None, None]
    values = rng.normal(0, 1, shape) * sds - 0.4 * (rng.random(shape) < 0.05)
    return Spreads(dict(zip(design.tasks, zip(*values, strict=True), strict=True)), design.n_seeds)


def masks(
    rng: np.random.Generator, n_seeds: int, n_units: int, truth: float, kept: float = 0.6
) -> np.ndarray:
    """Masks of which a share of the units is the same, the others drawn: kappa is that share.

    Returns:
        bool [seeds, units].
    """
    common = rng.random(n_units) < kept
    drawn = rng.random((n_seeds, n_units)) < kept
    return np.where(rng.random(n_units) < truth, common, drawn)


def agreements(rng: np.random.Generator, design: Design, truth: float) -> Agreements:
    """Head masks whose true kappa over seeds is the truth."""
    shared = {}
    for task in design.tasks:
        kept = masks(rng, design.n_seeds, HEADS, truth).astype(float)
        shared[task] = kept @ kept.T
    return Agreements(shared, HEADS)


def survivors(rng: np.random.Generator, design: Design, truth: float) -> Survivors:
    """What survives in all seeds, of masks whose true share of common units is the truth."""
    rows = []
    for _ in design.tasks:
        kept = masks(rng, design.n_seeds, HEADS, truth)
        shares = kept.mean(axis=1)
        expected = float(np.prod(shares))
        # Of independent masks of given sizes, approximately.
        sd = (expected * (1 - expected) / HEADS) ** 0.5
        rows.append((kept.all(axis=0).mean(), shares.mean(), expected, sd))
    survive, kept, expected, sds = np.array(rows).T
    return Survivors(survive, kept, expected, sds, design.n_seeds)


def associations(rng: np.random.Generator, design: Design, truth: float) -> Worst:
    """The correlation over heads of two numbers whose true correlation is the truth, mean of tasks.

    Attention is that of the pretrained model in all tasks, so the tasks' scores are alike.
    """
    scores = rng.normal(0, 1, HEADS)
    found = []
    for _ in design.tasks:
        survival = truth * scores + (1 - truth**2) ** 0.5 * rng.normal(0, 1, HEADS)
        found.append(np.corrcoef(survival, scores)[0, 1])
    se = 1 / ((HEADS - 1) * design.n_tasks) ** 0.5
    cells = Association(float(np.mean(found)), se, design.n_tasks, design.n_seeds)
    return Worst({"heterogeneous": cells})


def ratios(rng: np.random.Generator, design: Design, truth: float) -> Permuted:
    """Importance of the top heads / the median head, of each held-out seed, far from chance."""
    from scipy.special import stdtrit

    logs = np.log(truth) + rng.normal(0, 0.2, design.n_seeds)
    mean, df = float(logs.mean()), design.n_seeds - 1
    half = float(stdtrit(df, 0.975)) * float(logs.std(ddof=1)) / design.n_seeds**0.5
    low, value, high = np.exp([mean - half, mean, mean + half]).tolist()
    counts = {"n_tasks": design.n_tasks, "n_seeds": design.n_seeds}
    return Permuted(Estimate(value, low, high, **counts), 0.001, 0.001, log_df=df)


def rates(
    truth: Truth, criterion: Criterion, design: Design, n_studies: int, seed: int = 0
) -> tuple[float, float]:
    """How often studies find for a claim, and against it.

    Args:
        truth: draws the cells.
        criterion: the test.
        design: of the studies.
        n_studies: how many are drawn.
        seed: of the draws.

    Returns:
        Shares of studies, before any correction for other claims.
    """
    rng = np.random.default_rng([0, seed])
    tested = [truth(rng, design).tested(criterion) for _ in range(n_studies)]
    supports, against = (
        [getattr(each, name) for each in tested] for name in ("supports", "against")
    )
    return float(np.mean(np.array(supports) < ALPHA)), float(np.mean(np.array(against) < ALPHA))
