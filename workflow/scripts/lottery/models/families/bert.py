"""BERT and its like: norms after the residual, tables of positions and of token types."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lottery.models.families.declaration import Config, Family

# Of encoders that copy BERT's names.
BODY = {
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
}


def read(config: Config) -> dict[str, Any]:
    """The sizes under BERT's keys."""
    hidden_dropout = config.share("hidden_dropout_prob", 0.1)
    config.check_heads("hidden_size", "num_attention_heads")
    return {
        "layers": config.size("num_hidden_layers"),
        "heads": config.size("num_attention_heads"),
        "hidden": config.size("hidden_size"),
        "intermediate": config.size("intermediate_size"),
        "vocabulary": config.size("vocab_size"),
        "positions": config.size("max_position_embeddings", 512),
        "token_types": config.size("type_vocab_size", 2),
        "norm_epsilon": config.share("layer_norm_eps", 1e-12),
        "hidden_dropout": hidden_dropout,
        "attention_dropout": config.share("attention_probs_dropout_prob", 0.1),
        "classifier_dropout": config.share("classifier_dropout", hidden_dropout),
        "initializer_range": config.share("initializer_range", 0.02),
    }


BERT = Family(
    model_types=("bert",),
    prefix="bert.",
    parts=BODY | {"pooler": "pooler.dense", "classifier": "classifier"},
    read=read,
    supported={"hidden_act": ("gelu",), "use_task_id": (False, None)},
)

# BERT's computation below another prefix, as long as no task ids are embedded.
ERNIE = replace(BERT, model_types=("ernie",), prefix="ernie.")
