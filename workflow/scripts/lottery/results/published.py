"""The published numbers (workflow/resources/paper/), for comparison with the run's own."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from lottery import files
from lottery.tasks.task import GLUE

UNITS = {"heads_kept": "heads", "mlps_kept": "mlps"}
# Masks with as many units, or weights, as others, whose sizes are in sizes.csv.
SAME_SIZE = {
    ("structured", "bad"): "good",
    ("structured", "super_random"): "super_good",
    ("structured", "super_bad"): "super_good",
    ("magnitude", "random"): "good",
    ("magnitude", "bad"): "good",
}


@dataclass(frozen=True)
class PublishedScore:
    """A published mean over seeds.

    Attributes:
        mean: mean of the metric.
        sd: sample standard deviation over seeds; None for a single value.
        n_seeds: number of seeds.
    """

    mean: float
    sd: float | None
    n_seeds: int


class Published:
    """What the paper's result files hold, by this project's ids.

    Methods are `structured`, `magnitude` and `none` (full, majority); tasks are the GLUE presets.
    """

    def __init__(
        self,
        scores: dict[tuple[str, ...], PublishedScore],
        kept: dict[tuple[str, ...], float],
    ) -> None:
        self._scores = scores
        self._kept = kept

    @classmethod
    def read(cls, path_to_scores: Path, path_to_sizes: Path) -> Published:
        """Reads scores.csv and sizes.csv of workflow/resources/paper.

        The published result files hold the standard deviation of the population; the sample's,
        which is what this project gives, is that times sqrt(n / (n - 1)).
        """
        scores: dict[tuple[str, ...], PublishedScore] = {}
        for row in files.read_csv(path_to_scores):
            n = int(row["n_seeds"])
            for column, value in row.items():
                key = (row["method"], row["subnetwork"], row["phase"], *column.split())
                if key[3] in GLUE and row["number"] == "mean":
                    scores[key] = PublishedScore(float(value), None, n)
                elif key[3] in GLUE:  # the next row
                    sd = float(value) * math.sqrt(n / (n - 1))
                    scores[key] = replace(scores[key], sd=sd)
        sizes = defaultdict(list)
        for row in files.read_csv(path_to_sizes):
            if row["number"] == "kept_fraction":
                for task in GLUE:
                    sizes[row["method"], row["subnetwork"], task].append(float(row[task]))
        return cls(scores, {key: fmean(values) for key, values in sizes.items()})

    def score(
        self, method: str, subnetwork: str, phase: str, task: str, split: str, metric: str
    ) -> PublishedScore | None:
        """The published score of a cell; None where the paper has none."""
        return self._scores.get((method, subnetwork, phase, task, split, metric))

    def kept_fraction(self, method: str, subnetwork: str, task: str) -> float | None:
        """Mean published kept parameters / parameters of the body; None where there is none."""
        if subnetwork == "full":
            return 1.0
        return self._kept.get((method, SAME_SIZE.get((method, subnetwork), subnetwork), task))


class PublishedOn:
    """The authors' scores on tasks that models are only evaluated on (hans.csv)."""

    def __init__(
        self,
        path: Path | None,
        published_models: Sequence[str],
        published_tasks: Mapping[str, Sequence[str]],
    ) -> None:
        """Reads the numbers.

        Args:
            path: hans.csv; None for no numbers.
            published_models: models that are the paper's.
            published_tasks: evaluation-only task -> (GLUE preset of the trained task, preset),
                where task and recipe are the authors'.
        """
        self._models, self._tasks = published_models, published_tasks
        keys = ("subnetwork", "phase", "task", "eval_task", "group", "label", "metric")
        rows = files.read_csv(path) if path else []
        self._means = {tuple(row[key] for key in keys): float(row["mean"]) for row in rows}

    def mean(self, label: str, score: Any) -> float | None:
        """The published mean of a score's cell; None where nothing is comparable.

        Args:
            label: the gold label of the examples; empty for all.
            score: anything with the columns of scores.csv as attributes.
        """
        if score.model not in self._models or score.eval_task not in self._tasks:
            return None
        place = (*self._tasks[score.eval_task], score.group, label, score.metric)
        return self._means.get((score.subnetwork, score.phase, *place))


# The following read a file with a column per GLUE preset, by our tasks: `tasks` names the preset
# that each of them is.


