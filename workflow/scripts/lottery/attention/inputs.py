"""How a map becomes the classifier's input: the same way in training and in application.

A map is cut to its own tokens and to the first `LARGEST` of them, divided by its largest value, and
filled up with zeros on the right and below to the next multiple of `STEP`, at least `SMALLEST`: as
if padding had received and given no attention. Norms of vectors have no scale of their own, so raw
and normed maps are only alike after the division. The classifier averages over places, so that it
takes inputs of any such size; a batch holds maps of one size.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

# Below 32 the classifier, which pads nothing, has no place left to look at.
SMALLEST, STEP, LARGEST = 32, 16, 128


def input_size(length: int) -> int:
    """The side of the input of a map of `length` tokens."""
    return min(max(STEP * math.ceil(length / STEP), SMALLEST), LARGEST)


def prepare(maps: Tensor, lengths: Tensor, size: int) -> Tensor:
    """Makes inputs of one size.

    Args:
        maps: float [N, T, T], not negative.
        lengths: int64 [N], the tokens of each map; what lies beyond them is padding.
        size: side of the inputs, `input_size` of all lengths.

    Returns:
        float [N, 1, size, size] between 0 and 1.
    """
    maps = maps[:, :size, :size]
    places = torch.arange(maps.shape[1], device=maps.device)
    own = places < lengths[:, None]  # [N, T]
    maps = maps * (own[:, :, None] & own[:, None, :])
    largest = maps.amax(dim=(1, 2), keepdim=True)
    maps = maps / torch.where(largest > 0, largest, 1)
    missing = size - maps.shape[1]
    return functional.pad(maps, (0, missing, 0, missing))[:, None]
