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
from lottery.results.layout import Layout, TaskColumn
from lottery.results.published import Published
from lottery.statistics.intervals import draw_components, holm, mean_estimate, t_estimate
from lottery.statistics.resampling import (
    Null,
    draw_seeds,
    flip_runs,
    percentile_interval,
    pool,
    resampled_scores,
    swap_examples,
)
from lottery.statistics.runs import (
    FULL,
    PHASES,
    Contrast,
    Predictions,
    by_seed,
    by_task,
    contrasts,
    difference,
    read_predictions,
    run_of,
)
from lottery.tasks.metrics import weighted_scores

if TYPE_CHECKING:
    import pandas as pd

# difference = score of first - score of second, mean over seeds (each seed's draws averaged first);
# bootstrap_*: crossed bootstrap; t_*: t interval over seeds; p_seeds: of that t; p_runs: signs of
# runs flipped; p_examples: predictions swapped, with Holm's correction over the tasks that enter
# averages; smallest_*: the least that p could have been; equivalence_margin: the smallest margin
# within which two one-sided tests at 5 % find the two equal; seed_sd, draw_sd: components of the
# variance of the random subnetwork's scores where it has several draws. In the rows of task
# `average`, n_seeds is the smallest number of seeds of a task, and the components are the roots of
# the tasks' mean variances.
SCHEMA: files.Schema = {
    **dict.fromkeys("model method split phase first second task metric".split(), str),
    **dict.fromkeys("n_tasks n_examples n_seeds n_draws".split(), int),
    **dict.fromkeys("difference bootstrap_low bootstrap_high t_low t_high df".split(), float),
    **dict.fromkeys("equivalence_margin p_seeds p_runs smallest_p_runs".split(), float),
    **dict.fromkeys("p_examples p_examples_holm smallest_p_examples".split(), float),
    **dict.fromkeys("seed_sd draw_sd".split(), float),
    **dict.fromkeys("n_degenerate n_tasks_without_degenerate".split(), int),
    "n_seeds_without_degenerate": int,
    **dict.fromkeys((f"{x}_without_degenerate" for x in "difference t_low t_high".split()), float),
    "published_difference": float,
}
AVERAGE = "average"
# Scores in a table and scores computed again from predictions may differ by rounding only.
SAME = 1e-6


