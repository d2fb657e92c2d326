"""What only a GPU can show; every test is skipped without one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_shrink import random_weights
from tiny import random_mask, tiny_model, tiny_tokens

from lottery.evaluation.predict import predict
from lottery.pruning.criteria import CRITERIA
from lottery.pruning.importance import measure
from lottery.pruning.shrink import check_under, shrink, zero_weights
from lottery.steps.setup import prepare_torch
from lottery.training.loop import Recipe, train

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
RECIPE = Recipe(learning_rate=3e-3, batch_size=8, epochs=12, log_every=1)
PRECISIONS = ("fp32", "bf16")


@pytest.fixture(autouse=True)
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[torch.device]:
    """The device, set up as in a job."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    yield prepare_torch(1)
    torch.use_deterministic_algorithms(False)


def trained(device, precision, kind):
    """The weights after a training with dropout."""
    model, kept = tiny_model().to(device), None
    if kind == "shrunk":
        model = shrink(model, random_mask(3))
    elif kind == "masked":
        mask = random_weights(model)
        kept = zero_weights(model, mask)
    recipe = replace(RECIPE, precision=precision)
    train(model, tiny_tokens(60), recipe, 1, kept)
    if kind == "masked":
        check_under(model, mask)
    return [parameter.detach().cpu() for parameter in model.parameters()]


@pytest.mark.parametrize("kind", ["whole", "shrunk", "masked"])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_same_seed_gives_the_same_weights(device, precision, kind):
    first, second = (trained(device, precision, kind) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("emptied", ["keep_bias", "drop_bias"])
@pytest.mark.parametrize("seed", range(6))
def test_shrunk_models_give_the_logits_of_the_cpu(device, seed, emptied):
    mask = replace(random_mask(seed), emptied_attention=emptied)
    model, tokens = shrink(tiny_model(), mask), tiny_tokens(30)
    expected = predict(model, tokens, 8)
    found = predict(model.to(device), tokens, 8)
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("mode", CRITERIA)
def test_importances_are_those_of_the_cpu(device, mode):
    tokens, mask = tiny_tokens(30), random_mask(1)
    expected = measure(tiny_model(), tokens, mask, mode, 8, "file")
    found = measure(tiny_model().to(device), tokens, mask, mode, 8, "file")
    np.testing.assert_allclose(found.units["head"], expected.units["head"], atol=1e-3, rtol=1e-3)
    np.testing.assert_allclose(found.units["mlp"], expected.units["mlp"], atol=1e-3, rtol=1e-3)
