"""The shape of an encoder, and of what is left of it under a structured mask. No torch here."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from lottery import files
from lottery.files.errors import StudyError
from lottery.models.families import FAMILIES, Config, Family, find_family

FORMAT = 1
DESCRIPTION = "lottery"  # key of a model file's metadata


@dataclass(frozen=True)
class Architecture:
    """The sizes and options of an encoder, as its checkpoint's config.json gives them.

    Attributes:
        heads: attention heads per layer.
        hidden: width of the hidden states; a head has hidden / heads dimensions.
        intermediate: width of an MLP's inner layer.
        vocabulary, positions, token_types: rows of the three embedding tables; without a table of
            positions the most tokens of an example, without one of token types 0.
        norm_epsilon: added to the variance in LayerNorm.
        hidden_dropout, attention_dropout, classifier_dropout: probabilities in training.
        initializer_range: standard deviation of freshly drawn weights.
        initializer_cutoff: how many standard deviations from 0 drawn weights end; None for normal
            weights.
        embedding: width of embeddings that are projected to `hidden`; None for that width itself.
        first_position: row of the table of positions that the first token has.
        local_layers: indices of the layers in which a token attends only to tokens at most `window`
            positions away.
        rope_theta, local_rope_theta: bases of rotary positions, in layers with global and with
            local attention.
        mean_pooling: whether the classifier reads the mean of an example's tokens, not the first.
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
    # Descriptions of models leave these out where they have their defaults.
    initializer_cutoff: float | None = None
    embedding: int | None = None
    first_position: int = 0
    local_layers: tuple[int, ...] = ()
    window: int = 0
    rope_theta: float = 0.0
    local_rope_theta: float = 0.0
    mean_pooling: bool = False

    @property
    def family(self) -> Family:
        """The entry of the table of families."""
        return FAMILIES[self.model_type]

    @property
    def head_size(self) -> int:
        """Dimensions of one head."""
        return self.hidden // self.heads

    @property
    def longest(self) -> int:
        """The most tokens of an example."""
        return self.positions - self.first_position

    @classmethod
    def from_config(cls, config: dict[str, Any], source: str) -> Architecture:
        """Reads a checkpoint's config.json; `source` is its path, for messages."""
        if not isinstance(config, dict):
            raise StudyError(f"{source} holds no JSON object with a key per size.")
        family = find_family(config, source)
        sizes = cls(model_type=config["model_type"], **family.read(Config(config, source)))
        padding = config.get("pad_token_id")
        if padding is not None and (
            type(padding) is not int or not 0 <= padding < sizes.vocabulary
        ):
            raise StudyError(
                f"{source}: pad_token_id is {padding!r}; it must be null or a whole number from 0 "
                f"to {sizes.vocabulary - 1}."
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
        "architecture": {
            field.name: value
            for field in fields(architecture)
            if (value := getattr(architecture, field.name)) != field.default
        },
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
    plan = tuple(LayerPlan(**_with_tuples(layer)) for layer in facts["plan"])
    architecture = Architecture(**_with_tuples(facts["architecture"]))
    return architecture, int(facts["n_outputs"]), plan


def _with_tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}


def read_architecture(path: Path) -> Architecture:
    """Reads the architecture from a model file of this workflow, without its weights."""
    return parse_description(path, files.read_metadata(path))[0]


def read_parameters(path: Path) -> dict[str, np.ndarray]:
    """Reads the parameters of a model file of this workflow, by `Family.checkpoint_name`."""
    arrays, metadata = files.read_arrays(path)
    return parse_description(path, metadata)[0].family.from_checkpoint(arrays)
