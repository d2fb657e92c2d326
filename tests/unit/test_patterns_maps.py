"""Attention maps agree with transformers' own, and norms with vectors that are built in full."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny import reference_model, tiny_model, tiny_tokens

from lottery.attention.maps import (
    attention_maps,
    head_columns,
    probabilities,
    split_heads,
    transformed_norms,
)
from lottery.data.batches import collate


@pytest.fixture(scope="module")
def model():
    return tiny_model().requires_grad_(False)


@pytest.fixture(scope="module")
def batch():
    """Six examples of several lengths, so that there is padding."""
    return collate(tiny_tokens(), np.arange(6), torch.device("cpu"))


def layer_inputs(model, batch):
    """The input of every layer, from the encoder's own forward pass."""
    seen = []
    hooks = [
        layer.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
        for layer in model.layers
    ]
    model(*batch.inputs)
    for hook in hooks:
        hook.remove()
    return seen


def slow_vectors(layer, x):
    """f_h(x) of every head: [B, H, T, C], by zeroing the other heads' values."""
    value = layer.value(x)  # [B, T, H * D]
    vectors = []
    for head in range(layer.heads):
        own = torch.zeros_like(value)
        columns = slice(head * layer.head_size, (head + 1) * layer.head_size)
        own[..., columns] = value[..., columns]
        vectors.append(own @ layer.attention_output.weight.T)
    return torch.stack(vectors, dim=1)


def test_probabilities_are_those_of_transformers(model, batch):
    reference = reference_model(model)
    with torch.no_grad():
        expected = reference(
            input_ids=batch.input_ids,
            token_type_ids=batch.token_types,
            attention_mask=batch.attention_mask.long(),
            output_attentions=True,
        ).attentions
    found = list(attention_maps(model, *batch.inputs))
    assert len(found) == len(expected) == 3
    real = batch.attention_mask
    for maps, theirs in zip(found, expected, strict=True):
        for example in range(len(real)):
            own = real[example]
            ours = maps.raw[example][:, own][:, :, own]
            assert torch.allclose(ours, theirs[example][:, own][:, :, own], atol=1e-5)
            assert torch.allclose(ours.sum(-1), torch.ones(()), atol=1e-5)


def test_token_types_change_the_maps(model, batch):
    def first_layer(types):
        return next(attention_maps(model, batch.input_ids, types, batch.attention_mask)).raw

    zeros = torch.zeros_like(batch.token_types)
    assert not torch.allclose(first_layer(batch.token_types), first_layer(zeros), atol=1e-3)


def test_norms_are_those_of_the_vectors_built_in_full(model, batch):
    """The obvious way: a vector for every pair of tokens, [B, H, T, T, C]."""
    for maps, layer, x in zip(
        attention_maps(model, *batch.inputs),
        model.layers,
        layer_inputs(model, batch),
        strict=True,
    ):
        moved = maps.raw[..., None] * slow_vectors(layer, x)[:, :, None]  # [B, H, T, T, C]
        assert torch.allclose(maps.normed, moved.norm(dim=-1), rtol=1e-4, atol=1e-5)
        assert torch.allclose(transformed_norms(layer, x), slow_vectors(layer, x).norm(dim=-1))


def test_the_heads_vectors_add_up_to_the_projection_less_its_bias(model, batch):
    for layer, x, sight in zip(
        model.layers, layer_inputs(model, batch), model.sights(batch.attention_mask), strict=True
    ):
        raw = probabilities(layer, x, sight)
        value = split_heads(layer, layer.value(x))
        vectors = torch.einsum("bhtd,hcd->bhtc", value, head_columns(layer))  # f_h(x_j)
        summed = torch.einsum("bhij,bhjc->bic", raw, vectors)
        expected = layer._attend(x, x, sight, None) - layer.attention_output.bias
        assert torch.allclose(summed, expected, rtol=1e-4, atol=1e-4)


def test_rows_in_place_of_columns_do_not_add_up(model, batch):
    """The mistake of the released code, which the test above must be able to see."""
    sight = model.sights(batch.attention_mask)[0]
    layer, x = model.layers[0], layer_inputs(model, batch)[0]
    value = split_heads(layer, layer.value(x))
    rows = layer.attention_output.weight.view(layer.heads, layer.head_size, -1)
    raw = probabilities(layer, x, sight)
    summed = torch.einsum("bhij,bhjd,hdc->bic", raw, value, rows)
    expected = layer._attend(x, x, sight, None) - layer.attention_output.bias
    assert not torch.allclose(summed, expected, rtol=0.1, atol=0.1)


def test_the_layers_above_see_what_the_encoder_gives_them(model, batch):
    """The maps computed next to the forward pass ends in the encoder's own output."""
    inputs = layer_inputs(model, batch)
    sights = model.sights(batch.attention_mask)
    for maps, layer, x, sight in zip(
        attention_maps(model, *batch.inputs), model.layers, inputs, sights, strict=True
    ):
        assert torch.equal(maps.raw, probabilities(layer, x, sight))
        context = maps.raw @ split_heads(layer, layer.value(x))  # [B, H, T, D]
        attended = layer.attention_output(context.transpose(1, 2).flatten(2))
        assert torch.allclose(attended, layer._attend(x, x, sight, None), atol=1e-4)
