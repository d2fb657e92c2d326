"""What a unit is: for each kind, which entries of a layer's parameters its units own. numpy only.

An entry is kept if every unit that owns it is kept, and it is counted once, however many units own
it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lottery.files.errors import StudyError
from lottery.models.architecture import Architecture, full_plan
from lottery.models.shapes import layer_matrices, with_biases

EMPTIED_ATTENTION = ("drop_bias", "keep_bias")
OUTPUT_BIAS = "attention_output.bias"


def part_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """The parameters of a layer that pruning may remove, in the order of the checkpoint.

    Weights are stored as (outputs, inputs). Parts are named as in `lottery.models.encoder.Layer`.
    """
    matrices = layer_matrices(architecture, full_plan(architecture)[0])
    return with_biases(matrices, architecture.family.biases)


def body_size(architecture: Architecture) -> int:
    """Number of parameters that structured pruning may remove, attention output biases included."""
    return architecture.layers * sum(map(math.prod, part_shapes(architecture).values()))


@dataclass(frozen=True)
class Owned:
    """What the units of a kind own of one parameter of their layer, a key of `part_shapes`.

    Its axis is cut into equal consecutive groups, one per unit; None if the layer's single unit
    owns the whole parameter.
    """

    part: str
    axis: int | None


@dataclass(frozen=True)
class UnitKind:
    """A kind of unit.

    Attributes:
        name: in the config and in code.
        array: the kind's array in files; counts are in columns named {array}_kept.
        label: its plural for readers.
        per_layer: units of a layer, from the model's sizes; None for one unit per layer, whose
            arrays have no axis for units.
        owns: what the units own, of parts that a layer may have: an MLP without a gate lacks
            `intermediate_gate`, a family without biases all of these. The number of units divides
            the length of every cut axis.
        gate: what a unit's gate multiplies: "head" for the context vector of each head, "inner"
            for the activations of the MLP before its output projection, in equal consecutive
            groups, "mlp" for the MLP's update, bias included, "layer" for the updates of the
            attention and of the MLP, biases included.
        many: whether a layer has so many units that tables and figures which list single units
            show the mean of each layer, and that a pass for each unit is out of the question.
        of_weights: whether analyses of masks of weights show the kept share of each unit's weights.
    """

    name: str
    array: str
    label: str
    per_layer: Callable[[Architecture], int] | None
    owns: tuple[Owned, ...]
    gate: str
    many: bool = False
    of_weights: bool = False

    def count(self, architecture: Architecture) -> int:
        """Number of units in a layer."""
        return 1 if self.per_layer is None else self.per_layer(architecture)

    def shape(self, architecture: Architecture) -> tuple[int, ...]:
        """Shape of an array with a number for each unit: (layers, units) or (layers,)."""
        layers = architecture.layers
        return (layers,) if self.per_layer is None else (layers, self.count(architecture))

    def owned(self, architecture: Architecture) -> tuple[Owned, ...]:
        """What the units own of the parts that the model's layers have."""
        parts = part_shapes(architecture)
        return tuple(each for each in self.owns if each.part in parts)

    def parameters(self, architecture: Architecture) -> int:
        """Number of entries that one unit owns."""
        shapes = part_shapes(architecture)
        owned = sum(math.prod(shapes[each.part]) for each in self.owned(architecture))
        return owned // self.count(architecture)

    def sums(self, parts: Mapping[str, np.ndarray], count: int) -> np.ndarray:
        """Sums arrays of some parts over the entries of each unit of one layer: float64 [units]."""
        total = np.zeros(count)
        for owned in self.owns:
            if owned.part in parts:
                array = split(parts[owned.part], owned.axis, count)
                total += array.sum(axis=tuple(range(1, array.ndim)))
        return total


