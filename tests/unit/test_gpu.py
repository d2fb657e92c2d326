"""What only a GPU can show; every test is skipped without one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_shrink import random_weights
from tiny import random_mask, tiny_architecture, tiny_model, tiny_tokens

from lottery.data.tokens import Tokens
from lottery.evaluation.predict import predict
from lottery.models.encoder import Encoder, draw_weights
from lottery.models.precision import products
from lottery.pruning.algorithms.search import SearchContext
from lottery.pruning.criteria import CRITERIA, WEIGHT_CRITERIA
from lottery.pruning.importance import measure
from lottery.pruning.saliency import weight_scores
from lottery.pruning.shrink import check_under, shrink, zero_weights
from lottery.steps.setup import prepare_torch
from lottery.training.loop import Recipe, train

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
WIDE = {
    "hidden_size": 768,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "num_hidden_layers": 2,
    "max_position_embeddings": 512,
    "vocab_size": 1000,
}
RECIPE = Recipe(learning_rate=3e-3, batch_size=8, epochs=12, log_every=1)
PRECISIONS = ("fp32", "tf32", "bf16")
# What is computed differently; other model types are names of these.
FAMILIES = ("bert", "roberta", "distilbert", "electra", "modernbert")
# From here on torch sums the gradients of embeddings with another kernel.
MANY_TOKENS = 4096


@pytest.fixture(autouse=True)
def device() -> Iterator[torch.device]:
    """The device, set up as in a job."""
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


def tokens_of_rows(length: int, examples: int = 72) -> Tokens:
    """Random examples whose batches have rows of `length` tokens, some with several examples."""
    rng = np.random.default_rng(length)
    lengths = rng.integers(length // 8, length + 1, examples)
    lengths[::4] = length
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Tokens(
        input_ids=rng.integers(1, WIDE["vocab_size"], offsets[-1]).astype(np.int32),
        token_types=np.zeros(offsets[-1], np.uint8),
        offsets=offsets,
        labels=rng.integers(0, 3, examples),
        idx=np.arange(examples),
    )


@pytest.mark.parametrize(("length", "batch_size"), [(128, 24), (128, 64), (512, 24)])
@pytest.mark.parametrize("batching", ["seeded", "length_groups"])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_rows_of_real_length_give_the_same_weights(device, precision, batching, length, batch_size):
    """At the width of BERT-base, where attention sums its gradients over many tiles."""
    tokens = tokens_of_rows(length, 3 * batch_size)
    in_batch = tokens.lengths.mean() * batch_size
    assert (in_batch > MANY_TOKENS) == ((length, batch_size) != (128, 24))
    recipe = replace(RECIPE, batch_size=batch_size, epochs=2, batching=batching)
    recipe = replace(recipe, precision=precision, learning_rate=1e-4)
    found = []
    for _ in range(2):
        model = Encoder(tiny_architecture(**WIDE), 3)
        draw_weights(model, 0)
        train(model.to(device), tokens, recipe, 1)
        found.append([parameter.detach().cpu() for parameter in model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    assert all(parameter.isfinite().all() for parameter in found[0])


def of_family(family: str) -> tuple[Encoder, Tokens]:
    """A small model with places for 512 tokens, and examples of up to 500."""
    model = tiny_model(family=family, max_position_embeddings=514, scale=3.0)
    return model, tiny_tokens(40, lowest=3, longest=500)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_family_gives_the_same_weights(device, precision, family):
    found = []
    for _ in range(2):
        model, tokens = of_family(family)
        recipe = replace(RECIPE, precision=precision, epochs=3, learning_rate=1e-4)
        train(model.to(device), tokens, recipe, 1)
        found.append([parameter.detach().cpu() for parameter in model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-4), ("tf32", 2e-2)])
def test_every_family_gives_the_logits_of_the_cpu(device, precision, tolerance, family):
    """In TF32 less closely: it keeps 10 bits of the mantissa; but the same bits in every run."""
    model, tokens = of_family(family)
    expected = predict(model, tokens, 8)
    with products(precision, device):
        found, again = (predict(model.to(device), tokens, 8) for _ in range(2))
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()
    np.testing.assert_array_equal(found, again)


@pytest.mark.parametrize("mode", [name for name, each in CRITERIA.items() if not each.once])
@pytest.mark.parametrize("precision", ["fp32", "tf32"])
def test_importances_are_the_same_in_every_run(device, precision, mode):
    tokens, mask = tokens_of_rows(128), random_mask(1, layers=2, heads=12)
    found = []
    for _ in range(2):
        model = Encoder(tiny_architecture(**WIDE), 3)
        draw_weights(model, 0)
        with products(precision, device):
            found.append(measure(model.to(device), tokens, mask, CRITERIA[mode], 64, "file"))
    for kind, scores in found[0].units.items():
        np.testing.assert_array_equal(scores, found[1].units[kind])
    np.testing.assert_array_equal(found[0].logits, found[1].logits)


@pytest.mark.parametrize("emptied", ["keep_bias", "drop_bias"])
@pytest.mark.parametrize("seed", range(6))
def test_shrunk_models_give_the_logits_of_the_cpu(device, seed, emptied):
    mask = replace(random_mask(seed), emptied_attention=emptied)
    model, tokens = shrink(tiny_model(), mask), tiny_tokens(30)
    expected = predict(model, tokens, 8)
    found = predict(model.to(device), tokens, 8)
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("mode", [name for name, each in CRITERIA.items() if not each.once])
def test_importances_are_those_of_the_cpu(device, mode):
    tokens, mask = tiny_tokens(30), random_mask(1)
    expected = measure(tiny_model(), tokens, mask, CRITERIA[mode], 8, "file")
    found = measure(tiny_model().to(device), tokens, mask, CRITERIA[mode], 8, "file")
    np.testing.assert_allclose(found.units["head"], expected.units["head"], atol=1e-3, rtol=1e-3)
    np.testing.assert_allclose(found.units["mlp"], expected.units["mlp"], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("importance", WEIGHT_CRITERIA)
def test_scores_of_weights_are_those_of_the_cpu(device, importance):
    expected, found = (
        weight_scores(
            SearchContext(
                tiny_model().to(each),
                tiny_tokens(30),
                {"search_batch_size": 8},
                lambda _: None,
                lambda _: None,
                pretrained=lambda each=each: tiny_model(5).to(each),
            ),
            WEIGHT_CRITERIA[importance],
        )
        for each in ("cpu", device)
    )
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-3, rtol=1e-3)
