"""A model's outputs for the splits of a task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lottery.data.batches import collate, large_batches, parts
from lottery.data.tokens import Tokens, read_tokens
from lottery.models.encoder import Encoder, Gates

# Examples per batch when a training has ended. Fixed, so that no option of the evaluation is an
# option of the training.
BATCH_SIZE = 128


def predict(
    model: Encoder, tokens: Tokens, batch_size: int, gates: Gates | None = None
) -> np.ndarray:
    """Computes the logits of a split, without dropout.

    Args:
        model: put into evaluation mode.
        batch_size: see `large_batches`; batches are of like lengths.
        gates: of the full model, or None.

    Returns:
        float32 [examples, n_outputs], in the split's order.
    """
    model.eval()
    device = model.classifier.weight.device
    found = [(np.empty(0, np.int64), torch.empty(0, model.n_outputs, device=device))]
    with torch.inference_mode():
        for rows in large_batches(tokens, batch_size, "length", device):
            for part in parts(tokens, rows, device):
                batch = collate(tokens, part, device)
                found.append((part, model(*batch.inputs, gates)))
    return in_order(found)


def in_order(found: Sequence[tuple[np.ndarray, Tensor]]) -> np.ndarray:
    """Puts logits of batches into the order of the split.

    They leave the device in one copy: a GPU would wait for each.

    Args:
        found: rows of the split int64 [B], and their logits [B, n_outputs], of all batches.

    Returns:
        float32 [examples, n_outputs].
    """
    values = torch.cat([logits.detach() for _, logits in found]).float().cpu().numpy()
    logits = np.empty_like(values)
    logits[np.concatenate([rows for rows, _ in found])] = values
    return logits


def predict_splits(
    model: Encoder, path_to_tokens: Path, splits: Sequence[str], batch_size: int = BATCH_SIZE
) -> dict[str, np.ndarray]:
    """Computes the logits of several splits: split -> float32 [examples, n_outputs]."""
    return {
        split: predict(model, read_tokens(path_to_tokens, split), batch_size) for split in splits
    }
