"""Step finetune: the full model of one (model, task, seed)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lottery import files
from lottery.checkpoints import load_pretrained, save_model
from lottery.data.tokens import read_tokens
from lottery.history import HISTORY_COLUMNS
from lottery.resume import Checkpoint
from lottery.scoring import applicable_metrics, metrics_file, score_model
from lottery.steps.setup import prepare_torch
from lottery.training import Recipe, recorder_for, train


def finetune(
    *,
    path_to_pretrained: Path,
    path_to_tokens: Path,
    path_to_model: Path,
    path_to_metrics: Path,
    path_to_history: Path,
    cell: dict[str, Any],
    splits: list[str],
    n_outputs: int,
    training: dict[str, Any],
    torch_threads: int,
    cuda_graphs: bool = False,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Fine-tunes the whole model and scores it on the development splits.

    Args:
        path_to_pretrained: the fetched model.
        path_to_tokens: folder of the tokenised splits.
        path_to_model: the fine-tuned model to write.
        path_to_metrics: its scores (docs/files.md).
        path_to_history: loss and learning rate over the steps.
        cell: model, task, seed, method, subnetwork and phase. The seed is that of classifier, data
            order and dropout.
        splits: the development splits.
        n_outputs: classes, or 1 for regression.
        training: the task's training options.
        torch_threads: see `prepare_torch`.
        cuda_graphs: whether long trainings on a GPU replay recorded steps.
        checkpoint: where the training is kept while it runs.
    """
    seed = cell["seed"]
    device = prepare_torch(torch_threads)
    model = load_pretrained(path_to_pretrained, n_outputs, seed).to(device)
    tokens = read_tokens(path_to_tokens, "train")
    recipe = Recipe.from_options(training)
    graphs = recorder_for(cuda_graphs, device, recipe, len(tokens))
    history = train(model, tokens, recipe, seed, checkpoint=checkpoint, graphs=graphs)
    # Every metric of the kind of task, with the training's batch size: so an edit of how a task
    # is reported or evaluated does not train anything anew.
    metrics = applicable_metrics(n_outputs)
    scored = score_model(model, path_to_tokens, splits, metrics, recipe.batch_size)
    files.write_csv(path_to_history, history, HISTORY_COLUMNS)
    files.write_json(path_to_metrics, metrics_file(cell, scored.scores(), kept_fraction=1.0))
    save_model(path_to_model, model)
