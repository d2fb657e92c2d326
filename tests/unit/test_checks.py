"""Checkpoints that can be read but do not fit: each is one sentence, with the two numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import FAMILY_SIZES, SIZES, tiny_architecture
from tokenizers import Tokenizer, normalizers
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    BertConfig,
    BertForMaskedLM,
    BertTokenizer,
)

from lottery.files.errors import StudyError
from lottery.models import checks
from lottery.models.architecture import Architecture
from lottery.models.encoder import Encoder
from lottery.models.families import FAMILIES
from lottery.models.families.bert import BERT

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##c", "cat", "Cat", "\u4f60", "$"]
SIZES = SIZES | {"vocab_size": 90}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint as transformers writes it, with its tokenizer."""
    torch.manual_seed(0)
    place = tmp_path / "model"
    AutoModel.from_config(BertConfig(**SIZES)).save_pretrained(place)
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    BertTokenizer(str(tmp_path / "vocab.txt"), do_lower_case=True).save_pretrained(place)
    return place


def architecture(folder: Path) -> Architecture:
    return Architecture.from_config(json.loads((folder / "config.json").read_text()), "config")


def check(folder: Path) -> None:
    checks.check_headers(folder, architecture(folder))


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    path = folder / "model.safetensors"
    state = load_file(path)
    change(state)
    save_file(state, path, metadata={"format": "pt"})


@pytest.mark.parametrize("family", FAMILIES)
def test_the_shapes_are_those_of_the_encoder(family: str):
    sizes = tiny_architecture(model_type=family)
    theirs = {name: tuple(p.shape) for name, p in Encoder(sizes, 2).named_parameters()}
    ours = checks.shapes(sizes)
    assert ours.items() < theirs.items()
    # Of the head only what some checkpoint brings.
    drawn = {name.split(".")[0] for name in theirs.keys() - ours.keys()}
    pretrained = family in ("bert", "ernie", "modernbert")
    assert drawn == ({"classifier"} if pretrained else {"pooler", "classifier"})


@pytest.mark.parametrize("family", FAMILIES)
def test_what_transformers_writes_passes(folder: Path, family: str):
    config = AutoConfig.for_model(family, **FAMILY_SIZES[family])
    for kind in (AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification):
        kind.from_config(config).save_pretrained(folder)
        check(folder)


def test_a_fused_tensor_has_the_rows_of_its_parts(folder: Path):
    config = AutoConfig.for_model("modernbert", **FAMILY_SIZES["modernbert"])
    AutoModel.from_config(config).save_pretrained(folder)
    edit_weights(folder, lambda state: state.pop("layers.1.mlp.Wi.weight"))
    with pytest.raises(StudyError, match=r"the weights lack layers\.1\.mlp\.Wi\.weight"):
        check(folder)
    AutoModel.from_config(config).save_pretrained(folder)
    name = "layers.0.attn.Wqkv.weight"
    edit_weights(folder, lambda state: state.update({name: state[name][:64].clone()}))
    with pytest.raises(StudyError, match=r"a tensor of \[96, 32\]; the weights have \[64, 32\]"):
        check(folder)


def test_the_key_that_counts_layers_is_the_familys(folder: Path):
    config = AutoConfig.for_model("distilbert", **FAMILY_SIZES["distilbert"])
    AutoModel.from_config(config).save_pretrained(folder)
    edit_config(folder, n_layers=2)
    with pytest.raises(StudyError, match="n_layers is 2; the weights have 3 layers"):
        check(folder)


def test_a_masked_language_model_passes_without_pooler_and_with_buffers_and_old_names(folder: Path):
    BertForMaskedLM(BertConfig(**SIZES)).save_pretrained(folder)
    check(folder)

    def older(state: dict[str, torch.Tensor]) -> None:
        state["bert.embeddings.position_ids"] = torch.arange(40)
        for name in [name for name in state if "LayerNorm.weight" in name]:
            state[name.replace("weight", "gamma")] = state.pop(name)

    edit_weights(folder, older)
    check(folder)


def test_shards_are_read_by_their_index_and_a_missing_one_is_named(folder: Path):
    model = AutoModel.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="20KB")
    shards = sorted(path.name for path in folder.glob("model-*.safetensors"))
    assert len(shards) > 1
    check(folder)
    (folder / shards[1]).unlink()
    with pytest.raises(StudyError, match=f"names {shards[1]}, which is not in"):
        check(folder)


WORD = "embeddings.word_embeddings.weight"
NORM = "embeddings.LayerNorm.weight"
OLD_NORM = "embeddings.LayerNorm.gamma"


@pytest.mark.parametrize(
    ("name", "copy"), [(WORD, f"bert.{WORD}"), (NORM, OLD_NORM), (NORM, f"bert.{OLD_NORM}")]
)
def test_a_tensor_under_two_names_is_refused(folder: Path, name: str, copy: str):
    edit_weights(folder, lambda state: state.update({copy: state[name].clone()}))
    with pytest.raises(StudyError, match="two names of the same tensor") as refusal:
        check(folder)
    assert name in str(refusal.value) and copy in str(refusal.value)


@pytest.mark.parametrize("part", ["weight", "bias"])
def test_half_a_pooler_is_refused(folder: Path, part: str):
    other = {"weight": "bias", "bias": "weight"}[part]
    edit_weights(folder, lambda state: state.pop(f"pooler.dense.{part}"))
    sentence = rf"have pooler\.dense\.{other} and lack pooler\.dense\.{part}; .* both or neither"
    with pytest.raises(StudyError, match=sentence):
        check(folder)


