"""The weights that a training starts from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from lottery.models.checkpoints import load_model, load_pretrained
from lottery.models.encoder import Encoder, draw_classifier, draw_weights
from lottery.pruning.controls import generator


def load_start(start: str | None, path: Path, n_outputs: int, seed: int) -> Encoder:
    """Reads or makes the model that a subnetwork is trained from.

    The classifier is drawn as in the seed's fine-tuning, but for models that were fine-tuned: those
    have one.

    Args:
        start: one of `lottery.pruning.subnetworks.STARTS`, or None for the pretrained weights.
        path: weights of the fine-tuned model for finetuned, those of the rewound step for rewound,
            the pretrained ones for all others.
        n_outputs: classes of the task, or 1 for regression.
        seed: of the cell.
    """
    if start in ("finetuned", "rewound"):
        return load_model(path)
    model = load_pretrained(path, n_outputs, seed)
    if start == "reinitialised":
        draw_weights(model, seed)
        draw_classifier(model, seed)
    if start == "shuffled":
        shuffle_weights(model, seed)
    return model


def shuffle_weights(model: Encoder, seed: int) -> None:
    """Permutes the entries of each matrix, embeddings included; vectors and what is drawn stay.

    So each matrix keeps its distribution of values, and nothing else of what was learned.
    """
    drawn = model.architecture.family.drawn
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2 and name.rpartition(".")[0] not in drawn:
                rng = generator("shuffled", seed, name)
                flat = rng.permutation(parameter.numpy().ravel())
                parameter.copy_(torch.from_numpy(np.reshape(flat, parameter.shape)))
