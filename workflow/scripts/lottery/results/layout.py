"""What the tables and figures of a study show, in which order, and what of the paper fits it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lottery.config.presets import DISPLAY_SPLIT
from lottery.results.published import Published, PublishedScore

SPLIT_NAMES = {"validation": "validation", "report_half": "report half of validation"}
Row = tuple[str, str, str]  # method, subnetwork, phase


@dataclass(frozen=True)
class TaskColumn:
    """A task as tables show it.

    Attributes:
        metric: the reported metric.
        in_average: whether it enters averages over tasks.
        published: the GLUE preset that it is, unchanged; None for any other task.
        fold_of: of a fold, the data set that it is part of.
    """

    id: str
    metric: str
    in_average: bool
    published: str | None
    fold_of: str | None = None


@dataclass(frozen=True)
class MethodRows:
    """A method as tables show it.

    Attributes:
        preset: "published" or "strict".
        published: the paper's method that it repeats unchanged, "structured" or "magnitude"; None
            for any other method.
        subnetworks: those that tables and figures compare.
        further: those with a size, a start or a source, which have figures of their own.
    """

    id: str
    preset: str
    published: str | None
    subnetworks: Sequence[str]
    further: Sequence[str] = ()

    @property
    def display_split(self) -> str:
        """The split on which its results are shown."""
        return DISPLAY_SPLIT[self.preset]


@dataclass(frozen=True)
class Layout:
    """The order of rows and columns; `published_models` are those that are the paper's."""

    models: Sequence[str]
    published_models: Sequence[str]
    tasks: Sequence[TaskColumn]
    methods: Sequence[MethodRows]

    @classmethod
    def of(
        cls,
        *,
        models: list[str],
        published_models: list[str],
        tasks: Mapping[str, Mapping[str, Any]],
        methods: Mapping[str, Mapping[str, Any]],
    ) -> Layout:
        """Builds the layout from a rule's params; tasks and methods map an id to its attributes."""
        columns = [TaskColumn(task, **facts) for task, facts in tasks.items()]
        rows = [MethodRows(method, **facts) for method, facts in methods.items()]
        return cls(models, published_models, columns, rows)

    @property
    def metrics(self) -> dict[str, str]:
        """task -> reported metric."""
        return {task.id: task.metric for task in self.tasks}

    @property
    def folds(self) -> dict[str, tuple[str, ...]]:
        """data set -> the tasks that are its folds."""
        found: dict[str, tuple[str, ...]] = {}
        for task in self.tasks:
            if task.fold_of is not None:
                found[task.fold_of] = (*found.get(task.fold_of, ()), task.id)
        return found

    def over_folds(self) -> Layout:
        """The layout of `lottery.results.folds.over_folds`: data sets in the place of folds."""
        tasks = {
            task.fold_of or task.id: replace(task, id=task.fold_of or task.id, fold_of=None)
            for task in self.tasks
        }
        return replace(self, tasks=[*tasks.values()])

    @property
    def rows(self) -> list[Row]:
        """All rows, from majority down."""
        masked = [
            (method.id, subnetwork, phase)
            for method in self.methods
            for subnetwork in method.subnetworks
            for phase in ("pruned", "retrained")
        ]
        return [("none", "majority", "none"), ("none", "full", "finetuned"), *masked]

    @property
    def every_row(self) -> list[Row]:
        """All rows, those of a method's further subnetworks after its others."""
        further = [
            (method.id, subnetwork, phase)
            for method in self.methods
            for subnetwork in method.further
            for phase in ("pruned", "retrained")
        ]
        place = {method.id: number for number, method in enumerate(self.methods)}
        return sorted([*self.rows, *further], key=lambda row: place.get(row[0], -1))

    def display_split(self, method: str) -> str:
        """The split on which a method's results are shown."""
        return next(rows.display_split for rows in self.methods if rows.id == method)

    def published_score(
        self, published: Published, model: str, row: Row, task: TaskColumn, split: str
    ) -> PublishedScore | None:
        """The published number of a cell, model "none" for majority; None if not comparable."""
        method = self._published_method(model, row)
        if method is None or task.published is None:
            return None
        return published.score(method, *row[1:], task.published, split, task.metric)

    def published_kept_fraction(
        self, published: Published, model: str, row: Row, task: TaskColumn
    ) -> float | None:
        """The published mean kept_fraction of a cell; None where nothing is comparable."""
        method = self._published_method(model, row)
        if method is None or task.published is None:
            return None
        return published.kept_fraction(method, row[1], task.published)

    def _published_method(self, model: str, row: Row) -> str | None:
        """The paper's method of which the paper has a comparable cell."""
        if model not in ("none", *self.published_models):
            return None
        return {"none": "none", **{each.id: each.published for each in self.methods}}.get(row[0])
