"""Each family computes what transformers computes, and can be pruned, shrunk and saved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from tiny import (
    FAMILY_SIZES,
    checkpoint_of,
    gates_of,
    inputs_of,
    reference_model,
    tiny_architecture,
    tiny_model,
    tiny_tokens,
)
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel

from lottery.attention.maps import attention_maps, head_columns, split_heads
from lottery.config import Study
from lottery.data.batches import Batch, collate, pack
from lottery.data.tokens import Tokens
from lottery.evaluation.predict import predict
from lottery.files.errors import StudyError
from lottery.models.architecture import Architecture, describe, full_plan, parse_description
from lottery.models.checkpoints import load_model, save_model
from lottery.models.encoder import Encoder, draw_classifier, draw_weights
from lottery.models.families import FAMILIES, REFUSED
from lottery.models.shapes import parameter_shapes
from lottery.models.units import KINDS, part_shapes
from lottery.planning.preflight import _check_length
from lottery.pruning.cost import count_parameters, file_bytes, flops
from lottery.pruning.criteria import CRITERIA
from lottery.pruning.importance import measure
from lottery.pruning.masks import UnitMask, WeightMask, body_shapes, plan_of
from lottery.pruning.saliency import input_norms
from lottery.pruning.shrink import apply_mask, check_under, shrink
from lottery.pruning.starts import shuffle_weights
from lottery.training.loop import loss_of

CPU = torch.device("cpu")
TOLERANCE = 1e-5  # relative to the largest number, fp32

# What is computed differently; the other model types are names of these.
CASES: dict[str, dict[str, Any]] = {
    "bert": {"family": "bert"},
    "roberta": {"family": "roberta"},
    "distilbert": {"family": "distilbert"},
    "electra": {"family": "electra"},
    "electra as wide as its layers": {"family": "electra", "embedding_size": 32},
    "modernbert": {"family": "modernbert"},
    "modernbert, mean": {"family": "modernbert", "classifier_pooling": "mean"},
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
every_family = pytest.mark.parametrize("family", FAMILIES)


def long_case(case: dict[str, Any]) -> dict[str, Any]:
    """The same with positions for 512 tokens."""
    first = 2 if case["family"] == "roberta" else 0
    return case | {"max_position_embeddings": 512 + first}


def both(case: dict[str, Any], scale: float = 6.0) -> tuple[Encoder, PreTrainedModel]:
    """Our encoder and transformers' own with the same weights."""
    changes = {key: value for key, value in case.items() if key != "family"}
    model = tiny_model(scale=scale, **case)
    return model, reference_model(model, **changes)


def long_tokens() -> Tokens:
    """Examples of 512, 70 and fewer tokens: most are longer than the window."""
    every = tiny_tokens(40, lowest=3, longest=512)
    lengths = every.lengths
    lengths[:3] = 512, 70, 3
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    rng = np.random.default_rng(0)
    return Tokens(
        input_ids=rng.integers(3, 90, offsets[-1]).astype(np.int32),
        token_types=rng.integers(0, 2, offsets[-1]).astype(np.uint8),
        offsets=offsets,
        labels=every.labels,
        idx=every.idx,
    ).select(np.arange(4))


def close(ours: Any, theirs: Any) -> None:
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= TOLERANCE * np.abs(theirs).max()


def logits_and_gradients(output: torch.Tensor, model: torch.nn.Module) -> tuple[Any, Any]:
    """The logits, and the gradients of a weighted sum of them by parameter."""
    model.zero_grad()
    generator = torch.Generator().manual_seed(0)
    (output * torch.randn(output.shape, generator=generator)).sum().backward()
    return output.detach(), {name: p.grad.numpy() for name, p in model.named_parameters()}


