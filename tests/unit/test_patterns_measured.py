"""Heads are measured as one map after the other would be, on examples that are long enough."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import tiny_architecture, tiny_model, tiny_tokens
from tokenizers import Tokenizer, models, processors

from lottery import files
from lottery.attention.maps import attention_maps
from lottery.attention.measure import batches, measure_maps
from lottery.attention.rules import ATTENTION, CLASSES, class_of
from lottery.attention.scores import score_maps
from lottery.data.batches import collate
from lottery.data.tokens import added_tokens
from lottery.steps import classify_patterns as step

CPU = torch.device("cpu")
SPECIAL = np.array([1, 2, 3])


def test_batches_hold_each_example_once_and_one_length():
    tokens = tiny_tokens(60)
    rows = np.array([3, 8, 1, 39, 20, *range(21, 38), *range(40, 60)])
    seen = []
    for chosen in batches(tokens, rows):
        assert len({*tokens.lengths[chosen].tolist()}) == 1
        seen += chosen.tolist()
    assert sorted(seen) == sorted(rows.tolist())


def test_heads_are_measured_as_one_map_after_the_other_would_be():
    model, tokens = tiny_model(), tiny_tokens(9)
    rows, samples = np.arange(9), np.array([[2, 1, 3], [7, 0, 0]])
    found = measure_maps(model, tokens, rows, SPECIAL, samples)
    counts, sums = np.zeros_like(found.counts), np.zeros_like(found.scores)
    for row in rows:
        batch = collate(tokens, np.array([row]), CPU)
        special = torch.from_numpy(np.isin(batch.input_ids.numpy(), SPECIAL))
        with torch.no_grad():
            for layer, maps in enumerate(attention_maps(model, *batch.inputs)):
                for a, kind in enumerate(ATTENTION):
                    for head in range(4):
                        one = getattr(maps, kind)[0, head]
                        scores = score_maps(one[None], special)[0].numpy()
                        sums[a, layer, head] += scores
                        counts[a, layer, head, class_of(scores)] += 1
                        for sample, place in enumerate(samples.tolist()):
                            if place == [row, layer, head]:
                                kept = found.sampled[sample, a, : len(one), : len(one)]
                                assert np.allclose(kept, one.numpy(), atol=1e-5)
                                assert found.sampled_classes[sample, a] == class_of(scores)
    assert np.array_equal(found.counts, counts)
    assert np.allclose(found.scores, sums / 9, atol=1e-4)
    assert found.counts.sum() == 9 * 2 * 3 * 4


def tokenizer_file(folder: Path) -> Path:
    """A tokenizer.json that puts tokens 1 and 2 around every text."""
    words = {word: number for number, word in enumerate(["[UNK]", "[CLS]", "[SEP]", "a", "b"])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder / "tokenizer.json"


def test_added_tokens_are_those_of_an_empty_text(tmp_path):
    assert added_tokens(tokenizer_file(tmp_path)).tolist() == [1, 2]


def classify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, least: int) -> dict[str, np.ndarray]:
    """Runs the step on the tiny model and 20 examples of 3 to 15 tokens."""
    tokens = tiny_tokens()
    files.write_arrays(tmp_path / "validation.safetensors", tokens.arrays(), {})
    monkeypatch.setattr(step, "load_model", lambda path: tiny_model())
    monkeypatch.setattr(step, "load_pretrained", lambda path, **_: tiny_model(seed=5))
    monkeypatch.setattr(step, "prepare_torch", lambda threads: CPU)
    step.classify_patterns(
        path_to_model=Path("model"),
        path_to_pretrained=Path("pretrained"),
        path_to_tokenizer=tokenizer_file(tmp_path),
        paths_to_tokens=[tmp_path / "validation.safetensors"],
        path_to_patterns=tmp_path / "patterns.npz",
        task="a",
        seed=3,
        maps_per_cell=6,
        least_map_tokens=least,
        max_length=40,
        torch_threads=1,
    )
    return files.read_npz(tmp_path / "patterns.npz")


def test_short_examples_are_left_out(tmp_path, monkeypatch):
    found, lengths = classify(tmp_path, monkeypatch, least=9), tiny_tokens().lengths
    assert (lengths[found["idx"]] >= 9).all() and len({*found["idx"].tolist()}) == 6
    assert int(found["n_long_enough"]) == (lengths >= 9).sum() < len(lengths)
    assert int(found["n_examples"]) == len(lengths)
    assert (found["counts"].sum(axis=-1) == 6).all()
    assert found["counts"].shape == (2, 2, 3, 4, len(CLASSES))
    own = found["sampled_places"][:, 3]
    assert found["sampled_maps"].shape[-1] == lengths[found["idx"]].max() >= own.max()
    # Both states of the weights are of the same heads and examples, and differ.
    fine_tuned, pretrained = found["sampled_maps"][:, 0], found["sampled_maps"][:, 1]
    assert not np.allclose(fine_tuned, pretrained, atol=1e-3)


def test_no_long_example_is_no_failure(tmp_path, monkeypatch):
    found = classify(tmp_path, monkeypatch, least=16)
    assert not found["counts"].any() and np.isnan(found["scores"]).all()
    assert len(found["sampled_maps"]) == len(found["idx"]) == 0
    assert tiny_architecture().layers == found["counts"].shape[2]
