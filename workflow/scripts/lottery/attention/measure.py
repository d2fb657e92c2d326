"""The scores and classes of the attention maps of a model, head by head."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from lottery.attention.maps import attention_maps
from lottery.attention.rules import ATTENTION, CLASSES, SCORES, class_of
from lottery.attention.scores import score_maps
from lottery.data.batches import collate
from lottery.data.tokens import Tokens
from lottery.models.encoder import Encoder

BATCH_SIZE = 16


@dataclass(frozen=True, eq=False)
class Measured:
    """What was found in the maps of one model.

    Attributes:
        counts: int64 [attention, layers, heads, classes], number of maps.
        scores: float64 [attention, layers, heads, scores], mean over maps; NaN without any.
        sampled: float32 [samples, attention, S, S], filled up with zeros to the longest.
        sampled_classes: their classes, int64 [samples, attention].
    """

    counts: np.ndarray
    scores: np.ndarray
    sampled: np.ndarray
    sampled_classes: np.ndarray


def measure_maps(
    model: Encoder, tokens: Tokens, rows: np.ndarray, special: np.ndarray, samples: np.ndarray
) -> Measured:
    """Scores the maps of all heads of an intact model on some examples.

    Args:
        model: on the device to run on; put into evaluation mode.
        tokens: a split.
        rows: the examples, int64 [n].
        special: numbers of the tokens that the tokeniser adds.
        samples: maps to keep: row, layer and head, int64 [samples, 3]; a row occurs once.
    """
    model.eval()
    sizes = model.architecture
    counts = np.zeros((len(ATTENTION), sizes.layers, sizes.heads, len(CLASSES)), np.int64)
    scores = np.zeros((*counts.shape[:3], len(SCORES)))
    side = int(tokens.lengths[rows].max(initial=0))
    sampled = np.zeros((len(samples), len(ATTENTION), side, side), np.float32)
    sampled_classes = np.zeros(sampled.shape[:2], np.int64)
    place_of = {row: (place, layer, head) for place, (row, layer, head) in enumerate(samples)}
    with torch.inference_mode():
        for chosen in batches(tokens, rows):
            batch = collate(tokens, chosen, model.classifier.weight.device)
            added = torch.from_numpy(np.isin(batch.input_ids.cpu().numpy(), special))
            added = added.to(batch.input_ids.device).repeat_interleave(sizes.heads, dim=0)
            for layer, maps in enumerate(attention_maps(model, *batch.inputs)):
                for a, kind in enumerate(ATTENTION):
                    values = getattr(maps, kind)  # [B, H, T, T]
                    found = score_maps(values.flatten(0, 1), added).double().cpu().numpy()
                    found = found.reshape(len(chosen), sizes.heads, -1)
                    scores[a, layer] += found.sum(axis=0)
                    classes = class_of(found)  # [B, H]
                    counts[a, layer] += (classes[..., None] == np.arange(len(CLASSES))).sum(axis=0)
                    for b, row in enumerate(chosen.tolist()):
                        place, of_layer, head = place_of.get(row, (0, -1, 0))
                        if of_layer == layer:
                            own = values.shape[2]
                            sampled[place, a, :own, :own] = values[b, head].cpu().numpy()
                            sampled_classes[place, a] = classes[b, head]
    return Measured(counts, scores / (len(rows) or np.nan), sampled, sampled_classes)


def batches(tokens: Tokens, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Batches of examples of one length, so that no map has padding."""
    lengths = tokens.lengths[rows]
    for length in np.unique(lengths):
        of_length = rows[lengths == length]
        for start in range(0, len(of_length), BATCH_SIZE):
            yield of_length[start : start + BATCH_SIZE]
