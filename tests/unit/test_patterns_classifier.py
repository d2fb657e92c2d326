"""Generated maps show their class, inputs are made one way, and the classifier learns."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lottery.attention.classes import CLASSES
from lottery.attention.classifier import (
    Classifier,
    class_probabilities,
    confusion,
    prepare_inputs,
    train_classifier,
)
from lottery.attention.generate import HELD_OUT, TRAINING, Settings, draw_map, generate
from lottery.attention.maps import LARGEST, SMALLEST, input_size, prepare

CPU = torch.device("cpu")
CLEAR = Settings(lengths=((12, 30),), contrast=((1.0, 1.0),), noise=((0.0, 0.0),))


@given(st.sampled_from(CLASSES), st.integers(0, 10_000), st.sampled_from((TRAINING, HELD_OUT)))
@settings(max_examples=60, deadline=None)
def test_a_generated_map_is_attention(pattern, seed, where):
    drawn = draw_map(pattern, where, np.random.default_rng(seed))
    assert drawn.dtype == np.float32 and drawn.shape[0] == drawn.shape[1]
    assert any(low <= len(drawn) <= high for low, high in where.lengths)
    assert (drawn >= 0).all()
    assert np.allclose(drawn.sum(axis=1), 1, atol=1e-5)


def clear(pattern: str, seed: int) -> np.ndarray:
    return draw_map(pattern, CLEAR, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(20))
def test_clear_maps_show_their_class(seed):
    diagonal = clear("diagonal", seed)
    middle = np.arange(3, len(diagonal) - 3)
    offsets = diagonal[middle].argmax(axis=1) - middle
    assert len(set(offsets)) == 1 and abs(offsets[0]) <= 2
    vertical = clear("vertical", seed)
    assert 1 <= (vertical.max(axis=0) > 1e-6).sum() <= 3
    block = clear("block", seed)
    assert np.linalg.matrix_rank(block) in (2, 3)
    assert np.allclose(block[block > 0], (1 / (block > 0).sum(axis=1))[np.nonzero(block)[0]])
    both = clear("vertical_diagonal", seed)
    columns = np.sort(both.sum(axis=0))[::-1]
    assert columns[0] > 2.5 * np.median(columns)
    assert max(np.trace(both, offset) for offset in range(-2, 3)) > 0.1 * len(both)
    rows = clear("heterogeneous", seed)
    assert len(set(rows.argmax(axis=1))) > len(rows) / 4


def test_held_out_settings_are_never_trained_on():
    for name in ("lengths", "contrast", "noise"):
        for (low, high), (other_low, other_high) in product(
            getattr(TRAINING, name), getattr(HELD_OUT, name)
        ):
            assert high <= other_low or other_high <= low, name
    assert max(high for _, high in HELD_OUT.lengths) > max(high for _, high in TRAINING.lengths)


def test_generation_follows_its_seed():
    first, labels = generate(10, TRAINING, np.random.default_rng(3))
    again, _ = generate(10, TRAINING, np.random.default_rng(3))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert labels.tolist() == [0, 1, 2, 3, 4] * 2


@given(st.integers(1, 200))
def test_inputs_have_few_sizes_that_the_classifier_takes(length):
    size = input_size(length)
    assert SMALLEST <= size <= LARGEST and size % 16 == 0
    assert size >= min(length, LARGEST)


def test_padding_and_scale_leave_no_trace():
    """A map in a padded batch gives the input that it gives alone, whatever its scale."""
    rng = np.random.default_rng(0)
    own = torch.from_numpy(rng.random((7, 7)).astype(np.float32))
    padded = torch.full((1, 12, 12), 5.0)
    padded[0, :7, :7] = 3 * own
    alone = prepare(own[None], torch.tensor([7]), 32)
    batched = prepare(padded, torch.tensor([7]), 32)
    assert torch.allclose(alone, batched)
    assert alone.shape == (1, 1, 32, 32) and alone.max() == 1
    assert not alone[0, 0, 7:].any() and not alone[0, 0, :, 7:].any()


def test_long_maps_are_cut_and_empty_ones_stay_finite():
    maps = torch.rand(2, 150, 150)
    maps[1] = 0
    inputs = prepare(maps, torch.tensor([150, 150]), LARGEST)
    assert inputs.shape == (2, 1, LARGEST, LARGEST)
    assert torch.equal(
        inputs[0, 0], maps[0, :LARGEST, :LARGEST] / maps[0, :LARGEST, :LARGEST].max()
    )
    assert not inputs[1].any()


def test_the_network_is_the_published_one():
    classifier = Classifier()
    shapes = [tuple(each.weight.shape) for each in classifier.convolutions]
    assert shapes == [
        *((16, 1, 3, 3), (16, 16, 3, 3), (32, 16, 3, 3), (32, 32, 3, 3)),
        *((64, 32, 3, 3), (64, 64, 3, 3), (16, 64, 1, 1), (5, 16, 1, 1)),
    ]
    assert all(each.padding == (0, 0) for each in classifier.convolutions)
    assert not any(each.bias.any() for each in classifier.convolutions)
    weights = classifier.convolutions[5].weight  # Xavier: 2 / (fan in + fan out)
    assert weights.std().item() == pytest.approx((2 / (9 * 128)) ** 0.5, rel=0.03)
    assert classifier(torch.rand(3, 1, 32, 32)).shape == (3, 5)
    with pytest.raises(RuntimeError):
        classifier(torch.rand(1, 1, 31, 31))


def test_maps_are_classified_the_same_alone_and_together():
    maps, labels = generate(12, TRAINING, np.random.default_rng(1))
    inputs = prepare_inputs(maps, labels, CPU)
    classifier = Classifier(1)
    for each, _ in inputs.values():
        together = class_probabilities(classifier, each)
        alone = torch.cat([class_probabilities(classifier, one[None]) for one in each])
        assert torch.allclose(together, alone, atol=1e-6)
    assert sum(len(each) for each, _ in inputs.values()) == 12
    assert confusion(classifier, inputs).sum(axis=1).tolist() == [3, 3, 2, 2, 2]


def test_it_learns_easy_maps_and_keeps_the_best_epoch():
    easy = Settings(lengths=((10, 16),), contrast=((0.9, 1.0),), noise=((0.0, 0.1),))
    rng = np.random.default_rng(0)
    parts = [prepare_inputs(*generate(n, easy, rng), CPU) for n in (200, 60, 100)]
    classifier, epoch = train_classifier(parts[0], parts[1], 14, seed=0)
    found = confusion(classifier, parts[2])
    assert np.diagonal(found).sum() > 70, found
    again, same = train_classifier(parts[0], parts[1], epoch, seed=0)
    assert same == epoch
    for name, value in classifier.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