@pytest.mark.parametrize("shard", ["sub/m.safetensors", "{}/sub/m.safetensors", "../m", "..", ""])
def test_an_index_names_files_of_its_own_folder(folder: Path, shard: str):
    (folder / "sub").mkdir()
    (folder / "model.safetensors").rename(folder / "sub" / "m.safetensors")
    (folder / "m.safetensors").write_bytes((folder / "sub" / "m.safetensors").read_bytes())
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {WORD: shard.format(folder)}}))
    with pytest.raises(StudyError, match="allowed are names of files in the same folder"):
        check(folder)


WRONG_CONFIGS = [
    ({"vocab_size": 91}, "vocab_size is 91; the weights .* have 90 rows"),
    ({"vocab_size": 89}, "vocab_size is 89; the weights .* have 90 rows"),
    ({"max_position_embeddings": 41}, "max_position_embeddings is 41; .* have 40 rows"),
    ({"type_vocab_size": 1}, "type_vocab_size is 1; .* have 2 rows"),
    ({"num_hidden_layers": 2}, "num_hidden_layers is 2; the weights have 3 layers"),
    ({"num_hidden_layers": 4}, "num_hidden_layers is 4; the weights have 3 layers"),
    ({"intermediate_size": 50}, r"a tensor of \[50, 32\]; the weights have \[48, 32\]"),
    ({"hidden_size": 64}, r"a tensor of \[90, 64\]; the weights have \[90, 32\]"),
]


@pytest.mark.parametrize(("changes", "sentence"), WRONG_CONFIGS)
def test_config_and_weights_that_do_not_agree(folder: Path, changes: dict, sentence: str):
    edit_config(folder, **changes)
    with pytest.raises(StudyError, match=sentence):
        check(folder)


def test_tensors_that_are_missing_unread_or_no_floats(folder: Path):
    name = "encoder.layer.1.output.dense.weight"
    edit_weights(folder, lambda state: state.update({name: state[name].to(torch.int8)}))
    with pytest.raises(StudyError, match=f"{name} holds I8; weights are one of F64"):
        check(folder)
    edit_weights(folder, lambda state: state.pop(name))
    with pytest.raises(StudyError, match=f"the weights lack {name}"):
        check(folder)
    extra = "encoder.layer.1.adapter.weight"
    whole = AutoModel.from_config(BertConfig(**SIZES))
    whole.save_pretrained(folder)
    edit_weights(folder, lambda state: state.update({extra: torch.ones(2)}))
    with pytest.raises(StudyError, match=f"nothing reads {extra}"):
        check(folder)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_every_kind_of_float_passes(folder: Path, dtype: torch.dtype):
    edit_weights(folder, lambda state: state.update({n: t.to(dtype) for n, t in state.items()}))
    check(folder)


def test_values_are_finite_and_matrices_vary():
    rng = np.random.default_rng(0)
    arrays = {"encoder.a.weight": rng.normal(size=(3, 4)), "encoder.a.bias": np.zeros(3)}
    arrays["embeddings.token_type_embeddings.weight"] = np.zeros((2, 4))
    checks.check_values(arrays, "here")
    for value, what in ((np.nan, "NaN"), (-np.inf, "an infinite number")):
        bad = arrays["encoder.a.weight"].copy()
        bad[2, 3] = value
        with pytest.raises(StudyError, match=rf"here: the tensor encoder\.a\.weight holds {what}"):
            checks.check_values(arrays | {"encoder.a.weight": bad}, "here")
    for name, bad, number in (
        ("encoder.a.weight", np.zeros((3, 4)), "0"),
        ("encoder.a.weight", np.full((3, 4), 0.02), "0.02"),
        ("encoder.a.LayerNorm.weight", np.zeros(4), "0"),
    ):
        with pytest.raises(StudyError, match=rf"{name} is {number} throughout"):
            checks.check_values(arrays | {name: bad}, "here")
    checks.check_values(arrays | {"encoder.a.LayerNorm.weight": np.ones(4)}, "here")


def tokenizer(folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def test_the_tokenizer_of_transformers_passes(folder: Path):
    checks.check_tokens(tokenizer(folder), folder, BERT, "tokenizer.json")


def edit_tokenizer(folder: Path, **changes: object) -> None:
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_tokenizer_without_post_processor_is_rejected(folder: Path):
    edit_tokenizer(folder, post_processor=None)
    with pytest.raises(StudyError, match=r"tokenizer\.json"):
        checks.check_tokens(tokenizer(folder), folder, BERT, "tokenizer.json")


def test_a_tokenizer_that_agrees_with_transformers_but_adds_nothing_is_rejected(folder: Path):
    edit_tokenizer(folder, post_processor=None)
    path = folder / "tokenizer_config.json"
    generic = json.loads(path.read_text()) | {"tokenizer_class": "PreTrainedTokenizerFast"}
    path.write_text(json.dumps(generic))
    with pytest.raises(StudyError, match="adds 0 special tokens to a text and 0 to a pair"):
        checks.check_tokens(tokenizer(folder), folder, BERT, "tokenizer.json")


def test_files_that_disagree_on_lower_casing_are_both_named(folder: Path):
    ours = tokenizer(folder)
    ours.normalizer = normalizers.BertNormalizer(lowercase=False)
    with pytest.raises(StudyError, match=r"tokenizer\.json and transformers' .* do not agree"):
        checks.check_tokens(ours, folder, BERT, "tokenizer.json")


def test_added_tokens_count(folder: Path):
    (folder / "added_tokens.json").write_text(json.dumps({"<user>": 50}))
    loaded = BertTokenizer.from_pretrained(folder)
    loaded.add_tokens(["<user>"])
    loaded.save_pretrained(folder)
    ours = tokenizer(folder)
    checks.check_tokens(ours, folder, BERT, "tokenizer.json")
    assert ours.encode("a <user>").tokens == ["[CLS]", "a", "<user>", "[SEP]"]
