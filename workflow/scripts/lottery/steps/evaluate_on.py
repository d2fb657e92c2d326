"""Step evaluate_on: what a cell says of the examples of a task that it was not trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from lottery import files
from lottery.data.tokens import read_tokens
from lottery.evaluation.out_of_domain import Transfer, label_positions, read_groups
from lottery.evaluation.predict import predict_splits
from lottery.evaluation.scoring import metrics_file, score_logits
from lottery.models.checkpoints import load_model
from lottery.models.encoder import Encoder
from lottery.pruning.masks import full_size, read_mask, size_of
from lottery.pruning.sanity_checks import apply_mask
from lottery.pruning.shrink import check_under
from lottery.steps.setup import prepare_torch

VERSION = 3


def evaluate_on(
    *,
    path_to_model: Path,
    paths_to_tokens: list[Path],
    paths_to_examples: list[Path],
    path_to_metrics: Path,
    path_to_predictions: Path,
    model: str,
    task: str,
    seed: int,
    method: str,
    subnetwork: str,
    phase: str,
    eval_task: str,
    label_map: list[list[str]] | None,
    labels: list[str] | None,
    metrics: list[str],
    batch_size: int,
    torch_threads: int,
    path_to_mask: Path | None = None,
) -> None:
    """Evaluates one cell of the grid on another task.

    Args:
        path_to_model: the fine-tuned model (phases finetuned and pruned) or the retrained one.
        paths_to_tokens: the other task's tokens, all in one folder.
        paths_to_examples: the examples of its splits, for their groups.
        path_to_metrics: scores to write (docs/files.md).
        path_to_predictions: predictions to write (docs/files.md).
        model, task, seed, method, subnetwork, phase, eval_task: the cell.
        label_map: pairs (label of the trained task in the order of the outputs, label of the
            other task); None for a regression.
        labels: labels of the other task; None for a regression.
        metrics: of the other task.
        batch_size: examples per batch.
        torch_threads: see `prepare_torch`.
        path_to_mask: the subnetwork; None for the full model.
    """
    device = prepare_torch(torch_threads)
    path_to_tokens = paths_to_tokens[0].parent
    encoder, size = _model_of_cell(path_to_model, path_to_mask, path_to_tokens, phase, device)
    splits = {path.stem: path for path in paths_to_examples}
    logits = predict_splits(encoder, path_to_tokens, list(splits), batch_size)
    scored = score_logits(logits, path_to_tokens, metrics)
    groups = {split: read_groups(path, scored.tokens[split]) for split, path in splits.items()}
    positions = None if labels is None else label_positions(label_map, labels)
    transfer = Transfer(scored, groups, labels, positions)
    cell = {"model": model, "task": task, "seed": seed, "method": method}
    cell |= {"subnetwork": subnetwork, "phase": phase, "eval_task": eval_task}
    files.write_parquet(path_to_predictions, transfer.predictions_table())
    files.write_json(path_to_metrics, metrics_file(cell, transfer.scores(), size))


def _model_of_cell(
    path_to_model: Path,
    path_to_mask: Path | None,
    path_to_tokens: Path,
    phase: str,
    device: torch.device,
) -> tuple[Encoder, dict[str, Any]]:
    """The model of a cell on the device, under its mask if it has one, and its size."""
    model = load_model(path_to_model).to(device)
    if path_to_mask is None:
        return model, full_size(model.architecture)
    mask, info = read_mask(path_to_mask)
    if phase == "pruned":
        tokens = read_tokens(path_to_tokens, "validation")
        model, _ = apply_mask(model, mask, tokens)
    else:
        check_under(model, mask)
    return model, size_of(mask, info)
