"""DistilBERT: BERT's layers under other names, without token types."""

from __future__ import annotations

from typing import Any

from lottery.models.families.declaration import NO_TYPES, Config, Family


def read(config: Config) -> dict[str, Any]:
    """The sizes under DistilBERT's keys."""
    config.check_heads("dim", "n_heads")
    return {
        "layers": config.size("n_layers"),
        "heads": config.size("n_heads"),
        "hidden": config.size("dim"),
        "intermediate": config.size("hidden_dim"),
        "vocabulary": config.size("vocab_size"),
        "positions": config.size("max_position_embeddings", 512),
        "token_types": 0,
        "norm_epsilon": 1e-12,
        "hidden_dropout": config.share("dropout", 0.1),
        "attention_dropout": config.share("attention_dropout", 0.1),
        "classifier_dropout": config.share("seq_classif_dropout", 0.2),
        "initializer_range": config.share("initializer_range", 0.02),
    }


DISTILBERT = Family(
    model_types=("distilbert",),
    prefix="distilbert.",
    parts={
        "embeddings.word": "embeddings.word_embeddings",
        "embeddings.position": "embeddings.position_embeddings",
        "embeddings.norm": "embeddings.LayerNorm",
        "layers.{}.query": "transformer.layer.{}.attention.q_lin",
        "layers.{}.key": "transformer.layer.{}.attention.k_lin",
        "layers.{}.value": "transformer.layer.{}.attention.v_lin",
        "layers.{}.attention_output": "transformer.layer.{}.attention.out_lin",
        "layers.{}.attention_norm": "transformer.layer.{}.sa_layer_norm",
        "layers.{}.intermediate": "transformer.layer.{}.ffn.lin1",
        "layers.{}.output": "transformer.layer.{}.ffn.lin2",
        "layers.{}.output_norm": "transformer.layer.{}.output_layer_norm",
        "pooler": "pre_classifier",
        "classifier": "classifier",
    },
    top=("pooler", "classifier"),
    read=read,
    supported={"activation": ("gelu",)},
    layers_key="n_layers",
    token_types=NO_TYPES,
    activation="relu",
    pretrained_head=False,
)
