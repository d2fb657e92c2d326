"""Masks: which units or weights of an encoder are kept (true = kept). numpy only.

Two kinds, one for each granularity, with one interface. Both know how much of the body they keep,
have a complement, can be compared, and go to and come from a safetensors file (formats:
docs/files.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from lottery import files
from lottery.files.errors import StudyError
from lottery.models.architecture import Architecture
from lottery.models.units import (
    ALWAYS,
    EMPTIED_ATTENTION,
    KINDS,
    Kept,
    body_size,
    count_entries,
    in_masks,
    kept_entries,
    part_shapes,
    shared_entries,
)

FORMAT = "1"

# Magnitude pruning may prune all linear layers but not the bias of the FFN output (the paper's code
# has 7,084,032 parameters for a layer of bert-base, which this reproduces).
NOT_IN_BODY = ("output.bias",)


@dataclass(frozen=True, eq=False)
class UnitMask:
    """Kept units.

    Attributes:
        units: kind -> bool [layers, units] or [layers], in the order of `models.units.KINDS`. Of a
            kind that is missing all units are kept.
        emptied_attention: "drop_bias" if a layer without heads loses the bias of its attention
            output (as the published evaluation and retraining have it), "keep_bias" if it keeps it
            (as gates do, also those of the published search).

    Raises:
        TypeError: an array is not boolean.
        ValueError: a kind is unknown, heads or MLPs are missing, or the arrays do not fit.
    """

    units: dict[str, np.ndarray]
    emptied_attention: str = "keep_bias"
    granularity: ClassVar[str] = "units"

    def __post_init__(self) -> None:
        if self.emptied_attention not in EMPTIED_ATTENTION:
            raise ValueError(f"emptied_attention is {self.emptied_attention!r}")
        if not set(ALWAYS) <= set(self.units) <= set(KINDS):
            raise ValueError(f"its kinds of unit are {list(self.units)}")
        ordered = {name: self.units[name] for name in KINDS if name in self.units}
        object.__setattr__(self, "units", ordered)
        for name, array in self.units.items():
            if array.dtype != bool:
                raise TypeError("a mask of units is boolean")
            if array.ndim != (1 if KINDS[name].per_layer is None else 2):
                raise ValueError(f"{KINDS[name].array} have {array.ndim} axes")
        if len({len(array) for array in self.units.values()}) > 1:
            raise ValueError("its kinds of unit have different numbers of layers")

    @classmethod
    def full(
        cls,
        architecture: Architecture,
        kinds: Iterable[str] = ALWAYS,
        emptied_attention: str = "keep_bias",
    ) -> UnitMask:
        """The mask that keeps everything.

        Args:
            architecture: sizes of the model.
            kinds: the kinds that are pruned; heads and MLPs are in any case in the mask.
            emptied_attention: see the class.
        """
        shapes = {name: KINDS[name].shape(architecture) for name in in_masks(kinds)}
        units = {name: np.ones(shape, bool) for name, shape in shapes.items()}
        return cls(units, emptied_attention)

    @property
    def is_full(self) -> bool:
        """Whether nothing is pruned."""
        return all(bool(array.all()) for array in self.units.values())

    def counts(self) -> dict[str, int]:
        """Number of kept units by the name of the kind's array."""
        return {KINDS[name].array: int(array.sum()) for name, array in self.units.items()}

    def with_units(self, units: Mapping[str, np.ndarray]) -> UnitMask:
        """A mask with other arrays for some kinds."""
        return replace(self, units=self.units | dict(units))

    def complement(self) -> UnitMask:
        """The mask of everything that this one prunes."""
        return self.with_units({name: ~array for name, array in self.units.items()})

    def entries(self, architecture: Architecture) -> list[Kept]:
        """Which entries of each layer's parameters are kept, see `models.units.kept_entries`.

        Raises:
            ValueError: the mask does not have the model's size.
        """
        self._check(architecture)
        drop_bias = self.emptied_attention == "drop_bias"
        return kept_entries(self.units, architecture, drop_bias=drop_bias)

    def kept_fraction(self, architecture: Architecture) -> float:
        """Kept parameters / parameters of the body.

        Raises:
            ValueError: the mask does not have the model's size.
        """
        return count_entries(self.entries(architecture)) / body_size(architecture)

    def shares(self, architecture: Architecture) -> dict[str, np.ndarray]:
        """The share of every unit that is kept, 0 or 1: kind -> float64 of the kind's shape.

        Raises:
            ValueError: the mask does not have the model's size.
        """
        self._check(architecture)
        return {name: array.astype(float) for name, array in self.units.items()}

    def overlap(self, other: Mask, architecture: Architecture) -> dict[str, int]:
        """Counts units and parameters: those of this mask, and with _shared those of both.

        The bias of an attention output counts with a mask that has a head in its layer.

        Raises:
            ValueError: the masks cannot be compared.
        """
        if not isinstance(other, UnitMask):
            raise ValueError("one is a mask of units, the other of weights")
        shapes, theirs = ({n: a.shape for n, a in m.units.items()} for m in (self, other))
        if shapes != theirs:
            raise ValueError("they differ in the number of layers or units")
        both = self.with_units({name: a & other.units[name] for name, a in self.units.items()})
        shared = both.counts()
        counts = {}
        for name, count in self.counts().items():
            counts |= {name: count, f"{name}_shared": shared[name]}
        ours, theirs = (
            replace(mask, emptied_attention="drop_bias").entries(architecture)
            for mask in (self, other)
        )
        counts["parameters"] = count_entries(ours)
        counts["parameters_shared"] = count_entries(shared_entries(ours, theirs))
        return counts

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays of the mask's file."""
        return {KINDS[name].array: array.astype(np.uint8) for name, array in self.units.items()}

    def metadata(self) -> dict[str, str]:
        """What the metadata of the mask's file say of the mask."""
        return {"emptied_attention": self.emptied_attention}

    def _check(self, architecture: Architecture) -> None:
        for name, array in self.units.items():
            kind = KINDS[name]
            if array.shape != kind.shape(architecture):
                raise ValueError(
                    f"it has {_times(array.shape)} {kind.label}, "
                    f"the model {_times(kind.shape(architecture))}"
                )


