"""The encoder computes what transformers computes, and its gates act where they should."""

from __future__ import annotations

import pytest
import torch
from tiny import (
    gates_of,
    inputs_of,
    random_mask,
    reference_model,
    tiny_architecture,
    tiny_model,
    tiny_tokens,
)

from drawn import bert_base
from lottery.data.batches import collate
from lottery.files.errors import StudyError
from lottery.models.encoder import Gates
from lottery.models.families import FAMILIES
from lottery.models.units import HEAD, MLP, body_size

CPU = torch.device("cpu")


def batch():
    tokens = tiny_tokens(lowest=3)
    return collate(tokens, torch.arange(len(tokens)).numpy(), CPU)


def theirs(reference, given):
    with torch.no_grad():
        return reference(**inputs_of(reference, given)).logits


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_logits_equal_transformers(attention, family):
    model, given = tiny_model(family=family), batch()
    with torch.no_grad():
        ours = model(*given.inputs)
    torch.testing.assert_close(
        ours, theirs(reference_model(model, attention), given), atol=1e-5, rtol=0
    )


def test_gating_a_head_equals_scaling_its_attention_probabilities(monkeypatch):
    model, given = tiny_model(), batch()
    reference = reference_model(model)
    factor, layer, head = 0.3, 1, 2
    plain = theirs(reference, given)
    seen = reference.bert.encoder.layer[layer].attention.self
    softmax = torch.nn.functional.softmax
    calls = iter(range(99))

    def scaled(*args, **kwargs):
        probabilities = softmax(*args, **kwargs)
        if next(calls) == layer:
            scale = torch.ones(seen.num_attention_heads)
            scale[head] = factor
            return probabilities * scale[:, None, None]
        return probabilities

    monkeypatch.setattr(torch.nn.functional, "softmax", scaled)
    expected = theirs(reference, given)
    monkeypatch.undo()
    gates = Gates({"head": torch.ones(1, 3, 4), "mlp": torch.ones(1, 3)})
    gates.units["head"][0, layer, head] = factor
    with torch.no_grad():
        ours = model(*given.inputs, gates)
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)
    assert (expected - plain).abs().max() > 1e-3


def test_every_single_gate_changes_the_output():
    model, given = tiny_model(), batch()
    with torch.no_grad():
        full = model(*given.inputs)
        for layer in range(3):
            for unit in range(5):
                gates = Gates({"head": torch.ones(1, 3, 4), "mlp": torch.ones(1, 3)})
                (gates.units["head"][0, layer] if unit < 4 else gates.units["mlp"][0])[
                    unit if unit < 4 else layer
                ] = 0
                assert (model(*given.inputs, gates) - full).abs().max() > 1e-4


def test_gates_of_ones_are_the_plain_model():
    model, given = tiny_model(), batch()
    gates = Gates({"head": torch.ones(1, 3, 4), "mlp": torch.ones(1, 3)})
    with torch.no_grad():
        assert torch.equal(model(*given.inputs, gates), model(*given.inputs))


def test_gates_per_example_are_independent():
    model, given = tiny_model(), batch()
    heads, mlps = torch.ones(20, 3, 4), torch.ones(20, 3)
    masked = gates_of(random_mask(5), CPU)
    heads[7], mlps[7] = masked.units["head"][0], masked.units["mlp"][0]
    with torch.no_grad():
        plain, gated = model(*given.inputs), model(*given.inputs, masked)
        mixed = model(*given.inputs, Gates({"head": heads, "mlp": mlps}))
    torch.testing.assert_close(mixed[7], gated[7], atol=1e-6, rtol=0)
    torch.testing.assert_close(mixed[8], plain[8], atol=1e-6, rtol=0)


def test_padding_does_not_change_an_example():
    model, tokens = tiny_model(), tiny_tokens()
    together = collate(tokens, torch.arange(20).numpy(), CPU)
    with torch.no_grad():
        logits = model(*together.inputs)
        for row in range(20):
            alone = collate(tokens, torch.tensor([row]).numpy(), CPU)
            torch.testing.assert_close(model(*alone.inputs)[0], logits[row], atol=1e-5, rtol=0)


def test_sizes_of_bert_base_are_the_papers():
    base = bert_base()
    assert HEAD.parameters(base) == 196_800
    assert MLP.parameters(base) == 4_722_432
    assert body_size(base) == 85_017_600


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"model_type": "gpt2"}, "model_type"),
        ({"hidden_act": "relu"}, "hidden_act"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type"),
        ({"model_type": "ernie", "use_task_id": True}, "use_task_id"),
        ({"hidden_size": 33}, "hidden_size"),
    ],
)
def test_an_unsupported_config_is_one_sentence(change, word):
    with pytest.raises(StudyError, match=word):
        tiny_architecture(**change)
