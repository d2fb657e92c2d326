"""The shape of an encoder, and of what is left of it under a structured mask. No torch here."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lottery import files
from lottery.files.errors import StudyError
from lottery.models.families import FAMILIES, Family, find_family

FORMAT = 1
DESCRIPTION = "lottery"  # key of a model file's metadata


@dataclass(frozen=True)
class Architecture:
    """The sizes and options of an encoder, as its checkpoint's config.json gives them.

    Attributes:
        heads: attention heads per layer.
        hidden: width of the hidden states; a head has hidden / heads dimensions.
        intermediate: width of an MLP's inner layer.
        vocabulary, positions, token_types: rows of the three embedding tables.
        norm_epsilon: added to the variance in LayerNorm.
        hidden_dropout, attention_dropout, classifier_dropout: probabilities in training.
        initializer_range: standard deviation of freshly drawn weights.
    """

    model_type: str
    layers: int
    heads: int
    hidden: int
    intermediate: int
    vocabulary: int
    positions: int
    token_types: int
    norm_epsilon: float
    hidden_dropout: float
    attention_dropout: float
    classifier_dropout: float
    initializer_range: float

    @property
    def family(self) -> Family:
        """The entry of the table of families."""
        return FAMILIES[self.model_type]

    @property
    def head_size(self) -> int:
        """Dimensions of one head."""
        return self.hidden // self.heads

    @classmethod
    def from_config(cls, config: dict[str, Any], source: str) -> Architecture:
        """Reads a checkpoint's config.json; `source` is its path, for messages."""
        if not isinstance(config, dict):
            raise StudyError(f"{source} holds no JSON object with a key per size.")
        find_family(config, source)

        def size(key: str, default: int | None = None) -> int:
            value = config.get(key, default)
            if value is None:
                raise StudyError(f"{source}: the key {key!r} is missing.")
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise StudyError(
                    f"{source}: {key} is {value!r}; it must be a whole number of at least 1."
                )
            return value

        def number(key: str, default: float) -> float:
            value = config.get(key)
            value = default if value is None else value  # as in transformers
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1:
                raise StudyError(
                    f"{source}: {key} is {value!r}; it must be at least 0 and less than 1."
                )
            return float(value)

        hidden_dropout = number("hidden_dropout_prob", 0.1)
        sizes = cls(
            model_type=config["model_type"],
            layers=size("num_hidden_layers"),
            heads=size("num_attention_heads"),
            hidden=size("hidden_size"),
            intermediate=size("intermediate_size"),
            vocabulary=size("vocab_size"),
            positions=size("max_position_embeddings", 512),
            token_types=size("type_vocab_size", 2),
            norm_epsilon=number("layer_norm_eps", 1e-12),
            hidden_dropout=hidden_dropout,
            attention_dropout=number("attention_probs_dropout_prob", 0.1),
            classifier_dropout=number("classifier_dropout", hidden_dropout),
            initializer_range=number("initializer_range", 0.02),
        )
        padding = config.get("pad_token_id")
        if padding is not None and (
            type(padding) is not int or not 0 <= padding < sizes.vocabulary
        ):
            raise StudyError(
                f"{source}: pad_token_id is {padding!r}; it must be null or a whole number from 0 "
                f"to {sizes.vocabulary - 1}."
            )
        if sizes.hidden % sizes.heads:
            raise StudyError(
                f"{source}: hidden_size {sizes.hidden} is not a multiple of "
                f"num_attention_heads {sizes.heads}."
            )
        return sizes


@dataclass(frozen=True)
class LayerPlan:
    """What a layer holds: the heads kept, and how much of its MLP and attention bias is there.

    Attributes:
        heads: indices of the kept heads in the full layer, ascending.
        mlp: whether the MLP is there.
        attention_bias: whether the bias of the attention output is there. It matters only for a
            layer without heads; a layer with heads always has it.
        inner: indices of the MLP's kept inner positions, ascending; None if all are kept. Without
            any, the bias of the MLP's output is left.
    """

    heads: tuple[int, ...]
    mlp: bool = True
    attention_bias: bool = True
    inner: tuple[int, ...] | None = None


Plan = tuple[LayerPlan, ...]


def full_plan(architecture: Architecture) -> Plan:
    """The plan of the whole model."""
    return (LayerPlan(heads=tuple(range(architecture.heads))),) * architecture.layers


def describe(architecture: Architecture, n_outputs: int, plan: Plan) -> dict[str, str]:
    """Packs everything that is needed to rebuild an encoder into a model file's metadata."""
    facts = {
        "format": FORMAT,
        "architecture": asdict(architecture),
        "n_outputs": n_outputs,
        # `inner` is left out where all inner positions are kept.
        "plan": [{k: v for k, v in asdict(layer).items() if v is not None} for layer in plan],
    }
    # transformers asks for the format; the arrays are the same for every framework.
    return {"format": "pt", DESCRIPTION: json.dumps(facts, sort_keys=True)}


def parse_description(path: Path, metadata: dict[str, str]) -> tuple[Architecture, int, Plan]:
    """Unpacks `describe`."""
    facts = json.loads(metadata.get(DESCRIPTION, "{}"))
    if facts.get("format") != FORMAT:
        raise StudyError(
            f"{path}: a safetensors file that this version of the workflow did not write; "
            "models enter the study through the config's `models`."
        )
    layers: list[dict[str, Any]] = [
        {k: tuple(v) if isinstance(v, list) else v for k, v in layer.items()}
        for layer in facts["plan"]
    ]
    plan = tuple(LayerPlan(**layer) for layer in layers)
    return Architecture(**facts["architecture"]), int(facts["n_outputs"]), plan


def read_architecture(path: Path) -> Architecture:
    """Reads the architecture from a model file of this workflow, without its weights."""
    return parse_description(path, files.read_metadata(path))[0]
