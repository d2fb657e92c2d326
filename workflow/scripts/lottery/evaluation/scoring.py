"""What a model's outputs say of every example of a split, and what that scores. No torch here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lottery import files
from lottery.data.splits import HALVES
from lottery.data.tokens import Tokens, read_tokens
from lottery.files.errors import StudyError
from lottery.tasks import metrics as scores

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1


def decide(logits: np.ndarray) -> np.ndarray:
    """Turns logits into predictions: int64 classes [examples], or float64 values for one output."""
    if logits.shape[1] == 1:
        return logits[:, 0].astype(np.float64)
    return logits.argmax(axis=1).astype(np.int64)


def write_logits(
    path: Path, logits: Mapping[str, np.ndarray], size: Mapping[str, Any], key: str = ""
) -> None:
    """Writes the logits of a model.

    Args:
        path: a .safetensors file.
        logits: split -> float32 [examples, n_outputs], in the order of the tokens.
        size: what is kept of the model (`lottery.pruning.masks.size_of`).
        key: digest of what they were computed from; empty where the file's own step records it.
    """
    metadata = {"format": str(FORMAT), "size": json.dumps(size, sort_keys=True), "key": key}
    files.write_arrays(path, dict(logits), metadata)


def read_logits(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Reads what `write_logits` wrote: logits by split, and the size of the model.

    Raises:
        StudyError: the file is missing, damaged or of another format.
    """
    arrays, metadata = files.read_arrays(path)
    if metadata.get("format") != str(FORMAT) or "size" not in metadata:
        raise StudyError(f"{path} is not a file of logits of format {FORMAT}; delete it.")
    return arrays, json.loads(metadata["size"])


@dataclass(frozen=True)
class Scored:
    """Outputs of a model on some splits, and the task's metrics.

    Attributes:
        tokens: split -> its examples.
        logits: split -> float32 [examples, n_outputs].
        metrics: names.
    """

    tokens: dict[str, Tokens]
    logits: dict[str, np.ndarray]
    metrics: list[str]

    def scores(self) -> list[dict[str, Any]]:
        """One entry per split (halves of validation included) and metric."""
        entries = []
        for split, tokens in self.tokens.items():
            labels, predictions = tokens.labels, decide(self.logits[split])
            entries += self._entries(split, labels, predictions)
            if split == "validation":
                for half, number in HALVES.items():
                    rows = tokens.half == number
                    entries += self._entries(half, labels[rows], predictions[rows])
        return entries

    def _entries(
        self, split: str, labels: np.ndarray, predictions: np.ndarray
    ) -> list[dict[str, Any]]:
        entries = score_entries(self.metrics, labels, predictions)
        return [{"split": split} | entry for entry in entries]

    def predictions_table(self) -> pa.Table:
        """The content of predictions.parquet: one row per example (docs/files.md)."""
        import pyarrow as pa

        names = {number: half for half, number in HALVES.items()}
        parts = []
        for split, tokens in self.tokens.items():
            logits = self.logits[split]
            half = [names[number] if split == "validation" else "" for number in tokens.half]
            columns = example_columns(split, tokens, decide(logits), logits)
            parts.append(pa.table(columns | {"half": pa.array(half, pa.string())}))
        return pa.concat_tables(parts)


def score_entries(
    metrics: list[str], labels: np.ndarray, predictions: np.ndarray
) -> list[dict[str, Any]]:
    """What metrics.json says of some examples: one entry per metric."""
    constant = scores.is_constant(predictions)
    return [
        {
            "metric": metric,
            "value": scores.score(metric, labels, predictions),
            "n_examples": len(labels),
            "constant_prediction": constant,
        }
        for metric in metrics
    ]


def metrics_file(
    cell: dict[str, Any], entries: list[dict[str, Any]], size: Mapping[str, Any]
) -> dict[str, Any]:
    """The content of metrics.json (docs/files.md).

    Args:
        cell: model, task, seed, method, subnetwork and phase.
        entries: of `score_entries`, each with its split.
        size: what is kept (`lottery.pruning.masks.size_of`).
    """
    return {"format": FORMAT, **cell, **size, "scores": entries}


def example_columns(
    split: str, tokens: Tokens, predictions: np.ndarray, logits: np.ndarray
) -> dict[str, pa.Array]:
    """The columns of predictions.parquet for the examples of a split."""
    import pyarrow as pa

    return {
        "split": pa.array([split] * len(tokens)),
        "idx": pa.array(tokens.idx),
        "label": pa.array(tokens.labels),
        "prediction": pa.array(predictions),
        "logits": pa.array(list(logits), pa.list_(pa.float32())),
    }


def score_logits(
    logits: Mapping[str, np.ndarray], path_to_tokens: Path, metrics: Sequence[str]
) -> Scored:
    """Puts logits next to the examples that they are of.

    Args:
        logits: split -> float32 [examples, n_outputs].
        path_to_tokens: folder of the tokenised splits.
        metrics: of the task.

    Raises:
        StudyError: the tokens are missing, or of another number of examples.
    """
    tokens = {split: read_tokens(path_to_tokens, split) for split in logits}
    for split, of_split in tokens.items():
        if len(of_split) != len(logits[split]):
            raise StudyError(
                f"The logits of {split} are of {len(logits[split])} examples, {path_to_tokens} "
                f"holds {len(of_split)}."
            )
    return Scored(tokens, dict(logits), list(metrics))
