"""Predictions of the models of one task for another task's examples, and scores by group.

For tasks that are only evaluated on. The predicted class is the one of the largest logit of the
trained classes; its name is then mapped to a label of the other task. So three classes become two
as in McCoy, Pavlick and Linzen 2019 (Right for the wrong reasons): argmax first, then the map, and
not the sum of the probabilities of the classes that mean the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lottery import files
from lottery.data.tokens import Tokens
from lottery.evaluation.scoring import Scored, decide, score_entries
from lottery.files.errors import StudyError

if TYPE_CHECKING:
    import pyarrow as pa

# Every example of a split, every gold label: the value of the columns group and label.
ALL = ""


@dataclass(frozen=True)
class Transfer:
    """Outputs of a model on another task's splits.

    Attributes:
        scored: tokens, logits and metrics, the latter of the other task.
        groups: split -> group of each example [n] of text; None where the task has none.
        labels: of the other task; None for a regression.
        label_map: pairs (label of the trained task, label of the other one) in the order of the
            model's outputs; None for a regression.
    """

    scored: Scored
    groups: dict[str, np.ndarray | None]
    labels: list[str] | None
    label_map: Sequence[Sequence[str]] | None

    def predictions(self, split: str) -> np.ndarray:
        """The predictions as labels of the other task, or as scores."""
        predicted = decide(self.scored.logits[split])
        if self.labels is None or self.label_map is None:
            return predicted
        return np.array([self.labels.index(ours) for _, ours in self.label_map])[predicted]

    def scores(self) -> list[dict[str, Any]]:
        """Entries of metrics.json: of all examples and of each group, then by gold label."""
        return [
            {"split": split, "group": group} | entry
            for split, tokens in self.scored.tokens.items()
            for group, rows in self._parts(split, len(tokens))
            for entry in self._entries(tokens.labels[rows], self.predictions(split)[rows])
        ]

    def _parts(self, split: str, n: int) -> Iterator[tuple[str, np.ndarray]]:
        yield ALL, np.arange(n)
        groups = self.groups[split]
        if groups is not None:
            for group in dict.fromkeys(groups.tolist()):
                yield group, np.flatnonzero(groups == group)

    def _entries(self, labels: np.ndarray, predictions: np.ndarray) -> Iterator[dict[str, Any]]:
        entries = score_entries(self.scored.metrics, labels, predictions)
        yield from ({"label": ALL} | entry for entry in entries)
        present = np.unique(labels)
        if not self.labels or len(present) < 2:
            return
        for position in present:
            rows = labels == position
            (entry,) = score_entries(["accuracy"], labels[rows], predictions[rows])
            # Equal answers to examples of one label are right: the flag is the group's.
            flag = {"constant_prediction": entries[0]["constant_prediction"]}
            yield {"label": self.labels[position]} | entry | flag

    def predictions_table(self) -> pa.Table:
        """The content of predictions.parquet: one row per example (docs/files.md)."""
        tokens = self.scored.tokens
        groups = {
            split: [ALL] * len(tokens[split]) if groups is None else groups.tolist()
            for split, groups in self.groups.items()
        }
        predictions = {split: self.predictions(split) for split in tokens}
        return self.scored.table(predictions, "group", groups)


def read_groups(path: Path, tokens: Tokens) -> np.ndarray | None:
    """Reads the group of each example from a split's file of examples.

    Returns:
        Text [n] in the order of the tokens, or None if the file has no groups.
    """
    table = files.read_parquet(path)
    if "group" not in table.column_names:
        return None
    groups = dict(zip(table["idx"].to_pylist(), table["group"].to_pylist(), strict=True))
    numbers = tokens.idx.tolist()
    if groups.keys() != set(numbers):
        raise StudyError(f"{path} and its tokens hold other examples; delete both and run again.")
    return np.array([groups[number] for number in numbers])
