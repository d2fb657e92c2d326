"""The good masks of one model, of all tasks and seeds, as the analyses read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np

from lottery import files
from lottery.analysis.agreement import shared_counts
from lottery.files.errors import StudyError
from lottery.models.architecture import Architecture, read_parameters
from lottery.models.units import KINDS, UnitKind
from lottery.pruning.algorithms.magnitude import MagnitudeRanking
from lottery.pruning.masks import MaskInfo, WeightMask, read_mask

WEIGHTS = "weights"


@dataclass(frozen=True, eq=False)
class PretrainedMasks:
    """For every mask of weights, the mask of its size of the largest weights before fine-tuning.

    All weights that the masks have are ranked together, as magnitude pruning ranks them.

    Attributes:
        shared: float64 [masks], the weights that a mask has in common with its counterpart.
        shares: as `GoodMasks.units`, of the counterparts.
    """

    shared: np.ndarray
    shares: dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class GoodMasks:
    """Masks of one algorithm: one of every method, task and seed, in this order.

    Attributes:
        infos: what the mask files contain, [masks].
        architecture: of the model.
        units: kind of unit -> [masks, units], layer by layer: bool as `heads`; of weight masks the
            float shares of each unit's weights that are kept, as `head_shares`.
        shared_weights: float64 [masks, masks], the weights that two masks keep in common; None for
            structured masks.
        n_weights: number of weights of the body; 0 for structured masks.
        emptied_attention: of the masks of units, see `lottery.pruning.masks.UnitMask`.
        pretrained: the counterparts of weight masks, where they were asked for.
    """

    infos: tuple[MaskInfo, ...]
    architecture: Architecture
    units: dict[str, np.ndarray]
    shared_weights: np.ndarray | None = None
    n_weights: int = 0
    emptied_attention: str = "keep_bias"
    pretrained: PretrainedMasks | None = None

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

    def of_kinds(self) -> Iterator[tuple[UnitKind, np.ndarray]]:
        """The kinds of unit that the masks have, with their array of `units`."""
        for name, kind in KINDS.items():
            for unit in (kind.array, f"{name}_shares"):
                if unit in self.units:
                    yield kind, self.units[unit]

    def shared(self) -> dict[str, tuple[np.ndarray, int]]:
        """Kind of unit, or `weights` -> what two masks share [masks, masks], and of how many."""
        if self.shared_weights is not None:
            return {WEIGHTS: (self.shared_weights, self.n_weights)}
        return {
            unit: (shared_counts(values), values.shape[1]) for unit, values in self.units.items()
        }


def read_good_masks(
    paths: Iterable[Path],
    path_to_config: Path,
    *,
    bits: bool = True,
    path_to_pretrained: Path | None = None,
) -> GoodMasks:
    """Reads masks of one model and one algorithm, in the order of `GoodMasks`.

    Args:
        paths: the mask files.
        path_to_config: config.json of the model.
        bits: whether to count the weights that masks share, for which all are kept in memory.
        path_to_pretrained: the weights before fine-tuning, for `PretrainedMasks`.

    Raises:
        StudyError: a mask file is damaged, or does not have the model's size.
    """
    architecture = Architecture.from_config(files.read_json(path_to_config), str(path_to_config))
    infos, shares, packed = [], [], []
    for path in paths:
        mask, info = read_mask(path)
        infos.append(info)
        try:
            shares.append(mask.shares(architecture))
        except ValueError as error:
            raise StudyError(f"{path} does not fit the model: {error}.") from error
        if bits and mask.granularity == "weights":
            packed.append(np.concatenate(list(mask.arrays().values())))
    units = {
        kind: np.stack([each[kind] for each in shares]).reshape(len(shares), -1)
        for kind in shares[0]
    }
    if isinstance(mask, WeightMask):
        units = {f"{kind}_shares": values for kind, values in units.items()}
        shared = shared_bits(packed) if bits else None
        found = GoodMasks(tuple(infos), architecture, units, shared, mask.size)
        if path_to_pretrained is None:
            return found
        pretrained = _pretrained_masks(path_to_pretrained, mask, packed, architecture)
        return replace(found, pretrained=pretrained)
    units = {KINDS[kind].array: values.astype(bool) for kind, values in units.items()}
    emptied = mask.emptied_attention
    return GoodMasks(tuple(infos), architecture, units, emptied_attention=emptied)


def _pretrained_masks(
    path: Path, like: WeightMask, packed: list[np.ndarray], architecture: Architecture
) -> PretrainedMasks:
    """The counterparts of masks with the shapes of `like`, given as packed bits."""
    weights = read_parameters(path)
    sizes = np.array([int(np.bitwise_count(bits).sum(dtype=np.int64)) for bits in packed])
    ranking = MagnitudeRanking({name: weights[name] for name in like.shapes}, {*sizes.tolist()})
    shared = np.empty(len(packed))
    of_masks: list[dict[str, np.ndarray]] = [{}] * len(packed)
    for size in {*sizes.tolist()}:
        mask = ranking.keep_largest(size)
        bits, shares = np.concatenate(list(mask.arrays().values())), mask.shares(architecture)
        for place in np.flatnonzero(sizes == size):
            shared[place] = np.bitwise_count(packed[place] & bits).sum(dtype=np.int64)
            of_masks[place] = shares
    shares = {
        f"{kind}_shares": np.stack([each[kind].ravel() for each in of_masks])
        for kind in of_masks[0]
    }
    return PretrainedMasks(shared, shares)


def shared_bits(packed: list[np.ndarray]) -> np.ndarray:
    """Counts the bits that each pair of packed masks has in common: float64 [masks, masks].

    Args:
        packed: uint8 [bytes] each, padded with zeros as `numpy.packbits` does.
    """
    shared = np.empty((len(packed), len(packed)))
    for a, b in combinations_with_replacement(range(len(packed)), 2):
        common = np.bitwise_count(packed[a] & packed[b])
        shared[a, b] = shared[b, a] = common.sum(dtype=np.int64)
    return shared
