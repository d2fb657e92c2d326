"""What a task is, and the tasks that need no files: nine of GLUE, HANS, and the generated ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lottery.tasks.metrics import always_scored

GLUE_REPOSITORY = "nyu-mll/glue"
GLUE_REVISION = "bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c"
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
            are the numbers of examples that are made.
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

        How the task is scored and averaged is left out, so that an edit of it fetches nothing
        again; `with_metrics` adds the metrics, for the steps that score.
        """
        names = ["id", "kind", "text", "label", "labels", "splits", "generated", "glue"]
        names += ["train_examples", "validation_examples", "data_seed", "group"]
        # Only where it is set: the params of all other tasks would change.
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


def _preset(
    kind: str, name: str, text: str, labels: str | None, metrics: str, **more: Any
) -> Task:
    scored = tuple(metrics.split())
    return Task(
        id=name,
        kind=kind,
        text=tuple(text.split()),
        labels=None if labels is None else tuple(labels.split()),
        metric=scored[0],
        metrics=scored,
        **{kind: name} | more,
    )


def _glue(name: str, text: str, labels: str | None, metrics: str, **more: Any) -> Task:
    splits = (("train", "train"), ("validation", "validation"))
    return _preset("glue", name, text, labels, metrics, **{"splits": splits} | more)


def _generated(name: str, text: str, labels: str | None, metrics: str, **more: Any) -> Task:
    sizes = {"train_examples": 2000, "validation_examples": 600}
    return _preset("generated", name, text, labels, metrics, **sizes | more)


def _by_id(*tasks: Task) -> dict[str, Task]:
    return {task.id: task for task in tasks}


_MNLI_SPLITS = (
    ("train", "train"),
    ("validation", "validation_matched"),
    ("validation_mismatched", "validation_mismatched"),
)
# Columns, label names and their order as in the hub's dataset at GLUE_REVISION.
GLUE: dict[str, Task] = _by_id(
    _glue("cola", "sentence", "unacceptable acceptable", "matthews accuracy"),
    _glue("sst2", "sentence", "negative positive", "accuracy"),
    _glue("mrpc", "sentence1 sentence2", "not_equivalent equivalent", "accuracy f1"),
    _glue("stsb", "sentence1 sentence2", None, "pearson spearman"),
    _glue("qqp", "question1 question2", "not_duplicate duplicate", "accuracy f1"),
    _glue(
        "mnli",
        "premise hypothesis",
        "entailment neutral contradiction",
        "accuracy",
        splits=_MNLI_SPLITS,
    ),
    _glue("qnli", "question sentence", "entailment not_entailment", "accuracy"),
    _glue("rte", "sentence1 sentence2", "entailment not_entailment", "accuracy"),
    # Not in averages: its training and validation sentences contradict each other.
    _glue(
        "wnli", "sentence1 sentence2", "not_entailment entailment", "accuracy", in_average=False
    ),
)

# Evaluation-only tasks with two labels, for models of three classes or of other two-class tasks.
_HEURISTICS: dict[str, Any] = {
    "label_map": tuple(
        (label, "non-entailment") for label in ("neutral", "contradiction", "not_entailment")
    ),
    "group": "heuristic",
    "in_average": False,
}
# McCoy, Pavlick, Linzen 2019: Right for the wrong reasons. The address names a commit.
_HANS_FILE = (
    "https://raw.githubusercontent.com/tommccoy1/hans/"
    "7299f6f657089ce06a0f98e7e81f8d0f5b7741ce/heuristics_evaluation_set.txt"
)
WEB: dict[str, Task] = _by_id(
    _preset(
        "web",
        "hans",
        "sentence1 sentence2",
        "entailment non-entailment",
        "accuracy",
        label="gold_label",
        splits=(("validation", _HANS_FILE),),
        **_HEURISTICS,
    )
)
PRESETS = GLUE | WEB

# Shaped and scored like SST-2, CoLA, MNLI, STS-B, and HANS (for models of the task entailment).
GENERATED: dict[str, Task] = _by_id(
    _generated("sentiment", "text_a", "negative positive", "accuracy"),
    _generated("acceptability", "text_a", "unacceptable acceptable", "matthews accuracy"),
    _generated("entailment", "text_a text_b", "entailment neutral contradiction", "accuracy"),
    _generated("similarity", "text_a text_b", None, "pearson spearman"),
    _generated(
        "heuristics",
        "text_a text_b",
        "entailment non-entailment",
        "accuracy",
        train_examples=None,
        splits=(("validation", "validation"),),
        **_HEURISTICS,
    ),
)
