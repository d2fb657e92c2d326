"""Step evaluate_on: what a cell says of the examples of a task that it was not trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lottery import files
from lottery.scoring import metrics_file, score_model
from lottery.steps.evaluate import model_of_cell
from lottery.steps.setup import prepare_torch
from lottery.transfer import Transfer, label_positions, read_groups


def evaluate_on(
    *,
    path_to_model: Path,
    path_to_mask: Path | None,
    path_to_tokens: Path,
    paths_to_examples: dict[str, Path],
    path_to_metrics: Path,
    path_to_predictions: Path,
    cell: dict[str, Any],
    label_map: list[list[str]] | None,
    labels: list[str] | None,
    metrics: list[str],
    batch_size: int,
    torch_threads: int,
) -> None:
    """Evaluates one cell of the grid on another task.

    Args:
        path_to_model: the fine-tuned model (phases finetuned and pruned) or the retrained one.
        path_to_mask: the subnetwork; None for the full model.
        path_to_tokens: folder of the other task's tokens.
        paths_to_examples: split of the other task -> its examples, for their groups.
        path_to_metrics: scores to write (docs/files.md).
        path_to_predictions: predictions to write (docs/files.md).
        cell: model, task, seed, method, subnetwork, phase and eval_task.
        label_map: pairs (label of the trained task in the order of the outputs, label of the
            other task); None for a regression.
        labels: labels of the other task; None for a regression.
        metrics: of the other task.
        batch_size: examples per batch.
        torch_threads: see `prepare_torch`.
    """
    device = prepare_torch(torch_threads)
    phase = cell["phase"]
    model, size = model_of_cell(path_to_model, path_to_mask, path_to_tokens, phase, device)
    scored = score_model(model, path_to_tokens, list(paths_to_examples), metrics, batch_size)
    groups = {
        split: read_groups(path, scored.tokens[split]) for split, path in paths_to_examples.items()
    }
    positions = None if labels is None else label_positions(label_map, labels)
    transfer = Transfer(scored, groups, labels, positions)
    files.write_parquet(path_to_predictions, transfer.predictions_table())
    files.write_json(path_to_metrics, metrics_file(cell, transfer.scores(), **size))
