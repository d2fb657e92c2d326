"""The good masks of one model, of all tasks and seeds, in the form that the analyses read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lottery.analysis.agreement import pairs
from lottery.architecture import Architecture
from lottery.errors import StudyError
from lottery.masks import Mask, MaskInfo, StructuredMask, WeightMask, read_mask
from lottery.tables.survival import Shares, kept_shares

HEADS, MLPS, WEIGHTS = "heads", "mlps", "weights"
# Units of weight masks: not kept or pruned but kept in part.
HEAD_SHARES, MLP_SHARES = "head_shares", "mlp_shares"


@dataclass(frozen=True, eq=False)
class GoodMasks:
    """Masks of one algorithm, a cell per mask.

    Attributes:
        infos: what the mask files say, [cells].
        units: kind of unit -> [cells, units]: bool of `heads` (layer by layer) and `mlps`, or
            float shares of each unit's weights, `head_shares` and `mlp_shares`, for weight masks.
        shared_weights: float64 [cells, cells], the weights that two masks keep in common; None for
            structured masks.
        n_weights: number of weights of the body; 0 for structured masks.
    """

    infos: tuple[MaskInfo, ...]
    units: dict[str, np.ndarray]
    shared_weights: np.ndarray | None = None
    n_weights: int = 0

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
    size = 0
    for path in paths:
        mask, info = read_mask(path)
        infos.append(info)
        shares.append(_shares(path, mask, architecture))
        if isinstance(mask, WeightMask):
            packed.append(np.concatenate(list(mask.arrays().values())))
            size = mask.size
    heads = np.stack([share.heads.ravel() for share in shares])
    mlps = np.stack([share.mlps for share in shares])
    if not packed:
        return GoodMasks(tuple(infos), {HEADS: heads.astype(bool), MLPS: mlps.astype(bool)})
    units = {HEAD_SHARES: heads, MLP_SHARES: mlps}
    return GoodMasks(tuple(infos), units, shared_bits(packed), size)


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


def _shares(path: Path, mask: Mask, architecture: Architecture) -> Shares:
    shape = (architecture.layers, architecture.heads)
    try:
        found = kept_shares(mask, architecture)
    except (KeyError, ValueError) as error:
        raise StudyError(f"{path} does not fit the model: {error}.") from error
    if found.heads.shape != shape:
        raise StudyError(
            f"{path} has {found.heads.shape[0]} layers of {found.heads.shape[1]} heads, the model "
            f"{shape[0]} of {shape[1]}."
        )
    return found


def super_survivors(masks: np.ndarray) -> np.ndarray:
    """The units that every mask keeps: bool [masks, units] -> bool [units]."""
    return masks.all(axis=0)


def structured(mask: Mask, path: Path) -> StructuredMask:
    """The mask, if it is one of whole units.

    Raises:
        StudyError: it is a mask of weights.
    """
    if isinstance(mask, StructuredMask):
        return mask
    raise StudyError(f"{path} is a mask of single weights, where whole units are compared.")
