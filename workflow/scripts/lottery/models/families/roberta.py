"""RoBERTa, XLM-R and CamemBERT: BERT's layers, positions counted from the padding token's number.

Their checkpoints have no dense layer of the head that a classifier could start from. Token types
are all 0, whichever text a token belongs to.
"""

from __future__ import annotations

from typing import Any

from lottery.models.families import bert
from lottery.models.families.declaration import CONSTANT, Config, Family


def read(config: Config) -> dict[str, Any]:
    """BERT's sizes; the first token's position follows the padding token's number."""
    sizes = bert.read(config)
    padding = config.values.get("pad_token_id", 1)
    first = padding + 1 if type(padding) is int else None
    if first is None or not 1 <= first < sizes["positions"]:
        raise config.refusal(
            "pad_token_id",
            padding,
            "a whole number that leaves positions: the first token has the position after it, and "
            f"max_position_embeddings is {sizes['positions']}",
        )
    return sizes | {"first_position": first}


ROBERTA = Family(
    model_types=("roberta", "xlm-roberta", "camembert"),
    prefix="roberta.",
    parts=bert.BODY | {"pooler": "classifier.dense", "classifier": "classifier.out_proj"},
    top=("pooler", "classifier"),
    read=read,
    supported={"hidden_act": ("gelu",)},
    layouts=("<s> a </s>", "<s> a </s> </s> b </s>"),
    token_types=CONSTANT,
    dropout_first=True,
    pretrained_head=False,
)
