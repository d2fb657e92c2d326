"""Scores the baselines that look at no text: most frequent class, mean or drawn score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lottery.data.splits import HALVES, train_sample
from lottery.files import read_parquet, write_json
from lottery.tasks import Task
from lottery.tasks.metrics import is_constant, score

VERSION = 1

DRAW_SEED = 0


@dataclass(frozen=True, eq=False)
class _Split:
    """Labels of a split, [n], and the row of each example in the split it was taken from."""

    labels: np.ndarray
    rows: np.ndarray


def majority(
    *,
    path_to_train: Path,
    path_to_validation: Path,
    path_to_validation_mismatched: Path | None = None,
    path_to_metrics: Path,
    task: Task | Mapping[str, Any],
) -> None:
    """Scores two baselines on every split.

    `labels_from: validation` is the published one: the most frequent label of the validation
    split (of validation_mismatched on that split); for regression one normal draw per example,
    fitted to the same labels. `labels_from: train` knows the training labels alone: the most
    frequent one, or their mean, whose correlations are undefined.

    Args:
        path_to_train: The task's training split.
        path_to_validation: The task's validation split.
        path_to_validation_mismatched: The further one, if the task has it.
        path_to_metrics: JSON to write: format, task, and scores with split, metric, value (None
            where undefined), n_examples, labels_from, constant_prediction, degenerate (undefined).
        task: The task, or its `to_dict(with_metrics=True)`.

    Raises:
        StudyError: A file is missing or damaged.
    """
    task = task if isinstance(task, Task) else Task.from_dict(task)
    train, validation = _read(path_to_train), _read(path_to_validation)
    scores = []
    for name, part in _parts(train, validation).items():
        scores += _scores(task, name, part, validation["labels"], train["labels"])
    if path_to_validation_mismatched is not None:
        labels = _read(path_to_validation_mismatched)["labels"]
        part = _Split(labels, np.arange(len(labels)))
        scores += _scores(task, "validation_mismatched", part, labels, train["labels"])
    write_json(path_to_metrics, {"format": 1, "task": task.id, "scores": scores})


def _read(path: Path) -> dict[str, np.ndarray]:
    table = read_parquet(path)
    names = {"label": "labels", "idx": "idx", "half": "half"}
    return {
        ours: table.column(n).to_numpy() for n, ours in names.items() if n in table.schema.names
    }


def _parts(train: dict[str, np.ndarray], validation: dict[str, np.ndarray]) -> dict[str, _Split]:
    labels = validation["labels"]
    parts = {"validation": _Split(labels, np.arange(len(labels)))}
    for name, number in HALVES.items():
        rows = np.flatnonzero(validation["half"] == number)
        parts[name] = _Split(labels[rows], rows)
    rows = train_sample(train["labels"], train["idx"], len(labels))
    # Its examples are as many as those of validation, or fewer, and share their draws.
    parts["train_sample"] = _Split(train["labels"][rows], np.arange(len(rows)))
    return parts


def _scores(
    task: Task, name: str, part: _Split, validation: np.ndarray, train: np.ndarray
) -> list[dict[str, Any]]:
    if task.is_regression:
        generator = np.random.default_rng(DRAW_SEED)
        draw = generator.normal(validation.mean(), validation.std(), len(validation))
        predictions = {"validation": draw, "train": np.full(len(validation), train.mean())}
    else:
        predictions = {
            "validation": np.full(len(validation), np.bincount(validation).argmax()),
            "train": np.full(len(validation), np.bincount(train).argmax()),
        }
    metrics = dict.fromkeys((*task.metrics, task.search_metric))
    rows = []
    for labels_from, of_split in predictions.items():
        predicted = of_split[part.rows]
        for metric in metrics:
            value = score(metric, part.labels, predicted)
            rows.append(
                {
                    "split": name,
                    "metric": metric,
                    "value": value,
                    "n_examples": len(part.labels),
                    "labels_from": labels_from,
                    "constant_prediction": is_constant(predicted),
                    "degenerate": value is None,
                }
            )
    return rows
