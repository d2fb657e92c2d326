"""The good masks of one model, of all tasks and seeds, in the form that the analyses read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from lottery.analysis.agreement import shared_counts
from lottery.models.architecture import Architecture
from lottery.models.units import KINDS
from lottery.pruning.masks import MaskInfo, read_mask
from lottery.results.survival import kept_shares

WEIGHTS = "weights"


@dataclass(frozen=True, eq=False)
class GoodMasks:
    """Masks of one algorithm: one of every method, task and seed, in this order.

    Attributes:
        infos: what the mask files contain, [masks].
        units: kind of unit -> [masks, units], layer by layer: bool under the name of the kind's
            array, as `heads`; of weight masks the float shares of each unit's weights that are
            kept, as `head_shares`.
        shared_weights: float64 [masks, masks], the weights that two masks keep in common; None for
            structured masks.
        n_weights: number of weights of the body; 0 for structured masks.
        emptied_attention: of the masks of units, see `lottery.pruning.masks.UnitMask`.
    """

    infos: tuple[MaskInfo, ...]
    units: dict[str, np.ndarray]
    shared_weights: np.ndarray | None = None
    n_weights: int = 0
    emptied_attention: str = "keep_bias"

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks, in order."""
        return tuple(dict.fromkeys(info.task for info in self.infos))

    @property
    def seeds(self) -> tuple[str, ...]:
        """The seeds, in order."""
        return tuple(dict.fromkeys(info.seed for info in self.infos))

    @property
    def places(self) -> np.ndarray:
        """Where the masks are in the arrays: int64 [methods, tasks, seeds]."""
        return np.arange(len(self.infos)).reshape(-1, len(self.tasks), len(self.seeds))

    def shared(self) -> dict[str, tuple[np.ndarray, int]]:
        """Kind of unit, or `weights` -> what two masks share [masks, masks], and of how many."""
        if self.shared_weights is not None:
            return {WEIGHTS: (self.shared_weights, self.n_weights)}
        return {
            unit: (shared_counts(values), values.shape[1]) for unit, values in self.units.items()
        }


def read_good_masks(paths: Iterable[Path], architecture: Architecture) -> GoodMasks:
    """Reads masks of one model and one algorithm, in the order of `GoodMasks`.

    Raises:
        StudyError: a mask file is damaged, or does not have the model's size.
    """
    infos, shares, packed = [], [], []
    for path in paths:
        mask, info = read_mask(path)
        infos.append(info)
        shares.append(kept_shares(path, mask, architecture))
        if mask.granularity == "weights":
            packed.append(np.concatenate(list(mask.arrays().values())))
    units = {
        kind: np.stack([each[kind] for each in shares]).reshape(len(shares), -1)
        for kind in shares[0]
    }
    if packed:
        units = {f"{kind}_shares": values for kind, values in units.items()}
        return GoodMasks(tuple(infos), units, shared_bits(packed), mask.size)
    units = {KINDS[kind].array: values.astype(bool) for kind, values in units.items()}
    return GoodMasks(tuple(infos), units, emptied_attention=mask.emptied_attention)


def shared_bits(packed: list[np.ndarray]) -> np.ndarray:
    """Counts the bits that each pair of packed masks has in common: float64 [masks, masks].

    Args:
        packed: uint8 [bytes] each, padded with zeros as `numpy.packbits` does.
    """
    shared = np.diag([float(_ones(mask)) for mask in packed])
    for a, b in combinations(range(len(packed)), 2):
        shared[a, b] = shared[b, a] = _ones(packed[a] & packed[b])
    return shared


def _ones(packed: np.ndarray) -> int:
    return int(np.bitwise_count(packed).sum(dtype=np.int64))
