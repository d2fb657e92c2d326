"""Masks made elsewhere: both forms are read, and whatever is wrong with them is one sentence."""

from __future__ import annotations

import numpy as np
import pytest
import synthetic

from lottery import files
from lottery.files.errors import StudyError
from lottery.models.architecture import Architecture
from lottery.pruning import algorithms
from lottery.pruning.algorithms.imported import mask_files, read_imported
from lottery.pruning.controls import generator
from lottery.pruning.masks import read_mask
from lottery.steps.fetch_config import fetch_config
from lottery.steps.import_masks import import_masks

SMALL = Architecture.from_config(synthetic.SMALL, "small")  # 3 layers of 4 heads
HEADS = np.array([[1, 0, 1, 1], [0, 0, 0, 0], [1, 1, 0, 1]])
MLPS = np.array([1, 0, 1])


def as_folder(root, heads=HEADS, mlps=MLPS, task="CoLA", seed=7):
    for path, array in zip(mask_files(root / "masks", task, seed), (heads, mlps), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, array)
    return root / "masks"


def as_npz(root, heads=HEADS, mlps=MLPS, task="CoLA", seed=7, **others):
    path = root / "masks.npz"
    arrays = {f"{task}/{seed}/heads": heads, f"{task}/{seed}/mlps": mlps}
    np.savez(path, **arrays, **others)
    return path


WRITERS = pytest.mark.parametrize("write", [as_folder, as_npz])


@WRITERS
@pytest.mark.parametrize("kind", ["bool", "uint8", "int64", "float16", "float64", ">i4"])
def test_zeros_and_ones_of_any_type_are_read(tmp_path, write, kind):
    mask = read_imported(write(tmp_path, HEADS.astype(kind), MLPS.astype(kind)), "CoLA", 7, SMALL)
    np.testing.assert_array_equal(mask.units["head"], HEADS.astype(bool))
    np.testing.assert_array_equal(mask.units["mlp"], MLPS.astype(bool))


def test_other_keys_are_ignored_even_where_they_could_not_be_read(tmp_path):
    odd = {"CoLA/7/head_importance": HEADS / 3, "note": np.array([{"a": 1}], dtype=object)}
    mask = read_imported(as_npz(tmp_path, **odd), "CoLA", 7, SMALL)
    assert mask.counts()["heads"] == 6


@WRITERS
@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"heads": HEADS * 2}, ["head", "holds 2; a mask holds 0 and 1 alone"]),
        ({"heads": HEADS * 0.5}, ["holds 0.5"]),
        ({"mlps": np.array([1, np.nan, 0])}, ["mlp", "holds nan"]),
        ({"mlps": np.array([1, 0, -1])}, ["holds -1"]),
        ({"heads": HEADS.T}, ["shape 4 x 3; the model's is 3 x 4"]),
        ({"heads": HEADS.ravel()}, ["shape 12; the model's is 3 x 4"]),
        ({"mlps": MLPS[:, None]}, ["shape 3 x 1; the model's is 3"]),
        ({"mlps": np.array(1)}, ["single number"]),
        ({"mlps": np.array(["1", "0", "1"])}, ["<U1", "where a mask holds numbers"]),
        ({"heads": HEADS.astype(complex)}, ["complex128"]),
        ({"heads": HEADS.astype(object)}, ["array of Python objects"]),
    ],
)
def test_what_is_no_mask_is_one_sentence(tmp_path, write, arrays, words):
    path = write(tmp_path, **arrays)
    with pytest.raises(StudyError) as raised:
        read_imported(path, "CoLA", 7, SMALL)
    sentence = str(raised.value)
    assert "\n" not in sentence and sentence.count(". ") == 0
    assert "masks" in sentence and "CoLA" in sentence
    assert all(word in sentence for word in words), sentence


@WRITERS
@pytest.mark.parametrize(
    ("task", "seed", "words"),
    [
        ("CoLA", 8, ["8", "of CoLA it holds the seeds 7"]),
        ("RTE", 7, ["RTE", "it holds the tasks CoLA"]),
    ],
)
def test_a_missing_seed_or_task_is_named_with_what_there_is(tmp_path, write, task, seed, words):
    path = write(tmp_path)
    with pytest.raises(StudyError) as raised:
        read_imported(path, task, seed, SMALL)
    assert all(word in str(raised.value) for word in words), raised.value


