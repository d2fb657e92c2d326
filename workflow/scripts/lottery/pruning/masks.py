"""Masks: which units or weights of an encoder are kept (true = kept). numpy only.

Two kinds, one for each granularity, with one interface (formats of their files: docs/files.md).
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from lottery import files
from lottery.files.errors import StudyError
from lottery.models.architecture import Architecture, LayerPlan, Plan
from lottery.models.units import (
    ALWAYS,
    EMPTIED_ATTENTION,
    KINDS,
    OUTPUT_BIAS,
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
class _Mask(ABC):
    """What both kinds share: bool arrays by name, in the field that `_field` names.

    Methods that take the model's architecture raise ValueError if the mask does not fit it.
    """

    granularity: ClassVar[str]
    _field: ClassVar[str]

    @property
    def _kept(self) -> dict[str, np.ndarray]:
        return getattr(self, self._field)

    def _with(self, kept: dict[str, np.ndarray]) -> Self:
        return replace(self, **{self._field: kept})

    @abstractmethod
    def counts(self) -> dict[str, int]:
        """Number of kept units or weights by name."""

    @abstractmethod
    def _count_shared(self, other: Self, architecture: Architecture) -> int:
        """Number of parameters that both masks keep."""

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The arrays' shapes by name."""
        return {name: array.shape for name, array in self._kept.items()}

    @property
    def is_full(self) -> bool:
        """Whether nothing is pruned."""
        return all(bool(array.all()) for array in self._kept.values())

    def complement(self) -> Self:
        """The mask of everything that this one prunes."""
        return self._with({name: ~array for name, array in self._kept.items()})

    def overlap(self, other: Mask, architecture: Architecture) -> dict[str, int]:
        """Counts units or weights, and parameters: those of this mask, with _shared those of both.

        The bias of an attention output counts with a mask that has a head in its layer.

        Raises:
            ValueError: the masks cannot be compared.
        """
        if not isinstance(other, type(self)):
            raise ValueError("one is a mask of units, the other of weights")
        if other.shapes != self.shapes:
            raise ValueError(f"their {self.granularity} differ in number or name")
        both = self._with({name: array & other._kept[name] for name, array in self._kept.items()})
        shared = both.counts()
        counts: dict[str, int] = {}
        for name, count in self.counts().items():
            counts |= {name: count, f"{name}_shared": shared[name]}
        counts["parameters"] = self._count_shared(self, architecture)
        counts["parameters_shared"] = self._count_shared(other, architecture)
        return counts


@dataclass(frozen=True, eq=False)
class UnitMask(_Mask):
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
    _field: ClassVar[str] = "units"

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
        """The mask that keeps everything; it has heads, MLPs and the kinds that are pruned."""
        shapes = {name: KINDS[name].shape(architecture) for name in in_masks(kinds)}
        units = {name: np.ones(shape, bool) for name, shape in shapes.items()}
        return cls(units, emptied_attention)

    def with_units(self, units: Mapping[str, np.ndarray]) -> UnitMask:
        """A mask with other arrays for some kinds."""
        return replace(self, units=self.units | dict(units))

    def counts(self) -> dict[str, int]:
        """Number of kept units by the name of the kind's array."""
        return {KINDS[name].array: int(array.sum()) for name, array in self.units.items()}

    def entries(self, architecture: Architecture) -> list[Kept]:
        """Which entries of each layer's parameters are kept, see `models.units.kept_entries`."""
        self._check(architecture)
        drop_bias = self.emptied_attention == "drop_bias"
        return kept_entries(self.units, architecture, drop_bias=drop_bias)

    def kept_fraction(self, architecture: Architecture) -> float:
        """Kept parameters / parameters of the body."""
        return count_entries(self.entries(architecture)) / body_size(architecture)

    def shares(self, architecture: Architecture) -> dict[str, np.ndarray]:
        """The share of every unit that is kept, 0 or 1: kind -> float64 of the kind's shape."""
        self._check(architecture)
        return {name: array.astype(float) for name, array in self.units.items()}

    def _count_shared(self, other: UnitMask, architecture: Architecture) -> int:
        ours, theirs = (
            replace(mask, emptied_attention="drop_bias").entries(architecture)
            for mask in (self, other)
        )
        return count_entries(shared_entries(ours, theirs))

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays of the mask's file."""
        return {KINDS[name].array: array.astype(np.uint8) for name, array in self.units.items()}

    def metadata(self) -> dict[str, str]:
        """What the metadata of the mask's file contain besides its `MaskInfo`."""
        return {"emptied_attention": self.emptied_attention}

    def _check(self, architecture: Architecture) -> None:
        for name, array in self.units.items():
            kind = KINDS[name]
            if array.shape != kind.shape(architecture):
                raise ValueError(
                    f"it has {times(array.shape)} {kind.label}, "
                    f"the model {times(kind.shape(architecture))}"
                )


