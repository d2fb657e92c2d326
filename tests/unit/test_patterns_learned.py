"""Annotated maps are checked and split; classifiers go to files and back; heads are counted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import tiny_model, tiny_tokens

from lottery.attention.annotated import read_annotated, read_map, split
from lottery.attention.classes import ATTENTION, CLASSES
from lottery.attention.classifier import (
    Classifier,
    class_probabilities,
    learn,
    read_classifiers,
    write_learned,
)
from lottery.attention.count import batches, count_patterns
from lottery.attention.generate import TRAINING, draw_map
from lottery.attention.maps import attention_maps, input_size, prepare
from lottery.data.batches import collate
from lottery.files.errors import StudyError
from lottery.steps.train_pattern_classifier import train_pattern_classifier

CPU = torch.device("cpu")


def write_annotated(folder: Path, kinds=("raw",), each: int = 6, scale: float = 1.0) -> Path:
    """A folder of maps, as a user would make it."""
    rng = np.random.default_rng(0)
    for kind in kinds:
        for name in CLASSES:
            (folder / kind / name).mkdir(parents=True)
            for number in range(each):
                drawn = scale * draw_map(name, TRAINING, rng)
                np.save(folder / kind / name / f"{number}.npy", drawn.astype(np.float64))
    return folder


def test_annotated_maps_are_read_class_by_class(tmp_path):
    found = read_annotated(write_annotated(tmp_path, ("normed", "raw")))
    assert list(found) == ["raw", "normed"]
    maps, labels = found["raw"]
    assert labels.tolist() == [label for label in range(5) for _ in range(6)]
    assert all(each.dtype == np.float32 and each.ndim == 2 for each in maps)


def broken(folder: Path, what: str) -> None:
    """Breaks a folder of annotated maps in one way."""
    path = folder / "raw" / "block" / "0.npy"
    if what == "kind":
        (folder / "weighted").mkdir()
    elif what == "class":
        (folder / "raw" / "diagonals").mkdir()
    elif what == "few":
        path.unlink()
        (folder / "raw" / "block" / "1.npy").unlink()
    elif what == "empty":
        for each in (folder / "raw" / "block").iterdir():
            each.unlink()
    elif what == "shape":
        np.save(path, np.ones((3, 4)))
    elif what == "zeros":
        np.save(path, np.zeros((3, 3)))
    elif what == "single":
        np.save(path, np.ones((1, 1)))
    elif what == "foreign":
        path.rename(path.with_suffix(".csv"))
    elif what == "nan":
        np.save(path, np.full((3, 3), np.nan))
    elif what == "negative":
        np.save(path, -np.ones((3, 3)))
    elif what == "objects":
        np.save(path, np.array([[None, 1], [2, 3]], object), allow_pickle=True)
    elif what == "words":
        np.save(path, np.array([["a", "b"], ["c", "d"]]))
    elif what == "cut":
        path.write_bytes(path.read_bytes()[:-9])
    elif what == "npz":
        with path.open("wb") as file:
            np.savez(file, maps=np.ones((3, 3)))


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("kind", "holds the folder weighted; allowed are raw, normed"),
        ("class", "holds the folder diagonals; allowed are heterogeneous, block"),
        ("few", "block holds 4 maps"),
        ("empty", "block holds 0 maps"),
        ("shape", "0.npy has the shape 3 x 4; an attention map is square"),
        ("zeros", "0.npy holds zeros alone"),
        ("single", "0.npy is the map of a single token"),
        ("foreign", "0.csv is no npy file"),
        ("nan", "0.npy holds a negative or undefined number"),
        ("negative", "0.npy holds a negative or undefined number"),
        ("objects", "0.npy is an array of Python objects"),
        ("words", "0.npy is no array of numbers"),
        ("cut", "0.npy"),
        ("npz", "no npy file (its first bytes are of another format)"),
    ],
)
def test_bad_annotations_are_one_sentence(tmp_path, what, sentence):
    broken(write_annotated(tmp_path), what)
    with pytest.raises(StudyError) as caught:
        read_annotated(tmp_path)
    assert sentence in str(caught.value)
    assert str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_without_maps_says_what_it_needs(tmp_path):
    with pytest.raises(StudyError, match="needs a folder raw or normed"):
        read_annotated(tmp_path)


def test_an_integer_map_is_a_map(tmp_path):
    np.save(tmp_path / "one.npy", np.eye(4, dtype=np.uint8))
    assert np.array_equal(read_map(tmp_path / "one.npy"), np.eye(4))


@given(st.lists(st.integers(5, 40), min_size=2, max_size=5), st.integers(0, 1000))
def test_a_split_is_fair_and_loses_nothing(sizes, seed):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    parts = split(labels, np.random.default_rng(seed))
    assert sorted(np.concatenate(parts)) == list(range(len(labels)))
    for label, size in enumerate(sizes):
        train, select, test = ((labels[part] == label).sum() for part in parts)
        assert train >= 1 and select >= 1 and test >= 1
        assert test == max(1, size // 5)
        assert train >= select


def test_generated_maps_teach_one_classifier_for_both_kinds():
    learned = learn(None, 60, 1, CPU)
    assert learned["raw"] is learned["normed"]
    _, facts = learned["raw"]
    assert facts["annotated"] is False
    assert [facts[f"n_{part}"] for part in ("train", "select", "test")] == [48, 12, 500]


def test_annotated_maps_teach_their_own_kind_alone(tmp_path):
    learned = learn(write_annotated(tmp_path, ("raw",)), 60, 1, CPU)
    assert [learned[kind][1]["annotated"] for kind in ATTENTION] == [True, False]
    _, facts = learned["raw"]
    assert (facts["n_train"] + facts["n_select"], facts["n_test"]) == (25, 5)


def test_the_step_writes_classifiers_facts_and_a_note(tmp_path):
    folder = write_annotated(tmp_path / "maps", ("normed",))
    paths = {name: tmp_path / name for name in ("weights", "facts", "note")}
    train_pattern_classifier(
        **{f"path_to_{name}": path for name, path in paths.items()},
        training_maps=60,
        epochs=1,
        annotated_maps=str(folder),
        torch_threads=1,
    )
    facts = json.loads(paths["facts"].read_text())
    assert facts["normed"]["annotated"] is True and facts["raw"]["annotated"] is False
    assert set(facts["raw"]["class_accuracy"]) == set(CLASSES)
    assert "annotated maps that chose nothing" in paths["note"].read_text()
    assert set(read_classifiers(paths["weights"])) == set(ATTENTION)


def test_classifiers_come_back_from_their_file(tmp_path):
    learned = learn(None, 50, 1, CPU)
    write_learned(tmp_path / "c.safetensors", tmp_path / "c.json", learned)
    inputs = torch.rand(4, 1, 40, 40)
    for kind, classifier in read_classifiers(tmp_path / "c.safetensors").items():
        assert torch.equal(
            class_probabilities(classifier, inputs),
            class_probabilities(learned[kind][0], inputs),
        )


def test_a_foreign_file_is_refused(tmp_path):
    from lottery import files

    files.write_arrays(tmp_path / "c.safetensors", {"raw.x": np.ones(3)}, {})
    with pytest.raises(StudyError, match=r"c\.safetensors holds no classifier of raw maps"):
        read_classifiers(tmp_path / "c.safetensors")


def test_batches_hold_each_example_once_and_inputs_of_one_size():
    tokens = tiny_tokens(40)
    rows = np.array([3, 8, 1, 39, 20, *range(21, 38)])
    seen = []
    for size, chosen in batches(tokens, rows):
        assert {input_size(length) for length in tokens.lengths[chosen].tolist()} == {size}
        seen += chosen.tolist()
    assert sorted(seen) == sorted(rows.tolist())


def test_heads_are_counted_as_one_map_after_the_other_would_be():
    """Batches, padding and reshaping change nothing: example by example, head by head."""
    model, tokens = tiny_model(), tiny_tokens(9)
    rows = np.arange(9)
    classifiers = {"raw": Classifier(1), "normed": Classifier(2)}
    with torch.no_grad():
        for each in classifiers.values():  # far from a tie, and not all of one class
            for convolution in each.convolutions:
                convolution.weight.mul_(2)
    tally = count_patterns(model, tokens, rows, classifiers)
    counts, sums, best = np.zeros_like(tally.counts), np.zeros_like(tally.probability), {}
    for row in rows:
        batch = collate(tokens, np.array([row]), CPU)
        length = int(tokens.lengths[row])
        with torch.no_grad():
            for layer, maps in enumerate(attention_maps(model, *batch.inputs)):
                for a, kind in enumerate(ATTENTION):
                    for head in range(4):
                        one = prepare(
                            getattr(maps, kind)[0, head][None], torch.tensor([length]), 32
                        )
                        found = class_probabilities(classifiers[kind], one)[0].numpy()
                        counts[a, layer, head, found.argmax()] += 1
                        sums[a, layer, head] += found.max()
                        key = (a, int(found.argmax()))
                        best[key] = max(best.get(key, 0.0), float(found.max()))
    assert np.array_equal(tally.counts, counts)
    assert np.allclose(tally.probability, sums, atol=1e-4)
    assert tally.counts.sum() == 9 * 2 * 3 * 4
    assert set(tally.examples) == set(best)
    for (a, label), example in tally.examples.items():
        assert example["probability"] == pytest.approx(best[a, label], abs=1e-5)
        assert example["map"].max() == pytest.approx(1)
        assert counts[a, example["layer"], example["head"], label] > 0
