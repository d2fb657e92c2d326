"""Scores the baselines that look at no text: most frequent class, mean or drawn score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lottery.data.splits import HALVES, train_sample
from lottery.files import read_parquet, write_json
from lottery.tasks.metrics import is_constant, score
from lottery.tasks.task import Task

VERSION = 1

DRAW_SEED = 0


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

    The JSON holds format, task, and scores with split, metric, value (None where undefined),
    n_examples, labels_from, constant_prediction, degenerate (undefined).
    """
    task = task if isinstance(task, Task) else Task.from_dict(task)
    train, validation = read_parquet(path_to_train), read_parquet(path_to_validation)
    train_labels, labels = (table.column("label").to_numpy() for table in (train, validation))
    predicted = _predictions(task, labels, train_labels)
    scores = [*_scores(task, "validation", labels, predicted)]
    half = validation.column("half").to_numpy()
    for name, number in HALVES.items():
        rows = half == number
        of_half = {origin: values[rows] for origin, values in predicted.items()}
        scores += _scores(task, name, labels[rows], of_half)
    sample = train_labels[train_sample(train_labels, train.column("idx").to_numpy(), len(labels))]
    # Its examples are as many as those of validation, or fewer, and share their draws.
    of_sample = {origin: values[: len(sample)] for origin, values in predicted.items()}
    scores += _scores(task, "train_sample", sample, of_sample)
    if path_to_validation_mismatched is not None:
        labels = read_parquet(path_to_validation_mismatched).column("label").to_numpy()
        predicted = _predictions(task, labels, train_labels)
        scores += _scores(task, "validation_mismatched", labels, predicted)
    write_json(path_to_metrics, {"format": 1, "task": task.id, "scores": scores})


def _predictions(task: Task, labels: np.ndarray, train: np.ndarray) -> dict[str, np.ndarray]:
    """What is predicted for each example of a split, by what it was learnt from."""
    if task.is_regression:
        generator = np.random.default_rng(DRAW_SEED)
        draw = generator.normal(labels.mean(), labels.std(), len(labels))
        return {"validation": draw, "train": np.full(len(labels), train.mean())}
    return {
        "validation": np.full(len(labels), np.bincount(labels).argmax()),
        "train": np.full(len(labels), np.bincount(train).argmax()),
    }


def _scores(
    task: Task, split: str, labels: np.ndarray, predictions: dict[str, np.ndarray]
) -> Iterator[dict[str, Any]]:
    for labels_from, predicted in predictions.items():
        for metric in dict.fromkeys((*task.metrics, task.search_metric)):
            value = score(metric, labels, predicted)
            yield {
                "split": split,
                "metric": metric,
                "value": value,
                "n_examples": len(labels),
                "labels_from": labels_from,
                "constant_prediction": is_constant(predicted),
                "degenerate": value is None,
            }