def test_a_missing_mlp_mask_and_an_empty_folder(tmp_path):
    folder = as_folder(tmp_path)
    mask_files(folder, "CoLA", 7)[1].unlink()
    with pytest.raises(StudyError, match=r"mlp_mask\.npy does not exist"):
        read_imported(folder, "CoLA", 7, SMALL)
    (tmp_path / "empty").mkdir()
    with pytest.raises(StudyError, match="it holds no masks"):
        read_imported(tmp_path / "empty", "CoLA", 7, SMALL)


@pytest.mark.parametrize("damage", ["cut", "text", "array"])
def test_a_damaged_npz_is_one_sentence(tmp_path, damage):
    path = as_npz(tmp_path)
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "text":
        path.write_text("no archive")
    else:
        with path.open("wb") as file:
            np.save(file, HEADS)
    with pytest.raises(StudyError, match=r"masks\.npz is cut short or no npz file"):
        read_imported(path, "CoLA", 7, SMALL)


def test_a_damaged_npy_is_one_sentence(tmp_path):
    folder = as_folder(tmp_path)
    path = mask_files(folder, "CoLA", 7)[0]
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(StudyError, match=r"head_mask\.npy is cut short or no npy file"):
        read_imported(folder, "CoLA", 7, SMALL)


def test_the_step_writes_a_mask_that_the_other_steps_read(tmp_path):
    files.write_json(tmp_path / "config.json", synthetic.SMALL)
    import_masks(
        path_to_config=tmp_path / "config.json",
        path_to_mask=tmp_path / "good.safetensors",
        model="m",
        task="cola",
        seed=7,
        method="authors",
        masks=str(as_npz(tmp_path)),
        task_name="CoLA",
        emptied_attention="drop_bias",
    )
    mask, info = read_mask(tmp_path / "good.safetensors")
    np.testing.assert_array_equal(mask.units["head"], HEADS.astype(bool))
    assert mask.emptied_attention == "drop_bias"
    assert info.kept_fraction == mask.kept_fraction(SMALL)
    assert (info.algorithm, info.subnetwork, info.seed) == ("imported", "good", "7")
    assert (info.model, info.task, info.method) == ("m", "cola", "authors")
    # Controls are drawn as those of a structured search.
    module = algorithms.algorithm(info.algorithm)
    assert module.sources == {"random": "good", "bad": "good"}
    bad = module.sample("bad", mask, tmp_path, generator("x"))
    assert bad.counts() == mask.counts()


@pytest.mark.parametrize("kind", ["folder", "embedded"])
def test_fetch_config_takes_the_config_alone(tmp_path, kind):
    (tmp_path / "model").mkdir()
    files.write_json(tmp_path / "model/config.json", synthetic.SMALL)
    source = str(tmp_path / "model") if kind == "folder" else "embedded"
    path = tmp_path / "out/config.json"
    fetch_config(source=source, kind=kind, revision=None, path_to_config=path)
    layers = Architecture.from_config(files.read_json(path), "fetched").layers
    assert layers == (3 if kind == "folder" else 6)
    assert [found.name for found in path.parent.iterdir()] == ["config.json"]


def test_fetch_config_refuses_an_unknown_family(tmp_path):
    files.write_json(tmp_path / "config.json", synthetic.SMALL | {"model_type": "gpt2"})
    with pytest.raises(StudyError, match="model_type is 'gpt2'"):
        fetch_config(
            source=str(tmp_path), kind="folder", revision=None, path_to_config=tmp_path / "out.json"
        )


def test_fetch_config_without_the_hub_is_one_sentence(tmp_path):
    with pytest.raises(
        StudyError, match=r"nobody/nothing at 0{40} cannot be fetched: HF_HUB_OFFLINE"
    ):
        fetch_config(
            source="nobody/nothing",
            kind="hub",
            revision="0" * 40,
            path_to_config=tmp_path / "config.json",
        )