def compare(model: Encoder, reference: PreTrainedModel, tokens: Tokens, batch: Batch) -> None:
    """Compares logits and all gradients of a batch of the tokens, in their order."""
    family = model.architecture.family
    output = model(*batch.inputs, packing=batch.packing)
    ours, own = logits_and_gradients(output, model)
    gradients = family.to_checkpoint({family.checkpoint_name(n): g for n, g in own.items()})
    padded = collate(tokens, np.arange(len(tokens)), CPU)
    output = reference(**inputs_of(reference, padded)).logits
    theirs, expected = logits_and_gradients(output, reference)
    close(ours, theirs)
    assert gradients.keys() == expected.keys()
    # Adding a constant to all scores of a token changes nothing: biases of keys have no gradient.
    largest = max(np.abs(each).max() for each in expected.values())
    for name, gradient in gradients.items():
        difference = np.abs(gradient - expected[name]).max()
        assert difference <= TOLERANCE * max(np.abs(expected[name]).max(), 1e-3 * largest), name


@every_case
@pytest.mark.parametrize("arrange", [collate, pack])
def test_logits_and_gradients_are_those_of_transformers(case, arrange):
    model, reference = both(case, scale=3.0)
    tokens = tiny_tokens(lowest=3)
    compare(model, reference, tokens, arrange(tokens, np.arange(len(tokens)), CPU))


@every_case
@pytest.mark.parametrize("arrange", [collate, pack])
def test_long_rows_are_those_of_transformers(case, arrange):
    model, reference = both(long_case(case), scale=3.0)
    tokens = long_tokens()
    assert tokens.lengths.max() == 512
    compare(model, reference, tokens, arrange(tokens, np.arange(len(tokens)), CPU))


@every_case
@pytest.mark.parametrize("tokens", [tiny_tokens(lowest=3), long_tokens()], ids=["short", "long"])
def test_attention_maps_are_those_of_transformers(case, tokens):
    model, reference = both(long_case(case))
    batch = collate(tokens, np.arange(4), CPU)
    with torch.no_grad():
        expected = reference(**inputs_of(reference, batch), output_attentions=True).attentions
        found = list(attention_maps(model, *batch.inputs))
    assert len(found) == len(expected) == 3
    for maps, theirs in zip(found, expected, strict=True):
        for example, length in enumerate(tokens.lengths[:4]):
            close(maps.raw[example, :, :length, :length], theirs[example, :, :length, :length])


@every_family
def test_the_heads_vectors_add_up_to_what_attention_adds(family):
    """Whose lengths are the norms of the maps."""
    model, tokens = tiny_model(family=family), tiny_tokens(6, lowest=3)
    batch = collate(tokens, np.arange(6), CPU)
    sights = model.sights(batch.attention_mask)
    with torch.no_grad():
        x = model.embeddings(batch.input_ids, batch.token_types)
        found = attention_maps(model, *batch.inputs)
        for layer, sight, maps in zip(model.layers, sights, found, strict=True):
            seen = layer.attention_input(x)
            vectors = torch.einsum(
                "bhtd,hcd->bhtc", split_heads(layer, layer.value(seen)), head_columns(layer)
            )
            bias = layer.attention_output.bias
            update = layer._attend(seen, seen, sight, None) - (0 if bias is None else bias)
            close(torch.einsum("bhij,bhjc->bic", maps.raw, vectors), update)
            close(maps.norms, vectors.norm(dim=-1))
            x = layer(x, sight, {})


@every_family
def test_a_local_layer_sees_no_farther_than_its_window(family):
    model, tokens = tiny_model(family=family), tiny_tokens(lowest=3)
    batch = collate(tokens, np.arange(len(tokens)), CPU)
    distance = torch.arange(batch.input_ids.shape[1])
    far = (distance[:, None] - distance).abs() > max(1, model.architecture.window)
    with torch.no_grad():
        for index, maps in enumerate(attention_maps(model, *batch.inputs)):
            seen = maps.raw.amax(dim=(0, 1))[far].max()
            assert (seen == 0) == (index in model.architecture.local_layers)


def config_file(folder: Path, case: dict[str, Any], n_outputs: int) -> None:
    changes = {key: value for key, value in case.items() if key != "family"}
    family = case["family"]
    sizes = FAMILY_SIZES[family] | changes
    AutoConfig.for_model(family, **sizes, num_labels=n_outputs).save_pretrained(folder)