@dataclass(frozen=True, eq=False)
class WeightMask(_Mask):
    """Kept entries of the body's parameters: checkpoint's name -> bool of the parameter's shape."""

    parameters: dict[str, np.ndarray]
    granularity: ClassVar[str] = "weights"
    _field: ClassVar[str] = "parameters"

    @classmethod
    def from_vector(cls, kept: np.ndarray, shapes: dict[str, tuple[int, ...]]) -> WeightMask:
        """The mask of a bool vector, see `cut_vector`."""
        return cls(cut_vector(kept, shapes))

    @property
    def vector(self) -> np.ndarray:
        """All entries in one vector, bool [size]."""
        return np.concatenate([array.ravel() for array in self.parameters.values()])

    @property
    def kept(self) -> int:
        """Number of kept entries."""
        return sum(int(np.count_nonzero(array)) for array in self.parameters.values())

    @property
    def size(self) -> int:
        """Number of entries."""
        return sum(array.size for array in self.parameters.values())

    def counts(self) -> dict[str, int]:
        """Number of kept entries, under the name weights."""
        return {"weights": self.kept}

    def kept_fraction(self, architecture: Architecture | None = None) -> float:
        """Kept entries / entries of the body, which the mask itself has."""
        return self.kept / self.size

    def shares(self, architecture: Architecture) -> dict[str, np.ndarray]:
        """The share of every unit's entries that is kept: kind -> float64 of the kind's shape.

        Entries that do not belong to the body of the mask are left out, and so are kinds that the
        analyses of such masks do not show.
        """
        shapes = body_shapes(architecture)
        if self.shapes != shapes:
            odd = sorted(set(self.shapes.items()) ^ set(shapes.items()))[0][0]
            raise ValueError(f"the shape of {odd} is another, or only one of both has it")
        kept = [
            {
                part: self.parameters[parameter_name(architecture, layer, part)]
                for part in body_parts(architecture)
            }
            for layer in range(architecture.layers)
        ]
        size = {part: np.ones(shape, bool) for part, shape in body_parts(architecture).items()}
        found = {}
        for name, kind in KINDS.items():
            if not kind.of_weights:
                continue
            count = kind.count(architecture)
            shares = [kind.sums(layer, count) / kind.sums(size, count) for layer in kept]
            found[name] = np.stack(shares).reshape(kind.shape(architecture))
        return found

    def _count_shared(self, other: WeightMask, architecture: Architecture) -> int:
        return sum(
            int(np.count_nonzero(array & other.parameters[name]))
            for name, array in self.parameters.items()
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays of the mask's file: bits, packed in C order, most significant first."""
        return {name: np.packbits(array) for name, array in self.parameters.items()}

    def metadata(self) -> dict[str, str]:
        """What the metadata of the mask's file contain besides its `MaskInfo`."""
        return {"emptied_attention": "", "shapes": json.dumps(self.shapes)}


def cut_vector(vector: np.ndarray, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Cuts a vector into arrays of the given shapes, in the mapping's order."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])
    parts = zip(shapes.items(), np.split(vector, ends[:-1]), strict=True)
    return {name: part.reshape(shape) for (name, shape), part in parts}


Mask = UnitMask | WeightMask


@dataclass(frozen=True)
class MaskInfo:
    """Where a mask comes from, and its size; the seed of a mask for all seeds is empty."""

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


def body_parts(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """The parts of a layer that belong to the body for magnitude pruning: part -> shape."""
    shapes = part_shapes(architecture)
    return {part: shape for part, shape in shapes.items() if part not in NOT_IN_BODY}


def body_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """The body's parameters for magnitude pruning, layer by layer: checkpoint name -> shape."""
    return {
        parameter_name(architecture, layer, part): shape
        for layer in range(architecture.layers)
        for part, shape in body_parts(architecture).items()
    }


def write_mask(path: Path, mask: Mask, info: MaskInfo) -> None:
    """Writes a mask file."""
    metadata = {"format": FORMAT} | {key: str(value) for key, value in vars(info).items()}
    metadata["kept_fraction"] = repr(info.kept_fraction)
    files.write_arrays(path, mask.arrays(), metadata | mask.metadata())


def read_mask(path: Path) -> tuple[Mask, MaskInfo]:
    """Reads a mask file."""
    arrays, metadata = files.read_arrays(path)
    if metadata.get("format") != FORMAT:
        raise StudyError(
            f"{path}: mask format {metadata.get('format')!r}; this version reads {FORMAT!r}."
        )
    fields: dict[str, Any] = {key: metadata.get(key, "") for key in MaskInfo.__annotations__}
    info = MaskInfo(**fields | {"kept_fraction": float(metadata["kept_fraction"])})
    if "shapes" in metadata:
        return _unpacked(path, arrays, json.loads(metadata["shapes"])), info
    kinds = {kind.array: name for name, kind in KINDS.items()}
    if not set(arrays) <= set(kinds) or any(array.max() > 1 for array in arrays.values()):
        raise StudyError(f"{path}: a mask of units holds {', '.join(kinds)}, each 0 or 1.")
    units = {kinds[name]: array.astype(bool) for name, array in arrays.items()}
    try:
        return UnitMask(units, metadata.get("emptied_attention", "")), info
    except ValueError as error:
        raise StudyError(f"{path} is no mask of units: {error}.") from error


def _unpacked(path: Path, arrays: dict[str, np.ndarray], shapes: dict[str, Any]) -> WeightMask:
    if set(arrays) != set(shapes):
        raise StudyError(f"{path}: the mask's arrays and the shapes in its metadata differ.")
    parameters = {}
    for name, shape in shapes.items():
        count = int(np.prod(shape))
        if arrays[name].size != (count + 7) // 8:
            raise StudyError(f"{path}: {name} does not hold {count} bits.")
        parameters[name] = np.unpackbits(arrays[name], count=count).astype(bool).reshape(shape)
    return WeightMask(parameters)


def plan_of(mask: UnitMask, architecture: Architecture) -> Plan:
    """The plan of a model shrunk to a mask; ValueError if the mask has another size."""
    return tuple(_plan_of_layer(kept, architecture) for kept in mask.entries(architecture))


def _plan_of_layer(kept: Kept, architecture: Architecture) -> LayerPlan:
    heads = kept["query.weight"][0].reshape(architecture.heads, -1).any(axis=1)
    inner = kept["intermediate.weight"][0]
    has_biases = OUTPUT_BIAS in kept
    # Without biases nothing is left of an MLP without neurons, nor of attention without heads.
    mlp = bool(kept["output.weight"][0].any() and (has_biases or inner.any()))
    bias = kept[OUTPUT_BIAS][0] if has_biases else heads
    return LayerPlan(
        heads=tuple(np.flatnonzero(heads).tolist()),
        mlp=mlp,
        attention_bias=bool(bias.any()),
        inner=tuple(np.flatnonzero(inner).tolist()) if mlp and not inner.all() else None,
    )


def size_of(mask: Mask, kept_fraction: float) -> dict[str, Any]:
    """What a mask keeps, as metrics.json has it.

    Returns:
        kept_fraction; units_kept, the kept units by the array of their kind (empty for masks of
        single weights); and heads_kept and mlps_kept, which older versions had alone.
    """
    units = mask.counts() if mask.granularity == "units" else {}
    kept = {f"{name}_kept": units.get(name) for name in ("heads", "mlps")}
    return {"kept_fraction": kept_fraction} | kept | {"units_kept": units}


def full_size(architecture: Architecture) -> dict[str, Any]:
    """The same of the full model."""
    return size_of(UnitMask.full(architecture), 1.0)


def of_units(mask: Mask, path: Path) -> UnitMask:
    """The mask, if it is one of whole units."""
    if isinstance(mask, UnitMask):
        return mask
    raise StudyError(f"{path} is a mask of single weights, where whole units are compared.")


def times(shape: tuple[int, ...]) -> str:
    """A shape in words."""
    return " x ".join(map(str, shape)) or "that of a single number"
