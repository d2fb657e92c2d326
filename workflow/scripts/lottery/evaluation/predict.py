"""A model's outputs for the splits of a task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from lottery.data.batches import collate, ordered_rows, parts
from lottery.data.tokens import Tokens, read_tokens
from lottery.models.encoder import Encoder, Gates

# Examples per batch when a training has ended. Fixed, so that no option of the evaluation is an
# option of the training.
BATCH_SIZE = 128


def predict(
    model: Encoder, tokens: Tokens, batch_size: int, gates: Gates | None = None
) -> np.ndarray:
    """Computes the logits of a split, in fp32 and without dropout.

    Args:
        model: put into evaluation mode.
        batch_size: examples per batch at most; batches are of like lengths.
        gates: of the full model, or None.

    Returns:
        float32 [examples, n_outputs], in the split's order.
    """
    model.eval()
    device = model.classifier.weight.device
    logits = np.empty((len(tokens), model.n_outputs), np.float32)
    with torch.inference_mode():
        for rows in ordered_rows(tokens, batch_size, "length"):
            for part in parts(tokens, rows, device):
                batch = collate(tokens, part, device)
                logits[part] = model(*batch.inputs, gates).float().cpu().numpy()
    return logits


def predict_splits(
    model: Encoder, path_to_tokens: Path, splits: Sequence[str], batch_size: int = BATCH_SIZE
) -> dict[str, np.ndarray]:
    """Computes the logits of several splits: split -> float32 [examples, n_outputs]."""
    return {
        split: predict(model, read_tokens(path_to_tokens, split), batch_size) for split in splits
    }
