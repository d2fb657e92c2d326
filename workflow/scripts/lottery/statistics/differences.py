"""The rows of differences.csv: how subnetworks differ, per task and over tasks, and how surely."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from lottery.files.errors import StudyError
from lottery.results.layout import TaskColumn
from lottery.statistics.bootstrap import crossed, draw_seeds, percentile_interval, resampled_scores
from lottery.statistics.intervals import Estimate, draw_components, holm, mean_estimate
from lottery.statistics.permutation import Null, flip_runs, pool, swap_examples
from lottery.statistics.predictions import SplitPredictions
from lottery.statistics.resampling import weighted_scores
from lottery.statistics.roles import FULL, Contrast
from lottery.statistics.runs import Cell, Runs

# difference = score of first - score of second, mean over seeds (each seed's draws averaged first);
# bootstrap_*: crossed bootstrap; t_*: t interval over seeds; p_seeds: of that t; p_runs: signs of
# runs flipped; p_examples: predictions swapped, with Holm's correction over the tasks that enter
# averages; smallest_*: the least that p could have been; equivalence_margin: the smallest margin
# within which two one-sided tests at 5 % find the two equal; seed_sd, draw_sd: components of the
# variance of the random subnetwork's scores where it has several draws. In the rows of task
# `average`, n_seeds is the smallest number of seeds of a task, and the components are the roots of
# the tasks' mean variances.
COLUMNS = """model method split phase first second task metric n_tasks n_examples n_seeds n_draws
difference bootstrap_low bootstrap_high t_low t_high df equivalence_margin p_seeds p_runs
smallest_p_runs p_examples p_examples_holm smallest_p_examples seed_sd draw_sd n_degenerate
n_tasks_without_degenerate n_seeds_without_degenerate difference_without_degenerate
t_low_without_degenerate t_high_without_degenerate published_difference""".split()
AVERAGE = "average"
# Scores in a table and scores found again from predictions may differ by rounding only.
SAME = 1e-6


@dataclass(frozen=True)
class Sizes:
    """How much is resampled.

    Attributes:
        bootstrap_samples: resamples of the crossed bootstrap.
        permutations: permutations of a test.
        seed: of the generator.
    """

    bootstrap_samples: int
    permutations: int
    seed: int = 0


@dataclass(frozen=True, eq=False)
class TaskDifference:
    """One contrast on one task.

    Attributes:
        task: the task.
        n_examples: examples scored.
        values, sound: difference per seed; without seeds that have a degenerate run.
        resampled: of the crossed bootstrap, [R].
        null: of the permutation of examples.
        n_degenerate: seeds with a degenerate run.
        components: standard deviation over seeds and over draws, of several draws.
        published: the paper's difference.
    """

    task: TaskColumn
    n_examples: int
    values: list[float]
    sound: list[float]
    resampled: np.ndarray
    null: Null
    n_degenerate: int
    components: tuple[float, float] | None
    published: float | None


class TaskComparison:
    """Contrasts of one model and method on one task and split, under shared draws of examples."""

    def __init__(
        self,
        task: TaskColumn,
        cell: Callable[[str], Cell],
        runs: Runs,
        data: SplitPredictions,
        sizes: Sizes,
    ) -> None:
        """Draws the examples and scores every run on every draw.

        Args:
            task: the task.
            cell: phase -> the cell to compare in.
            runs: scores of all runs.
            data: predictions of the runs.
            sizes: how much is resampled.
        """
        self._task, self._cell, self._runs, self._data, self._sizes = task, cell, runs, data, sizes
        # One stream per task and split: the same draws for all its methods, whatever runs beside.
        place = cell("pruned")
        name = f"{place.model} {place.task} {place.split}"
        self._rng = np.random.default_rng([sizes.seed, zlib.crc32(name.encode())])
        ones = np.ones((1, len(data.labels)), np.float32)
        self._seen = weighted_scores(task.metric, data.labels, data.predictions, ones)[0]
        self._resampled = resampled_scores(
            task.metric, data.labels, data.predictions, self._rng, sizes.bootstrap_samples
        )

    def difference(
        self, contrast: Contrast, phase: str, published: float | None
    ) -> TaskDifference | None:
        """Compares two systems; None where no seed has both."""
        cell = self._cell(phase)
        systems = contrast.first_draws, contrast.second_draws
        values = self._runs.differences(cell, *systems)
        if not values:
            return None
        first, second = (self._rows(draws, phase, list(values)) for draws in systems)
        self._check(values, first, second, cell)
        sound = self._runs.differences(cell, *systems, sound_only=True)
        return TaskDifference(
            task=self._task,
            n_examples=len(self._data.labels),
            values=list(values.values()),
            sound=list(sound.values()),
            resampled=self._bootstrap(first, second),
            null=self._permute(first, second),
            n_degenerate=self._runs.degenerate(cell, *systems),
            components=self._components(first, second),
            published=published,
        )

    def _rows(self, draws: tuple[str, ...], phase: str, seeds: list[int]) -> np.ndarray:
        """Rows of the predictions, [S, D]."""
        phase = "finetuned" if draws == FULL else phase
        rows = self._data.rows
        return np.array([[rows[name, phase, seed] for name in draws] for seed in seeds])

    def _check(
        self, values: dict[int, float], first: np.ndarray, second: np.ndarray, cell: Cell
    ) -> None:
        again = self._seen[first].mean(1) - self._seen[second].mean(1)
        if np.abs(again - list(values.values())).max() > SAME:
            raise StudyError(
                f"The predictions of {cell.task} with {cell.model}, {cell.method}, are not those "
                "that its scores in scores.csv come from; delete that table and run again."
            )

    def _bootstrap(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        differences = self._resampled[:, first].mean(2) - self._resampled[:, second].mean(2)
        return crossed(differences, draw_seeds(self._rng, first.shape[0], len(differences)))

    def _permute(self, first: np.ndarray, second: np.ndarray) -> Null:
        shape = (first.shape[0], first.shape[1], second.shape[1])
        pairs = [
            np.broadcast_to(rows, shape).ravel() for rows in (first[:, :, None], second[:, None, :])
        ]
        a, b = (self._data.predictions[rows] for rows in pairs)
        permutations = self._sizes.permutations
        return swap_examples(self._task.metric, self._data.labels, a, b, self._rng, permutations)

    def _components(self, first: np.ndarray, second: np.ndarray) -> tuple[float, float] | None:
        drawn = [rows for rows in (first, second) if rows.shape[1] > 1 and rows.shape[0] > 1]
        return draw_components(self._seen[drawn[0]]) if drawn else None


def contrast_rows(
    head: dict[str, Any], contrast: Contrast, tasks: list[TaskDifference], sizes: Sizes
) -> Iterator[dict[str, Any]]:
    """The rows of one contrast: each task, then the average of the tasks that take part in it.

    Args:
        head: model, method, split and phase.
        contrast: what is compared.
        tasks: its differences, task by task.
        sizes: how much is resampled.

    Yields:
        Rows with the keys `COLUMNS`.
    """
    head = head | {"first": contrast.first, "second": contrast.second}
    head["n_draws"] = max(len(contrast.first_draws), len(contrast.second_draws))
    averaged = [each for each in tasks if each.task.in_average]
    corrected = holm([each.null.p for each in averaged])
    holm_of = {each.task.id: p for each, p in zip(averaged, corrected, strict=True)}
    rng = np.random.default_rng([sizes.seed, zlib.crc32(repr(head).encode())])
    for each in tasks:
        own = {"task": each.task.id, "metric": each.task.metric, "n_examples": each.n_examples}
        # A task outside averages is outside tests too: its intervals stand alone.
        p_values = _p_values([each], each.null, sizes, rng) if each.task.in_average else {}
        yield (
            head
            | own
            | _numbers([each], each.resampled)
            | p_values
            | _components([each])
            | {"p_examples_holm": holm_of.get(each.task.id)}
        )
    if averaged:
        resampled = np.mean([each.resampled for each in averaged], axis=0)
        null = pool([each.null for each in averaged], sizes.permutations)
        p_values = _p_values(averaged, null, sizes, rng)
        numbers = _numbers(averaged, resampled) | _components(averaged)
        yield head | {"task": AVERAGE, "metric": ""} | numbers | p_values


def _components(tasks: list[TaskDifference]) -> dict[str, float | None]:
    """Spread over seeds and over draws; of several tasks the root of the mean variance."""
    known = [each.components for each in tasks if each.components]
    seeds, draws = np.sqrt(np.mean(np.square(known), axis=0)) if known else (None, None)
    return {"seed_sd": seeds, "draw_sd": draws}


def _numbers(tasks: list[TaskDifference], resampled: np.ndarray) -> dict[str, Any]:
    """Estimates of one task or of the average of several, with and without degenerate runs."""
    estimate = mean_estimate([each.values for each in tasks])
    low, high = percentile_interval(resampled)
    # A task that has too few sound runs for a spread is left out, and the number of tasks tells.
    needed = min(2, estimate.n_seeds)
    sound = [each.sound for each in tasks if len(each.sound) >= needed]
    without = mean_estimate(sound) if sound else None
    published = [each.published for each in tasks]
    return {
        "n_tasks": len(tasks),
        "n_seeds": estimate.n_seeds,
        "difference": estimate.value,
        "bootstrap_low": low,
        "bootstrap_high": high,
        "t_low": estimate.low,
        "t_high": estimate.high,
        "df": estimate.df,
        "equivalence_margin": equivalence_margin(estimate),
        "n_degenerate": sum(each.n_degenerate for each in tasks),
        "n_tasks_without_degenerate": len(sound),
        "n_seeds_without_degenerate": without.n_seeds if without else 0,
        "difference_without_degenerate": without.value if without else None,
        "t_low_without_degenerate": without.low if without else None,
        "t_high_without_degenerate": without.high if without else None,
        "published_difference": None if None in published else float(np.mean(published)),
    }


def _p_values(
    tasks: list[TaskDifference], null: Null, sizes: Sizes, rng: np.random.Generator
) -> dict[str, Any]:
    shares = [np.asarray(each.values) / len(each.values) / len(tasks) for each in tasks]
    flipped = flip_runs(np.concatenate(shares), rng, sizes.permutations)
    return {
        "p_seeds": mean_estimate([each.values for each in tasks]).p(),
        "p_runs": flipped.p,
        "smallest_p_runs": flipped.smallest_p,
        "p_examples": null.p,
        "smallest_p_examples": null.smallest_p,
    }


def equivalence_margin(estimate: Estimate) -> float | None:
    """The smallest margin within which two one-sided tests at 5 % find equivalence."""
    if estimate.inner_low is None:
        return None
    return max(abs(estimate.inner_low), abs(estimate.inner_high))
