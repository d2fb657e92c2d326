"""Scores a model on the development splits of a task, example by example."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lottery import metrics as scores
from lottery.data.splits import HALVES
from lottery.data.tokens import Tokens, read_tokens
from lottery.evaluation import decide, predict

if TYPE_CHECKING:
    import pyarrow as pa

    from lottery.encoder import Encoder

FORMAT = 1


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
    cell: dict[str, Any],
    entries: list[dict[str, Any]],
    kept_fraction: float,
    heads_kept: int | None = None,
    mlps_kept: int | None = None,
) -> dict[str, Any]:
    """The content of metrics.json (docs/files.md)."""
    return {
        "format": FORMAT,
        **cell,
        "kept_fraction": kept_fraction,
        "heads_kept": heads_kept,
        "mlps_kept": mlps_kept,
        "scores": entries,
    }


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


def applicable_metrics(n_outputs: int) -> list[str]:
    """The metrics that a task with so many outputs can have."""
    if n_outputs == 1:
        return ["pearson", "spearman"]
    return ["accuracy", "matthews"] + (["f1"] if n_outputs == 2 else [])


def score_model(
    model: Encoder, path_to_tokens: Path, splits: list[str], metrics: list[str], batch_size: int
) -> Scored:
    """Runs a model over splits and keeps what it says of every example."""
    tokens = {split: read_tokens(path_to_tokens, split) for split in splits}
    logits = {split: predict(model, tokens[split], batch_size) for split in splits}
    return Scored(tokens, logits, metrics)
