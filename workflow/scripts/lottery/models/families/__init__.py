"""The families of encoders that can be studied: one file each, with what the family declares.

The encoder (`lottery.models.encoder`) is one computation with the options that `Family` describes.
Fetching a model checks the declaration: it compares the encoder's outputs with those of
transformers' own implementation.
"""

from __future__ import annotations

from typing import Any

from lottery.files.errors import StudyError
from lottery.models.families.bert import BERT, ERNIE
from lottery.models.families.declaration import CONSTANT, NO_TYPES, SEGMENTS, Config, Family
from lottery.models.families.distilbert import DISTILBERT
from lottery.models.families.electra import ELECTRA
from lottery.models.families.modernbert import MODERNBERT
from lottery.models.families.roberta import ROBERTA

__all__ = ["CONSTANT", "FAMILIES", "NO_TYPES", "SEGMENTS", "Config", "Family", "find_family"]

# By `model_type` of config.json.
FAMILIES = {
    model_type: family
    for family in (BERT, ERNIE, ROBERTA, DISTILBERT, ELECTRA, MODERNBERT)
    for model_type in family.model_types
}

_RELATIVE = (
    "its attention scores also depend on the distance of two tokens by learned vectors, which this "
    "encoder does not compute"
)
# Families that users may expect, and why they are not studied.
REFUSED = {
    "albert": "its layers share their weights, so that no head, neuron or layer can be removed "
    "from one layer alone",
    "deberta": _RELATIVE,
    "deberta-v2": _RELATIVE,
}

# Of every family: keys of config.json that would change the computation, and the values that the
# encoder implements (a missing key means the first of them).
SUPPORTED = {
    "position_embedding_type": ("absolute", None),
    "is_decoder": (False, None),
    "add_cross_attention": (False, None),
    "quantization_config": (None,),
    "chunk_size_feed_forward": (0,),
    "attn_implementation": ("sdpa", "eager", None),
    "_attn_implementation": ("sdpa", "eager", None),
}


def find_family(config: dict[str, Any], source: str) -> Family:
    """Finds the family of a checkpoint and checks that the encoder computes what it asks for."""
    model_type = config.get("model_type")
    if isinstance(model_type, str) and model_type in REFUSED:
        raise StudyError(
            f"{source}: model_type {model_type!r} is not supported: {REFUSED[model_type]}."
        )
    if not isinstance(model_type, str) or model_type not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise StudyError(
            f"{source}: model_type is {model_type!r}; the families known here are: {known}."
        )
    family = FAMILIES[model_type]
    for key, allowed in (SUPPORTED | dict(family.supported)).items():
        if key in config and config[key] not in allowed:
            values = " or ".join(repr(value) for value in allowed if value is not None) or "null"
            raise StudyError(f"{source}: {key} is {repr(config[key])[:100]}; allowed is {values}.")
    return family
