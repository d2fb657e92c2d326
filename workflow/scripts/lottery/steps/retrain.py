"""Step retrain: weights under a mask, the pretrained ones or others, fine-tuned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lottery import files
from lottery.data.tokens import read_tokens
from lottery.evaluation.predict import predict_splits
from lottery.evaluation.scoring import write_logits
from lottery.models.checkpoints import save_model
from lottery.pruning.masks import read_mask, size_of
from lottery.pruning.shrink import apply_mask, check_under
from lottery.pruning.starts import load_start
from lottery.runtime.resume import Checkpoint
from lottery.steps.setup import prepare_torch
from lottery.training.history import HISTORY_COLUMNS
from lottery.training.loop import Recipe, train

VERSION = 3


def retrain(
    *,
    path_to_pretrained: Path,
    path_to_mask: Path,
    paths_to_tokens: list[Path],
    path_to_model: Path,
    path_to_logits: Path,
    path_to_history: Path,
    splits: list[str],
    n_outputs: int,
    training: dict[str, Any],
    seed: int,
    torch_threads: int,
    start: str | None = None,
    rewind_step: int = 0,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Retrains a subnetwork with the full model's recipe.

    The model is written shrunk under a structured mask, with zeros under a weight mask.

    Args:
        path_to_pretrained: the weights that it starts from, see `lottery.pruning.starts`.
        start: what these are; None for the pretrained ones.
        rewind_step: steps of the recipe that the start rewound has behind it.
    """
    device = prepare_torch(torch_threads)
    mask, info = read_mask(path_to_mask)
    path_to_tokens = paths_to_tokens[0].parent
    tokens = read_tokens(path_to_tokens, "train")
    model = load_start(start, path_to_pretrained, n_outputs, seed).to(device)
    model, kept = apply_mask(model, mask, tokens)
    recipe = Recipe.from_options(training)
    history = train(model, tokens, recipe, seed, kept, checkpoint, first_step=rewind_step)
    check_under(model, mask)
    logits = predict_splits(model, path_to_tokens, splits)
    write_logits(path_to_logits, logits, size_of(mask, info.kept_fraction))
    files.write_csv(path_to_history, history, HISTORY_COLUMNS)
    save_model(path_to_model, model)
