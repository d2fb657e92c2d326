"""Scores of a method's runs along an axis of the study, task by task, with their intervals."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lottery.results.folds import BySeed, by_data_set
from lottery.results.layout import Layout, TaskColumn
from lottery.statistics.claims.verdicts import (
    ABOVE,
    AGAINST,
    FEWEST_SEEDS,
    SUPPORTS,
    UNDECIDED,
    Criterion,
    judged,
    verdict,
)
from lottery.statistics.intervals import Estimate, examples_se, mean_estimate, se_of_mean
from lottery.statistics.runs import (
    FULL,
    Predictions,
    by_seed,
    difference,
    read_predictions,
    run_of,
)
from lottery.tasks.metrics import METRICS, influences

if TYPE_CHECKING:
    import pandas as pd

# Of score - 0.9 x full (`KEEP_SCORE`), as in claim A1.
COMPARABLE = Criterion(ABOVE, 0.0)

# What tables along an axis say of a subnetwork's scores: kept_fraction, mean over seeds and draws;
# n_collapsed, of the n_seeds those with a run that collapsed; the mean over seeds with its 95 %
# interval over seeds and examples.
SCORED: dict[str, type] = {"kept_fraction": float} | {
    **dict.fromkeys("n_seeds n_draws n_collapsed".split(), int),
    **dict.fromkeys("score score_low score_high".split(), float),
}


class Measured(NamedTuple):
    """A number for each seed of a task.

    Attributes:
        values: [S].
        se_examples: standard error of their mean over the examples.
        seeds: whose values they are, where that matters.
    """

    values: np.ndarray
    se_examples: float
    seeds: Sequence[int] = ()


def estimate(of_tasks: Sequence[Measured]) -> Estimate | None:
    """The mean over tasks of the means over seeds, with its interval; None without a value."""
    errors = [each.se_examples for each in of_tasks]
    return mean_estimate([each.values for each in of_tasks], se_of_mean(errors))


def measured_over_folds(of_tasks: Mapping[str, Measured], layout: Layout) -> dict[str, Measured]:
    """The same with one for each data set in the place of its folds."""
    numbers = {
        task: BySeed(np.array(each.seeds), each.values, np.zeros(len(each.values), bool))
        for task, each in of_tasks.items()
    }
    merged = {}
    for task, found in by_data_set(numbers, layout).items():
        errors = [of_tasks[name].se_examples for name in layout.folds.get(task, (task,))]
        merged[task] = Measured(found.values, se_of_mean(errors), [*found.seeds])
    return merged


def interval_of(found: Estimate | None, name: str) -> dict[str, float | None]:
    """The columns `name`, `name`_low and `name`_high of a table."""
    numbers = (found.value, found.low, found.high) if found else (None, None, None)
    return dict(zip((name, f"{name}_low", f"{name}_high"), numbers, strict=True))


def comparable(found: Estimate | None) -> dict[str, Any]:
    """Judges good - 0.9 x full as claim A1 does: the p-value on the estimate's side, the verdict.

    The null hypothesis is that a subnetwork scores nine tenths of the full model.
    """
    if found is None:
        return {"p": None, "verdict": UNDECIDED}
    tested = judged(COMPARABLE, found)
    p = tested.supports if tested.holds else tested.against
    if tested.reason or found.n_seeds < FEWEST_SEEDS:
        return {"p": None if tested.reason else p, "verdict": UNDECIDED}
    return {"p": p, "verdict": verdict(SUPPORTS if tested.holds else AGAINST, p)}


@dataclass(frozen=True, eq=False)
class TaskRuns:
    """A method's runs on one task and split, next to the full models.

    Seeds whose full model collapsed are left out. A subnetwork that collapsed counts with its
    score, since its size, start or mask may be what made it collapse.

    Attributes:
        scores: of `lottery.results.summary.reported_runs`, of the task.
        data: predictions of the full models and of the method's runs.
    """

    task: TaskColumn
    model: str
    method: str
    split: str
    scores: pd.DataFrame
    data: Predictions

    @cached_property
    def full(self) -> pd.DataFrame:
        """The full models that did not collapse (see `runs`)."""
        found = self._by_seed(FULL, "")
        return found[~found["degenerate"]]

    @cached_property
    def majority(self) -> float | None:
        """The score of the majority baseline, an undefined one as chance."""
        of_split = self.scores[self.scores["split"] == self.split]
        known = of_split.loc[of_split["subnetwork"] == "majority", "counted"].dropna()
        return float(known.iloc[0]) if len(known) else None

    def runs(self, draws: Sequence[str], phase: str) -> pd.DataFrame:
        """A subnetwork's runs, the mean over its draws: see `lottery.statistics.runs.by_seed`.

        Returns:
            Index seed; columns value, degenerate and kept_fraction.
        """
        found = self._by_seed(draws, phase)
        found = found[found.index.isin(self.full.index)]
        return found[found["value"].notna()]

    def _by_seed(self, draws: Sequence[str], phase: str) -> pd.DataFrame:
        cell = (self.model, self.method, self.split, phase)
        return by_seed(self.scores, *cell, draws).droplevel("task")

    def measured(self, draws: Sequence[str], phase: str) -> Measured:
        """The scores of a subnetwork."""
        runs = self.runs(draws, phase)
        error = self.error(self.added(draws, phase, runs.index))
        return Measured(runs["value"].to_numpy(float), error, [*runs.index])

    def scored(self, draws: Sequence[str], phase: str) -> dict[str, Any] | None:
        """The columns of `SCORED` for a subnetwork; None without a run."""
        runs = self.runs(draws, phase)
        if not len(runs):
            return None
        return {
            "kept_fraction": runs["kept_fraction"].mean(),
            "n_seeds": len(runs),
            "n_draws": len(draws),
            "n_collapsed": int(runs["degenerate"].sum()),
            **interval_of(self.possible(estimate([self.measured(draws, phase)])), "score"),
        }

    def possible(self, found: Estimate | None) -> Estimate | None:
        """A mean score with its interval cut at the ends of the metric."""
        return found and found.within(METRICS[self.task.metric].least, 1.0)

    def difference(
        self, first: Sequence[str], second: Sequence[str], phase: str, factor: float = 1.0
    ) -> Measured:
        """first - factor x second in a phase; runs that collapsed are left out, as in claims.

        Where collapses leave less than two of several seeds there is no value.
        """
        sides = self.runs(first, phase), self.runs(second, phase)
        both = difference(*sides, factor)
        sound = both.index[~both["degenerate"]]
        if len(sound) < min(2, len(both)):
            return Measured(np.empty(0), 0.0)
        added = self.added(first, phase, sound) - factor * self.added(second, phase, sound)
        return Measured(both.loc[sound, "value"].to_numpy(float), self.error(added), [*sound])

    def added(self, draws: Sequence[str], phase: str, seeds: Iterable[int]) -> np.ndarray:
        """What every example adds to each seed's score, draws averaged, [S, n]."""
        phase = "finetuned" if tuple(draws) == FULL else phase
        rows = self.data.rows
        places = [[rows[name, phase, seed] for name in draws] for seed in seeds]
        return self._influences[np.array(places, int).reshape(-1, len(draws))].mean(1)

    @cached_property
    def _influences(self) -> np.ndarray:
        return influences(self.task.metric, self.data.labels, self.data.predictions)

    @staticmethod
    def error(added: np.ndarray) -> float:
        """Standard error over examples of a mean over seeds, 0 of no seed."""
        return examples_se(added) if len(added) else 0.0