@dataclass(frozen=True, eq=False)
class TaskDifference:
    """One contrast on one task.

    Attributes:
        values, without_degenerate: difference per seed; the same without seeds that have a
            degenerate run, of which there are `n_degenerate`.
        resampled: of the crossed bootstrap, [R].
        null: of the permutation of examples.
        components: standard deviation over seeds and over draws, of several draws.
        published: the paper's difference.
    """

    task: TaskColumn
    n_examples: int
    values: np.ndarray
    without_degenerate: np.ndarray
    n_degenerate: int
    resampled: np.ndarray
    null: Null
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
        bootstrap_samples: resamples of the crossed bootstrap.
        permutations: of a test.
    """

    scores: pd.DataFrame
    model: str
    method: str
    split: str
    controls: str
    layout: Layout
    published: Published
    bootstrap_samples: int
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
        """The differences on one task, all under the same draws of examples."""
        # One stream per task and split: the same draws for all its methods.
        rng = _generator(f"{self.model} {task.id} {self.split}")
        labels, n = data.labels, len(data.labels)
        scores = self.scores[self.scores["task"] == task.id]
        ones = np.ones((1, n), np.float32)
        observed = weighted_scores(task.metric, labels, data.predictions, ones)[0]
        observed = np.nan_to_num(observed)
        resampled = resampled_scores(
            task.metric, labels, data.predictions, rng, self.bootstrap_samples
        )
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
            differences = resampled[:, first].mean(2) - resampled[:, second].mean(2)
            shares = draw_seeds(rng, len(seeds), len(differences))
            # Every draw of one system is paired with every draw of the other.
            shape = (*first.shape, second.shape[1])
            a, b = (
                data.predictions[np.broadcast_to(places, shape).ravel()]
                for places in (first[:, :, None], second[:, None, :])
            )
            several = [places for places in (first, second) if min(places.shape) > 1]
            of_contrast = TaskDifference(
                task=task,
                n_examples=n,
                values=values.to_numpy(),
                without_degenerate=by_task(runs, degenerate=False).get(task.id, values[:0]),
                n_degenerate=int(runs["degenerate"].sum()),
                resampled=(differences * shares).sum(1),
                null=swap_examples(task.metric, labels, a, b, rng, self.permutations),
                components=draw_components(observed[several[0]]) if several else None,
                published=self._published(contrast, phase, task),
            )
            yield phase, contrast, of_contrast

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
        rng = _generator(repr(head))
        averaged = [each for each in tasks if each.task.in_average]
        corrected = iter(holm([each.null.p for each in averaged]))
        for each in tasks:
            of_task: dict[str, Any] = {"task": each.task.id, "metric": each.task.metric}
            of_task |= {"n_examples": each.n_examples, **_estimates([each], each.resampled)}
            # A task that enters no average is not tested: it has intervals only.
            if each.task.in_average:
                of_task |= self._p_values([each], each.null, rng)
                of_task["p_examples_holm"] = next(corrected)
            yield head | of_task
        if averaged:
            resampled = np.mean([each.resampled for each in averaged], axis=0)
            null = pool([each.null for each in averaged], self.permutations)
            numbers = _estimates(averaged, resampled) | self._p_values(averaged, null, rng)
            yield head | {"task": AVERAGE, "metric": ""} | numbers

    def _p_values(
        self, tasks: list[TaskDifference], null: Null, rng: np.random.Generator
    ) -> dict[str, Any]:
        shares = [each.values / len(each.values) / len(tasks) for each in tasks]
        flipped = flip_runs(np.concatenate(shares), rng, self.permutations)
        return {
            "p_seeds": t_estimate([each.values for each in tasks]).p(),
            "p_runs": flipped.p,
            "smallest_p_runs": flipped.smallest_p,
            "p_examples": null.p,
            "smallest_p_examples": null.smallest_p,
        }


def _generator(name: str) -> np.random.Generator:
    return np.random.default_rng([0, zlib.crc32(name.encode())])


def _places(
    data: Predictions, draws: Sequence[str], phase: str, seeds: Iterable[int]
) -> np.ndarray:
    """Rows of the predictions, [S, D]."""
    phase = "finetuned" if draws == FULL else phase
    return np.array([[data.rows[name, phase, seed] for name in draws] for seed in seeds])


def _estimates(tasks: list[TaskDifference], resampled: np.ndarray) -> dict[str, Any]:
    """Estimates of one task or of the average of several, with and without degenerate runs."""
    estimate = t_estimate([each.values for each in tasks])
    low, high = percentile_interval(resampled)
    # The smallest margin within which two one-sided tests at 5 % find equivalence.
    margin = None
    if estimate.inner_low is not None and estimate.inner_high is not None:
        margin = max(abs(estimate.inner_low), abs(estimate.inner_high))
    # A task that has too few runs left for a spread is left out, as the number of tasks shows.
    needed = min(2, estimate.n_seeds)
    left = [each.without_degenerate for each in tasks if len(each.without_degenerate) >= needed]
    without = mean_estimate(left)
    published = [each.published for each in tasks if each.published is not None]
    # Of several tasks the root of the mean variance.
    known = [each.components for each in tasks if each.components]
    seed_sd, draw_sd = np.sqrt(np.mean(np.square(known), axis=0)) if known else (None, None)
    return {
        "n_tasks": len(tasks),
        "n_seeds": estimate.n_seeds,
        "difference": estimate.value,
        "bootstrap_low": low,
        "bootstrap_high": high,
        "t_low": estimate.low,
        "t_high": estimate.high,
        "df": estimate.df,
        "equivalence_margin": margin,
        "seed_sd": seed_sd,
        "draw_sd": draw_sd,
        "n_degenerate": sum(each.n_degenerate for each in tasks),
        "n_tasks_without_degenerate": len(left),
        "n_seeds_without_degenerate": without.n_seeds if without else 0,
        "difference_without_degenerate": without and without.value,
        "t_low_without_degenerate": without and without.low,
        "t_high_without_degenerate": without and without.high,
        "published_difference": np.mean(published) if len(published) == len(tasks) else None,
    }
