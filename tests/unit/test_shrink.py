"""Masks: sizes exact, files round trip, masked and shrunk models agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from synthetic_masks import full_mask, unit_mask
from tiny import gates_of, random_mask, reference_model, tiny_architecture, tiny_model, tiny_tokens

from lottery.data.batches import collate
from lottery.evaluation.predict import predict
from lottery.files.errors import StudyError
from lottery.models.checkpoints import load_model, save_model
from lottery.models.units import body_size
from lottery.pruning.masks import MaskInfo, WeightMask, body_shapes, read_mask, write_mask
from lottery.pruning.shrink import (
    MaskError,
    apply_mask,
    check_under,
    shrink,
    zero_weights,
)

CPU = torch.device("cpu")
INFO = MaskInfo("structured", "m", "t", "1", "s", "good", 0.5)


def random_weights(model, seed: int = 0, share: float = 0.6) -> WeightMask:
    rng = np.random.default_rng(seed)
    parameters = model.checkpoint_parameters()
    return WeightMask(
        {n: rng.random(parameters[n].shape) < share for n in body_shapes(model.architecture)}
    )


@pytest.mark.parametrize("seed", range(12))
def test_masked_and_shrunk_logits_agree(seed):
    model, tokens, mask = tiny_model(), tiny_tokens(), random_mask(seed)
    masked = predict(model, tokens, 8, gates_of(mask, CPU))
    shrunk = predict(shrink(model, mask), tokens, 8)
    np.testing.assert_allclose(shrunk, masked, atol=1e-5)


@pytest.mark.parametrize("seed", [0, 3, 6])
def test_the_published_variant_drops_the_bias_of_an_emptied_layer(seed):
    """Against transformers, with units switched off in the weights and the bias set to zero."""
    model, tokens, mask = tiny_model(), tiny_tokens(), random_mask(seed)
    reference = reference_model(model)
    with torch.no_grad():
        for index, layer in enumerate(reference.bert.encoder.layer):
            dense = layer.attention.output.dense
            columns = torch.from_numpy(np.repeat(mask.units["head"][index], 8))
            dense.weight.mul_(columns)
            if not mask.units["head"][index].any():
                dense.bias.zero_()
            if not mask.units["mlp"][index]:
                layer.output.dense.weight.zero_()
                layer.output.dense.bias.zero_()
    batch = collate(tokens, np.arange(len(tokens)), CPU)
    ids, types, present = batch.inputs
    with torch.no_grad():
        expected = reference(input_ids=ids, token_type_ids=types, attention_mask=present.long())
    shrunk = predict(shrink(model, replace(mask, emptied_attention="drop_bias")), tokens, 8)
    np.testing.assert_allclose(shrunk, expected.logits.numpy(), atol=1e-5)
    kept = predict(shrink(model, mask), tokens, 8)
    assert np.abs(shrunk - kept).max() > 1e-4


@pytest.mark.parametrize("emptied", ["keep_bias", "drop_bias"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_shrunk_model_comes_back_from_its_file(tmp_path, seed, emptied):
    model, tokens = tiny_model(), tiny_tokens()
    shrunk = shrink(model, replace(random_mask(seed), emptied_attention=emptied))
    save_model(tmp_path / "model.safetensors", shrunk)
    loaded = load_model(tmp_path / "model.safetensors")
    assert np.array_equal(predict(loaded, tokens, 8), predict(shrunk, tokens, 8))


def test_a_full_models_file_loads_into_transformers(tmp_path):
    from transformers import BertConfig, BertForSequenceClassification

    model, tokens = tiny_model(), tiny_tokens()
    save_model(tmp_path / "model.safetensors", model)
    reference = reference_model(model)
    reference.config.save_pretrained(tmp_path)
    config = BertConfig.from_pretrained(tmp_path)
    theirs = BertForSequenceClassification.from_pretrained(tmp_path, config=config).eval()
    batch = collate(tokens, np.arange(len(tokens)), CPU)
    ids, types, present = batch.inputs
    with torch.no_grad():
        logits = theirs(input_ids=ids, token_type_ids=types, attention_mask=present.long()).logits
    np.testing.assert_allclose(predict(model, tokens, 8), logits.numpy(), atol=1e-5)


@given(
    arrays.arrays(bool, (3, 4)),
    arrays.arrays(bool, 3),
    st.sampled_from(["keep_bias", "drop_bias"]),
)
def test_kept_fraction_counts_the_parameters_of_the_shrunk_model(heads, mlps, emptied):
    mask, sizes = unit_mask(heads, mlps, emptied), tiny_architecture()
    model = tiny_model()
    shrunk = shrink(model, mask)

    def body(some):
        parts = ("query", "key", "value", "attention_output", "intermediate", "output")
        return sum(p.numel() for n, p in some.named_parameters() if n.split(".")[-2] in parts)

    assert body(model) == body_size(sizes)
    assert mask.kept_fraction(sizes) == pytest.approx(body(shrunk) / body(model))


@given(
    arrays.arrays(bool, (3, 4)),
    arrays.arrays(bool, 3),
    st.sampled_from(["keep_bias", "drop_bias"]),
)
def test_unit_masks_round_trip(tmp_path_factory, heads, mlps, emptied):
    path = tmp_path_factory.mktemp("mask") / "good.safetensors"
    write_mask(path, unit_mask(heads, mlps, emptied), INFO)
    mask, info = read_mask(path)
    assert np.array_equal(mask.units["head"], heads) and np.array_equal(mask.units["mlp"], mlps)
    assert info == INFO and mask.emptied_attention == emptied


@given(
    st.dictionaries(
        st.sampled_from("abc"),
        arrays.arrays(bool, st.tuples(st.integers(1, 5), st.integers(1, 5))),
        min_size=1,
    )
)
def test_weight_masks_round_trip(tmp_path_factory, parameters):
    path = tmp_path_factory.mktemp("mask") / "good.safetensors"
    write_mask(path, WeightMask(parameters), INFO)
    mask, _ = read_mask(path)
    assert set(mask.parameters) == set(parameters)
    assert all(np.array_equal(mask.parameters[name], parameters[name]) for name in parameters)


def test_a_weight_mask_file_is_what_the_format_says(tmp_path):
    from safetensors.numpy import load_file

    path = tmp_path / "good.safetensors"
    write_mask(path, WeightMask({"w": np.array([[1, 0, 0], [0, 1, 1], [1, 0, 1]], bool)}), INFO)
    assert load_file(path)["w"].tolist() == [0b10001110, 0b10000000]


def test_mask_files_that_are_wrong_are_named(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "good.safetensors"
    save_file(
        {"heads": np.full((2, 2), 2, np.uint8), "mlps": np.ones(2, np.uint8)},
        path,
        {"format": "1", "kept_fraction": "1.0"},
    )
    with pytest.raises(StudyError, match="each 0 or 1"):
        read_mask(path)
    save_file({"heads": np.ones((2, 2), np.uint8)}, path, {"format": "9", "kept_fraction": "1.0"})
    with pytest.raises(StudyError, match="format"):
        read_mask(path)


def test_a_weight_mask_zeroes_exactly_the_pruned_entries():
    model = tiny_model()
    before = {n: p.detach().clone() for n, p in model.checkpoint_parameters().items()}
    mask = random_weights(model)
    zero_weights(model, mask)
    for name, parameter in model.checkpoint_parameters().items():
        kept = torch.from_numpy(mask.parameters.get(name, np.ones(parameter.shape, bool)))
        assert torch.equal(parameter, before[name] * kept)
    check_under(model, mask)


def test_a_model_that_broke_its_mask_is_an_error():
    model = tiny_model()
    mask = random_weights(model)
    zero_weights(model, mask)
    name, array = next(iter(mask.parameters.items()))
    with torch.no_grad():
        model.checkpoint_parameters()[name][tuple(np.argwhere(~array)[0])] = 1e-30
    with pytest.raises(MaskError, match="1 pruned entries"):
        check_under(model, mask)
    with pytest.raises(MaskError):
        check_under(shrink(tiny_model(), random_mask(1)), random_mask(2))


def test_a_mask_that_changes_nothing_is_an_error():
    model, tokens = tiny_model(), tiny_tokens()
    mask = random_weights(model)
    with torch.no_grad():  # all that the mask prunes is zero already
        zero_weights(model, mask)
    with pytest.raises(MaskError, match="prunes something"):
        apply_mask(model, mask, tokens)
    apply_mask(tiny_model(), full_mask(3, 4), tokens)
