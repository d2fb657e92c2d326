"""The rows of differences.csv: how subnetworks differ, per task and over tasks, and how surely."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lottery import files
from lottery.files.errors import StudyError
from lottery.results.folds import BySeed, by_data_set
from lottery.results.layout import Layout, TaskColumn
from lottery.results.published import Published
from lottery.results.summary import AVERAGE
from lottery.statistics.intervals import (
    Estimate,
    draw_components,
    exact_share,
    examples_se,
    holm,
    mean_estimate,
    se_of_mean,
)
from lottery.statistics.resampling import Null, pool, swap_examples
from lottery.statistics.runs import (
    FULL,
    PHASES,
    Contrast,
    Predictions,
    by_seed,
    contrasts,
    difference,
    read_predictions,
    run_of,
)
from lottery.tasks.metrics import influences, weighted_scores

if TYPE_CHECKING:
    import pandas as pd

# difference = score of first - score of second, mean over seeds (each seed's draws averaged first)
# of the runs that did not collapse (`lottery.results.scores`); low, high, p: over seeds and
# examples (`lottery.statistics.intervals.Estimate`), made of se_seeds with df, and se_examples;
# equivalence_margin: the smallest margin within which two one-sided tests at 5 % find the two
# equal. n_runs: pairs of runs (task x seed), of which n_collapsed are left out; collapsed_*: the
# exact interval of their share. difference_with_collapsed: mean of all pairs, as published numbers
# are; median: the same of medians over seeds. p_examples: predictions swapped, with Holm's
# correction over the tasks that enter averages, and the least that p could have been. seed_sd,
# draw_sd: components of the variance of the random subnetwork's scores where it has several draws.
# A data set with folds has a row after theirs: the mean over folds within each seed.
# In the rows of task `average`, n_seeds is the smallest number of seeds of a task, and the
# components are the roots of the tasks' mean variances.
SCHEMA: files.Schema = {
    **dict.fromkeys("model method split phase first second task metric".split(), str),
    **dict.fromkeys("n_tasks n_examples n_seeds n_draws".split(), int),
    **dict.fromkeys("difference low high p".split(), float),
    **dict.fromkeys("se_seeds df se_examples equivalence_margin".split(), float),
    **dict.fromkeys("n_runs n_collapsed".split(), int),
    **dict.fromkeys("collapsed_low collapsed_high".split(), float),
    **dict.fromkeys("difference_with_collapsed median".split(), float),
    **dict.fromkeys("p_examples p_examples_holm smallest_p_examples".split(), float),
    **dict.fromkeys("seed_sd draw_sd published_difference".split(), float),
}
# Scores in a table and scores computed again from predictions may differ by rounding only.
SAME = 1e-6


@dataclass(frozen=True, eq=False)
class TaskDifference:
    """One contrast on one task.

    Attributes:
        seeds: whose difference it is.
        values: difference of every seed.
        sound: which of them rest on runs that did not collapse.
        se_examples: standard error over examples of the mean of the sound ones.
        null: of the permutation of examples, of the sound ones; None where collapses leave less
            than two of several seeds, which says nothing of a spread.
        components: standard deviation over seeds and over draws, of several draws.
        published: the paper's difference.
    """

    task: TaskColumn
    n_examples: int
    seeds: np.ndarray
    values: np.ndarray
    sound: np.ndarray
    se_examples: float
    null: Null | None
    components: tuple[float, float] | None
    published: float | None


@dataclass(frozen=True, eq=False)
class Comparison:
    """Compares the subnetworks of a method, task by task.

    Attributes:
        scores: of `lottery.results.summary.reported_runs`.
        model, method: ids.
        split: where they are compared.
        controls: "published" or "strict", the kinds of the method's subnetworks.
        permutations: of a test.
    """

    scores: pd.DataFrame
    model: str
    method: str
    split: str
    controls: str
    layout: Layout
    published: Published
    permutations: int

    def rows(self, paths: Iterable[Path]) -> list[dict[str, Any]]:
        """The rows of differences.csv, in the order of phases, contrasts and tasks.

        Args:
            paths: predictions.parquet of the method's cells and of the full models.
        """
        (method,) = (each for each in self.layout.methods if each.id == self.method)
        compared = contrasts(method.subnetworks, self.controls)
        # In an order of their own, full models first: sums of floats depend on it.
        runs = sorted((run.method != "none", run, path) for path in paths for run in [run_of(path)])
        found = defaultdict(list)
        for task in self.layout.tasks:
            of_task = [(run, path) for _, run, path in runs if run.task == task.id]
            if any(run.method == self.method for run, _ in of_task):
                # Predictions are read, used and let go.
                data = read_predictions([path for _, path in of_task], self.split)
                for phase, contrast, of_contrast in self._on_task(task, data, compared):
                    found[phase, contrast].append(of_contrast)
        return [
            row
            for phase, contrast in product(PHASES, compared)
            if (phase, contrast) in found
            for row in self._rows(phase, contrast, found[phase, contrast])
        ]

    def _on_task(
        self, task: TaskColumn, data: Predictions, compared: Sequence[Contrast]
    ) -> Iterator[tuple[str, Contrast, TaskDifference]]:
        """The differences on one task."""
        # One stream per task and split: the same draws for all its methods.
        rng = _generator(f"{self.model} {task.id} {self.split}")
        labels, n = data.labels, len(data.labels)
        scores = self.scores[self.scores["task"] == task.id]
        ones = np.ones((1, n), np.float32)
        observed = weighted_scores(task.metric, labels, data.predictions, ones)[0]
        observed = np.nan_to_num(observed)
        added = influences(task.metric, labels, data.predictions)
        for phase, contrast in product(PHASES, compared):
            systems = contrast.first_draws, contrast.second_draws
            cell = (self.model, self.method, self.split, phase)
            runs = difference(*(by_seed(scores, *cell, draws) for draws in systems))
            values = runs["value"].dropna()
            if values.empty:
                continue
            seeds = values.index.get_level_values("seed")
            first, second = (_places(data, draws, phase, seeds) for draws in systems)
            again = observed[first].mean(1) - observed[second].mean(1)
            if np.abs(again - values.to_numpy()).max() > SAME:
                raise StudyError(
                    f"The predictions of {task.id} with {self.model}, {self.method}, are not "
                    "those that its scores in scores.csv come from; delete that table and run "
                    "again."
                )
            sound = ~runs.loc[values.index, "degenerate"].to_numpy()
            first, second = first[sound], second[sound]
            enough = len(first) >= min(2, len(values))
            several = [places for places in (first, second) if min(places.shape) > 1]
            of_contrast = TaskDifference(
                task=task,
                n_examples=n,
                seeds=seeds.to_numpy(),
                values=values.to_numpy(),
                sound=sound,
                se_examples=examples_se(added[first].mean(1) - added[second].mean(1)),
                null=self._null(task, data, first, second, rng) if enough else None,
                components=draw_components(observed[several[0]]) if several else None,
                published=self._published(contrast, phase, task),
            )
            yield phase, contrast, of_contrast

    def _null(
        self,
        task: TaskColumn,
        data: Predictions,
        first: np.ndarray,
        second: np.ndarray,
        rng: np.random.Generator,
    ) -> Null:
        """Swaps examples; every draw of one system is paired with every draw of the other."""
        shape = (*first.shape, second.shape[1])
        a, b = (
            data.predictions[np.broadcast_to(places, shape).ravel()]
            for places in (first[:, :, None], second[:, None, :])
        )
        return swap_examples(task.metric, data.labels, a, b, rng, self.permutations)

    def _published(self, contrast: Contrast, phase: str, task: TaskColumn) -> float | None:
        """The published difference, where both sides are the paper's."""
        rows = (
            ("none", "full", "finetuned") if draws == FULL else (self.method, draws[0], phase)
            for draws in (contrast.first_draws, contrast.second_draws)
        )
        first, second = (
            self.layout.published_score(self.published, self.model, row, task, self.split)
            for row in rows
        )
        return first.mean - second.mean if first and second else None

    def _rows(
        self, phase: str, contrast: Contrast, tasks: list[TaskDifference]
    ) -> Iterator[dict[str, Any]]:
        """The rows of one contrast: each task, then the average of those that take part in it."""
        head: dict[str, Any] = {"model": self.model, "method": self.method}
        head |= {"split": self.split, "phase": phase}
        head |= {"first": contrast.first, "second": contrast.second}
        head["n_draws"] = max(len(contrast.first_draws), len(contrast.second_draws))
        tested = self._over_folds(tasks)
        averaged = [each for each in tested if each.task.in_average]
        corrected = iter(holm([each.null.p for each in averaged if each.null]))
        for each in [each for each in tasks if each.task.fold_of] + tested:
            of_task: dict[str, Any] = {"task": each.task.id, "metric": each.task.metric}
            of_task |= {"n_examples": each.n_examples, **_estimates([each])}
            # What enters no average, a single fold too, is not tested: it has an interval only.
            enters = each.task.in_average and not each.task.fold_of
            if enters and each.null:
                of_task |= _permuted(each.null) | {"p_examples_holm": next(corrected)}
            elif not enters:
                of_task["p"] = None
            yield head | of_task
        if averaged:
            of_average = {"task": AVERAGE, "metric": "", **_estimates(averaged)}
            nulls = [each.null for each in averaged if each.null]
            if nulls:
                of_average |= _permuted(pool(nulls, self.permutations))
            yield head | of_average

    def _over_folds(self, tasks: Sequence[TaskDifference]) -> list[TaskDifference]:
        """The same with one for each data set in the place of its folds."""
        by_task = {each.task.id: each for each in tasks}
        merged = by_data_set(
            {name: BySeed(each.seeds, each.values, ~each.sound) for name, each in by_task.items()},
            self.layout,
        )
        found = []
        for column in self.layout.over_folds().tasks:
            if column.id in by_task:
                found.append(by_task[column.id])
            elif column.id in merged:
                folds = [by_task[name] for name in self.layout.folds[column.id]]
                found.append(self._merged(column, folds, merged[column.id]))
        return found

    def _merged(
        self, column: TaskColumn, folds: Sequence[TaskDifference], numbers: BySeed
    ) -> TaskDifference:
        """The contrast on a data set; no two of its folds' validation sets share examples.

        Errors over examples and permutations are those of the folds, each of its own sound runs.
        """
        sound = ~numbers.degenerate.astype(bool)
        nulls = [each.null for each in folds if each.null]
        enough = len(nulls) == len(folds) and sound.sum() >= min(2, len(sound))
        known = [each.components for each in folds if each.components]
        components = np.sqrt(np.mean(np.square(known), axis=0)) if known else None
        return TaskDifference(
            task=column,
            n_examples=sum(each.n_examples for each in folds),
            seeds=numbers.seeds,
            values=numbers.values.astype(float),
            sound=sound,
            se_examples=se_of_mean([each.se_examples for each in folds]),
            null=pool(nulls, self.permutations) if enough else None,
            components=None if components is None else (components[0], components[1]),
            published=None,
        )


