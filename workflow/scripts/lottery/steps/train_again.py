"""Step train_again: a model trained as by finetune or retrain, in another order of the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lottery.data.tokens import read_tokens
from lottery.models.checkpoints import save_model
from lottery.pruning.masks import read_mask
from lottery.pruning.shrink import apply_mask, check_under
from lottery.pruning.starts import load_start
from lottery.runtime.resume import Checkpoint
from lottery.steps.setup import prepare_torch
from lottery.training.loop import Recipe, train

VERSION = 1


def train_again(
    *,
    path_to_pretrained: Path,
    paths_to_tokens: list[Path],
    path_to_model: Path,
    n_outputs: int,
    training: dict[str, Any],
    seed: int,
    order_seed: int,
    torch_threads: int,
    path_to_mask: Path | None = None,
    start: str | None = None,
    rewind_step: int = 0,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Trains as finetune or retrain do, from the same weights, classifier and mask.

    Args:
        path_to_pretrained, start, rewind_step: see `lottery.steps.retrain`.
        seed: of the cell; it draws the classifier.
        order_seed: of the order of the data and of dropout, which the cell's own training takes
            from `seed`.
        path_to_mask: of the subnetwork; None for the full model.
    """
    device = prepare_torch(torch_threads)
    tokens = read_tokens(paths_to_tokens[0].parent, "train")
    model = load_start(start, path_to_pretrained, n_outputs, seed).to(device)
    mask, kept = None, None
    if path_to_mask is not None:
        mask, _ = read_mask(path_to_mask)
        model, kept = apply_mask(model, mask, tokens)
    recipe = Recipe.from_options(training)
    train(model, tokens, recipe, order_seed, kept, checkpoint, first_step=rewind_step)
    if mask is not None:
        check_under(model, mask)
    save_model(path_to_model, model)
