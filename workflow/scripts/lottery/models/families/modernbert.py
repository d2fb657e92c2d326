"""ModernBERT: norms before attention and MLP, rotary positions, local and global attention.

A layer attends to all tokens or to those within a window; the MLP is gated; nothing but the
classifier has a bias (Warner et al. 2024).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from lottery.models.families.declaration import NO_TYPES, Config, Family

LOCAL, GLOBAL = "sliding_attention", "full_attention"  # of `layer_types`


def read(config: Config) -> dict[str, Any]:
    """The sizes, the window and the two bases of rotary positions, under old keys or new ones."""
    config.check_heads("hidden_size", "num_attention_heads")
    hidden, heads = config.size("hidden_size"), config.size("num_attention_heads")
    if hidden // heads % 2:
        raise config.refusal(
            "hidden_size", hidden, f"a multiple of 2 x num_attention_heads, {heads}"
        )
    layers = config.size("num_hidden_layers")
    kinds = config.values.get("layer_types")
    if kinds is None:
        every = config.size("global_attn_every_n_layers", 3)
        kinds = [LOCAL if layer % every else GLOBAL for layer in range(layers)]
    if not isinstance(kinds, list) or len(kinds) != layers or not {*kinds} <= {LOCAL, GLOBAL}:
        raise config.refusal("layer_types", kinds, f"a list of {layers} times {LOCAL} or {GLOBAL}")
    return {
        "layers": layers,
        "heads": heads,
        "hidden": hidden,
        "intermediate": config.size("intermediate_size"),
        "vocabulary": config.size("vocab_size"),
        "positions": config.size("max_position_embeddings", 8192),
        "token_types": 0,
        "norm_epsilon": config.share("norm_eps", 1e-5),
        "hidden_dropout": 0.0,
        "attention_dropout": 0.0,
        "classifier_dropout": config.share("classifier_dropout", 0.0),
        "initializer_range": config.share("initializer_range", 0.02),
        "initializer_cutoff": config.positive("initializer_cutoff_factor", 2.0),
        "local_layers": tuple(layer for layer, kind in enumerate(kinds) if kind == LOCAL),
        "window": config.size("local_attention", 128) // 2,
        "rope_theta": _theta(config, GLOBAL, "global_rope_theta", 160_000.0),
        "local_rope_theta": _theta(config, LOCAL, "local_rope_theta", 10_000.0),
        "mean_pooling": config.values.get("classifier_pooling", "cls") == "mean",
    }


def _theta(config: Config, kind: str, old_key: str, default: float) -> float:
    of_kinds = config.values.get("rope_parameters") or {}
    given = of_kinds.get(kind) or {} if isinstance(of_kinds, Mapping) else None
    if not isinstance(given, Mapping) or given.get("rope_type", "default") != "default":
        raise config.refusal("rope_parameters", of_kinds, "an object with rope_type default")
    if "rope_theta" in given:
        return config.positive("rope_theta", default, given)
    return config.positive(old_key, default)


def deviation(module: str, architecture: Any) -> float:
    """ModernBERT draws what is added to the residual with less variance, the deeper it is."""
    part = module.rsplit(".", 1)[-1]
    if part == "classifier":
        return architecture.hidden**-0.5
    scale = math.sqrt(2 * architecture.layers)
    is_output = part in ("attention_output", "output", "pooler")
    return architecture.initializer_range / (scale if is_output else 1)


MODERNBERT = Family(
    model_types=("modernbert",),
    prefix="model.",
    parts={
        "embeddings.word": "embeddings.tok_embeddings",
        "embeddings.norm": "embeddings.norm",
        "layers.{}.query": "layers.{}.attn.Wqkv.query",
        "layers.{}.key": "layers.{}.attn.Wqkv.key",
        "layers.{}.value": "layers.{}.attn.Wqkv.value",
        "layers.{}.attention_output": "layers.{}.attn.Wo",
        "layers.{}.attention_norm": "layers.{}.attn_norm",
        "layers.{}.intermediate": "layers.{}.mlp.Wi.input",
        "layers.{}.intermediate_gate": "layers.{}.mlp.Wi.gate",
        "layers.{}.output": "layers.{}.mlp.Wo",
        "layers.{}.output_norm": "layers.{}.mlp_norm",
        "final_norm": "final_norm",
        "pooler": "head.dense",
        "pooler_norm": "head.norm",
        "classifier": "classifier",
    },
    top=("pooler", "pooler_norm", "classifier"),
    fused={
        "layers.{}.attn.Wqkv": ("query", "key", "value"),
        "layers.{}.mlp.Wi": ("input", "gate"),
    },
    read=read,
    supported={
        "hidden_activation": ("gelu",),
        "classifier_activation": ("gelu",),
        "classifier_pooling": ("cls", "mean"),
        "attention_bias": (False,),
        "mlp_bias": (False,),
        "norm_bias": (False,),
        "classifier_bias": (False,),
        "attention_dropout": (0,),
        "embedding_dropout": (0,),
        "mlp_dropout": (0,),
        "rope_scaling": (None,),
    },
    token_types=NO_TYPES,
    biases=False,
    norm_first=True,
    activation="gelu",
    deviation=deviation,
)
