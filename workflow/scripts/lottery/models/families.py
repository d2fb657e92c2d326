"""The encoder families that can be studied: one table that names a family's parts.

The encoder (`lottery.models.encoder`) is one computation, the post-norm transformer of BERT. What
differs between families is how a checkpoint names the parts of that computation, so another family
of the same computation is one more entry of `FAMILIES`. An entry is not trusted:
fetching a model compares the encoder's outputs with those of transformers' own implementation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from lottery.files.errors import StudyError

# The parts of one layer by this project's names, in the order in which a layer computes them.
LAYER_PARTS = (
    "query",
    "key",
    "value",
    "attention_output",
    "attention_norm",
    "intermediate",
    "output",
    "output_norm",
)


@dataclass(frozen=True)
class Family:
    """How checkpoints of one model family name the encoder's parts.

    Attributes:
        model_type: `model_type` in the checkpoint's config.json.
        prefix: prefix of the encoder's parameters in a sequence classifier's checkpoint; a
            checkpoint of the bare encoder lacks it.
        embeddings: our part name -> name below the prefix.
        layer: name of a layer below the prefix, with the layer's index as `{}`.
        layer_parts: our part name (see `LAYER_PARTS`) -> name below the layer.
        pooler: name of the pooler's linear layer below the prefix.
        classifier: name of the classifier's linear layer, without prefix.
    """

    model_type: str
    prefix: str
    embeddings: MappingProxyType[str, str]
    layer: str
    layer_parts: MappingProxyType[str, str]
    pooler: str
    classifier: str

    def checkpoint_name(self, name: str) -> str:
        """Translates the name of a parameter of `Encoder` to the checkpoint's name."""
        module, kind = name.rsplit(".", 1)
        room, _, part = module.partition(".")
        if room == "layers":
            index, part = part.split(".")
            return f"{self.prefix}{self.layer.format(index)}.{self.layer_parts[part]}.{kind}"
        if room == "embeddings":
            return f"{self.prefix}{self.embeddings[part]}.{kind}"
        if room == "pooler":
            return f"{self.prefix}{self.pooler}.{kind}"
        return f"{self.classifier}.{kind}"


BERT = Family(
    model_type="bert",
    prefix="bert.",
    embeddings=MappingProxyType(
        {
            "word": "embeddings.word_embeddings",
            "position": "embeddings.position_embeddings",
            "token_type": "embeddings.token_type_embeddings",
            "norm": "embeddings.LayerNorm",
        }
    ),
    layer="encoder.layer.{}",
    layer_parts=MappingProxyType(
        {
            "query": "attention.self.query",
            "key": "attention.self.key",
            "value": "attention.self.value",
            "attention_output": "attention.output.dense",
            "attention_norm": "attention.output.LayerNorm",
            "intermediate": "intermediate.dense",
            "output": "output.dense",
            "output_norm": "output.LayerNorm",
        }
    ),
    pooler="pooler.dense",
    classifier="classifier",
)

# BERT's computation and names below another prefix, as long as no task ids are embedded.
ERNIE = replace(BERT, model_type="ernie", prefix="ernie.")

FAMILIES = MappingProxyType({family.model_type: family for family in (BERT, ERNIE)})

# Keys of a checkpoint's config.json that would change the computation, and the only values that
# the encoder implements (a missing key means the first of them).
SUPPORTED = MappingProxyType(
    {
        "hidden_act": ("gelu",),
        "position_embedding_type": ("absolute", None),
        "is_decoder": (False, None),
        "add_cross_attention": (False, None),
        "use_task_id": (False, None),
    }
)


def find_family(config: dict[str, Any], source: str) -> Family:
    """Finds the family of a checkpoint and checks that the encoder computes what it asks for.

    Args:
        config: the checkpoint's config.json.
        source: where the config comes from, for the message.

    Raises:
        StudyError: the family is not in the table, or an option is not implemented.
    """
    model_type = config.get("model_type")
    if not isinstance(model_type, str) or model_type not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise StudyError(
            f"{source}: model_type is {model_type!r}; the families known here are: {known}."
        )
    for key, allowed in SUPPORTED.items():
        if key in config and config[key] not in allowed:
            raise StudyError(f"{source}: {key} is {config[key]!r}; allowed is {allowed[0]!r}.")
    return FAMILIES[model_type]
