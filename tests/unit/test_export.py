"""Exported models: transformers, onnxruntime and `lottery.load` compute the study's logits."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_study import study
from tiny import SIZES, random_mask, tiny_architecture, tiny_model, tiny_tokens
from tiny_families import FAMILY_SIZES, write_checkpoint
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import lottery
from lottery import files
from lottery.evaluation.predict import predict
from lottery.files.errors import StudyError
from lottery.models import exported
from lottery.models.checkpoints import load_pretrained, save_model
from lottery.models.encoder import Encoder
from lottery.planning import grid
from lottery.pruning.masks import Mask, MaskInfo, UnitMask, WeightMask, body_shapes, write_mask
from lottery.pruning.shrink import shrink, widen
from lottery.steps.export_model import export_model
from lottery.steps.fetch_config import fetch_config
from lottery.steps.fetch_model import fetch_model
from lottery.steps.fetch_tokenizer import fetch_tokenizer

LAYERS, INNER = SIZES["num_hidden_layers"], SIZES["intermediate_size"]


def uneven(seed: int, emptied: str) -> UnitMask:
    """Heads, MLPs, neurons and layers pruned: an emptied attention, an MLP without neurons."""
    rng = np.random.default_rng(seed)
    mask = random_mask(seed).with_units(
        {"neuron": rng.random((LAYERS, INNER)) < 0.4, "layer": rng.random(LAYERS) < 0.7}
    )
    mask.units["head"][seed % LAYERS] = False
    mask.units["mlp"][(seed + 1) % LAYERS] = True
    mask.units["neuron"][(seed + 1) % LAYERS] = False
    mask.units["layer"][(seed + 1) % LAYERS] = True
    return replace(mask, emptied_attention=emptied)


@pytest.mark.parametrize("emptied", ["keep_bias", "drop_bias"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("family", FAMILY_SIZES)
def test_widening_is_the_inverse_of_shrinking(family: str, seed: int, emptied: str) -> None:
    model, tokens, mask = tiny_model(family=family), tiny_tokens(), uneven(seed, emptied)
    small = shrink(model, mask)
    whole = widen(small)
    assert {n: p.shape for n, p in whole.named_parameters()} == {
        n: p.shape for n, p in model.named_parameters()
    }
    logits = predict(small, tokens, 8)
    np.testing.assert_allclose(predict(whole, tokens, 8), logits, rtol=1e-6, atol=1e-6)
    for name, parameter in shrink(whole, mask).state_dict().items():
        assert torch.equal(parameter, small.state_dict()[name]), name
    kept = [entries[part] for entries in mask.entries(model.architecture) for part in entries]
    zeros = sum(np.ix_(*axes)[0].size == 0 for axes in kept)
    assert zeros and predict(whole, tokens, 8).std() > 0.01


class Fetched:
    """A fetched model, and what the steps make of it."""

    def __init__(self, folder: Path, family: str = "bert") -> None:
        self.folder, source = folder, folder / "source"
        write_checkpoint(source, family, TEXTS)
        place = {"source": str(source), "kind": "folder", "revision": None}
        fetch_model(
            **place,
            init="pretrained",
            init_seed=0,
            path_to_tokenizer=folder / "tokenizer.json",
            path_to_model=folder / "pretrained.safetensors",
        )
        fetch_config(**place, path_to_config=folder / "config.json")
        fetch_tokenizer(**place, path_to_tokenizer_config=folder / "tokenizer_config.json")

    def export(self, target: Path, mask: Mask | None, labels: list[str] | None) -> None:
        """Exports the pretrained model with a drawn classifier, under a mask."""
        n_outputs = len(labels) if labels else 1
        model = load_pretrained(self.folder / "pretrained.safetensors", n_outputs, seed=3)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim > 1:
                    parameter.mul_(3)
            model.classifier.weight.mul_(10)
        target.mkdir(parents=True)
        save_model(target.parent / "trained.safetensors", model)
        tokens = target.parent / "tokens" / "validation.safetensors"
        files.write_arrays(tokens, tiny_tokens(n_outputs=n_outputs, lowest=3).arrays(), {})
        masks = []
        if mask is not None:
            masks = [target.parent / "mask.safetensors"]
            info = MaskInfo("structured", "m", "t", "1", "s", "good", 0.5)
            write_mask(masks[0], mask, info)
        export_model(
            path_to_model=target.parent / "trained.safetensors",
            paths_to_masks=masks,
            paths_to_tokens=[tokens],
            path_to_config=self.folder / "config.json",
            path_to_tokenizer=self.folder / "tokenizer.json",
            path_to_tokenizer_config=self.folder / "tokenizer_config.json",
            path_to_exported_config=target / "config.json",
            path_to_exported_tokenizer=target / "tokenizer.json",
            path_to_exported_tokenizer_config=target / "tokenizer_config.json",
            path_to_weights=target / "model.safetensors",
            labels=labels,
            max_length=9,
            torch_threads=1,
            path_to_shrunk=target / "shrunk.safetensors" if isinstance(mask, UnitMask) else None,
        )


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Fetched:
    return Fetched(tmp_path_factory.mktemp("fetched"))


def random_weights(family: str = "bert") -> WeightMask:
    rng = np.random.default_rng(0)
    shapes = body_shapes(tiny_architecture(model_type=family))
    return WeightMask({name: rng.random(shape) < 0.6 for name, shape in shapes.items()})


MASKS = {"full": None, "weights": random_weights(), "units": uneven(1, "drop_bias")}
TEXTS = ["a b a", "b", "a a a a a a a a a a a a a", ""]
PAIRS = [("a b", "b"), ("b a a a a a a a a", "a b a"), ("b", "a")]


@pytest.mark.parametrize("labels", [["no", "may be", "yes"], None], ids=["classes", "score"])
@pytest.mark.parametrize("kind", MASKS)
def test_transformers_and_load_agree(fetched, tmp_path, kind, labels):
    folder = tmp_path / "exported"
    fetched.export(folder, MASKS[kind], labels)
    theirs, report = AutoModelForSequenceClassification.from_pretrained(
        folder, output_loading_info=True
    )
    assert not any(report.values())
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.model_max_length == 9
    ours = lottery.load(folder)
    if labels:
        assert theirs.config.id2label == dict(enumerate(labels)) and ours.labels == tuple(labels)
        assert theirs.config.label2id == {name: n for n, name in enumerate(labels)}
        assert theirs.config.problem_type == "single_label_classification"
    else:
        assert (theirs.config.num_labels, theirs.config.problem_type) == (1, "regression")
    pairs = [[*each] for each in zip(*PAIRS, strict=True)]
    for texts, words in ((TEXTS, [TEXTS]), (PAIRS, pairs)):
        inputs = tokenizer(*words, truncation=True, padding=True, return_tensors="pt")
        with torch.no_grad():
            logits = theirs.eval()(**inputs).logits
        np.testing.assert_allclose(ours.logits(texts), logits.numpy(), atol=1e-5)
        expected = logits.softmax(-1).numpy() if labels else logits[:, 0].numpy()
        np.testing.assert_allclose(ours.predict(texts), expected, atol=1e-5)
    assert np.ptp(ours.logits(TEXTS), axis=0).min() > 0.01
    whole = sum(p.numel() for p in theirs.parameters())
    smaller = sum(p.numel() for p in ours.model.parameters()) < whole
    assert smaller == (kind == "units") == (folder / "shrunk.safetensors").exists()


@pytest.mark.parametrize("kind", ["weights", "units"])
@pytest.mark.parametrize("family", [name for name in FAMILY_SIZES if name != "bert"])
def test_every_family_loads_in_transformers(tmp_path, family, kind):
    fetched = Fetched(tmp_path / "fetched", family)
    mask = random_weights(family) if kind == "weights" else MASKS["units"]
    fetched.export(tmp_path / "exported", mask, ["no", "yes"])
    theirs, report = AutoModelForSequenceClassification.from_pretrained(
        tmp_path / "exported", output_loading_info=True
    )
    assert not any(report.values())
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "exported")
    inputs = tokenizer(TEXTS, truncation=True, padding=True, return_tensors="pt")
    with torch.no_grad():
        logits = theirs.eval()(**inputs).logits.numpy()
    ours = lottery.load(tmp_path / "exported")
    np.testing.assert_allclose(ours.logits(TEXTS), logits, atol=1e-5)
    assert np.ptp(logits) > 0.01


def test_an_exported_folder_names_no_folder_of_this_machine(fetched, tmp_path):
    fetched.export(tmp_path / "exported", None, ["no", "yes"])
    for path in (tmp_path / "exported").iterdir():
        assert str(fetched.folder).encode() not in path.read_bytes(), path


def test_other_weights_in_transformers_are_found(fetched, tmp_path, monkeypatch):
    def off_by_one(model: Encoder) -> Encoder:
        whole = widen(model)
        with torch.no_grad():
            whole.pooler.bias.add_(1)
        return whole

    monkeypatch.setattr("lottery.steps.export_model.widen", off_by_one)
    with pytest.raises(StudyError, match=r"transformers and this workflow differ by"):
        fetched.export(tmp_path / "exported", None, ["no", "yes"])
    assert not (tmp_path / "exported" / "model.safetensors").exists()


def test_a_folder_without_a_model_and_a_text_without_a_list_are_one_sentence(fetched, tmp_path):
    with pytest.raises(StudyError, match=r"has no config\.json; name a folder"):
        lottery.load(tmp_path)
    fetched.export(tmp_path / "exported", None, ["no", "yes"])
    model = lottery.load(tmp_path / "exported")
    for wrong in ("a b", [("a", "b", "a")], ["a", ("a", "b")], [1]):
        with pytest.raises(TypeError, match="a list of texts, or of pairs"):
            model.predict(wrong)
    assert model.predict([]).shape == (0, 2)


def test_the_package_itself_loads_nothing_heavy() -> None:
    code = "import sys, lottery; print([m for m in ('torch', 'numpy') if m in sys.modules])"
    library = str(Path(lottery.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": library}, capture_output=True, check=True
    )
    assert done.stdout.strip() == b"[]"


# --- ONNX ---

SHAPES = [(1, 1), (1, 2), (3, 5), (7, 33), (2, 40)]


CASES = [("bert", None), ("modernbert", None)]
CASES += [(family, uneven(0, "keep_bias")) for family in ("bert", "modernbert")]


@pytest.mark.slow
@pytest.mark.parametrize(("family", "mask"), CASES)
def test_onnxruntime_computes_the_same_for_other_batches_and_lengths(tmp_path, family, mask):
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra export is not installed")
    model = tiny_model(family=family)
    model = model if mask is None else shrink(model, mask)
    path = tmp_path / "model.onnx"
    exported.write_onnx(path, model)
    assert [each.name for each in tmp_path.iterdir()] == ["model.onnx"]
    assert str(Path(exported.__file__).parent).encode() not in path.read_bytes()
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    for batch, length in SHAPES:
        lengths = rng.integers(1, length + 1, batch)
        inputs = {
            "input_ids": rng.integers(0, SIZES["vocab_size"], (batch, length)),
            "attention_mask": (np.arange(length) < lengths[:, None]).astype(np.int64),
            "token_type_ids": rng.integers(0, 2, (batch, length)),
        }
        ids, present, types = (torch.from_numpy(array) for array in inputs.values())
        with torch.no_grad():
            expected = model(ids, types, present.bool()).numpy()
        asked = [each.name for each in session.get_inputs()]
        assert ("token_type_ids" in asked) == (family == "bert")
        (found,) = session.run(["logits"], {name: inputs[name] for name in asked})
        np.testing.assert_allclose(found, expected, atol=1e-5)
    other = exported._Graph(tiny_model(seed=1, family=family)).eval()
    with pytest.raises(StudyError, match="onnxruntime and this workflow differ by"):
        exported._compare(path, other, exported._inputs(model, 3, 17))
    assert not path.exists()


# --- the config ---


TWO_METHODS = """
tasks: {rte: {}, sst2: {}}
seeds: [1, 2]
methods:
  structured: {algorithm: structured, subnetworks: [good, random]}
  magnitude: {algorithm: magnitude, subnetworks: [good], only_tasks: [rte]}