@every_case
def test_a_saved_model_is_a_checkpoint_of_the_familys_classifier(tmp_path, case):
    model, tokens = tiny_model(**case), tiny_tokens(lowest=3)
    save_model(tmp_path / "model.safetensors", model)
    config_file(tmp_path, case, model.n_outputs)
    theirs, report = AutoModelForSequenceClassification.from_pretrained(
        tmp_path, output_loading_info=True, attn_implementation="eager"
    )
    assert not report["missing_keys"] and not report["unexpected_keys"]
    batch = collate(tokens, np.arange(len(tokens)), CPU)
    again = load_model(tmp_path / "model.safetensors")
    with torch.no_grad():
        logits = theirs.eval()(**inputs_of(theirs, batch)).logits
        close(model(*batch.inputs), logits)
        assert torch.equal(model(*batch.inputs), again(*batch.inputs))
    # The sizes that the file describes are those of the config.
    config = json.loads((tmp_path / "config.json").read_text())
    assert Architecture.from_config(config, "config") == again.architecture


@every_family
def test_tensors_of_a_checkpoint_are_joined_and_split(family):
    model = tiny_model(family=family)
    arrays = {name: p.detach().numpy() for name, p in model.checkpoint_parameters().items()}
    table = model.architecture.family
    tensors = table.to_checkpoint(arrays)
    if table.fused:
        assert len(tensors) == len(arrays) - 3 * 3  # a layer has two tensors of five parts
    else:
        assert all(tensors[name] is array for name, array in arrays.items())
    back = table.from_checkpoint(tensors)
    assert back.keys() == arrays.keys()
    assert all(np.array_equal(back[name], array) for name, array in arrays.items())


def masks(architecture: Architecture) -> dict[str, UnitMask]:
    """Masks of each kind of unit, of which some empty a layer's attention or its MLP."""
    rng = np.random.default_rng(0)
    found = {}
    for kind in KINDS:
        full = UnitMask.full(architecture, [kind])
        kept = rng.random(full.units[kind].shape) < 0.5
        kept[1] = False
        kept[-1] = True
        found[kind] = full.with_units({kind: kept})
    return found


@every_case
@pytest.mark.parametrize("kind", KINDS)
def test_a_model_with_gates_is_the_shrunk_model(tmp_path, case, kind):
    model, tokens = tiny_model(**case), tiny_tokens(lowest=3)
    mask = masks(model.architecture)[kind]
    small = shrink(model, mask)
    check_under(small, mask)
    batch = pack(tokens, np.arange(len(tokens)), CPU)
    with torch.no_grad():
        gated = model(*batch.inputs, gates_of(mask, CPU), batch.packing)
        close(small(*batch.inputs, packing=batch.packing), gated)
        assert (gated - model(*batch.inputs, packing=batch.packing)).abs().max() > 1e-3
    save_model(tmp_path / "model.safetensors", small)
    again = load_model(tmp_path / "model.safetensors")
    assert np.array_equal(predict(again, tokens, 8), predict(small, tokens, 8))
    plan, size = plan_of(mask, model.architecture), (tmp_path / "model.safetensors").stat().st_size
    assert file_bytes(model.architecture, model.n_outputs, plan) == size
    built = {name: tuple(p.shape) for name, p in small.named_parameters()}
    assert parameter_shapes(model.architecture, model.n_outputs, plan) == built
    removed = count_parameters(model.architecture, 3, full_plan(model.architecture)) - sum(
        p.numel() for p in small.parameters()
    )
    # The norms of what is gone go with it, where they come before it.
    units = 1 - mask.kept_fraction(model.architecture)
    body = sum(np.prod(shape) for shape in part_shapes(model.architecture).values()) * 3
    norms = 32 * 2 * model.architecture.family.norm_first
    assert 0 <= removed - round(units * body) <= norms


@every_case
def test_every_gate_changes_the_output(case):
    model, tokens = tiny_model(**case), tiny_tokens(lowest=3)
    batch = collate(tokens, np.arange(len(tokens)), CPU)
    with torch.no_grad():
        whole = model(*batch.inputs)
        for kind, full in UnitMask.full(model.architecture, KINDS).units.items():
            few = full[:, :5] if KINDS[kind].many else full
            for place in np.ndindex(few.shape):
                mask = UnitMask.full(model.architecture, KINDS)
                mask.units[kind][place] = False
                assert (model(*batch.inputs, gates_of(mask, CPU)) - whole).abs().max() > 1e-5


