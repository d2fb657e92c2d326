"""What the tables and figures of a study show, in which order, and what of the paper fits it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lottery.config.presets import DISPLAY_SPLIT
from lottery.results.published import Published, PublishedScore

SPLIT_NAMES = {"validation": "validation", "report_half": "report half of validation"}


@dataclass(frozen=True)
class TaskColumn:
    """A task as tables show it.

    Attributes:
        id: the task's id.
        metric: the reported metric.
        in_average: whether it enters averages over tasks.
        published: the GLUE preset that it is, unchanged; None for any other task.
    """

    id: str
    metric: str
    in_average: bool
    published: str | None


@dataclass(frozen=True)
class MethodRows:
    """A method as tables show it.

    Attributes:
        id: the method's id.
        preset: "published" or "strict".
        published: the paper's method that it repeats unchanged, "structured" or "magnitude"; None
            for any other method.
        subnetworks: its subnetworks.
    """

    id: str
    preset: str
    published: str | None
    subnetworks: tuple[str, ...]

    @property
    def display_split(self) -> str:
        """The split on which its results are shown."""
        return DISPLAY_SPLIT[self.preset]


@dataclass(frozen=True)
class Layout:
    """The order of rows and columns, and where a published number may stand.

    Attributes:
        models: ids of the models.
        published_models: those of them that are the paper's model.
        tasks: the columns.
        methods: the rows below majority and the full model.
    """

    models: tuple[str, ...]
    published_models: tuple[str, ...]
    tasks: tuple[TaskColumn, ...]
    methods: tuple[MethodRows, ...]

    @classmethod
    def of(
        cls,
        *,
        models: list[str],
        published_models: list[str],
        tasks: Mapping[str, Mapping[str, Any]],
        methods: Mapping[str, Mapping[str, Any]],
    ) -> Layout:
        """Builds the layout from a rule's params.

        Args:
            models: ids of the models, in the order of the config.
            published_models: ids of the models that are the paper's.
            tasks: id -> {"metric": str, "in_average": bool, "published": str | None}.
            methods: id -> {"preset": str, "published": str | None, "subnetworks": [str]}.
        """
        return cls(
            models=tuple(models),
            published_models=tuple(published_models),
            tasks=tuple(TaskColumn(id=task, **facts) for task, facts in tasks.items()),
            methods=tuple(
                MethodRows(
                    id=method,
                    preset=facts["preset"],
                    published=facts["published"],
                    subnetworks=tuple(facts["subnetworks"]),
                )
                for method, facts in methods.items()
            ),
        )

    @property
    def metrics(self) -> dict[str, str]:
        """task -> reported metric."""
        return {task.id: task.metric for task in self.tasks}

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        """(method, subnetwork, phase) of all rows, from majority down."""
        masked = [
            (method.id, subnetwork, phase)
            for method in self.methods
            for subnetwork in method.subnetworks
            for phase in ("pruned", "retrained")
        ]
        return [("none", "majority", "none"), ("none", "full", "finetuned"), *masked]

    def display_split(self, method: str) -> str:
        """The split on which a method's results are shown."""
        return next(rows.display_split for rows in self.methods if rows.id == method)

    def published_method(self, method: str) -> str | None:
        """The paper's method that `method` repeats; "none" for majority and the full model."""
        if method == "none":
            return "none"
        return next((rows.published for rows in self.methods if rows.id == method), None)

    def published_score(
        self,
        published: Published,
        model: str,
        row: tuple[str, str, str],
        task: TaskColumn,
        split: str,
    ) -> PublishedScore | None:
        """The published number that belongs beside a cell; None where nothing is comparable.

        Args:
            published: the paper's numbers.
            model: the cell's model, "none" for majority.
            row: method, subnetwork and phase.
            task: the cell's task.
            split: the cell's split; the paper has validation and validation_mismatched.
        """
        method, subnetwork, phase = row
        source = self.published_method(method)
        if task.published is None or source is None or not self._is_papers(model):
            return None
        return published.score(source, subnetwork, phase, task.published, split, task.metric)

    def published_kept_fraction(
        self, published: Published, model: str, row: tuple[str, str, str], task: TaskColumn
    ) -> float | None:
        """The published mean kept_fraction of a cell; None where nothing is comparable."""
        source = self.published_method(row[0])
        if task.published is None or source is None or not self._is_papers(model):
            return None
        return published.kept_fraction(source, row[1], task.published)

    def _is_papers(self, model: str) -> bool:
        return model == "none" or model in self.published_models
