"""What a task is, and the tasks that need no files: nine of GLUE, HANS, and the generated ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
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
    """One task of the study."""

    id: str  # the key of the config entry; of a fold with its number
    kind: str  # where the examples come from: "glue", "web", "generated", "files" or "hub"
    text: tuple[str, ...]  # names of the one or two text columns of the source
    labels: tuple[str, ...] | None  # in the order of the model's outputs; None for regression
    metric: str  # the reported one
    metrics: tuple[str, ...]  # every one that is scored, the reported one first
    label: str = "label"  # name of the label column of the source
    # Pairs (our split name; split, file or address of the source); empty for generated tasks that
    # are trained on.
    splits: tuple[tuple[str, str], ...] = ()
    generated: str | None = None  # name of the generated task,
    glue: str | None = None  # of the GLUE preset,
    web: str | None = None  # or of the preset that is read from an address
    # Id of a data set on the hub, its configuration (None for its only one), and the commit.
    hub: str | None = None
    config: str | None = None
    revision: str | None = None
    # Of files: how quotation marks are meant ("csv" or "none"), the encoding (None to find out),
    # and the labels whose examples are left out ("" for a missing one).
    quoting: str | None = None
    encoding: str | None = None
    drop_labels: tuple[str, ...] = ()
    # Sizes of the subsets, None for all; of a generated task, how many examples are made.
    train_examples: int | None = None
    validation_examples: int | None = None  # of each validation split
    data_seed: int = 0  # of the subsets and of the generated examples
    # Of one of several folds: their number, which it is (from 1), and the key of the config entry.
    folds: int | None = None
    fold: int | None = None
    fold_of: str | None = None
    in_average: bool = True  # whether averages over tasks include it
    evaluate_with: str | None = None  # the task whose models are scored here; nothing is trained
    label_map: tuple[tuple[str, str], ...] | None = None  # from labels of those models to its own
    group: str | None = None  # source column by which an evaluation-only task is also scored

    @property
    def data_set(self) -> str:
        """The key of the config entry: what all folds of a data set have in common."""
        return self.fold_of or self.id

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
        paths = (path for _, path in self.splits) if self.kind == "files" else ()
        return tuple(dict.fromkeys(paths))  # of a fold one for both splits

    def to_dict(self, *, with_metrics: bool = False) -> dict[str, Any]:
        """Gives plain JSON values of what the examples depend on, to serve as a rule's params.

        How the task is scored and averaged is left out, so that an edit of it fetches nothing
        again; `with_metrics` adds the metrics, for the steps that score.
        """
        names = ["id", "kind", "text", "label", "labels", "splits", "generated", "glue"]
        names += ["train_examples", "validation_examples", "data_seed", "group"]
        # Only where it is set: the params of all other tasks would change.
        rare = "web hub config revision quoting encoding drop_labels folds fold fold_of".split()
        names += [name for name in rare if getattr(self, name)]
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


def _preset(kind: str, name: str, text: str, labels: str | None, metrics: str, **more: Any) -> Task:
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


def _by_id(*tasks: Task) -> dict[str, Task]:
    return {task.id: task for task in tasks}


_glue = partial(_preset, "glue", splits=tuple((split, split) for split in SPLITS[:2]))
_generated = partial(_preset, "generated", train_examples=2000, validation_examples=600)

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
        splits=tuple(zip(SPLITS, ("train", "validation_matched", SPLITS[2]), strict=True)),
    ),
    _glue("qnli", "question sentence", "entailment not_entailment", "accuracy"),
    _glue("rte", "sentence1 sentence2", "entailment not_entailment", "accuracy"),
    # Not in averages: its training and validation sentences contradict each other.
    _glue("wnli", "sentence1 sentence2", "not_entailment entailment", "accuracy", in_average=False),
)


@dataclass(frozen=True)
class Download:
    """How the original GLUE download holds a task: as tsv files without quoting."""

    folder: str
    columns: dict[str, str] = field(default_factory=dict)  # the hub's names -> theirs, if different
    header: tuple[str, ...] | None = None  # the columns of files without a header line
    has_short_rows: bool = False  # which lack fields; the hub's version leaves them out


_NUMBERED = {"sentence1": "#1 String", "sentence2": "#2 String", "label": "Quality"}
_OF_MNLI = {"premise": "sentence1", "hypothesis": "sentence2", "label": "gold_label"}
DOWNLOADS = {
    "cola": Download("CoLA", header=("source", "label", "mark", "sentence")),
    "sst2": Download("SST-2"),
    "mrpc": Download("MRPC", _NUMBERED),
    "stsb": Download("STS-B", {"label": "score"}),
    "qqp": Download("QQP", {"label": "is_duplicate"}, has_short_rows=True),
    "mnli": Download("MNLI", _OF_MNLI),
    "qnli": Download("QNLI"),
    "rte": Download("RTE"),
    "wnli": Download("WNLI"),
}

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

# Shaped and scored like SST-2 (a hard and an easy one), CoLA, MNLI, STS-B, and HANS (for models of
# the task entailment).
GENERATED: dict[str, Task] = _by_id(
    _generated("sentiment", "text_a", "negative positive", "accuracy"),
    _generated("reviews", "text_a", "negative positive", "accuracy"),
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
