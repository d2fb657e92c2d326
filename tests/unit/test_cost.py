"""Computed parameters, file sizes and operations, against models that are built and run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import random_mask, tiny_architecture, tiny_model
from torch.utils.flop_counter import FlopCounterMode

from lottery.models.architecture import LayerPlan, Plan, full_plan
from lottery.models.checkpoints import save_model
from lottery.models.encoder import Encoder, draw_weights
from lottery.pruning.cost import count_parameters, file_bytes, flops, parameter_shapes
from lottery.pruning.masks import plan_of
from lottery.pruning.shrink import shrink

ARCHITECTURE = tiny_architecture()
HEADS, INNER = ARCHITECTURE.heads, ARCHITECTURE.intermediate


def kept(count: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.sets(st.integers(0, count - 1)).map(lambda places: tuple(sorted(places)))


LAYER_PLANS = st.builds(
    LayerPlan,
    heads=kept(HEADS),
    mlp=st.booleans(),
    attention_bias=st.booleans(),
    inner=st.none() | kept(INNER),
)
PLANS = st.lists(LAYER_PLANS, min_size=3, max_size=3).map(tuple)
EMPTIED: Plan = (LayerPlan(heads=(), mlp=False, attention_bias=False),) * 3
BY_HAND = {
    "full": full_plan(ARCHITECTURE),
    "emptied": EMPTIED,
    "last layer emptied": (*full_plan(ARCHITECTURE)[:2], EMPTIED[0]),
    "last layer alone": (*EMPTIED[:2], full_plan(ARCHITECTURE)[0]),
    "no neurons": (LayerPlan(heads=(1, 3), inner=()),) * 3,
}


def counted(plan: Plan, n_outputs: int, length: int, rows: int = 1) -> int:
    """What torch counts while the model computes."""
    model = Encoder(ARCHITECTURE, n_outputs, plan).eval()
    draw_weights(model, 0)
    ids = torch.ones(rows, length, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(ids, torch.zeros_like(ids), ids.bool())
    return counter.get_total_flops()


@pytest.mark.parametrize("plan", BY_HAND.values(), ids=BY_HAND.keys())
@pytest.mark.parametrize("length", [1, 2, 17, 40])
def test_operations_are_those_that_torch_counts(plan: Plan, length: int) -> None:
    expected = [counted(plan, 3, length), counted(plan, 3, 5)]
    assert flops(ARCHITECTURE, 3, plan, np.array([length, 5])).tolist() == expected
    assert counted(plan, 3, length, rows=4) == 4 * expected[0]


@settings(deadline=None, max_examples=60)
@given(PLANS, st.integers(1, 4), st.integers(1, 40))
def test_operations_of_any_plan_are_those_that_torch_counts(
    plan: Plan, n_outputs: int, length: int
) -> None:
    (found,) = flops(ARCHITECTURE, n_outputs, plan, np.array([length]))
    assert found == counted(plan, n_outputs, length)


@settings(deadline=None, max_examples=60)
@given(PLANS, st.integers(1, 4))
def test_parameters_of_any_plan_are_those_of_its_model(plan: Plan, n_outputs: int) -> None:
    model = Encoder(ARCHITECTURE, n_outputs, plan)
    built = {name: tuple(p.shape) for name, p in model.named_parameters()}
    assert parameter_shapes(ARCHITECTURE, n_outputs, plan) == built
    total = sum(p.numel() for p in model.parameters())
    assert count_parameters(ARCHITECTURE, n_outputs, plan) == total


@pytest.mark.parametrize("family", ["bert", "ernie"])
@pytest.mark.parametrize("emptied", ["keep_bias", "drop_bias"])
def test_the_size_of_a_file_is_that_of_the_file(tmp_path: Path, emptied: str, family: str) -> None:
    mask = replace(random_mask(0), emptied_attention=emptied)
    model = shrink(tiny_model(n_outputs=2, family=family), mask)
    save_model(tmp_path / "model.safetensors", model)
    plan = plan_of(mask, model.architecture)
    size = (tmp_path / "model.safetensors").stat().st_size
    assert file_bytes(model.architecture, 2, plan) == size
    assert size > 4 * count_parameters(model.architecture, 2, plan)


def test_bert_base_has_its_published_size() -> None:
    """110 M parameters (Devlin et al. 2019): 109,482,240 of the encoder, and the classifier's."""
    sizes = {
        "vocab_size": 30522,
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "max_position_embeddings": 512,
    }
    base = tiny_architecture(**sizes)
    plan = full_plan(base)
    assert count_parameters(base, 2, plan) == 109_482_240 + 2 * 768 + 2
    # Every parameter of the layers' matrices is used once per token, and in the last layer two of
    # six by all tokens; the rest is attention and the pooler.
    (one,) = flops(base, 2, plan, np.array([128]))
    layer = 2 * 128 * (4 * 768**2 + 2 * 768 * 3072) + 4 * 128**2 * 768
    last = 2 * 128 * 2 * 768**2 + 2 * (2 * 768**2 + 2 * 768 * 3072) + 4 * 128 * 768
    assert one == 11 * layer + last + 2 * 768 * (768 + 2)
