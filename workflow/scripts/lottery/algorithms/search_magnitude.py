"""The search for a magnitude-pruned subnetwork: all steps cut one ranking.

Pruning the smallest share of what is left, again and again, always removes a prefix of the weights
sorted by magnitude. So the weights are ranked once, and a step is a number of weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from lottery.masks import WeightMask, body_names

if TYPE_CHECKING:
    from lottery.encoder import Encoder


class MagnitudeRanking:
    """The body's weights of a model, smallest magnitude first; ties by position.

    Args:
        model: whole; its weights are read once.
    """

    def __init__(self, model: Encoder) -> None:
        parameters = model.checkpoint_parameters()
        names = body_names(model.architecture)
        self._shapes = {name: tuple(parameters[name].shape) for name in names}
        magnitudes = torch.cat([parameters[name].detach().abs().reshape(-1) for name in names])
        self._ranking = torch.argsort(magnitudes, stable=True)

    @property
    def size(self) -> int:
        """Number of weights of the body."""
        return self._ranking.numel()

    def keep_largest(self, count: int) -> WeightMask:
        """The mask that keeps the `count` weights of largest magnitude."""
        kept = torch.ones(self.size, dtype=torch.bool, device=self._ranking.device)
        kept[self._ranking[: self.size - count]] = False
        return WeightMask.from_vector(kept.cpu().numpy(), self._shapes)


def kept_counts(size: int, step: float, max_steps: int) -> Iterator[int]:
    """Yields how many weights are left after each step, at most `max_steps` times.

    A step prunes `step` of what is left, rounded to the nearest weight, as repeated calls of
    torch.nn.utils.prune.global_unstructured do.
    """
    left = size
    for _ in range(max_steps):
        left -= round(step * left)
        yield left