def _permuted(null: Null) -> dict[str, float]:
    return {"p_examples": null.p, "smallest_p_examples": null.smallest_p}


def _generator(name: str) -> np.random.Generator:
    return np.random.default_rng([0, zlib.crc32(name.encode())])


def _places(
    data: Predictions, draws: Sequence[str], phase: str, seeds: Iterable[int]
) -> np.ndarray:
    """Rows of the predictions, [S, D]."""
    phase = "finetuned" if draws == FULL else phase
    return np.array([[data.rows[name, phase, seed] for name in draws] for seed in seeds])


def _estimates(tasks: Sequence[TaskDifference]) -> dict[str, Any]:
    """Estimates of one task or of the average of several."""
    judged = [each for each in tasks if each.null]
    values = [each.values[each.sound] for each in judged]
    estimate = mean_estimate(values, se_of_mean([each.se_examples for each in judged]))
    n_runs = sum(len(each.values) for each in tasks)
    n_collapsed = n_runs - sum(int(each.sound.sum()) for each in tasks)
    low, high = exact_share(n_collapsed, n_runs)
    known = [each.components for each in tasks if each.components]
    seed_sd, draw_sd = np.sqrt(np.mean(np.square(known), axis=0)) if known else (None, None)
    published = [each.published for each in tasks if each.published is not None]
    return {
        "n_tasks": len(judged),
        **(_numbers(estimate) if estimate else {"n_seeds": 0, "p": None}),
        "n_runs": n_runs,
        "n_collapsed": n_collapsed,
        "collapsed_low": low,
        "collapsed_high": high,
        "difference_with_collapsed": np.mean([each.values.mean() for each in tasks]),
        "median": np.mean([np.median(each.values) for each in tasks]),
        "seed_sd": seed_sd,
        "draw_sd": draw_sd,
        "published_difference": np.mean(published) if len(published) == len(tasks) else None,
    }


def _numbers(estimate: Estimate) -> dict[str, Any]:
    margin = None
    if estimate.inner_low is not None and estimate.inner_high is not None:
        margin = max(abs(estimate.inner_low), abs(estimate.inner_high))
    return {
        "n_seeds": estimate.n_seeds,
        "difference": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "p": estimate.p(),
        "se_seeds": estimate.se_seeds,
        "df": estimate.df,
        "se_examples": estimate.se_examples,
        "equivalence_margin": margin,
    }