def sound_seeds(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs of one model and split without the seeds whose full model collapsed."""
    collapsed = runs[(runs["subnetwork"] == "full") & runs["degenerate"]]
    lost = collapsed.set_index(["task", "seed"]).index
    return runs[~runs.set_index(["task", "seed"]).index.isin(lost)]


def tasks_of(
    scores: pd.DataFrame,
    paths: Iterable[Path],
    layout: Layout,
    model: str,
    method: str,
    wanted: Collection[str],
) -> Iterator[TaskRuns]:
    """The runs on each task that has any of some subnetworks, in the layout's order.

    Args:
        scores: of `lottery.results.summary.reported_runs`.
        paths: predictions.parquet of the method's cells and of the full models; those of other
            subnetworks than `wanted` are not read.
        wanted: names of subnetworks.
    """
    split = layout.display_split(method)
    # In an order of their own: sums of floats depend on it.
    runs = sorted((run.method != "none", run, path) for path in paths for run in [run_of(path)])
    for task in layout.tasks:
        own = [
            (run, path)
            for _, run, path in runs
            if run.task == task.id and (run.method == "none" or run.subnetwork in wanted)
        ]
        if any(run.method == method for run, _ in own):
            data = read_predictions([path for _, path in own], split)
            of_task = scores[scores["task"] == task.id]
            yield TaskRuns(task, model, method, split, of_task, data)