def split(array: Any, axis: int | None, count: int) -> Any:
    """Cuts a parameter, a numpy array or a torch tensor, into those of its units: [units, ...]."""
    if axis is None:
        return array[None]
    shape = array.shape
    groups = (count, shape[axis] // count)
    return array.reshape(*shape[:axis], *groups, *shape[axis + 1 :]).swapaxes(0, axis)


def _owned(modules: str, axis: int | None) -> tuple[Owned, ...]:
    return tuple(Owned(f"{m}.{p}", axis) for m in modules.split() for p in ("weight", "bias"))


MLP_PARTS = "intermediate intermediate_gate output"

HEAD = UnitKind(
    name="head",
    array="heads",
    label="heads",
    per_layer=lambda architecture: architecture.heads,
    owns=(*_owned("query key value", 0), Owned("attention_output.weight", 1)),
    gate="head",
    of_weights=True,
)
MLP = UnitKind(
    name="mlp",
    array="mlps",
    label="MLPs",
    per_layer=None,
    owns=_owned(MLP_PARTS, None),
    gate="mlp",
    of_weights=True,
)
# The bias of the MLP's output belongs to no neuron: an MLP without neurons still adds it.
NEURON = UnitKind(
    name="neuron",
    array="neurons",
    label="neurons",
    per_layer=lambda architecture: architecture.intermediate,
    owns=(*_owned("intermediate intermediate_gate", 0), Owned("output.weight", 1)),
    gate="inner",
    many=True,
)
# The two layer norms stay: the residual passes through them.
LAYER = UnitKind(
    name="layer",
    array="layers",
    label="layers",
    per_layer=None,
    owns=_owned(f"query key value attention_output {MLP_PARTS}", None),
    gate="layer",
)

# The order is that of arrays, of columns, and of random draws.
KINDS: dict[str, UnitKind] = {kind.name: kind for kind in (HEAD, MLP, NEURON, LAYER)}
# Every mask of units has these, pruned or not; it has other kinds only if a method prunes them.
ALWAYS = ("head", "mlp")
ALIASES = {"both": ("head", "mlp"), "heads": ("head",), "mlps": ("mlp",)}


def kinds_of(value: str | Sequence[str]) -> tuple[str, ...]:
    """The kinds that an option `units` names, by a list or a word, in the order of `KINDS`."""
    names = ALIASES.get(value, (value,)) if isinstance(value, str) else tuple(value)
    unknown = [name for name in names if name not in KINDS]
    if unknown or not names:
        found = f"holds {unknown[0]!r}" if unknown else "is empty"
        raise StudyError(
            f"units {found}; allowed are lists of {', '.join(KINDS)}, "
            f"and the words {', '.join(ALIASES)}."
        )
    return tuple(name for name in KINDS if name in names)


def in_masks(kinds: Iterable[str]) -> tuple[str, ...]:
    """The kinds that the masks of a method have which prunes these kinds."""
    return tuple(name for name in KINDS if name in ALWAYS or name in kinds)


def around(name: str, kinds: Iterable[str]) -> tuple[str, ...]:
    """The kinds whose unit holds all that this kind's units of a layer own, and more."""
    parts = {owned.part for owned in KINDS[name].owns}
    return tuple(
        outer
        for outer in kinds
        if KINDS[outer].per_layer is None and parts < {owned.part for owned in KINDS[outer].owns}
    )


# For each part of a layer one vector per axis, bool [length of the axis]: an entry is kept if every
# axis keeps its index. So the kept entries of two masks have in common what both vectors keep.
Kept = dict[str, tuple[np.ndarray, ...]]


def kept_entries(
    units: Mapping[str, np.ndarray], architecture: Architecture, *, drop_bias: bool
) -> list[Kept]:
    """Which entries of each layer's parameters are kept.

    Args:
        units: kind -> bool [layers, units] or [layers]; of other kinds all units are kept.
        architecture: sizes of the full model.
        drop_bias: whether a layer without heads loses the bias of its attention output.
    """
    shapes = part_shapes(architecture)
    owned_by = {name: KINDS[name].owned(architecture) for name in units}
    layers = []
    for layer in range(architecture.layers):
        kept = {part: tuple(np.ones(n, bool) for n in shape) for part, shape in shapes.items()}
        for name, array in units.items():
            state = np.atleast_1d(array[layer])
            for owned in owned_by[name]:
                # A whole parameter is gone if no row of it is kept.
                rows = kept[owned.part][owned.axis or 0]
                rows &= np.repeat(state, len(rows) // len(state))
        if drop_bias and OUTPUT_BIAS in kept and not kept["query.weight"][0].any():
            kept[OUTPUT_BIAS][0][:] = False
        layers.append(kept)
    return layers


def count_kept(
    units: Mapping[str, np.ndarray], architecture: Architecture, *, drop_bias: bool
) -> np.ndarray:
    """How many entries masks keep, `count_entries(kept_entries(...))` of many masks at once.

    Args:
        units: kind -> bool [..., layers, units] or [..., layers].
        architecture, drop_bias: as of `kept_entries`.

    Returns:
        int64 [...].
    """
    states = {
        name: array if KINDS[name].per_layer else array[..., None] for name, array in units.items()
    }
    total: Any = 0
    for part, shape in part_shapes(architecture).items():
        kept: Any = np.int64(1)  # of the part's entries, by layer
        for axis, length in enumerate(shape):
            owners: list[Any] = [
                states[name]
                for name in states
                for owned in KINDS[name].owns
                if owned.part == part and (owned.axis or 0) == axis
            ]
            if part == OUTPUT_BIAS and drop_bias:
                owners.append(states["head"].any(axis=-1, keepdims=True))
            # The finest of the groups into which the kinds cut the axis.
            groups = max((state.shape[-1] for state in owners), default=1)
            both: Any = np.True_
            for state in owners:
                both = both & np.repeat(state, groups // state.shape[-1], axis=-1)
            count = both.sum(axis=-1) if owners else groups
            kept = kept * (count * (length // groups))
        layers = next(iter(states.values())).shape[:-1]
        total = total + np.broadcast_to(kept, layers).sum(axis=-1)
    return total


def shared_entries(first: Sequence[Kept], second: Sequence[Kept]) -> list[Kept]:
    """The entries that two masks keep, layer by layer."""
    return [
        {
            part: tuple(a & b for a, b in zip(axes, theirs[part], strict=True))
            for part, axes in ours.items()
        }
        for ours, theirs in zip(first, second, strict=True)
    ]


def count_entries(layers: Iterable[Kept]) -> int:
    """Number of kept entries."""
    return sum(
        math.prod(int(np.count_nonzero(axis)) for axis in axes)
        for kept in layers
        for axes in kept.values()
    )
