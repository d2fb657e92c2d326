"""Step finetune: the full model of one (model, task, seed)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lottery import files
from lottery.data.tokens import read_tokens
from lottery.evaluation.predict import predict_splits
from lottery.evaluation.scoring import metrics_file, score_logits, write_logits
from lottery.models.checkpoints import load_pretrained, save_model
from lottery.pruning.masks import full_size
from lottery.runtime.resume import Checkpoint
from lottery.steps.setup import prepare_torch
from lottery.tasks.metrics import applicable
from lottery.training.history import HISTORY_COLUMNS
from lottery.training.loop import Recipe, train

VERSION = 3


def finetune(
    *,
    path_to_pretrained: Path,
    paths_to_tokens: list[Path],
    path_to_model: Path,
    path_to_logits: Path,
    path_to_metrics: Path,
    path_to_history: Path,
    model: str,
    task: str,
    seed: int,
    splits: list[str],
    n_outputs: int,
    training: dict[str, Any],
    torch_threads: int,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Fine-tunes the whole model and scores it on the development splits.

    Args:
        n_outputs: classes, or 1 for regression.
        training: the task's training options.
        checkpoint: where the training is kept while it runs.
    """
    device = prepare_torch(torch_threads)
    encoder = load_pretrained(path_to_pretrained, n_outputs, seed).to(device)
    path_to_tokens = paths_to_tokens[0].parent
    tokens = read_tokens(path_to_tokens, "train")
    recipe = Recipe.from_options(training)
    history = train(encoder, tokens, recipe, seed, checkpoint=checkpoint)
    logits = predict_splits(encoder, path_to_tokens, splits)
    # Every metric of the kind of task: so an edit of how a task is reported trains nothing again.
    scored = score_logits(logits, path_to_tokens, applicable(n_outputs))
    size = full_size(encoder.architecture)
    cell = {"model": model, "task": task, "seed": seed}
    cell |= {"method": "none", "subnetwork": "full", "phase": "finetuned"}
    files.write_csv(path_to_history, history, HISTORY_COLUMNS)
    files.write_json(path_to_metrics, metrics_file(cell, scored.scores(), size))
    write_logits(path_to_logits, logits, size)
    save_model(path_to_model, encoder)
