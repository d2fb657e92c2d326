"""How often each head of a model shows each pattern."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from lottery.attention.classes import ATTENTION, CLASSES
from lottery.attention.classifier import Classifier, class_probabilities
from lottery.attention.inputs import input_size, prepare
from lottery.attention.maps import attention_maps
from lottery.data.batches import Batch, collate
from lottery.data.tokens import Tokens
from lottery.models.encoder import Encoder

BATCH_SIZE = 16


@dataclass(frozen=True)
class Example:
    """A map that shows what a class looks like.

    Attributes:
        probability: of its class, as the classifier has it.
        layer, head: where it comes from.
        map: float32 [S, S], its own tokens alone, scaled to a largest value of 1.
    """

    probability: float
    layer: int
    head: int
    map: np.ndarray


@dataclass
class Tally:
    """What was found in the maps of one model.

    Attributes:
        counts: int64 [attention, layers, heads, classes], number of maps.
        probability: float64 [attention, layers, heads], of the class found, summed over maps.
        examples: (attention, class) -> the surest map of the class, of equally sure ones the first;
            a class that was never found is missing.
    """

    counts: np.ndarray
    probability: np.ndarray
    examples: dict[tuple[str, str], Example] = field(default_factory=dict)

    @classmethod
    def empty(cls, layers: int, heads: int) -> Tally:
        """Nothing found yet."""
        shape = (len(ATTENTION), layers, heads)
        return cls(np.zeros((*shape, len(CLASSES)), np.int64), np.zeros(shape))

    def add(
        self, kind: str, layer: int, found: np.ndarray, inputs: Tensor, lengths: np.ndarray
    ) -> None:
        """Adds the maps of one layer and a batch.

        Args:
            kind: raw or normed.
            layer: the layer.
            found: probabilities, float [B, H, classes].
            inputs: of the classifier, [B * H, 1, S, S].
            lengths: tokens of the examples, int64 [B].
        """
        n_heads = found.shape[1]
        top, classes = found.max(axis=2), found.argmax(axis=2)  # [B, H]
        place = ATTENTION.index(kind)
        heads = np.broadcast_to(np.arange(n_heads), classes.shape)
        np.add.at(self.counts[place, layer], (heads, classes), 1)
        self.probability[place, layer] += top.sum(axis=0, dtype=np.float64)
        for label, name in enumerate(CLASSES):
            best = np.where(classes == label, top, 0.0)
            example, head = np.unravel_index(best.argmax(), best.shape)
            known = self.examples.get((kind, name))
            if best[example, head] > (known.probability if known else 0.0):
                side = min(int(lengths[example]), inputs.shape[-1])
                chosen = inputs[example * n_heads + head, 0, :side, :side].cpu().numpy()
                probability = float(best[example, head])
                self.examples[kind, name] = Example(probability, layer, int(head), chosen)


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
    tally = Tally.empty(model.architecture.layers, model.architecture.heads)
    device = model.classifier.weight.device
    with torch.inference_mode():
        for size, chosen in batches(tokens, rows):
            _count_batch(model, collate(tokens, chosen, device), size, classifiers, tally)
    return tally


def batches(tokens: Tokens, rows: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Batches of examples whose maps make inputs of one size, with that size."""
    by_size: dict[int, list[int]] = defaultdict(list)
    for row in rows.tolist():
        by_size[input_size(int(tokens.lengths[row]))].append(row)
    for size in sorted(by_size):
        of_size = np.array(by_size[size])
        for start in range(0, len(of_size), BATCH_SIZE):
            yield size, of_size[start : start + BATCH_SIZE]


def _count_batch(
    model: Encoder,
    batch: Batch,
    size: int,
    classifiers: Mapping[str, Classifier],
    tally: Tally,
) -> None:
    lengths = batch.attention_mask.sum(dim=1)  # [B]
    n_heads = model.architecture.heads
    per_map = lengths.repeat_interleave(n_heads)
    for layer, maps in enumerate(attention_maps(model, *batch.inputs)):
        for kind in ATTENTION:
            inputs = prepare(getattr(maps, kind).flatten(0, 1), per_map, size)  # [B * H, 1, S, S]
            found = class_probabilities(classifiers[kind], inputs)
            found = found.view(len(lengths), n_heads, -1).cpu().numpy()  # [B, H, classes]
            tally.add(kind, layer, found, inputs, lengths.cpu().numpy())
