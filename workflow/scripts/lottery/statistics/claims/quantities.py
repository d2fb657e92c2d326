"""What the claims measure: each quantity of this run, and the paper's by the same formula.

The paper's numbers are over its eight tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import TYPE_CHECKING, cast

import numpy as np

from lottery.pruning.algorithms.declaration import PAPERS_METHODS, UNITS, WEIGHTS
from lottery.results.published import Published, PublishedScore
from lottery.statistics.claims.evidence import Subject, UnmeasuredError
from lottery.statistics.claims.verdicts import NOT_COMPARABLE, NOT_RUN, TOO_FEW, UNDECIDED
from lottery.statistics.intervals import (
    Estimate,
    mean_estimate,
    possible,
    spread_between,
    spread_ratio,
    t_estimate,
)
from lottery.statistics.runs import NAMES, by_task, difference
from lottery.tasks.task import GLUE

if TYPE_CHECKING:
    import pandas as pd

NO_RUNS = "No task that enters averages has these runs."


# Task and reported metric of the paper's averages: GLUE without WNLI.
PAPERS_TASKS = {name: task.metric for name, task in GLUE.items() if task.in_average}


@dataclass(frozen=True)
class Measured:
    """A quantity of this run.

    Attributes:
        estimate: with degenerate runs, as published.
        without: without seeds that have a degenerate run; None where none is left.
        n_degenerate: number of seeds, over tasks, that `without` leaves out.
        by_task, without_by_task: the two for each task, of a mean over runs.
        note: words on another number that belongs to it.
    """

    estimate: Estimate
    without: Estimate | None
    n_degenerate: int = 0
    by_task: Mapping[str, Estimate] = field(default_factory=dict)
    without_by_task: Mapping[str, Estimate] = field(default_factory=dict)
    note: str = ""


def score_difference(
    subject: Subject, first: str, second: str, phase: str, factor: float = 1.0
) -> Measured:
    """Mean over tasks and seeds of first - factor x second."""
    found = difference(subject.runs(first, phase), subject.runs(second, phase), factor)
    return _mean_of_runs(found, NOT_RUN, NO_RUNS)


def task_differences(subject: Subject, first: str, second: str, phase: str) -> Measured:
    """`score_difference`, of at least two tasks."""
    measured = score_difference(subject, first, second, phase)
    if measured.estimate.n_tasks < 2:
        raise UnmeasuredError(NOT_COMPARABLE, "One task alone cannot tell some tasks from all.")
    return measured


def papers_difference(
    published: Published, method: str, first: str, second: str, phase: str, factor: float = 1.0
) -> float:
    """The paper's `score_difference`."""
    sides = (_papers_scores(published, method, role, phase) for role in (first, second))
    return fmean([a.mean - factor * b.mean for a, b in zip(*sides, strict=True)])


def baseline_difference(subject: Subject) -> Measured:
    """BiLSTM - bad subnetworks, retrained."""
    bad, baselines = subject.runs("bad", "retrained"), subject.evidence.baselines
    bilstm = baselines[baselines["name"].str.lower().str.contains("bilstm")]
    levels = {task: fmean(scores) for task, scores in bilstm.groupby("task")["score"]}
    found = bad.assign(value=bad.index.get_level_values("task").map(levels) - bad["value"])
    found = found[found.index.isin(levels, level="task")]
    return _mean_of_runs(found, NOT_COMPARABLE, "No scores of a BiLSTM were given.")


def _mean_of_runs(runs: pd.DataFrame, verdict: str, reason: str) -> Measured:
    """The mean over tasks; without degenerate runs over tasks that have two other seeds or more."""
    values = by_task(runs)
    if not values:
        raise UnmeasuredError(verdict, reason)
    others = by_task(runs, degenerate=False)
    without = {task: each for task, each in others.items() if len(each) > 1}
    degenerate = runs.loc[runs.index.isin(values, level="task"), "degenerate"]
    return Measured(
        estimate=t_estimate([*values.values()]),
        without=mean_estimate([*without.values()]),
        n_degenerate=int(degenerate.sum()),
        by_task={task: t_estimate([each]) for task, each in values.items()},
        without_by_task={task: t_estimate([each]) for task, each in without.items()},
    )


