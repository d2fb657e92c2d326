"""Predictions and scores from a model's outputs. No torch here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

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
    """Writes the logits of a model as safetensors.

    Args:
        logits: split -> float32 [examples, n_outputs], in the order of the tokens.
        size: what is kept of the model (`lottery.pruning.masks.size_of`).
        key: digest of what they were computed from; empty where the step's provenance has it.
    """
    metadata = {"format": str(FORMAT), "size": json.dumps(size, sort_keys=True), "key": key}
    files.write_arrays(path, dict(logits), metadata)


def read_logits(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Reads what `write_logits` wrote: logits by split, and the size of the model."""
    arrays, metadata = files.read_arrays(path)
    if metadata.get("format") != str(FORMAT) or "size" not in metadata:
        raise StudyError(f"{path} is not a file of logits of format {FORMAT}; delete it.")
    return arrays, json.loads(metadata["size"])


@dataclass(frozen=True)
class Scored:
    """Outputs of a model by split, float32 [examples, n_outputs], and the task's metrics."""

    tokens: dict[str, Tokens]
    logits: dict[str, np.ndarray]
    metrics: list[str]

    def scores(self) -> list[dict[str, Any]]:
        """One entry per split (halves of validation included) and metric."""
        entries = []
        for split, part, rows in self._parts():
            labels, predictions = self.tokens[split].labels, decide(self.logits[split])
            scored = score_entries(self.metrics, labels[rows], predictions[rows])
            entries += [{"split": part} | entry for entry in scored]
        return entries

    def lengths(self) -> dict[str, np.ndarray]:
        """Tokens of the examples of each split, halves of validation included: int64 [n]."""
        return {part: self.tokens[split].lengths[rows] for split, part, rows in self._parts()}

    def _parts(self) -> Iterator[tuple[str, str, np.ndarray]]:
        """The splits, and the halves of validation: split, name, bool [examples of the split]."""
        for split, tokens in self.tokens.items():
            yield split, split, np.ones(len(tokens), bool)
            if split == "validation":
                half = cast(np.ndarray, tokens.half)
                yield from ((split, name, half == number) for name, number in HALVES.items())

    def predictions_table(self) -> pa.Table:
        """The content of predictions.parquet: one row per example (docs/files.md)."""
        names = {number: half for half, number in HALVES.items()}
        halves = {split: [""] * len(tokens) for split, tokens in self.tokens.items()}
        if "validation" in halves:
            validation = self.tokens["validation"]
            halves["validation"] = [names[number] for number in cast(np.ndarray, validation.half)]
        predictions = {split: decide(logits) for split, logits in self.logits.items()}
        return self.table(predictions, "half", halves)

    def table(
        self, predictions: Mapping[str, np.ndarray], extra: str, texts: Mapping[str, Sequence[str]]
    ) -> pa.Table:
        """One row per example, with predictions and a column of texts by split."""
        import pyarrow as pa

        parts = [
            {
                "split": pa.array([split] * len(tokens)),
                "idx": pa.array(tokens.idx),
                "label": pa.array(tokens.labels),
                "prediction": pa.array(predictions[split]),
                "logits": pa.array(list(self.logits[split]), pa.list_(pa.float32())),
                extra: pa.array(texts[split], pa.string()),
            }
            for split, tokens in self.tokens.items()
        ]
        return pa.concat_tables(map(pa.table, parts))


def score_entries(
    metrics: list[str], labels: np.ndarray, predictions: np.ndarray
) -> list[dict[str, Any]]:
    """The entries of metrics.json for some examples: one per metric."""
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
    cell: dict[str, Any],
    entries: list[dict[str, Any]],
    size: Mapping[str, Any],
    cost: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The content of metrics.json (docs/files.md)."""
    return {"format": FORMAT, **cell, **size, **(cost or {}), "scores": entries}


def score_logits(
    logits: Mapping[str, np.ndarray], path_to_tokens: Path, metrics: Sequence[str]
) -> Scored:
    """Reads the examples that logits are of."""
    tokens = {split: read_tokens(path_to_tokens, split) for split in logits}
    for split, of_split in tokens.items():
        if len(of_split) != len(logits[split]):
            raise StudyError(
                f"The logits of {split} are of {len(logits[split])} examples, {path_to_tokens} "
                f"holds {len(of_split)}."
            )
    return Scored(tokens, dict(logits), list(metrics))