@every_family
def test_every_entry_of_a_layer_belongs_to_a_head_or_an_mlp(family):
    sizes = tiny_architecture(model_type=family)
    owned = KINDS["head"].parameters(sizes) * sizes.heads + KINDS["mlp"].parameters(sizes)
    every = {part: int(np.prod(shape)) for part, shape in part_shapes(sizes).items()}
    assert owned == sum(every.values()) - every.get("attention_output.bias", 0)
    assert KINDS["layer"].parameters(sizes) == sum(every.values())
    # A neuron has a row of each matrix that makes it, their biases, and a column of the output.
    rows = {"modernbert": 2 * 32}.get(family, 32 + 1)
    assert KINDS["neuron"].parameters(sizes) == rows + 32


@every_case
def test_costs_are_those_of_the_model(case):
    model = tiny_model(**case)
    for mask in (None, *masks(model.architecture).values()):
        small = model if mask is None else shrink(model, mask)
        for length in (1, 17):
            ids = torch.full((1, length), 5)
            with FlopCounterMode(display=False) as counter, torch.no_grad():
                small(ids, torch.zeros_like(ids), ids.bool())
            (found,) = flops(model.architecture, 3, small.plan, np.array([length]))
            assert found == counter.get_total_flops()


@every_case
def test_input_norms_are_those_of_transformers_layers(case):
    model, reference = both(case)
    tokens = tiny_tokens(lowest=3)
    batch = collate(tokens, np.arange(len(tokens)), CPU)
    found = input_norms(model, tokens, 8)
    family, squares = model.architecture.family, {}

    def add(name: str, module: Any, inputs: tuple[torch.Tensor, ...]) -> None:
        squares[name] = inputs[0][batch.attention_mask].square().sum(0)

    wholes = {f"{whole}.{part}": whole for whole, parts in family.fused.items() for part in parts}
    parts = dict.fromkeys(part.split(".")[0] for part in part_shapes(model.architecture))
    places = {}
    for layer in range(3):
        for part in parts:
            name = family.parts[f"layers.{{}}.{part}"]
            places[layer, part] = family.prefix + wholes.get(name, name).format(layer)
    for name in set(places.values()):
        reference.get_submodule(name).register_forward_pre_hook(partial(add, name))
    with torch.no_grad():
        reference(**inputs_of(reference, batch))
    for (layer, part), name in places.items():
        close(found[layer][f"{part}.weight"], squares[name].sqrt())


@every_case
def test_an_importance_is_how_much_the_loss_changes_with_the_gate(case):
    model, tokens = tiny_model(**case, scale=3.0), tiny_tokens(8, lowest=3)
    full = UnitMask.full(model.architecture, ["neuron"])
    found = measure(model, tokens, full, CRITERIA["running_sum"], 8, "length").units
    batch, step = collate(tokens, np.arange(8), CPU), 0.01

    def loss(kind: str, place: tuple[int, ...], gate: float) -> float:
        gates = gates_of(full, CPU)
        gates.units[kind][0][place] = gate
        with torch.no_grad():
            return float(loss_of(model(*batch.inputs, gates), batch.labels).double().mean())

    for kind, units in found.items():
        place = tuple(int(n) for n in np.unravel_index(units.argmax(), units.shape))
        change = (loss(kind, place, 1 + step) - loss(kind, place, 1 - step)) / (2 * step)
        assert units[place] == pytest.approx(abs(change), rel=0.02)


@every_family
def test_weights_are_drawn_as_transformers_draws_them(family):
    wide = {"dim": 128} if family == "distilbert" else {"hidden_size": 128}
    ours = Encoder(tiny_architecture(model_type=family, **wide), 50)
    draw_weights(ours, 0)
    draw_classifier(ours, 1)
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **(FAMILY_SIZES[family] | wide), num_labels=50)
    theirs = AutoModelForSequenceClassification.from_config(config).state_dict()
    for name, tensor in checkpoint_of(ours).items():
        if tensor.ndim == 2 and len(tensor) > 5:
            assert float(tensor.std()) == pytest.approx(float(theirs[name].std()), rel=0.1), name
        elif tensor.ndim == 1:
            assert torch.equal(tensor, theirs[name])

    words = ours.embeddings.word.weight.abs().max()
    assert (words <= 2 * 0.02) == (family == "modernbert")  # cut off at two deviations