def good_spread(subject: Subject) -> Measured:
    """Standard deviation over seeds of good subnetworks, retrained / that of the full model."""
    sides = [subject.runs(role, "retrained") for role in ("good", "full")]
    values = _pairs(*sides)
    if not values:
        raise UnmeasuredError(NOT_RUN, NO_RUNS)
    estimate = spread_ratio(*zip(*values.values(), strict=True))
    if estimate is None:
        verdict = TOO_FEW if subject.evidence.n_seeds < 2 else UNDECIDED
        raise UnmeasuredError(verdict, "The full model's score does not vary over seeds.")
    others = _pairs(*sides, degenerate=False)
    kept = [pair for task, pair in others.items() if task in values and min(map(len, pair)) > 1]
    degenerate = difference(*sides)["degenerate"]
    return Measured(
        estimate,
        spread_ratio(*zip(*kept, strict=True)) if kept else None,
        int(degenerate[degenerate.index.isin(values, level="task")].sum()),
    )


def _pairs(
    good: pd.DataFrame, full: pd.DataFrame, *, degenerate: bool = True
) -> dict[str, list[np.ndarray]]:
    """The values of both sides, for the tasks that both have."""
    first, second = (by_task(side, degenerate=degenerate) for side in (good, full))
    return {task: [first[task], second[task]] for task in first if task in second}


def papers_good_spread(published: Published, method: str) -> float:
    """The paper's `good_spread`; it has retrained and full models of several seeds."""
    good, full = (
        fmean(cast(float, score.sd) ** 2 for score in _papers_scores(published, method, role))
        for role in ("good", "full")
    )
    return (good / full) ** 0.5


def size_difference(subject: Subject) -> Measured:
    """kept_fraction of good: structured - magnitude, under the same threshold and search data."""
    method = subject.method
    partner = next(
        (
            each
            for each in subject.evidence.methods.values()
            if each.granularity != method.granularity
            and each.search
            and dict(each.search) == dict(method.search)
            and subject.model in each.models
        ),
        None,
    )
    if partner is None:
        raise UnmeasuredError(NOT_RUN, "No method of the other granularity has the same threshold.")
    subject.draws("found")
    sizes = {}
    for each in (method, partner):
        runs = subject.by_seed(each, "pruned", ("good",))
        sizes[each.granularity] = runs.assign(value=runs["kept_fraction"])
    differences = by_task(difference(sizes[UNITS], sizes[WEIGHTS]))
    if not differences:
        raise UnmeasuredError(NOT_RUN, f"{partner.id} has no good subnetworks to compare with.")
    estimate = t_estimate([*differences.values()]).within(-1.0, 1.0)
    return Measured(estimate, estimate)


def papers_size_difference(published: Published, _method: str) -> float:
    """The paper's `size_difference`."""
    units, weights = (
        papers_size(published, PAPERS_METHODS[each], "good") for each in (UNITS, WEIGHTS)
    )
    return units - weights


def super_size(subject: Subject) -> Measured:
    """Mean kept_fraction of super_good; one mask serves all seeds, so none makes it uncertain."""
    kept = subject.runs("super_good", "retrained")["kept_fraction"].groupby(level="task")
    if not len(kept):
        raise UnmeasuredError(NOT_RUN, NO_RUNS)
    value, n_seeds = fmean(kept.agg(fmean)), int(kept.size().min())
    estimate = Estimate(value, value, value, value, value, n_tasks=len(kept), n_seeds=n_seeds)
    return Measured(estimate, estimate)


def papers_size(published: Published, method: str, subnetwork: str = "super_good") -> float:
    """The paper's mean kept_fraction of a subnetwork."""
    sizes = [published.kept_fraction(method, subnetwork, task) for task in PAPERS_TASKS]
    return fmean(cast(list[float], sizes))


def kappa(subject: Subject) -> Measured:
    """Mean of the tasks' kappas; kappa compares the seeds, so tasks are the units.

    Under strict the halves are read as good, as for every claim but those of the search itself.
    """
    rows = subject.rows("stability")
    rows = rows[
        (rows["unit"] == "heads")
        & (rows["statistic"] == "fleiss_kappa")
        & (rows["other_task"] == "")
        & (rows["subnetwork"] == NAMES[subject.method.controls]["good"])
    ]
    ends = possible("fleiss_kappa", max(2, subject.evidence.n_seeds))
    return _mean_of_rows(rows, subject, "No task has a kappa of head masks.", ends)


