"""Step evaluate: what one subnetwork, pruned or retrained, says of every development example."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from lottery import files
from lottery.checkpoints import load_model
from lottery.data.tokens import read_tokens
from lottery.encoder import Encoder
from lottery.masks import read_mask
from lottery.scoring import metrics_file, score_model
from lottery.shrink import check_under
from lottery.steps.setup import prepare_torch
from lottery.trust import apply_mask


def evaluate(
    *,
    path_to_model: Path,
    path_to_mask: Path | None,
    path_to_tokens: Path,
    path_to_metrics: Path,
    path_to_predictions: Path,
    cell: dict[str, Any],
    splits: list[str],
    metrics: list[str],
    batch_size: int,
    torch_threads: int,
) -> None:
    """Evaluates one cell of the grid.

    Args:
        path_to_model: the fine-tuned model (phases finetuned and pruned) or the retrained one.
        path_to_mask: the subnetwork; None for the full model.
        path_to_tokens: folder of the tokenised splits.
        path_to_metrics: scores to write (docs/files.md).
        path_to_predictions: predictions to write (docs/files.md).
        cell: model, task, seed, method, subnetwork and phase.
        splits: the development splits.
        metrics: of the task.
        batch_size: examples per batch.
        torch_threads: see `prepare_torch`.
    """
    device = prepare_torch(torch_threads)
    phase = cell["phase"]
    model, size = model_of_cell(path_to_model, path_to_mask, path_to_tokens, phase, device)
    scored = score_model(model, path_to_tokens, splits, metrics, batch_size)
    files.write_parquet(path_to_predictions, scored.predictions_table())
    files.write_json(path_to_metrics, metrics_file(cell, scored.scores(), **size))


def model_of_cell(
    path_to_model: Path,
    path_to_mask: Path | None,
    path_to_tokens: Path,
    phase: str,
    device: torch.device,
) -> tuple[Encoder, dict[str, Any]]:
    """Loads the model of a cell, under its mask if it has one.

    Args:
        path_to_model: the fine-tuned model (phases finetuned and pruned) or the retrained one.
        path_to_mask: the subnetwork; None for the full model.
        path_to_tokens: folder of the tokens on which a mask is shown to act.
        phase: finetuned, pruned or retrained.
        device: where to run.

    Returns:
        The model on the device, and its size as the metrics file tells it.
    """
    model = load_model(path_to_model).to(device)
    if path_to_mask is None:
        return model, _full_size(model)
    return _under_mask(model, path_to_mask, phase, path_to_tokens)


def _full_size(model: Encoder) -> dict[str, Any]:
    sizes = model.architecture
    return {
        "kept_fraction": 1.0,
        "heads_kept": sizes.layers * sizes.heads,
        "mlps_kept": sizes.layers,
    }


def _under_mask(
    model: Encoder, path_to_mask: Path, phase: str, path_to_tokens: Path
) -> tuple[Encoder, dict[str, Any]]:
    """The subnetwork to evaluate, and its size for the metrics file."""
    mask, info = read_mask(path_to_mask)
    if phase == "pruned":
        tokens = read_tokens(path_to_tokens, "validation")
        model, _ = apply_mask(model, mask, tokens)
    else:
        check_under(model, mask)
    counts = mask.counts()
    kept = {f"{array}_kept": counts.get(array) for array in ("heads", "mlps")}
    return model, {"kept_fraction": info.kept_fraction} | kept