@every_family
def test_shuffling_leaves_what_is_drawn(family):
    model, before = tiny_model(family=family), tiny_model(family=family)
    shuffle_weights(model, 0)
    for (name, after), old in zip(model.named_parameters(), before.parameters(), strict=True):
        stays = after.ndim == 1 or name.split(".")[0] in model.architecture.family.drawn
        one_row = after.shape[0] == 1 and after.ndim == 2
        assert torch.equal(after, old) == stays or one_row, name
        assert torch.equal(after.flatten().sort().values, old.flatten().sort().values)


@every_family
def test_a_mask_of_weights_is_by_parts(family):
    model, tokens = tiny_model(family=family), tiny_tokens(lowest=3)
    rng = np.random.default_rng(0)
    kept = {n: rng.random(shape) < 0.7 for n, shape in body_shapes(model.architecture).items()}
    under, tensors = apply_mask(model, WeightMask(kept), tokens)
    assert tensors.keys() == kept.keys()
    check_under(under, WeightMask(kept))


@every_family
def test_a_description_gives_back_the_architecture(family):
    sizes = tiny_architecture(model_type=family)
    mask = masks(sizes)["neuron"]
    metadata = describe(sizes, 3, plan_of(mask, sizes))
    assert parse_description(Path("x"), metadata) == (sizes, 3, plan_of(mask, sizes))


def test_a_bert_is_described_as_ever():
    """Finished studies hold such descriptions, byte for byte."""
    sizes = tiny_architecture(num_hidden_layers=1)
    assert describe(sizes, 2, full_plan(sizes)) == {
        "format": "pt",
        "lottery": '{"architecture": {"attention_dropout": 0.1, "classifier_dropout": 0.1, '
        '"heads": 4, "hidden": 32, "hidden_dropout": 0.1, "initializer_range": 0.02, '
        '"intermediate": 48, "layers": 1, "model_type": "bert", "norm_epsilon": 1e-12, '
        '"positions": 40, "token_types": 2, "vocabulary": 90}, "format": 1, "n_outputs": 2, '
        '"plan": [{"attention_bias": true, "heads": [0, 1, 2, 3], "mlp": true}]}',
    }


@pytest.mark.parametrize("model_type", REFUSED)
def test_a_family_that_does_not_fit_is_refused_with_the_reason(model_type):
    with pytest.raises(StudyError) as refusal:
        tiny_architecture(model_type=model_type)
    sentence = str(refusal.value)
    assert sentence == f"tiny: model_type {model_type!r} is not supported: {REFUSED[model_type]}."


@pytest.mark.parametrize(
    ("family", "changes", "sentence"),
    [
        ("roberta", {"pad_token_id": None}, "pad_token_id is None; it must be a whole number"),
        ("roberta", {"pad_token_id": 41}, "pad_token_id is 41; .* max_position_embeddings is 42"),
        ("roberta", {"hidden_act": "relu"}, "hidden_act is 'relu'; allowed is 'gelu'"),
        ("distilbert", {"activation": "relu"}, "activation is 'relu'; allowed is 'gelu'"),
        ("distilbert", {"dim": 30}, "dim 30 is not a multiple of n_heads 4"),
        ("distilbert", {"n_layers": "six"}, "n_layers is 'six'; it must be a whole number"),
        ("electra", {"embedding_size": 0}, "embedding_size is 0; it must be a whole number"),
        ("modernbert", {"mlp_bias": True}, "mlp_bias is True; allowed is False"),
        ("modernbert", {"norm_bias": True}, "norm_bias is True; allowed is False"),
        ("modernbert", {"mlp_dropout": 0.1}, r"mlp_dropout is 0\.1; allowed is 0"),
        ("modernbert", {"classifier_pooling": "max"}, "is 'max'; allowed is 'cls' or 'mean'"),
        ("modernbert", {"hidden_size": 36}, "hidden_size is 36; .* multiple of 2 x"),
        ("modernbert", {"local_rope_theta": None}, "local_rope_theta is None; it must be a posit"),
        ("modernbert", {"layer_types": ["full_attention"]}, "it must be a list of 3 times"),
        ("modernbert", {"rope_scaling": {"factor": 2}}, "rope_scaling is .*; allowed is null"),
        (
            "modernbert",
            {"rope_parameters": {"full_attention": {"rope_type": "yarn"}}},
            "rope_parameters is .*; it must be an object with rope_type default",
        ),
    ],
)
def test_a_config_that_asks_for_more_is_one_sentence(family, changes, sentence):
    with pytest.raises(StudyError, match=f"^tiny: .*{sentence}"):
        tiny_architecture(model_type=family, **changes)


