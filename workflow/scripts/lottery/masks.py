"""Masks: which units or weights of an encoder are kept (true = kept). numpy only.

Two kinds, one for each granularity. Both know how much of the body they keep, have a complement,
and go to and come from a safetensors file (formats: docs/files.md).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lottery import files
from lottery.architecture import Architecture
from lottery.errors import StudyError

FORMAT = "1"

# The linear layers that magnitude pruning may prune, and whether their bias belongs to the body:
# all but the bias of the FFN output (the paper's code has 7,084,032 parameters for a layer of
# bert-base, which this table reproduces).
BODY_PARTS = {
    "query": ("weight", "bias"),
    "key": ("weight", "bias"),
    "value": ("weight", "bias"),
    "attention_output": ("weight", "bias"),
    "intermediate": ("weight", "bias"),
    "output": ("weight",),
}


@dataclass(frozen=True, eq=False)
class StructuredMask:
    """Kept heads and MLPs.

    Attributes:
        heads: bool [layers, heads].
        mlps: bool [layers].
    """

    heads: np.ndarray
    mlps: np.ndarray

    def __post_init__(self) -> None:
        if self.heads.dtype != bool or self.mlps.dtype != bool:
            raise TypeError("a structured mask is boolean")
        if self.heads.ndim != 2 or self.mlps.shape != self.heads.shape[:1]:
            raise ValueError(f"heads {self.heads.shape} and mlps {self.mlps.shape} do not fit")

    @classmethod
    def full(cls, layers: int, heads: int) -> StructuredMask:
        """The mask that keeps everything."""
        return cls(np.ones((layers, heads), bool), np.ones(layers, bool))

    @property
    def heads_kept(self) -> int:
        """Number of kept heads."""
        return int(self.heads.sum())

    @property
    def mlps_kept(self) -> int:
        """Number of kept MLPs."""
        return int(self.mlps.sum())

    @property
    def is_full(self) -> bool:
        """Whether nothing is pruned."""
        return bool(self.heads.all() and self.mlps.all())

    def complement(self) -> StructuredMask:
        """The mask of everything that this one prunes."""
        return StructuredMask(~self.heads, ~self.mlps)

    def kept_fraction(self, architecture: Architecture, emptied_attention: str) -> float:
        """Kept parameters / parameters of the body.

        Args:
            architecture: sizes of the full model.
            emptied_attention: "drop_bias" if a layer without heads loses the bias of its attention
                output, "keep_bias" if it keeps it.
        """
        biased = (
            self.heads.any(axis=1) if emptied_attention == "drop_bias" else np.ones_like(self.mlps)
        )
        kept = (
            self.heads_kept * architecture.head_parameters
            + self.mlps_kept * architecture.mlp_parameters
            + int(biased.sum()) * architecture.hidden
        )
        return kept / architecture.structured_body

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays of the mask's file."""
        return {"heads": self.heads.astype(np.uint8), "mlps": self.mlps.astype(np.uint8)}


@dataclass(frozen=True, eq=False)
class WeightMask:
    """Kept entries of the body's parameters.

    Attributes:
        parameters: checkpoint's parameter name -> bool array of the parameter's shape.
    """

    parameters: dict[str, np.ndarray]

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
    def kept_fraction(self) -> float:
        """Kept entries / entries of the body."""
        return self.kept / self.size

    @property
    def is_full(self) -> bool:
        """Whether nothing is pruned."""
        return self.kept == self.size

    def complement(self) -> WeightMask:
        """The mask of everything that this one prunes."""
        return WeightMask({name: ~array for name, array in self.parameters.items()})

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays of the mask's file: bits, packed in C order, most significant first."""
        return {name: np.packbits(array) for name, array in self.parameters.items()}


Mask = StructuredMask | WeightMask


@dataclass(frozen=True)
class MaskInfo:
    """What a mask file says about its mask besides the bits.

    Attributes:
        algorithm, model, task, seed, method, subnetwork: where it comes from; the seed is empty for
            a mask that serves all seeds.
        kept_fraction: kept parameters / parameters of the body.
        emptied_attention: "drop_bias" or "keep_bias", see `StructuredMask.kept_fraction`; empty for
            weight masks.
    """

    algorithm: str
    model: str
    task: str
    seed: str
    method: str
    subnetwork: str
    kept_fraction: float
    emptied_attention: str = ""


def body_names(architecture: Architecture) -> list[str]:
    """Checkpoint names of the body's parameters for magnitude pruning, layer by layer."""
    translate = architecture.family.checkpoint_name
    return [
        translate(f"layers.{layer}.{part}.{kind}")
        for layer in range(architecture.layers)
        for part, kinds in BODY_PARTS.items()
        for kind in kinds
    ]


def write_mask(path: Path, mask: Mask, info: MaskInfo) -> None:
    """Writes a mask file."""
    metadata = {"format": FORMAT} | {key: str(value) for key, value in vars(info).items()}
    metadata["kept_fraction"] = repr(info.kept_fraction)
    if isinstance(mask, WeightMask):
        metadata["shapes"] = json.dumps(mask.shapes)
    files.write_arrays(path, mask.arrays(), metadata)


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
    if set(arrays) != {"heads", "mlps"} or any(array.max() > 1 for array in arrays.values()):
        raise StudyError(f"{path}: a structured mask holds heads and mlps, each 0 or 1.")
    return StructuredMask(arrays["heads"].astype(bool), arrays["mlps"].astype(bool)), info


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
    """What a mask keeps, as metrics.json says it: kept_fraction, heads_kept, mlps_kept."""
    is_structured = isinstance(mask, StructuredMask)
    return {
        "kept_fraction": info.kept_fraction,
        "heads_kept": mask.heads_kept if is_structured else None,
        "mlps_kept": mask.mlps_kept if is_structured else None,
    }


def full_size(architecture: Architecture) -> dict[str, Any]:
    """The same of the full model."""
    return {
        "kept_fraction": 1.0,
        "heads_kept": architecture.layers * architecture.heads,
        "mlps_kept": architecture.layers,
    }
