"""Step rewind: the weights of the full model after the first steps of its fine-tuning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lottery.data.tokens import read_tokens
from lottery.models.checkpoints import load_pretrained, save_model
from lottery.runtime.resume import Checkpoint
from lottery.steps.setup import prepare_torch
from lottery.training.loop import Recipe, train

VERSION = 1


def rewind(
    *,
    path_to_pretrained: Path,
    paths_to_tokens: list[Path],
    path_to_model: Path,
    seed: int,
    step: int,
    splits: list[str],
    n_outputs: int,
    training: dict[str, Any],
    torch_threads: int,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Repeats the first `step` steps of fine-tuning, bit for bit, and keeps their weights.

    Raises:
        StudyError: fine-tuning has no more steps than these.
    """
    device = prepare_torch(torch_threads)
    model = load_pretrained(path_to_pretrained, n_outputs, seed).to(device)
    tokens = read_tokens(paths_to_tokens[0].parent, "train")
    train(model, tokens, Recipe.from_options(training), seed, checkpoint=checkpoint, last_step=step)
    save_model(path_to_model, model)
