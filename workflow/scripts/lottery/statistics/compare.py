"""Compares the subnetworks of all methods, task by task."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lottery.results.layout import Layout, MethodRows, TaskColumn
from lottery.results.published import Published
from lottery.statistics.differences import Sizes, TaskComparison, TaskDifference, contrast_rows
from lottery.statistics.predictions import read_predictions
from lottery.statistics.roles import FULL, PHASES, Contrast, contrasts
from lottery.statistics.runs import Cell, Runs

# (model, task, method, subnetwork, phase, seed) of a file of predictions.
Run = tuple[str, str, str, str, str, int]


def run_of(path: Path) -> Run:
    """The run that a file of predictions belongs to, from its place below results/."""
    # {model}/{task}/seed_{seed}/evaluate/{method}/{subnetwork}/{phase}/predictions.parquet
    model, task, seed, _, method, subnetwork, phase, _ = path.parts[-8:]
    return model, task, method, subnetwork, phase, int(seed.removeprefix("seed_"))


def compare(
    paths: Iterable[Path],
    split: str,
    runs: Runs,
    layout: Layout,
    controls: Mapping[str, str],
    published: Published,
    sizes: Sizes,
) -> list[dict[str, Any]]:
    """Makes the rows of differences.csv.

    Args:
        paths: predictions.parquet of the cells.
        split: where they are compared.
        runs: scores of the cells.
        layout: models, tasks and methods.
        controls: method -> "published" or "strict", the kinds of its subnetworks.
        published: the paper's numbers.
        sizes: how much is resampled.

    Returns:
        Rows with the keys `lottery.statistics.differences.COLUMNS`.
    """
    found: dict[tuple[str, str, str], dict[tuple[str, str, int], Path]] = defaultdict(dict)
    for path in paths:
        model, task, method, *run = run_of(path)
        found[model, task, method][tuple(run)] = path
    # In an order of their own: sums of floats depend on it.
    by_cell = {cell: dict(sorted(of_cell.items())) for cell, of_cell in found.items()}
    rows = []
    for model in layout.models:
        for method in layout.methods:
            compared = _Compared(model, method, split, layout, controls[method.id], published)
            for task in layout.tasks:
                masked = by_cell.get((model, task.id, method.id))
                if masked:
                    full = by_cell.get((model, task.id, "none"), {})
                    compared.add(task, full | masked, runs, sizes)
            rows += compared.rows(sizes)
    return rows


class _Compared:
    """The differences of one model and method, gathered task by task."""

    def __init__(
        self,
        model: str,
        method: MethodRows,
        split: str,
        layout: Layout,
        controls: str,
        published: Published,
    ) -> None:
        self._model, self._method, self._layout = model, method, layout
        self._published = published
        self._contrasts = contrasts(method.subnetworks, controls)
        self._split = split
        self._found: dict[tuple[str, Contrast], list[TaskDifference]] = defaultdict(list)

    def add(
        self,
        task: TaskColumn,
        paths: dict[tuple[str, str, int], Path],
        runs: Runs,
        sizes: Sizes,
    ) -> None:
        """Compares on one task; predictions are read, used and let go."""
        split = self._split
        data = read_predictions(paths, (split,))[split]

        def cell(phase: str) -> Cell:
            return Cell(self._model, task.id, self._method.id, phase, split)

        comparison = TaskComparison(task, cell, runs, data, sizes)
        for phase in PHASES:
            for contrast in self._contrasts:
                paper = self._papers(contrast, phase, task, split)
                found = comparison.difference(contrast, phase, paper)
                if found:
                    self._found[phase, contrast].append(found)

    def rows(self, sizes: Sizes) -> list[dict[str, Any]]:
        """The rows in the order of phases and contrasts."""
        rows = []
        for phase in PHASES:
            head = {"model": self._model, "method": self._method.id}
            head |= {"split": self._split, "phase": phase}
            for contrast in self._contrasts:
                tasks = self._found.get((phase, contrast))
                if tasks:
                    rows += contrast_rows(head, contrast, tasks, sizes)
        return rows

    def _papers(self, contrast: Contrast, phase: str, task: TaskColumn, split: str) -> float | None:
        """The published difference, where both sides are the paper's."""
        scores = []
        for draws in (contrast.first_draws, contrast.second_draws):
            full = draws == FULL
            row = ("none", "full", "finetuned") if full else (self._method.id, draws[0], phase)
            scores.append(
                self._layout.published_score(self._published, self._model, row, task, split)
            )
        return None if None in scores else scores[0].mean - scores[1].mean
