"""How often intervals of a difference hold the true one, in simulated studies.

Nothing is trained: scores of runs are drawn, or predictions of which the library computes scores
and influences. `python tests/unit/coverage_simulation.py` (with workflow/scripts on PYTHONPATH)
prints the table of docs/simulations.md.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from lottery.statistics.intervals import half_width
from lottery.tasks.metrics import influences, weighted_scores

# Development examples of the tasks of GLUE without WNLI: CoLA, SST-2, MRPC, STS-B, QQP, MNLI,
# QNLI, RTE.
GLUE = (1043, 872, 408, 1500, 40430, 9815, 5463, 277)
# What the runs of a seed have in common with those of others is the examples' share of the noise.
# The first is like the difference of full and good, the others like that of good and random; the
# last like that of pruned subnetworks, which vary most.
NOISES = (
    (0.01, 0.05, 0.003),
    (0.1, 0.1, 0.01),
    (0.1, 0.1, 0.03),
    (0.2, 0.1, 0.01),
    (0.1, 0.1, 0.1),
)
DESIGNS = (
    ("8 GLUE tasks", GLUE, 5),
    ("8 GLUE tasks, halves", tuple(n // 2 for n in GLUE), 5),
    ("2 tasks of 600", (600, 600), 3),
    ("2 tasks of 300", (300, 300), 3),
    ("RTE alone", (277,), 3),
    ("half of RTE", (138,), 3),
)
# As on RTE, MRPC, CoLA and STS-B.
METRICS = (
    ("accuracy", 277, 3),
    ("f1", 408, 3),
    ("matthews", 1043, 3),
    ("matthews", 1043, 5),
    ("pearson", 1500, 3),
    ("pearson", 1500, 5),
    ("spearman", 1500, 3),
)
METHODS = ("t over seeds", "percentile bootstrap", "Multi-Bootstrap", "ours")
# Where scores are drawn, intervals without resampling are cheap: so many times as many studies.
MORE = 10
RESAMPLES = 400
TRUE = 0.008
COLLAPSE, DROP = 0.05, 0.4


@dataclass(frozen=True)
class Scenario:
    """Studies of one kind.

    Attributes:
        examples: of each task.
        shared, own: variance per example of the difference of two runs: what all seeds share, and
            what each has for itself.
        training: standard deviation over seeds of a run's true difference.
        metric: where predictions are drawn, in place of scores.
        arms: how many of the two subnetworks collapse, each run with probability `COLLAPSE`.
    """

    name: str
    examples: tuple[int, ...]
    seeds: int
    shared: float = 0.0
    own: float = 0.0
    training: float = 0.0
    metric: str = ""
    arms: int = 0


@dataclass(frozen=True)
class Studies:
    """N studies of one kind.

    Attributes:
        means: differences of scores, [N, tasks, seeds].
        covariance: over examples, of the seeds' influences, [N, tasks, seeds, seeds].
        examples: of each task, [tasks].
        sound: the runs that did not collapse, bool [N, tasks, seeds].
        true: the difference to be covered.
    """

    means: np.ndarray
    covariance: np.ndarray
    examples: np.ndarray
    sound: np.ndarray
    true: float


PER_STUDY = ("means", "covariance", "sound")


def scenarios() -> Iterator[Scenario]:
    """The rows of the table."""
    for name, examples, seeds in DESIGNS:
        for noise in NOISES:
            yield Scenario(name, examples, seeds, *noise)
    # Draws of a control are nested in seeds: what the second side has of its own is averaged.
    shrunk = (0.1, 0.1 * 0.6, 0.01 * 0.6**0.5)
    yield Scenario("8 GLUE tasks, control of 5 draws", GLUE, 5, *shrunk)
    for metric, n, seeds in METRICS:
        yield Scenario(f"one task of {n}", (n,), seeds, metric=metric)
    for arms in (2, 1):
        where = "both" if arms == 2 else "one"
        for name, examples, seeds in (DESIGNS[0], DESIGNS[2], DESIGNS[4]):
            yield Scenario(f"{name}, collapses in {where}", examples, seeds, *NOISES[1], arms=arms)


def draw(scenario: Scenario, n: int) -> Studies:
    """Draws studies; the same ones for the same scenario."""
    rng = np.random.default_rng(zlib.crc32(repr(scenario).encode()))
    if scenario.metric:
        return _predicted(scenario, n, rng)
    tasks, seeds = len(scenario.examples), scenario.seeds
    examples = np.array(scenario.examples)
    shape = (n, tasks, seeds)
    means = TRUE + rng.normal(size=(n, tasks, 1)) * np.sqrt(scenario.shared / examples)[:, None]
    own = np.sqrt(scenario.own / examples + scenario.training**2)
    means = means + rng.normal(size=shape) * own[:, None]
    # The covariance of so many normal examples is Wishart's (Bartlett 1933).
    expected = scenario.own * np.eye(seeds) + scenario.shared
    root = np.tril(rng.normal(size=(*shape, seeds)), -1)
    degrees = (examples - 1)[:, None] - np.arange(seeds)
    root[..., np.arange(seeds), np.arange(seeds)] = np.sqrt(rng.chisquare(degrees, shape))
    root = np.linalg.cholesky(expected) @ root
    covariance = root @ root.swapaxes(-1, -2) / (examples - 1)[:, None, None]
    lost = rng.random((scenario.arms, *shape)) < COLLAPSE
    # The first arm that collapses is the second system: the difference grows.
    for sign, of_arm in zip((1, -1), lost, strict=False):
        means = means + sign * DROP * of_arm
    return Studies(means, covariance, examples, ~lost.any(0), TRUE)


def _predicted(scenario: Scenario, n: int, rng: np.random.Generator) -> Studies:
    """Studies of two systems' predictions on one task."""
    (examples,), seeds, metric = scenario.examples, scenario.seeds, scenario.metric
    means, covariance = np.empty((n, 1, seeds)), np.empty((n, 1, seeds, seeds))
    for study in range(n):
        labels, predictions = _predictions(metric, examples, seeds, rng)
        score = weighted_scores(metric, labels, predictions, np.ones((1, examples)))[0]
        added = influences(metric, labels, predictions)
        means[study, 0] = score[:seeds] - score[seeds:]
        covariance[study, 0] = np.cov(added[:seeds] - added[seeds:])
    # Many seeds on many examples.
    many = [_predictions(metric, 20_000, 20, rng) for _ in range(20)]
    once = np.ones((1, 20_000))
    scores = [weighted_scores(metric, *each, once)[0] for each in many]
    true = float(np.mean([score[:20].mean() - score[20:].mean() for score in scores]))
    return Studies(means, covariance, np.array([examples]), np.ones((n, 1, seeds), bool), true)


