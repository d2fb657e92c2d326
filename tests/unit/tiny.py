"""Small encoders and data for tests, and the same encoders as transformers builds them."""

from __future__ import annotations

import numpy as np
import torch
from synthetic_masks import unit_mask
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel

from lottery.data.tokens import Tokens
from lottery.models.architecture import Architecture
from lottery.models.encoder import Encoder, Gates, draw_weights
from lottery.pruning.masks import UnitMask

SIZES = {
    "vocab_size": 90,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 40,
    "type_vocab_size": 2,
}


def tiny_architecture(**changes: object) -> Architecture:
    """Three layers of four heads, 32 wide."""
    return Architecture.from_config({"model_type": "bert"} | SIZES | changes, "tiny")


def tiny_model(
    seed: int = 0, n_outputs: int = 3, scale: float = 6.0, family: str = "bert"
) -> Encoder:
    """A random encoder whose weights are large enough for every unit to matter."""
    model = Encoder(tiny_architecture(model_type=family), n_outputs)
    draw_weights(model, seed)
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name:
                parameter.mul_(scale)
            if name.endswith("bias"):
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def reference_model(model: Encoder, attention: str = "eager") -> PreTrainedModel:
    """transformers' classifier with the same weights."""
    family = model.architecture.model_type
    config = AutoConfig.for_model(family, **SIZES, num_labels=model.n_outputs)
    reference = AutoModelForSequenceClassification.from_config(
        config, attn_implementation=attention
    )
    state = {name: p.detach().clone() for name, p in model.checkpoint_parameters().items()}
    missing, unexpected = reference.load_state_dict(state, strict=False)
    assert not unexpected
    assert all("position_ids" in name or "token_type_ids" in name for name in missing)
    return reference.eval()


def tiny_tokens(count: int = 20, seed: int = 0, n_outputs: int = 3) -> Tokens:
    """Random examples of 3 to 15 tokens; float labels for one output."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, 16, count)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    types = np.concatenate([np.arange(length) > length // 2 for length in lengths])
    labels = (
        rng.normal(size=count).astype(np.float32)
        if n_outputs == 1
        else rng.integers(0, n_outputs, count)
    )
    return Tokens(
        input_ids=rng.integers(1, SIZES["vocab_size"], offsets[-1]).astype(np.int32),
        token_types=types.astype(np.uint8),
        offsets=offsets,
        labels=labels,
        idx=np.arange(count),
        half=(np.arange(count) % 2).astype(np.uint8),
    )


def random_mask(seed: int, layers: int = 3, heads: int = 4) -> UnitMask:
    """A random structured mask; some have emptied layers."""
    rng = np.random.default_rng(seed)
    mask = unit_mask(rng.random((layers, heads)) < 0.5, rng.random(layers) < 0.5)
    if seed % 3 == 0:
        mask.units["head"][seed % layers] = False
    return mask


def gates_of(mask: UnitMask, device: torch.device) -> Gates:
    """The gates that switch off what a mask prunes: float32 [1, layers, units] or [1, layers]."""
    return Gates(
        {name: torch.from_numpy(kept).float()[None].to(device) for name, kept in mask.units.items()}
    )
