"""How often each head of a model shows each pattern."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lottery.attention.classes import ATTENTION, CLASSES
from lottery.attention.classifier import Classifier, class_probabilities
from lottery.attention.maps import attention_maps, input_size, prepare
from lottery.data.batches import collate
from lottery.data.tokens import Tokens
from lottery.models.encoder import Encoder

BATCH_SIZE = 16


@dataclass(frozen=True)
class Tally:
    """What was found in the maps of one model.

    Attributes:
        counts: int64 [attention, layers, heads, classes], number of maps.
        probability: float64 [attention, layers, heads], of the class found, summed over maps.
        examples: places of attention and class -> the surest map of the class, of equally sure ones
            the first: layer, head, probability, and map, float32 [S, S], its own tokens alone,
            scaled to a largest value of 1. A class that was never found is missing.
    """

    counts: np.ndarray
    probability: np.ndarray
    examples: dict[tuple[int, int], dict[str, Any]]


def count_patterns(
    model: Encoder, tokens: Tokens, rows: np.ndarray, classifiers: Mapping[str, Classifier]
) -> Tally:
    """Classifies the maps of all heads of an intact model on some examples.

    Args:
        model: on the device to run on; put into evaluation mode.
        tokens: a split.
        rows: the examples, int64 [n].
        classifiers: of raw and of normed maps, on the same device.
    """
    model.eval()
    heads = model.architecture.heads
    shape = (len(ATTENTION), model.architecture.layers, heads)
    counts, probability = np.zeros((*shape, len(CLASSES)), np.int64), np.zeros(shape)
    examples: dict[tuple[int, int], dict[str, Any]] = {}
    with torch.inference_mode():
        for size, chosen in batches(tokens, rows):
            batch = collate(tokens, chosen, model.classifier.weight.device)
            lengths = batch.attention_mask.sum(dim=1)  # [B]
            per_map = lengths.repeat_interleave(heads)
            for layer, maps in enumerate(attention_maps(model, *batch.inputs)):
                for a, kind in enumerate(ATTENTION):
                    inputs = prepare(getattr(maps, kind).flatten(0, 1), per_map, size)
                    found = class_probabilities(classifiers[kind], inputs)  # [B * H, classes]
                    found = found.view(len(lengths), heads, -1).cpu().numpy()
                    sure, classes = found.max(axis=2), found.argmax(axis=2)  # [B, H]
                    probability[a, layer] += sure.sum(axis=0, dtype=np.float64)
                    for c in range(len(CLASSES)):
                        counts[a, layer, :, c] += (classes == c).sum(axis=0)
                        of_class = np.where(classes == c, sure, 0.0)
                        place, surest = int(of_class.argmax()), float(of_class.max())
                        if surest > examples.get((a, c), {"probability": 0.0})["probability"]:
                            side = min(int(per_map[place]), size)
                            example = inputs[place, 0, :side, :side].cpu().numpy()
                            examples[a, c] = {"layer": layer, "head": place % heads}
                            examples[a, c] |= {"probability": surest, "map": example}
    return Tally(counts, probability, examples)


def batches(tokens: Tokens, rows: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Batches of examples whose maps make inputs of one size, with that size."""
    by_size: dict[int, list[int]] = defaultdict(list)
    for row in rows.tolist():
        by_size[input_size(int(tokens.lengths[row]))].append(row)
    for size in sorted(by_size):
        of_size = np.array(by_size[size])
        for start in range(0, len(of_size), BATCH_SIZE):
            yield size, of_size[start : start + BATCH_SIZE]
