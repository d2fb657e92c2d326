"""The tasks that need no files of one's own: nine of GLUE, HANS, and the generated ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lottery.tasks.task import SPLITS, Task

GLUE_REPOSITORY = "nyu-mll/glue"
GLUE_REVISION = "bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c"


def _glue(
    name: str,
    text: str,
    labels: str | None,
    metrics: str,
    *,
    in_average: bool = True,
    validation: Sequence[str] = ("validation",),
) -> Task:
    scored = tuple(metrics.split())
    return Task(
        id=name,
        kind="glue",
        glue=name,
        text=tuple(text.split()),
        labels=None if labels is None else tuple(labels.split()),
        metric=scored[0],
        metrics=scored,
        splits=tuple(zip(SPLITS, ("train", *validation), strict=False)),
        in_average=in_average,
    )


# Columns, label names and their order as in the hub's dataset at GLUE_REVISION.
GLUE: dict[str, Task] = {
    task.id: task
    for task in (
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
            validation=("validation_matched", "validation_mismatched"),
        ),
        _glue("qnli", "question sentence", "entailment not_entailment", "accuracy"),
        _glue("rte", "sentence1 sentence2", "entailment not_entailment", "accuracy"),
        _glue(
            "wnli",
            "sentence1 sentence2",
            "not_entailment entailment",
            "accuracy",
            in_average=False,  # its training and validation sentences contradict each other
        ),
    )
}


# The three classes of natural language inference and the two of other GLUE tasks, where the labels
# are "entailment" and "non-entailment".
_TO_NON_ENTAILMENT = tuple(
    (label, "non-entailment") for label in ("neutral", "contradiction", "not_entailment")
)

# Tasks that models are only evaluated on, each read from an address that names a commit.
WEB: dict[str, Task] = {
    # McCoy, Pavlick, Linzen 2019: Right for the wrong reasons.
    "hans": Task(
        id="hans",
        kind="web",
        web="hans",
        text=("sentence1", "sentence2"),
        label="gold_label",
        labels=("entailment", "non-entailment"),
        metric="accuracy",
        metrics=("accuracy",),
        splits=(
            (
                "validation",
                "https://raw.githubusercontent.com/tommccoy1/hans/"
                "7299f6f657089ce06a0f98e7e81f8d0f5b7741ce/heuristics_evaluation_set.txt",
            ),
        ),
        in_average=False,
        label_map=_TO_NON_ENTAILMENT,
        group="heuristic",
    )
}
PRESETS = GLUE | WEB


def _generated(
    name: str, n_texts: int, labels: str | None, metrics: str, n_train: int, n_validation: int
) -> Task:
    scored = tuple(metrics.split())
    return Task(
        id=name,
        kind="generated",
        generated=name,
        text=("text_a", "text_b")[:n_texts],
        labels=None if labels is None else tuple(labels.split()),
        metric=scored[0],
        metrics=scored,
        train_examples=n_train,
        validation_examples=n_validation,
    )


# Each is shaped like a GLUE task and scored like it: SST-2, CoLA, MNLI, STS-B.
GENERATED: dict[str, Task] = {
    task.id: task
    for task in (
        _generated("sentiment", 1, "negative positive", "accuracy", 2000, 600),
        _generated("acceptability", 1, "unacceptable acceptable", "matthews accuracy", 2000, 600),
        _generated("entailment", 2, "entailment neutral contradiction", "accuracy", 2000, 600),
        _generated("similarity", 2, None, "pearson spearman", 2000, 600),
    )
}
# Shaped like HANS, for models of the task entailment.
GENERATED["heuristics"] = replace(
    _generated("heuristics", 2, "entailment non-entailment", "accuracy", 0, 600),
    train_examples=None,
    splits=(("validation", "validation"),),
    in_average=False,
    label_map=_TO_NON_ENTAILMENT,
    group="heuristic",
)