def pattern(subject: Subject, quantity: str, attention: str) -> Measured:
    """A number of the analysis of attention patterns, on heterogeneous attention."""
    rows = subject.rows("patterns")
    rows = rows[(rows["quantity"] == quantity) & (rows["attention"] == attention)]
    rows = rows[(rows["score"] == "heterogeneous") & (rows["weights"] != "pretrained")]
    rows = rows[rows["task"] != "average"]
    # A correlation, or a difference of two shares.
    ends = (-1.0, 1.0)
    return _mean_of_rows(rows, subject, "The analysis of patterns does not give it.", ends)


def _mean_of_rows(
    rows: pd.DataFrame, subject: Subject, missing: str, ends: tuple[float, float]
) -> Measured:
    """Mean of a table's values: over seeds within tasks, or over tasks with a value each.

    Args:
        rows: of the table.
        subject: the claim's subject.
        missing: the reason where there are none.
        ends: the smallest and the largest value there can be, where the interval is cut.
    """
    values = rows.dropna(subset="value").groupby("task", sort=False)["value"]
    groups = [of_task.to_numpy() for _, of_task in values]
    if not groups:
        raise UnmeasuredError(NOT_RUN, missing)
    if max(map(len, groups)) > 1:
        estimate = t_estimate(groups)
    else:
        pooled = t_estimate([np.concatenate(groups)])
        estimate = replace(pooled, n_tasks=len(groups), n_seeds=subject.evidence.n_seeds)
    estimate = estimate.within(*ends)
    return Measured(estimate, estimate)


def importance_share(subject: Subject, above: float, below: float) -> Measured:
    """Share of heads with an importance between two values, at the first step of the search."""
    rows = subject.rows("importance")
    rows = rows[(rows["unit"] == "heads") & (rows["when"] == "first")]
    inside = (rows["low"] >= above) & (rows["high"] <= below)
    counts = rows.astype({"count": float})
    counts["inside"] = counts["count"] * inside
    counts = counts.groupby(["task", "seed"], sort=False)[["inside", "count"]].sum()
    counts = counts[counts["count"] > 0]
    if counts.empty:
        raise UnmeasuredError(NOT_RUN, "The table of importances has no heads at a first step.")
    shares = (counts["inside"] / counts["count"]).groupby(level="task", sort=False)
    estimate = t_estimate([of_task.to_numpy() for _, of_task in shares]).within(0.0, 1.0)
    return Measured(estimate, estimate)


def overlap_spread(subject: Subject) -> Measured:
    """How much pairs of tasks differ in the heads that they share, as a share of all heads.

    What their sizes lead one to expect is left in, as in the paper; the spread of what goes beyond
    it is noted.
    """
    rows = subject.rows("task_overlap")
    rows = rows[(rows["unit"] == "heads") & (rows["task_a"] != rows["task_b"])]
    pairs = [frozenset(pair) for pair in zip(rows["task_a"], rows["task_b"], strict=True)]
    rows = rows[~rows.assign(pair=pairs).duplicated("pair", keep="last")]
    if len(rows) < 2:
        raise UnmeasuredError(NOT_COMPARABLE, "It takes three tasks to compare pairs of tasks.")
    n, units = int(rows["n_seeds"].min()), rows["units"].iloc[0]
    if n < 2:
        raise UnmeasuredError(TOO_FEW, "One seed alone has no spread.")
    shared, expected, sds = (
        rows[name].to_numpy() / units for name in ("shared_mean", "expected", "shared_sd")
    )
    # Shares lie between 0 and 1, what goes beyond expected ones between -1 and 1.
    # None only for fewer than two pairs or seeds.
    estimate = cast(Estimate, spread_between(shared, sds, n)).within(0.0, 0.5)
    beyond = cast(Estimate, spread_between(shared - expected, sds, n)).within(0.0, 1.0)
    estimate = replace(estimate, n_tasks=len(frozenset.union(*pairs)))
    note = f"beyond what the sizes explain {beyond.value:.3f} [{beyond.low:.3f}, {beyond.high:.3f}]"
    return Measured(estimate, estimate, note=note)


def _papers_scores(
    published: Published, method: str, role: str, phase: str = "retrained"
) -> list[PublishedScore]:
    """The published scores of a role on the paper's tasks."""
    row = (method, {"found": "good"}.get(role, role), phase)
    if role == "full":
        row = ("none", "full", "finetuned")
    scores = [
        published.score(*row, task, "validation", metric) for task, metric in PAPERS_TASKS.items()
    ]
    return cast(list[PublishedScore], scores)