def test_modernberts_old_and_new_keys_say_the_same():
    old = {"global_rope_theta": 5000.0, "local_rope_theta": 70.0, "global_attn_every_n_layers": 2}
    kinds = ["full_attention", "sliding_attention", "full_attention"]
    new: Mapping[str, Any] = {
        "layer_types": kinds,
        "global_attn_every_n_layers": 9,
        "rope_parameters": {
            "full_attention": {"rope_type": "default", "rope_theta": 5000.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 70.0},
        },
    }
    first = tiny_architecture(model_type="modernbert", **old)
    assert first == tiny_architecture(model_type="modernbert", **new)
    assert first.local_layers == (1,)
    assert (first.rope_theta, first.local_rope_theta, first.window) == (5000.0, 70.0, 2)


def test_the_longest_example_leaves_out_rows_that_no_token_has():
    longest = {name: tiny_architecture(model_type=name).longest for name in FAMILIES}
    assert set(longest.values()) == {40}
    least = {name: [table.least_tokens(n) for n in (1, 2)] for name, table in FAMILIES.items()}
    assert least["bert"] == least["modernbert"] == [3, 5]
    assert least["roberta"] == least["camembert"] == [3, 6]


@pytest.mark.parametrize(
    ("family", "least"), [("bert", 5), ("roberta", 6), ("distilbert", 5), ("modernbert", 5)]
)
def test_pairs_take_as_many_tokens_as_the_family_says(family, least):
    """Also without token types, where the family has none."""
    task = SimpleNamespace(id="own", text=("a", "b"), evaluate_with=None)
    sizes, cell = tiny_architecture(model_type=family), {"task": "own", "model": "tiny"}

    def check(length: int, of_model: Architecture = sizes) -> None:
        study = SimpleNamespace(tasks={"own": task}, training={"own": {"max_length": length}})
        _check_length(cast(Study, study), cell, of_model)

    check(least)
    check(40)
    for length in (least - 1, 41):
        with pytest.raises(StudyError, match=f"is {length}; .* takes {least} to 40 tokens"):
            check(length)
    one_type = tiny_architecture(model_type="bert", type_vocab_size=1)
    with pytest.raises(StudyError, match="type_vocab_size 1; pairs need 2"):
        check(least, one_type)


BASE = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
}
BASE_CASES = {
    "roberta": BASE,
    "distilbert": {"dim": 768, "n_layers": 12, "n_heads": 12, "hidden_dim": 3072},
    "electra": BASE | {"embedding_size": 128},
    "modernbert": BASE | {"intermediate_size": 1152, "local_attention": 128},
}


@pytest.mark.long
@pytest.mark.parametrize("family", BASE_CASES)
def test_base_models_of_twelve_layers_are_those_of_transformers(family):
    sizes = BASE_CASES[family] | {"max_position_embeddings": 514}
    model = tiny_model(family=family, scale=1.0, **sizes)
    reference = reference_model(model, **sizes)
    tokens = long_tokens().select(np.array([1, 0]))  # 70 tokens and 512
    compare(model, reference, tokens, pack(tokens, np.arange(2), CPU))
    batch = collate(tokens, np.arange(2), CPU)
    with torch.no_grad():
        expected = reference(**inputs_of(reference, batch), output_attentions=True).attentions
        for maps, theirs in zip(attention_maps(model, *batch.inputs), expected, strict=True):
            for example, length in enumerate(tokens.lengths):
                close(maps.raw[example, :, :length, :length], theirs[example, :, :length, :length])
