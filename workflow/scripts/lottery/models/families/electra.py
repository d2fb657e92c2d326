"""ELECTRA's discriminator: BERT's layers, behind embeddings that may be narrower than they are."""

from __future__ import annotations

from typing import Any

from lottery.models.families import bert
from lottery.models.families.declaration import Config, Family


def read(config: Config) -> dict[str, Any]:
    """BERT's sizes, and the width of embeddings that are projected to that of the layers."""
    sizes = bert.read(config)
    embedding = config.size("embedding_size", 128)
    return sizes | ({"embedding": embedding} if embedding != sizes["hidden"] else {})


ELECTRA = Family(
    model_types=("electra",),
    prefix="electra.",
    parts=bert.BODY
    | {
        "embeddings.project": "embeddings_project",
        "pooler": "classifier.dense",
        "classifier": "classifier.out_proj",
    },
    top=("pooler", "classifier"),
    read=read,
    supported={"hidden_act": ("gelu",)},
    activation="gelu",
    dropout_first=True,
    pretrained_head=False,
)
