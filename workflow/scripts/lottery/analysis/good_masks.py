"""The good masks of one model, of all tasks and seeds, in the form that the analyses read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lottery.analysis.agreement import pairs
from lottery.models.architecture import Architecture
from lottery.models.units import KINDS
from lottery.pruning.masks import MaskInfo, read_mask
from lottery.results.survival import Shares, kept_shares

WEIGHTS = "weights"


@dataclass(frozen=True, eq=False)
class GoodMasks:
    """Masks of one algorithm, a cell per mask.

    Attributes:
        infos: what the mask files say, [cells].
        units: kind of unit -> [cells, units], layer by layer: bool under the name of the kind's
            array, as `heads`; of weight masks the float shares of each unit's weights that are
            kept, as `head_shares`.
        shared_weights: float64 [cells, cells], the weights that two masks keep in common; None for
            structured masks.
        n_weights: number of weights of the body; 0 for structured masks.
        emptied_attention: of the first mask of units, see `lottery.pruning.masks.UnitMask`.
    """

    infos: tuple[MaskInfo, ...]
    units: dict[str, np.ndarray]
    shared_weights: np.ndarray | None = None
    n_weights: int = 0
    emptied_attention: str = "keep_bias"

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks, in the order of the cells."""
        return tuple(dict.fromkeys(info.task for info in self.infos))

    def cells(self, *, task: str, method: str | None = None) -> list[int]:
        """The cells of a task, of one method if several were read."""
        return [
            cell
            for cell, info in enumerate(self.infos)
            if info.task == task and method in (None, info.method)
        ]

    def seeds(self, cells: Iterable[int]) -> list[str]:
        """The seeds of some cells."""
        return [self.infos[cell].seed for cell in cells]


def read_good_masks(paths: Iterable[Path], architecture: Architecture) -> GoodMasks:
    """Reads masks of one model and one algorithm, tasks first.

    Raises:
        StudyError: a mask file is damaged, or does not have the model's size.
    """
    infos: list[MaskInfo] = []
    shares: list[Shares] = []
    packed: list[np.ndarray] = []
    facts: dict[str, Any] = {}
    for path in paths:
        mask, info = read_mask(path)
        infos.append(info)
        shares.append(kept_shares(path, mask, architecture))
        if mask.granularity == "weights":
            packed.append(np.concatenate(list(mask.arrays().values())))
            facts["n_weights"] = mask.size
        else:
            facts.setdefault("emptied_attention", mask.emptied_attention)
    units = {
        kind: np.stack([share[kind] for share in shares]).reshape(len(shares), -1)
        for kind in shares[0]
    }
    if packed:
        facts["shared_weights"] = shared_bits(packed)
        units = {f"{kind}_shares": values for kind, values in units.items()}
    else:
        units = {KINDS[kind].array: values.astype(bool) for kind, values in units.items()}
    return GoodMasks(tuple(infos), units, **facts)


def shared_bits(packed: list[np.ndarray]) -> np.ndarray:
    """Counts the bits that each pair of packed masks has in common: float64 [masks, masks].

    Args:
        packed: uint8 [bytes] each, padded with zeros as `numpy.packbits` does.
    """
    shared = np.diag([float(_ones(mask)) for mask in packed])
    for a, b in pairs(len(packed)):
        shared[a, b] = shared[b, a] = _ones(packed[a] & packed[b])
    return shared


def _ones(packed: np.ndarray) -> int:
    return int(np.bitwise_count(packed).sum(dtype=np.int64))


def super_survivors(masks: np.ndarray) -> np.ndarray:
    """The units that every mask keeps: bool [masks, units] -> bool [units]."""
    return masks.all(axis=0)