"""


def exports(text: str) -> list[tuple[object, ...]]:
    """The cells that `export` names, of a study of rte and sst2 with two seeds."""
    made = study(f"{TWO_METHODS}\nexport: {text}")
    grid.check_exports(made)
    return [tuple(row.values())[1:] for row in grid.export_rows(made)]


def test_an_entry_names_all_that_fit_it() -> None:
    assert exports("[{subnetwork: full, task: rte, seed: 2}]") == [
        ("rte", 2, "none", "full", "finetuned")
    ]
    good = ("structured", "good", "retrained")
    assert exports("[{subnetwork: good, method: structured}]") == [
        (task, seed, *good) for task in ("rte", "sst2") for seed in (1, 2)
    ]
    assert exports("[{subnetwork: [full, good], method: structured, task: rte, seed: [1]}]") == [
        ("rte", 1, "none", "full", "finetuned"),
        ("rte", 1, *good),
    ]


def test_pruned_and_twice_named() -> None:
    entry = "{subnetwork: good, method: structured, task: rte, seed: 1, phase: pruned}"
    assert exports(f"[{entry}, {entry}]") == [("rte", 1, "structured", "good", "pruned")]


def test_what_names_nothing_and_nothing_named_are_one_sentence() -> None:
    with pytest.raises(StudyError, match=r"export\[0\] names no model of the study"):
        exports("[{subnetwork: good, method: magnitude, task: sst2}]")
    with pytest.raises(StudyError, match="no key export, so there is nothing to export"):
        grid.require_exports(study())


def test_onnx_without_its_packages_is_one_sentence(monkeypatch) -> None:
    entry = "[{subnetwork: full, onnx: true}]"
    monkeypatch.setattr("lottery.config.exports.find_spec", lambda name: None)
    with pytest.raises(StudyError, match=r"export\[0\]\.onnx is true, but the package onnx is not"):
        exports(entry)
    monkeypatch.setattr("lottery.config.exports.find_spec", lambda name: object())
    made = study(f"{TWO_METHODS}\nexport: [{{subnetwork: good}}, {{subnetwork: full, onnx: true}}]")
    assert {row["subnetwork"] for row in grid.export_rows(made, onnx=True)} == {"full"}
    assert {row["subnetwork"] for row in grid.export_rows(made)} == {"full", "good"}


@pytest.mark.parametrize("family", FAMILY_SIZES)
def test_inputs_are_no_longer_than_the_family_allows(family: str) -> None:
    model = tiny_model(family=family)
    inputs = exported._inputs(model, 3, 10**4)
    assert inputs["input_ids"].shape == (3, model.architecture.longest)
    with torch.no_grad():
        assert exported._Graph(model).eval()(**inputs).shape == (3, model.n_outputs)
