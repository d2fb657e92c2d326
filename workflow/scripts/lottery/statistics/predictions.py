"""Reads what runs say of the development examples, in the shape that resampling needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lottery import files
from lottery.files.errors import StudyError

HALVES = ("search_half", "report_half")


@dataclass(frozen=True, eq=False)
class SplitPredictions:
    """Predictions of one task's runs on one split, all of the same examples in the same order.

    Attributes:
        labels: true classes or scores, [n].
        rows: (subnetwork, phase, seed) -> its row of `predictions`.
        predictions: [C, n].
    """

    labels: np.ndarray
    rows: dict[tuple[str, str, int], int]
    predictions: np.ndarray


def read_predictions(
    paths: Mapping[tuple[str, str, int], Path], splits: tuple[str, ...]
) -> dict[str, SplitPredictions]:
    """Reads predictions.parquet of one task's runs.

    Args:
        paths: (subnetwork, phase, seed) -> file.
        splits: validation, or one of its halves.

    Returns:
        Split -> predictions.

    Raises:
        StudyError: a file is damaged, or two do not hold the same examples.
    """
    known: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    columns: dict[str, list[np.ndarray]] = {split: [] for split in splits}
    for path in paths.values():
        for split, (idx, labels, predictions) in _read_splits(path, splits).items():
            first_idx, first_labels = known.setdefault(split, (idx, labels))
            if not (np.array_equal(idx, first_idx) and np.array_equal(labels, first_labels)):
                raise StudyError(
                    f"{path} holds other examples of {split} than the other runs of its task; "
                    "evaluate it again."
                )
            columns[split].append(predictions)
    rows = {run: row for row, run in enumerate(paths)}
    return {
        split: SplitPredictions(known[split][1], rows, np.stack(columns[split])) for split in splits
    }


def _read_splits(
    path: Path, splits: tuple[str, ...]
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """idx, label and prediction of each split, examples in the order of idx."""
    import pyarrow.compute as pc

    table = files.read_parquet(path, ["split", "half", "idx", "label", "prediction"])
    parts = {}
    for split in splits:
        column = "half" if split in HALVES else "split"
        part = table.filter(pc.equal(table[column], split))
        if not len(part):
            raise StudyError(f"{path} has no examples of {split}; delete it and run again.")
        idx, labels, predictions = (
            part[name].to_numpy() for name in ("idx", "label", "prediction")
        )
        order = np.argsort(idx, kind="stable")
        parts[split] = idx[order], labels[order], predictions[order]
    return parts
