"""The search for a magnitude-pruned subnetwork: all steps cut one ranking.

Pruning the smallest share of what is left, again and again, always removes a prefix of the weights
sorted by magnitude. So the weights are ranked once, and a step is a number of weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from lottery.masks import WeightMask, body_names

if TYPE_CHECKING:
    from torch import Tensor

    from lottery.encoder import Encoder


class MagnitudeRanking:
    """The body's weights of a model, smallest magnitude first; ties by position.

    Sorting magnitudes takes half the memory of sorting positions, and is faster. A cut is then a
    magnitude, and how many of the weights that have exactly this one are pruned.

    Args:
        model: whole; its weights are read once.
        counts: how many weights the cuts keep.
    """

    def __init__(self, model: Encoder, counts: Iterable[int]) -> None:
        body = body_of(model).items()
        self._magnitudes = {name: weights.detach().abs().cpu().numpy() for name, weights in body}
        ordered = np.concatenate([array.ravel() for array in self._magnitudes.values()])
        ordered.sort()
        self._cuts = {count: _cut(ordered, len(ordered) - count) for count in counts}

    def keep_largest(self, count: int) -> WeightMask:
        """The mask that keeps the `count` weights of largest magnitude; one of the counts given."""
        magnitude, ties = self._cuts[count]
        kept = {}
        for name, array in self._magnitudes.items():
            kept[name] = array >= magnitude
            places = np.flatnonzero(array == magnitude)[:ties]
            kept[name].flat[places] = False
            ties -= len(places)
        return WeightMask(kept)


def body_of(model: Encoder) -> dict[str, Tensor]:
    """The parameters that magnitude pruning may prune, by checkpoint name."""
    parameters = model.checkpoint_parameters()
    return {name: parameters[name] for name in body_names(model.architecture)}


def _cut(ordered: np.ndarray, pruned: int) -> tuple[float, int]:
    """The smallest magnitude of which some are kept, and how many of it are pruned."""
    if pruned == len(ordered):
        return np.inf, 0
    return ordered[pruned], pruned - int(np.searchsorted(ordered, ordered[pruned]))


def kept_counts(size: int, step: float, max_steps: int) -> Iterator[int]:
    """Yields how many weights are left after each step, at most `max_steps` times.

    A step prunes `step` of what is left, rounded to the nearest weight, as repeated calls of
    torch.nn.utils.prune.global_unstructured do.
    """
    left = size
    for _ in range(max_steps):
        left -= round(step * left)
        yield left
