"""Step evaluate_on: predictions and scores of a cell on a task that it was not trained on."""

from __future__ import annotations

from pathlib import Path

from lottery import files
from lottery.data.tokens import read_tokens
from lottery.evaluation.out_of_domain import Transfer, read_groups
from lottery.evaluation.predict import predict_splits
from lottery.evaluation.scoring import metrics_file, score_logits
from lottery.models.checkpoints import load_model
from lottery.pruning.masks import full_size, read_mask, size_of
from lottery.pruning.shrink import apply_mask, check_under
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
    precision: str = "fp32",
    path_to_mask: Path | None = None,
) -> None:
    """Evaluates one cell of the grid on another task.

    Args:
        path_to_model: the fine-tuned model (phases finetuned and pruned) or the retrained one.
        paths_to_tokens, paths_to_examples: of the other task's splits; the examples have groups.
        label_map, labels, metrics: as in `Transfer`.
        path_to_mask: the subnetwork; None for the full model.
    """
    device = prepare_torch(torch_threads, precision)
    path_to_tokens = paths_to_tokens[0].parent
    encoder = load_model(path_to_model).to(device)
    size = full_size(encoder.architecture)
    if path_to_mask is not None:
        mask, info = read_mask(path_to_mask)
        size = size_of(mask, info.kept_fraction)
        if phase == "pruned":
            encoder, _ = apply_mask(encoder, mask, read_tokens(path_to_tokens, "validation"))
        else:
            check_under(encoder, mask)
    splits = {path.stem: path for path in paths_to_examples}
    logits = predict_splits(encoder, path_to_tokens, list(splits), batch_size)
    scored = score_logits(logits, path_to_tokens, metrics)
    groups = {split: read_groups(path, scored.tokens[split]) for split, path in splits.items()}
    transfer = Transfer(scored, groups, labels, label_map)
    cell = {"model": model, "task": task, "seed": seed, "method": method}
    cell |= {"subnetwork": subnetwork, "phase": phase, "eval_task": eval_task}
    files.write_parquet(path_to_predictions, transfer.predictions_table())
    files.write_json(path_to_metrics, metrics_file(cell, transfer.scores(), size))
