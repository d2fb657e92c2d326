"""A model's outputs for a split, and what they score."""

from __future__ import annotations

import numpy as np
import torch

from lottery.data.batches import collate, ordered_rows, parts
from lottery.data.tokens import Tokens
from lottery.encoder import Encoder, Gates


def predict(
    model: Encoder, tokens: Tokens, batch_size: int, gates: Gates | None = None
) -> np.ndarray:
    """Computes the logits of a split, in fp32 and without dropout.

    Args:
        model: on the device to run on; put into evaluation mode.
        tokens: the split.
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


def decide(logits: np.ndarray) -> np.ndarray:
    """Turns logits into predictions: int64 classes [examples], or float64 values for one output."""
    if logits.shape[1] == 1:
        return logits[:, 0].astype(np.float64)
    return logits.argmax(axis=1).astype(np.int64)
