"""The encoder families that can be studied: one table of the names of a family's parts.

The encoder (`lottery.models.encoder`) is one computation, the post-norm transformer of BERT. What
differs between families is how a checkpoint names the parts of that computation, so another family
of the same computation is one more entry of `FAMILIES`. Fetching a model checks the entry: it
compares the encoder's outputs with those of transformers' own implementation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from lottery.files.errors import StudyError


@dataclass(frozen=True)
class Family:
    """How checkpoints of one model family name the encoder's parts.

    Attributes:
        model_type: `model_type` in the checkpoint's config.json.
        prefix: prefix of the encoder's parameters in a sequence classifier's checkpoint; a
            checkpoint of the bare encoder lacks it.
        parts: a module of `Encoder`, with the index of a layer as `{}` -> its name below the
            prefix.
        classifier: name of the classifier's linear layer, without prefix.
    """

    model_type: str
    prefix: str
    parts: dict[str, str]
    classifier: str = "classifier"

    def checkpoint_name(self, name: str) -> str:
        """Translates the name of a parameter of `Encoder` to the checkpoint's name."""
        module, kind = name.rsplit(".", 1)
        if module == "classifier":
            return f"{self.classifier}.{kind}"
        index = ""
        if module.startswith("layers."):
            _, index, part = module.split(".")
            module = f"layers.{{}}.{part}"
        return f"{self.prefix}{self.parts[module].format(index)}.{kind}"


BERT = Family(
    model_type="bert",
    prefix="bert.",
    parts={
        "embeddings.word": "embeddings.word_embeddings",
        "embeddings.position": "embeddings.position_embeddings",
        "embeddings.token_type": "embeddings.token_type_embeddings",
        "embeddings.norm": "embeddings.LayerNorm",
        "layers.{}.query": "encoder.layer.{}.attention.self.query",
        "layers.{}.key": "encoder.layer.{}.attention.self.key",
        "layers.{}.value": "encoder.layer.{}.attention.self.value",
        "layers.{}.attention_output": "encoder.layer.{}.attention.output.dense",
        "layers.{}.attention_norm": "encoder.layer.{}.attention.output.LayerNorm",
        "layers.{}.intermediate": "encoder.layer.{}.intermediate.dense",
        "layers.{}.output": "encoder.layer.{}.output.dense",
        "layers.{}.output_norm": "encoder.layer.{}.output.LayerNorm",
        "pooler": "pooler.dense",
    },
)

# BERT's computation and names below another prefix, as long as no task ids are embedded.
ERNIE = replace(BERT, model_type="ernie", prefix="ernie.")

FAMILIES = {family.model_type: family for family in (BERT, ERNIE)}

# Keys of a checkpoint's config.json that would change the computation, and the only values that
# the encoder implements (a missing key means the first of them).
SUPPORTED = {
    "hidden_act": ("gelu",),
    "position_embedding_type": ("absolute", None),
    "is_decoder": (False, None),
    "add_cross_attention": (False, None),
    "use_task_id": (False, None),
    "quantization_config": (None,),
    "chunk_size_feed_forward": (0,),
    "attn_implementation": ("sdpa", "eager", None),
    "_attn_implementation": ("sdpa", "eager", None),
}


def find_family(config: dict[str, Any], source: str) -> Family:
    """Finds the family of a checkpoint and checks that the encoder computes what it asks for."""
    model_type = config.get("model_type")
    if not isinstance(model_type, str) or model_type not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise StudyError(
            f"{source}: model_type is {model_type!r}; the families known here are: {known}."
        )
    for key, allowed in SUPPORTED.items():
        if key in config and config[key] not in allowed:
            first = "null" if allowed[0] is None else repr(allowed[0])
            raise StudyError(f"{source}: {key} is {repr(config[key])[:100]}; allowed is {first}.")
    return FAMILIES[model_type]
