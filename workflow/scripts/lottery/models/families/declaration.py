"""What a family of encoders declares: what it computes, and how its checkpoints name the parts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from lottery.files.errors import StudyError

# What becomes of the token types that a tokenizer gives: one row of a table for each, the row of
# type 0 for all tokens, or nothing, as there is no table.
SEGMENTS, CONSTANT, NO_TYPES = "segments", "constant", "none"

T = TypeVar("T")


@dataclass(frozen=True)
class Config:
    """A checkpoint's config.json, read key by key.

    Attributes:
        values: what the file holds.
        source: its path, for messages.
    """

    values: Mapping[str, Any]
    source: str

    def size(self, key: str, default: int | None = None) -> int:
        """A whole number of at least 1."""
        value = self.values.get(key, default)
        if value is None:
            raise StudyError(f"{self.source}: the key {key!r} is missing.")
        if type(value) is not int or value < 1:
            raise self.refusal(key, value, "a whole number of at least 1")
        return value

    def share(self, key: str, default: float) -> float:
        """A number of at least 0 and less than 1; null means the default, as in transformers."""
        value = self.values.get(key)
        value = default if value is None else value
        if not _is_number(value) or not 0 <= value < 1:
            raise self.refusal(key, value, "at least 0 and less than 1")
        return float(value)

    def positive(self, key: str, default: float, within: Mapping[str, Any] | None = None) -> float:
        """A positive number, of the file or of an object in it."""
        value = (self.values if within is None else within).get(key, default)
        if not _is_number(value) or not value > 0:
            raise self.refusal(key, value, "a positive number")
        return float(value)

    def refusal(self, key: str, value: object, allowed: str) -> StudyError:
        """The sentence about a value that cannot be used."""
        return StudyError(f"{self.source}: {key} is {repr(value)[:100]}; it must be {allowed}.")

    def check_heads(self, hidden_key: str, heads_key: str) -> None:
        """Rejects a width that the heads cannot share equally."""
        hidden, heads = self.size(hidden_key), self.size(heads_key)
        if hidden % heads:
            raise StudyError(
                f"{self.source}: {hidden_key} {hidden} is not a multiple of {heads_key} {heads}."
            )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def initializer_range(module: str, architecture: Any) -> float:
    """One standard deviation for all matrices, as most families are drawn."""
    return architecture.initializer_range


@dataclass(frozen=True)
class Family:
    """A family of encoders.

    Parts are the modules of `lottery.models.encoder.Encoder`, with `{}` for the index of a layer.
    A part that is not named does not exist in the family: without `embeddings.position` positions
    are rotary, with `layers.{}.intermediate_gate` the MLP is gated, and so on.

    Attributes:
        model_types: of config.json.
        prefix: of the encoder's parameters in a sequence classifier's checkpoint; a checkpoint of
            the bare encoder lacks it.
        parts: part -> its name below the prefix, or from the top where it is in `top`.
        read: config.json -> the fields of `lottery.models.architecture.Architecture`.
        supported: keys of config.json that would change the computation, and the only values that
            the encoder implements; a missing key means the first of them.
        layers_key: the key of config.json that counts the layers.
        top: parts whose names lack the prefix.
        fused: tensor that holds several parts, one below the other -> their names below its own,
            in the order of its rows.
        layouts: what the tokenizer must make of a text a, and of texts a and b.
        token_types: `SEGMENTS`, `CONSTANT` or `NO_TYPES`.
        biases: whether linear layers and norms have biases; the classifier always has one.
        norm_first: whether norms apply to what comes into attention and MLP, rather than to the sum
            with the residual. The first layer's attention then takes the embeddings as they are:
            those are normalised.
        activation: of the head's dense layer (`pooler`): "tanh", "relu" or "gelu".
        dropout_first: whether the head drops entries also before its dense layer.
        pretrained_head: whether the dense layer comes with checkpoints, which may lack it; if not,
            it is drawn with the classifier.
        deviation: the standard deviation with which the weights of a module are drawn, from its
            name in `Encoder` and the architecture.
    """

    model_types: tuple[str, ...]
    prefix: str
    parts: Mapping[str, str]
    read: Callable[[Config], dict[str, Any]]
    supported: Mapping[str, tuple[Any, ...]]
    layers_key: str = "num_hidden_layers"
    top: tuple[str, ...] = ("classifier",)
    fused: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    layouts: tuple[str, str] = ("[CLS] a [SEP]", "[CLS] a [SEP] b [SEP]")
    token_types: str = SEGMENTS
    biases: bool = True
    norm_first: bool = False
    activation: str = "tanh"
    dropout_first: bool = False
    pretrained_head: bool = True
    deviation: Callable[[str, Any], float] = initializer_range

    @property
    def rotary(self) -> bool:
        """Whether positions turn queries and keys, in place of a table of positions."""
        return "embeddings.position" not in self.parts

    @property
    def gated(self) -> bool:
        """Whether the MLP's activations are multiplied by a second projection of its input."""
        return "layers.{}.intermediate_gate" in self.parts

    @property
    def head(self) -> tuple[str, ...]:
        """The parts between the pooled vector and the classifier."""
        return tuple(part for part in ("pooler", "pooler_norm") if part in self.parts)

    @property
    def drawn(self) -> tuple[str, ...]:
        """The parts that no checkpoint brings: every fine-tuning draws them."""
        return ("classifier",) if self.pretrained_head else (*self.head, "classifier")

    def least_tokens(self, texts: int) -> int:
        """The tokens of an example whose texts have one each, special tokens included."""
        return len(self.layouts[texts - 1].split())

    def checkpoint_name(self, name: str) -> str:
        """Translates a parameter of `Encoder` to its name in files.

        That is the checkpoint's name of the tensor; where this holds several parts, the tensor's
        name with that of the part before `weight` or `bias`.
        """
        module, kind = name.rsplit(".", 1)
        part, index = _part(module)
        prefix = "" if part in self.top else self.prefix
        return f"{prefix}{self.parts[part].format(index)}.{kind}"

    def to_checkpoint(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Joins parts that a checkpoint holds in one tensor; all others stay as they are.

        Args:
            arrays: parameters by `checkpoint_name`, of a whole model or a shrunk one.

        Returns:
            The tensors of a checkpoint of the family's sequence classifier.
        """
        return self.joined(arrays, np.concatenate)

    def from_checkpoint(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Undoes `to_checkpoint`."""
        found: dict[str, np.ndarray] = {}
        for name, array in arrays.items():
            module, _, kind = name.rpartition(".")
            parts = self.fused.get(_part(module.removeprefix(self.prefix))[0], ())
            names = [f"{module}.{part}.{kind}" for part in parts] or [name]
            found |= zip(names, np.split(array, len(names)), strict=True)
        return found

    def joined(self, named: Mapping[str, T], join: Callable[[list[T]], T]) -> dict[str, T]:
        """Joins what belongs to parts of one tensor, in the order of its rows."""
        groups: dict[str, list[T]] = {}
        for name, one in named.items():
            module, _, kind = name.rpartition(".")
            whole, _, part = module.rpartition(".")
            is_part = part in self.fused.get(_part(whole.removeprefix(self.prefix))[0], ())
            groups.setdefault(f"{whole}.{kind}" if is_part else name, []).append(one)
        return {name: join(group) if len(group) > 1 else group[0] for name, group in groups.items()}


def _part(module: str) -> tuple[str, str]:
    """A module's name with `{}` for the index of its layer, and the index."""
    index = re.search(r"(?<=\.)\d+(?=\.)", module)
    return (module, "") if index is None else (re.sub(r"\.\d+\.", ".{}.", module), index[0])