@dataclass(frozen=True, eq=False)
class WeightMask:
    """Kept entries of the body's parameters.

    Attributes:
        parameters: checkpoint's parameter name -> bool array of the parameter's shape.
    """

    parameters: dict[str, np.ndarray]
    granularity: ClassVar[str] = "weights"

    @classmethod
    def from_vector(cls, kept: np.ndarray, shapes: dict[str, tuple[int, ...]]) -> WeightMask:
        """Cuts a bool vector into parameters of the given shapes, in the mapping's order."""
        parameters, start = {}, 0
        for name, shape in shapes.items():
            size = int(np.prod(shape))
            parameters[name] = kept[start : start + size].reshape(shape)
            start += size
        return cls(parameters)

    @property
    def vector(self) -> np.ndarray:
        """All entries in one vector, bool [size]."""
        return np.concatenate([array.ravel() for array in self.parameters.values()])

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The parameters' shapes by name."""
        return {name: array.shape for name, array in self.parameters.items()}

    @property
    def kept(self) -> int:
        """Number of kept entries."""
        return sum(int(np.count_nonzero(array)) for array in self.parameters.values())

    @property
    def size(self) -> int:
        """Number of entries."""
        return sum(array.size for array in self.parameters.values())

    @property
    def is_full(self) -> bool:
        """Whether nothing is pruned."""
        return self.kept == self.size

    def counts(self) -> dict[str, int]:
        """Number of kept entries, under the name weights."""
        return {"weights": self.kept}

    def complement(self) -> WeightMask:
        """The mask of everything that this one prunes."""
        return WeightMask({name: ~array for name, array in self.parameters.items()})

    def kept_fraction(self, architecture: Architecture | None = None) -> float:
        """Kept entries / entries of the body, which the mask itself has."""
        return self.kept / self.size

    def shares(self, architecture: Architecture) -> dict[str, np.ndarray]:
        """The share of every unit's entries that is kept: kind -> float64 of the kind's shape.

        Entries that do not belong to the body of the mask are left out.

        Raises:
            ValueError: the mask does not have the model's parameters.
        """
        shapes = body_shapes(architecture)
        if self.shapes != shapes:
            odd = sorted(set(self.shapes.items()) ^ set(shapes.items()))[0][0]
            raise ValueError(f"the shape of {odd} is another, or only one of both has it")
        kept = [
            {
                part: self.parameters[parameter_name(architecture, layer, part)]
                for part in _body(architecture)
            }
            for layer in range(architecture.layers)
        ]
        size = {part: np.ones(shape, bool) for part, shape in _body(architecture).items()}
        found = {}
        for name, kind in KINDS.items():
            count = kind.count(architecture)
            shares = [kind.sums(layer, count) / kind.sums(size, count) for layer in kept]
            found[name] = np.stack(shares).reshape(kind.shape(architecture))
        return found

    def overlap(self, other: Mask, architecture: Architecture | None = None) -> dict[str, int]:
        """Counts weights, which are the parameters: of this mask, and with _shared of both.

        Raises:
            ValueError: the masks cannot be compared.
        """
        if not isinstance(other, WeightMask):
            raise ValueError("one is a mask of units, the other of weights")
        if self.shapes.keys() != other.shapes.keys():
            raise ValueError("they name different parameters")
        kept = self.kept
        shared = sum(
            int(np.count_nonzero(array & other.parameters[name]))
            for name, array in self.parameters.items()
        )
        return {
            "weights": kept,
            "weights_shared": shared,
            "parameters": kept,
            "parameters_shared": shared,
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays of the mask's file: bits, packed in C order, most significant first."""
        return {name: np.packbits(array) for name, array in self.parameters.items()}

    def metadata(self) -> dict[str, str]:
        """What the metadata of the mask's file say of the mask."""
        return {"emptied_attention": "", "shapes": json.dumps(self.shapes)}


Mask = UnitMask | WeightMask


@dataclass(frozen=True)
class MaskInfo:
    """Where a mask comes from, and its size.

    Attributes:
        algorithm, model, task, seed, method, subnetwork: where it comes from; the seed is empty for
            a mask that serves all seeds.
        kept_fraction: kept parameters / parameters of the body.
    """

    algorithm: str
    model: str
    task: str
    seed: str
    method: str
    subnetwork: str
    kept_fraction: float


def parameter_name(architecture: Architecture, layer: int, part: str) -> str:
    """Checkpoint name of a part of a layer."""
    return architecture.family.checkpoint_name(f"layers.{layer}.{part}")


def _body(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    shapes = part_shapes(architecture)
    return {part: shape for part, shape in shapes.items() if part not in NOT_IN_BODY}


def body_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """The body's parameters for magnitude pruning, layer by layer: checkpoint name -> shape."""
    return {
        parameter_name(architecture, layer, part): shape
        for layer in range(architecture.layers)
        for part, shape in _body(architecture).items()
    }


def write_mask(path: Path, mask: Mask, info: MaskInfo) -> None:
    """Writes a mask file."""
    metadata = {"format": FORMAT} | {key: str(value) for key, value in vars(info).items()}
    metadata["kept_fraction"] = repr(info.kept_fraction)
    files.write_arrays(path, mask.arrays(), metadata | mask.metadata())


def read_mask(path: Path) -> tuple[Mask, MaskInfo]:
    """Reads a mask file.

    Raises:
        StudyError: the file is missing, truncated, foreign, of another format version, or holds
            anything but zeros and ones.
    """
    arrays, metadata = files.read_arrays(path)
    if metadata.get("format") != FORMAT:
        raise StudyError(
            f"{path}: mask format {metadata.get('format')!r}; this version reads {FORMAT!r}."
        )
    fields = {key: metadata.get(key, "") for key in MaskInfo.__annotations__}
    fields["kept_fraction"] = float(metadata["kept_fraction"])
    info = MaskInfo(**fields)
    if "shapes" in metadata:
        return _unpack(path, arrays, json.loads(metadata["shapes"])), info
    kinds = {kind.array: name for name, kind in KINDS.items()}
    if not set(arrays) <= set(kinds) or any(array.max() > 1 for array in arrays.values()):
        raise StudyError(f"{path}: a mask of units holds {', '.join(kinds)}, each 0 or 1.")
    units = {kinds[name]: arrays[name].astype(bool) for name in kinds if name in arrays}
    try:
        return UnitMask(units, metadata.get("emptied_attention", "")), info
    except ValueError as error:
        raise StudyError(f"{path} is no mask of units: {error}.") from error


def _unpack(path: Path, arrays: dict[str, np.ndarray], shapes: dict[str, Any]) -> WeightMask:
    if set(arrays) != set(shapes):
        raise StudyError(f"{path}: the mask's arrays and the shapes in its metadata differ.")
    parameters = {}
    for name, shape in shapes.items():
        count = int(np.prod(shape))
        if arrays[name].size != (count + 7) // 8:
            raise StudyError(f"{path}: {name} does not hold {count} bits.")
        parameters[name] = np.unpackbits(arrays[name], count=count).astype(bool).reshape(shape)
    return WeightMask(parameters)


def size_of(mask: Mask, info: MaskInfo) -> dict[str, Any]:
    """What a mask keeps, as metrics.json says it.

    Returns:
        kept_fraction; units_kept, the kept units by the array of their kind (empty for masks of
        single weights); and, as they always stood there, heads_kept and mlps_kept.
    """
    units = mask.counts() if isinstance(mask, UnitMask) else {}
    return {"kept_fraction": info.kept_fraction} | _units_kept(units)


def full_size(architecture: Architecture) -> dict[str, Any]:
    """The same of the full model."""
    return {"kept_fraction": 1.0} | _units_kept(UnitMask.full(architecture).counts())


def _units_kept(units: dict[str, int]) -> dict[str, Any]:
    kept = {f"{name}_kept": units.get(name) for name in ("heads", "mlps")}
    return kept | {"units_kept": units}


def of_units(mask: Mask, path: Path) -> UnitMask:
    """The mask, if it is one of whole units.

    Raises:
        StudyError: it is a mask of weights.
    """
    if isinstance(mask, UnitMask):
        return mask
    raise StudyError(f"{path} is a mask of single weights, where whole units are compared.")


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