def _predictions(
    metric: str, n: int, seeds: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Labels and predictions of two systems, [2 x seeds, n].

    Examples are hard or easy for all runs, for those of a system, and for a run; runs differ in how
    much they have learned.
    """
    learned = np.repeat((1.1, 0.8), seeds)[:, None] + 0.06 * rng.normal(size=(2 * seeds, 1))
    noise = rng.normal(size=n) + 0.5 * rng.normal(size=(2 * seeds, n))
    noise += np.repeat(0.5 * rng.normal(size=(2, n)), seeds, 0)
    if metric in ("pearson", "spearman"):
        labels = np.clip(rng.normal(2.5, 1.4, size=n), 0, 5).round(1)
        return labels, learned * (labels - 2.5) + noise
    labels = (rng.random(n) < 0.68).astype(int)
    return labels, (learned * (2 * labels - 1) + 0.2 + noise > 0).astype(int)


def ends(studies: Studies, method: str) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of the 95 % interval of each study, [N]; NaN where there is none."""
    if "ootstrap" in method:
        return _bootstrapped(studies, joint=method == "Multi-Bootstrap")
    sound = studies.sound if method == "ours" else np.ones_like(studies.sound)
    kept = sound.sum(-1)
    judged = kept > 1  # as many runs as a spread takes
    n_tasks = judged.sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = (studies.means * sound).sum(-1) / kept
        squares = ((studies.means - means[..., None]) ** 2 * sound).sum(-1)
        parts = np.where(judged, squares / (kept - 1) / kept, 0.0)
        # Between seeds: what is within one is in the spread over seeds.
        between = studies.covariance * (1 - np.eye(sound.shape[-1]))
        shared = np.einsum("nts,ntsr,ntr->nt", sound, between, sound) / (kept * (kept - 1))
        of_examples = np.where(judged, np.maximum(shared, 0) / studies.examples, 0.0).sum(-1)
        total = parts.sum(-1)
        freedom = np.where(judged, (parts / total[:, None]) ** 2 / (kept - 1), 0.0)
        values = np.where(judged, means, 0.0).sum(-1) / n_tasks
        if method != "ours":
            of_examples = 0.0 * of_examples
        errors = (np.sqrt(each) / n_tasks for each in (total, of_examples))
        se_seeds, se_examples = errors
        half = half_width(0.025, se_seeds, 1 / freedom.sum(-1), se_examples)
    return values - half, values + half


def _bootstrapped(studies: Studies, *, joint: bool) -> tuple[np.ndarray, np.ndarray]:
    """Percentiles of a bootstrap that draws seeds and examples; all runs, collapsed ones too.

    Args:
        studies: see `Studies`.
        joint: whether all tasks share a draw of seeds, as in the Multi-Bootstrap.
    """
    rng = np.random.default_rng(0)
    n, tasks, seeds = studies.means.shape
    of_chunks = []
    for chunk in np.array_split(np.arange(n), max(1, n // 50)):
        shape = (len(chunk), RESAMPLES, 1 if joint else tasks)
        drawn = rng.integers(seeds, size=(*shape, seeds))
        shares = np.stack([(drawn == seed).mean(-1) for seed in range(seeds)], -1)
        shares = np.broadcast_to(shares, (*shape[:2], tasks, seeds))
        centre = np.einsum("nbts,nts->nbt", shares, studies.means[chunk]).mean(-1)
        # Drawing the examples moves the means as a normal vector with their covariance / n.
        covariance = studies.covariance[chunk] / studies.examples[:, None, None]
        moved = np.einsum("nbts,ntsr->nbtr", shares, covariance)
        spread = np.sqrt((moved * shares).sum((-1, -2))) / tasks
        values = centre + spread * rng.normal(size=spread.shape)
        of_chunks.append(np.quantile(values, [0.025, 0.975], axis=1))
    low, high = np.concatenate(of_chunks, 1)
    return low, high


def coverage(studies: Studies, method: str) -> float:
    """Percentage of the intervals that there are that hold the true difference.

    Of all runs with their collapses, what is covered is the mean that includes them.
    """
    low, high = ends(studies, method)
    there = np.isfinite(low)
    true = studies.true
    return 100 * float(np.mean((low <= true) & (true <= high), where=there))


def row(scenario: Scenario, n: int) -> list[float]:
    """Coverage of every method in a scenario, of the bootstraps in n studies."""
    studies = draw(scenario, n if scenario.metric else MORE * n)
    few = replace(studies, **{name: getattr(studies, name)[:n] for name in PER_STUDY})
    # Where collapsed runs are in, the mean with them is to be covered.
    added = DROP * COLLAPSE if scenario.arms == 1 else 0.0
    found = []
    for method in METHODS:
        drawn = few if "ootstrap" in method else studies
        true = drawn.true + (0.0 if method == "ours" else added)
        found.append(coverage(replace(drawn, true=true), method))
    return found


def markdown(rows: list[tuple[Scenario, list[float]]]) -> list[str]:
    """The lines of the table."""
    head = ["study", "seeds", "shared", "own", "training", *METHODS]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for scenario, numbers in rows:
        noise = [f"{scenario.shared:g}", f"{scenario.own:g}", f"{scenario.training:.3g}"]
        if scenario.metric:
            noise = [scenario.metric, "", ""]
        cells = [scenario.name, str(scenario.seeds), *noise, *(f"{x:.1f}" for x in numbers)]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


if __name__ == "__main__":
    print("\n".join(markdown([(scenario, row(scenario, 2000)) for scenario in scenarios()])))