def published_stability(path: Path, tasks: Mapping[str, str]) -> dict[tuple[str, str, str], float]:
    """stability.csv: (our task, unit, statistic) -> value; pairs of tasks are left out."""
    return {
        (ours, row["unit"], row["statistic"]): value
        for ours, row, value in _of_tasks(path, tasks)
        if not row["other_task"]
    }


def published_survivors(path: Path, tasks: Mapping[str, str]) -> dict[tuple[str, str], float]:
    """The sizes of the super-survivor masks, from sizes.csv: (our task, unit) -> count."""
    return {
        (ours, UNITS[row["number"]]): value
        for ours, row, value in _of_tasks(path, tasks)
        if row["subnetwork"] == "super_good" and row["number"] in UNITS
    }


def published_shares(path: Path, tasks: Mapping[str, str]) -> dict[tuple[str, ...], float]:
    """patterns.csv: (our task, heads, weights, attention, pattern) -> share of maps."""
    return {
        (ours, row["heads"], row["weights"], row["attention"], row["pattern"]): value
        for ours, row, value in _of_tasks(path, tasks)
    }


def published_heatmap(
    path: Path, method: str | None, tasks: Mapping[str, str]
) -> dict[str, dict[str, np.ndarray]]:
    """heatmap.csv of one of the paper's methods: our task -> kind -> [layers, heads] or [layers].

    Shares of seeds in which a unit survives (structured), or of weights kept (magnitude).
    """
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for ours, row, value in _of_tasks(path, tasks):
        if row["method"] == method:
            values[ours][row["unit"]].append(value)
    return {
        ours: {"head": np.reshape(units["head"], (len(units["mlp"]), -1))}
        | {"mlp": np.array(units["mlp"])}
        for ours, units in values.items()
    }


def published_overlap(
    path: Path, tasks: Mapping[str, str]
) -> dict[tuple[str, str, str, str], float]:
    """task_overlap.csv: (task, other task, unit, number) -> value, in both orders of a pair."""
    found = {}
    for ours, row, value in _of_tasks(path, tasks):
        for other, glue in tasks.items():
            if glue == row["other_task"]:
                found[ours, other, row["unit"], row["number"]] = value
                found[other, ours, row["unit"], row["number"]] = value
    return found


@dataclass(frozen=True)
class Analysis:
    """A published number of an analysis (analyses.csv): a value, `of` how many, or a range."""

    value: float | None
    low: float | None
    high: float | None
    of: float | None
    words: str
    source: str


def published_analyses(path: Path) -> dict[tuple[str, str], Analysis]:
    """analyses.csv: (quantity, unit) -> the number."""
    numbers = ("value", "low", "high", "of")
    return {
        (row["quantity"], row["unit"]): Analysis(
            **{name: float(row[name]) if row[name] else None for name in numbers},
            words=row["words"],
            source=row["source"],
        )
        for row in files.read_csv(path)
    }


def published_noise(path: Path) -> dict[tuple[str, str], tuple[float, float]]:
    """analyses.csv: (unit, source of noise: seeds or data) -> smallest and largest phi."""
    found = published_analyses(path)
    return {
        (unit, quantity.removeprefix("noise_of_")): (row.low, row.high)
        for (quantity, unit), row in found.items()
        if quantity.startswith("noise_of_") and row.low is not None and row.high is not None
    }


def published_magnitudes(path: Path) -> dict[str, tuple[float, float]]:
    """analyses.csv: unit -> in how many runs kept units have the larger weights, of how many."""
    return {
        unit: (row.value, row.of)
        for (quantity, unit), row in published_analyses(path).items()
        if quantity == "larger_magnitude_kept" and row.value is not None and row.of is not None
    }


def published_correlations(
    path: Path, tasks: Mapping[str, str]
) -> dict[tuple[str, str], dict[int, float]]:
    """analyses.csv: (our task, unit) -> step -> correlation with the step before, of CoLA alone."""
    stem = "importance_correlation_step_"
    found: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    for (quantity, unit), row in published_analyses(path).items():
        if quantity.startswith(stem) and row.value is not None:
            for ours in (ours for ours, glue in tasks.items() if glue == "cola"):
                found[ours, unit][int(quantity.removeprefix(stem))] = row.value
    return dict(found)


def _of_tasks(path: Path, tasks: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str], float]]:
    for row in files.read_csv(path):
        for ours, glue in tasks.items():
            if row.get(glue):
                yield ours, row, float(row[glue])
