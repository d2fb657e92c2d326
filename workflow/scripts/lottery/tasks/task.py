"""What a task is: what is read, what is predicted, how it is scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lottery.tasks.metrics import always_scored

# Examples of one split of a generated task. Every grammar has more than twice as many, so that
# drawing until enough differ does not take long.
LARGEST_GENERATED = 10_000
SPLITS = ("train", "validation", "validation_mismatched")


@dataclass(frozen=True)
class Task:
    """One task of the study.

    Attributes:
        id: The short id of the config entry.
        kind: Where the examples come from: "glue", "web", "generated" or "files".
        text: Names of the one or two text columns of the source.
        label: Name of the label column of the source.
        labels: Label names in the order of the model's outputs; None for regression.
        metric: The reported metric.
        metrics: Every metric that is scored, the reported one first.
        splits: Pairs (our split name, split, file or address of the source); empty for generated
            tasks that are trained on.
        generated: Name of the generated task.
        glue: Name of the GLUE preset.
        web: Name of the preset that is read from an address.
        train_examples: Size of the training subset, None for all. For a generated task both sizes
            say how many examples are made.
        validation_examples: Size of the subset of each validation split, None for all.
        data_seed: Seed of the subsets and of the generated examples.
        in_average: Whether averages over tasks include this one.
        evaluate_with: The task whose models are scored here; the task itself trains nothing.
        label_map: Pairs (label of those models, label of this task).
        group: Source column by which the scores are reported, for evaluation-only tasks.
    """

    id: str
    kind: str
    text: tuple[str, ...]
    labels: tuple[str, ...] | None
    metric: str
    metrics: tuple[str, ...]
    label: str = "label"
    splits: tuple[tuple[str, str], ...] = ()
    generated: str | None = None
    glue: str | None = None
    web: str | None = None
    train_examples: int | None = None
    validation_examples: int | None = None
    data_seed: int = 0
    in_average: bool = True
    evaluate_with: str | None = None
    label_map: tuple[tuple[str, str], ...] | None = None
    group: str | None = None

    @property
    def is_regression(self) -> bool:
        """Whether a score is predicted instead of a class."""
        return self.labels is None

    @property
    def n_outputs(self) -> int:
        """Number of model outputs: the number of classes, 1 for regression."""
        return 1 if self.labels is None else len(self.labels)

    @property
    def search_metric(self) -> str:
        """The metric the published search watches: the mean of both correlations for regression."""
        return "pearson_spearman" if self.is_regression else self.metric

    @property
    def split_names(self) -> tuple[str, ...]:
        """The splits this task has, of train, validation and validation_mismatched."""
        if self.kind == "generated" and not self.splits:
            return SPLITS[:2]
        return tuple(name for name, _ in self.splits)

    @property
    def validation_splits(self) -> tuple[str, ...]:
        """The splits of `split_names` that are scored."""
        return tuple(name for name in self.split_names if name != "train")

    @property
    def source_files(self) -> tuple[str, ...]:
        """The user's own files, as the config names them; empty for the other kinds."""
        return tuple(path for _, path in self.splits) if self.kind == "files" else ()

    def to_dict(self, *, with_metrics: bool = False) -> dict[str, Any]:
        """Gives plain JSON values of what the examples depend on, to serve as a rule's params.

        How the task is scored and averaged is left out, so that an edit of it fetches nothing anew.

        Args:
            with_metrics: Add the metrics, for the steps that score.
        """
        names = ["id", "kind", "text", "label", "labels", "splits", "generated", "glue"]
        names += ["train_examples", "validation_examples", "data_seed", "group"]
        # Not beside the others: the params of tasks that have no such preset would change.
        names += ["web"] if self.web else []
        names += ["metric", "metrics"] if with_metrics else []
        return {name: _as_lists(getattr(self, name)) for name in names}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Task:
        """Rebuilds a task from `to_dict`; what that left out gets its default."""
        fields = {name: _as_tuples(value) for name, value in values.items()}
        default = always_scored(1 if fields["labels"] is None else len(fields["labels"]))
        return cls(**{"metric": default[0], "metrics": default} | fields)


def _as_lists(value: Any) -> Any:
    return [_as_lists(item) for item in value] if isinstance(value, tuple) else value


def _as_tuples(value: Any) -> Any:
    return tuple(_as_tuples(item) for item in value) if isinstance(value, list | tuple) else value
