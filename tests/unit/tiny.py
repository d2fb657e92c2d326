"""Small encoders and data for tests, and the same encoders as transformers builds them."""

from __future__ import annotations

import numpy as np
import torch
from synthetic_masks import unit_mask
from tiny_families import FAMILY_SIZES, SIZES
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel

from lottery.data.batches import Batch
from lottery.data.tokens import Tokens
from lottery.models.architecture import Architecture
from lottery.models.encoder import Encoder, Gates, draw_weights
from lottery.models.families import FAMILIES, SEGMENTS
from lottery.pruning.masks import UnitMask


def tiny_architecture(**changes: object) -> Architecture:
    """Three layers of four heads, 32 wide."""
    family = changes.get("model_type", "bert")
    config = {"model_type": family} | FAMILY_SIZES.get(str(family), SIZES) | changes
    return Architecture.from_config(config, "tiny")


def tiny_model(
    seed: int = 0, n_outputs: int = 3, scale: float = 6.0, family: str = "bert", **changes: object
) -> Encoder:
    """A random encoder whose weights are large enough for every unit to matter."""
    model = Encoder(tiny_architecture(model_type=family, **changes), n_outputs)
    draw_weights(model, seed)
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name:
                parameter.mul_(scale)
            if name.endswith("bias"):
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def reference_model(model: Encoder, attention: str = "eager", **changes: object) -> PreTrainedModel:
    """transformers' classifier with the same weights."""
    family = model.architecture.model_type
    config = AutoConfig.for_model(
        family, **(FAMILY_SIZES[family] | changes), num_labels=model.n_outputs
    )
    reference = AutoModelForSequenceClassification.from_config(
        config, attn_implementation=attention
    )
    reference.load_state_dict(checkpoint_of(model), strict=True)
    return reference.eval()


def checkpoint_of(model: Encoder) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint of the model's family."""
    arrays = {name: p.detach().numpy() for name, p in model.checkpoint_parameters().items()}
    tensors = model.architecture.family.to_checkpoint(arrays)
    return {name: torch.tensor(array) for name, array in tensors.items()}


def inputs_of(reference: PreTrainedModel, batch: Batch) -> dict[str, torch.Tensor]:
    """A padded batch as transformers takes it: padding by its number, types if there are any."""
    config, present = reference.config, batch.attention_mask
    padding = torch.tensor(config.pad_token_id)
    given = {
        "input_ids": torch.where(present, batch.input_ids, padding),
        "attention_mask": present.long(),
    }
    has_types = FAMILIES[config.model_type].token_types == SEGMENTS
    return given | ({"token_type_ids": batch.token_types} if has_types else {})


def tiny_tokens(
    count: int = 20, seed: int = 0, n_outputs: int = 3, lowest: int = 1, longest: int = 15
) -> Tokens:
    """Random examples of 3 to 15 tokens; float labels for one output.

    Families that find padding by its number need tokens from 3 on.
    """
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, longest + 1, count)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    types = np.concatenate([np.arange(length) > length // 2 for length in lengths])
    labels = (
        rng.normal(size=count).astype(np.float32)
        if n_outputs == 1
        else rng.integers(0, n_outputs, count)
    )
    return Tokens(
        input_ids=rng.integers(lowest, SIZES["vocab_size"], offsets[-1]).astype(np.int32),
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
