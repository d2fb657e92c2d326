"""From weights and masks to logits, and from logits to scores, in the steps themselves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic_masks import random_weights
from tiny import SIZES, random_mask, tiny_architecture, tiny_model, tiny_tokens
from torch.utils.flop_counter import FlopCounterMode

from lottery import files
from lottery.evaluation.predict import BATCH_SIZE, predict
from lottery.evaluation.scoring import read_logits, write_logits
from lottery.files.errors import StudyError
from lottery.models.checkpoints import load_model, save_model
from lottery.pruning.masks import Mask, MaskInfo, UnitMask, read_mask, write_mask
from lottery.pruning.shrink import apply_mask, check_under
from lottery.results.scores import COSTS
from lottery.steps import evaluate_pruned as step
from lottery.steps.evaluate import evaluate
from lottery.steps.finetune import finetune
from lottery.steps.retrain import retrain
from lottery.tasks import metrics
from lottery.tasks.metrics import applicable

SPLITS = ["validation", "validation_mismatched"]
ARCHITECTURE = tiny_architecture()
EMPTIED = random_mask(0)  # has a layer without heads, where the bias decides
MASKS: dict[str, Mask] = {
    "good": replace(EMPTIED, emptied_attention="drop_bias"),
    "random": replace(EMPTIED, emptied_attention="keep_bias"),
    "bad": random_mask(4),
    "weights": random_weights(ARCHITECTURE, 0.5, np.random.default_rng(0)),
    "full": UnitMask.full(ARCHITECTURE),
}
METRICS = {1: ["pearson", "spearman"], 2: ["f1", "accuracy"], 3: ["matthews", "accuracy"]}


def put_mask(path: Path, mask: Mask) -> Path:
    info = MaskInfo(
        algorithm="any",
        model="m",
        task="t",
        seed="1",
        method="s",
        subnetwork=path.stem,
        kept_fraction=mask.counts().get("heads", 6) / 12,
    )
    write_mask(path, mask, info)
    return path


class Folder:
    """The files of one fine-tuned model and a method's masks."""

    def __init__(self, root: Path, n_outputs: int = 3) -> None:
        self.root, self.n_outputs = root, n_outputs
        self.model = root / "finetune/model.safetensors"
        self.record = root / "finetune/provenance.json"
        self.pruned = root / "evaluate/s/pruned.json"
        self.tokens = {split: root / f"tokens/{split}.safetensors" for split in ["train", *SPLITS]}
        self.put_model(0)
        files.write_json(root / "config.json", {"model_type": "bert"} | SIZES)
        for number, path in enumerate(self.tokens.values()):
            tokens = tiny_tokens(30 - number, number, n_outputs)
            files.write_arrays(path, tokens.arrays(), {})
        self.masks = {
            name: put_mask(root / f"mask/{name}.safetensors", mask) for name, mask in MASKS.items()
        }

    def put_model(self, seed: int) -> None:
        save_model(self.model, tiny_model(seed, self.n_outputs))
        outputs = {"model": {str(self.model): files.sha256(self.model)}}
        files.write_json(self.record, {"outputs": outputs})

    def read(self, split: str) -> Any:
        return tiny_tokens(30 - list(self.tokens).index(split), list(self.tokens).index(split),
                           self.n_outputs)  # fmt: skip

    def logits(self, name: str) -> Path:
        return self.pruned.parent / name / "pruned/logits.safetensors"

    def prune(self, names: list[str] | None = None, batch_size: int = 7) -> dict[str, Any]:
        """Runs evaluate_pruned; gives what it says of the subnetworks."""
        step.evaluate_pruned(
            path_to_model=self.model,
            paths_to_masks=[path for name, path in self.masks.items() if name in (names or MASKS)],
            paths_to_tokens=[self.tokens[split] for split in SPLITS],
            path_to_pruned=self.pruned,
            splits=SPLITS,
            batch_size=batch_size,
            torch_threads=1,
        )
        return files.read_json(self.pruned)["subnetworks"]

    def evaluate(self, folder: Path, **changes: Any) -> dict[str, Any]:
        """Runs evaluate; gives metrics.json."""
        cell = {"model": "m", "task": "t", "seed": 1, "method": "s"}
        keywords = {"subnetwork": folder.parent.name, "phase": folder.name, "splits": SPLITS}
        keywords |= {"metrics": METRICS[self.n_outputs], "batch_size": 7, "torch_threads": 1} | cell
        evaluate(
            paths_to_tokens=[self.tokens[split] for split in SPLITS],
            path_to_config=self.root / "config.json",
            path_to_metrics=folder / "metrics.json",
            path_to_predictions=folder / "predictions.parquet",
            **(keywords | changes),
        )
        return files.read_json(folder / "metrics.json")

    def evaluate_pruned(
        self, name: str, logits_by: str = f"evaluate_pruned {step.VERSION}"
    ) -> dict[str, Any]:
        """Runs evaluate on a pruned subnetwork."""
        inputs = {"path_to_pruned": self.pruned, "path_to_mask": self.masks[name]}
        inputs |= {"path_to_full": self.record, "logits_by": logits_by}
        return self.evaluate(self.logits(name).parent, **inputs)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The subnetworks that evaluate_pruned computes, in their order."""
    names: list[str] = []
    write = step.write_logits

    def spy(path_to_logits: Path, *others: Any) -> None:
        names.append(path_to_logits.parents[1].name)
        write(path_to_logits, *others)

    monkeypatch.setattr(step, "write_logits", spy)
    return names


def digests(folder: Folder) -> dict[str, str]:
    return {name: files.sha256(folder.logits(name)) for name in MASKS}


@pytest.mark.parametrize("n_outputs", METRICS)
def test_pruned_logits_are_those_of_each_subnetwork_alone(tmp_path: Path, n_outputs: int) -> None:
    folder = Folder(tmp_path, n_outputs)
    found = folder.prune()
    assert found.keys() == MASKS.keys()
    for name, mask in MASKS.items():
        logits, size = read_logits(folder.logits(name))
        alone, _ = apply_mask(tiny_model(0, n_outputs), mask, folder.read(SPLITS[0]))
        assert logits.keys() == set(SPLITS)
        for split in SPLITS:
            tokens = folder.read(split)
            assert np.array_equal(logits[split], predict(alone, tokens, 7)), (name, split)
            one_by_one = [predict(alone, tokens.select(np.array([row])), 1)[0]
                          for row in range(len(tokens))]  # fmt: skip
            np.testing.assert_allclose(logits[split], one_by_one, rtol=1e-4, atol=1e-4)
        _, info = read_mask(folder.masks[name])
        assert size["kept_fraction"] == info.kept_fraction
        units = {} if name == "weights" else mask.counts()
        assert size["units_kept"] == units
        assert (size["heads_kept"], size["mlps_kept"]) == (units.get("heads"), units.get("mlps"))
        assert found[name] == {
            "mask": files.sha256(folder.masks[name]),
            "logits": files.sha256(folder.logits(name)),
        }


def test_no_subnetwork_is_evaluated_twice(folder: Folder, evaluated: list[str]) -> None:
    folder.prune(["good", "bad"])
    assert evaluated == ["good", "bad"]
    evaluated.clear()
    found = folder.prune()
    assert evaluated == ["random", "weights", "full"]  # those that were added
    evaluated.clear()
    before = digests(folder)
    assert folder.prune() == found
    assert evaluated == [] and digests(folder) == before


def test_what_has_changed_is_evaluated_again(folder: Folder, evaluated: list[str]) -> None:
    folder.prune()
    before = digests(folder)
    evaluated.clear()
    put_mask(folder.masks["random"], random_mask(5))
    folder.prune()
    assert evaluated == ["random"]
    after = digests(folder)
    assert {name for name in MASKS if before[name] != after[name]} == {"random"}
    # A cut file is no result, and one of another step neither.
    evaluated.clear()
    content = folder.logits("bad").read_bytes()
    folder.logits("bad").write_bytes(content[:-1])
    folder.logits("good").unlink()
    write_logits(folder.logits("weights"), {"validation": np.zeros((30, 3), np.float32)}, {})
    folder.prune()
    assert evaluated == ["good", "bad", "weights"] and digests(folder) == after


@pytest.mark.parametrize("change", ["model", "tokens", "batch size"])
def test_a_change_of_what_all_share_evaluates_all_again(
    folder: Folder, evaluated: list[str], change: str
) -> None:
    folder.prune()
    evaluated.clear()
    if change == "model":
        folder.put_model(9)
    elif change == "tokens":
        tokens = tiny_tokens(30, 77)
        files.write_arrays(folder.tokens["validation"], tokens.arrays(), {})
    folder.prune(batch_size=8 if change == "batch size" else 7)
    assert evaluated == list(MASKS)


@pytest.mark.parametrize("damage", ["cut", "of another model"])
def test_a_mask_that_fails_stops_no_other(folder: Folder, damage: str) -> None:
    folder.prune()
    path = folder.masks["random"]
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        other = tiny_architecture(hidden_size=16)
        put_mask(path, random_weights(other, 0.5, np.random.default_rng(0)))
    found = folder.prune()
    assert found["random"].keys() == {"error"} and found["random"]["error"]
    for name in MASKS.keys() - {"random"}:
        assert folder.evaluate_pruned(name)["subnetwork"] == name
        assert found[name]["logits"] == files.sha256(folder.logits(name))
    with pytest.raises(StudyError if damage == "cut" else RuntimeError) as failure:
        folder.evaluate_pruned("random")
    if damage == "cut":
        assert str(path) in str(failure.value) and "\n" not in str(failure.value)
    assert not (folder.logits("random").parent / "metrics.json").exists()


def test_a_subnetwork_that_failed_alone_is_evaluated_with_its_scores(folder: Folder) -> None:
    folder.prune()
    expected = folder.evaluate_pruned("weights")
    logits, _ = read_logits(folder.logits("weights"))
    pruned = files.read_json(folder.pruned)
    pruned["subnetworks"]["weights"] = {"error": "OutOfMemoryError: the GPU was full"}
    files.write_json(folder.pruned, pruned)
    folder.logits("weights").unlink()
    assert folder.evaluate_pruned("weights") == expected
    again, _ = read_logits(folder.logits("weights"))
    assert all(np.array_equal(logits[split], again[split]) for split in SPLITS)


@pytest.mark.parametrize("change", ["logits of another", "a flipped bit", "cut", "no logits"])
def test_logits_that_are_lost_or_damaged_are_made_again(folder: Folder, change: str) -> None:
    folder.prune()
    expected = folder.evaluate_pruned("bad")
    path = folder.logits("bad")
    whole = path.read_bytes()
    if change == "logits of another":
        path.write_bytes(folder.logits("good").read_bytes())
    elif change == "a flipped bit":
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    elif change == "cut":
        path.write_bytes(whole[:-9])
    else:
        path.unlink()
    assert folder.evaluate_pruned("bad") == expected
    assert path.read_bytes() == whole


def test_a_mask_that_has_changed_is_the_one_that_is_scored(folder: Folder) -> None:
    folder.prune()
    before = folder.evaluate_pruned("bad")
    put_mask(folder.masks["bad"], random_mask(5))
    after = folder.evaluate_pruned("bad")
    assert before["kept_fraction"] != after["kept_fraction"]
    folder.prune()
    assert folder.evaluate_pruned("bad") == after


@pytest.mark.parametrize("change", ["model", "version"])
def test_logits_of_another_model_or_version_are_rejected(folder: Folder, change: str) -> None:
    folder.prune()
    by = {}
    if change == "model":
        folder.put_model(9)
    else:
        by = {"logits_by": f"evaluate_pruned {step.VERSION + 1}"}
    with pytest.raises(StudyError) as refusal:
        folder.evaluate_pruned("bad", **by)
    sentence = str(refusal.value)
    assert sentence.startswith(f"{folder.pruned} is of another model or version")
    assert "\n" not in sentence


def expected_scores(folder: Folder, logits: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """The scores, example by example of every split and half."""
    entries = []
    for split in SPLITS:
        tokens = folder.read(split)
        rows = {split: range(len(tokens))}
        if split == "validation":
            rows["search_half"] = [row for row in range(len(tokens)) if tokens.half[row] == 0]
            rows["report_half"] = [row for row in range(len(tokens)) if tokens.half[row] == 1]
        for part, chosen in rows.items():
            labels = np.array([tokens.labels[row] for row in chosen])
            outputs = [logits[split][row] for row in chosen]
            regression = folder.n_outputs == 1
            said = np.array([out[0] if regression else max(range(len(out)), key=out.__getitem__)
                             for out in outputs], float if regression else int)  # fmt: skip
            entries += [
                {
                    "split": part,
                    "metric": metric,
                    "value": metrics.score(metric, labels, said),
                    "n_examples": len(chosen),
                    "constant_prediction": len(set(said)) == 1,
                }
                for metric in METRICS[folder.n_outputs]
            ]
    return entries


@pytest.mark.parametrize("n_outputs", METRICS)
def test_scores_are_those_of_the_logits(tmp_path: Path, n_outputs: int) -> None:
    folder = Folder(tmp_path, n_outputs)
    folder.prune()
    for name in MASKS:
        found = folder.evaluate_pruned(name)
        logits, size = read_logits(folder.logits(name))
        assert found.pop("scores") == expected_scores(folder, logits)
        cell = {"model": "m", "task": "t", "seed": 1, "method": "s"}
        costs = {each: found.pop(each) for each in (*COSTS, "flops")}
        assert costs == expected_costs(folder, name)
        assert found == {"format": 1, **cell, "subnetwork": name, "phase": "pruned", **size}


def expected_costs(folder: Folder, name: str) -> dict[str, Any]:
    """The costs of a model that is built, saved, and run on one example after another."""
    model, kept = tiny_model(0, folder.n_outputs), None
    if name != "full":
        model, kept = apply_mask(model, MASKS[name], folder.read("validation"))
    path = folder.root / "built.safetensors"
    save_model(path, model)
    parameters = sum(p.numel() for p in model.parameters())
    flops = {}
    for split in SPLITS:
        counts = []
        tokens = folder.read(split)
        for row in range(len(tokens)):
            with FlopCounterMode(display=False) as counter:
                predict(model, tokens.select(np.array([row])), 1)
            counts.append(counter.get_total_flops())
        flops[split] = np.mean(counts)
        if split == "validation":
            for half, number in (("search_half", 0), ("report_half", 1)):
                flops[half] = np.mean(np.array(counts)[tokens.half == number])
    return {
        "parameters": parameters,
        "nonzero_parameters": parameters - sum(int((~k).sum()) for k in (kept or {}).values()),
        "file_bytes": path.stat().st_size,
        "flops": pytest.approx(flops),
    }


@pytest.mark.parametrize("name", ["good", "weights", None])
def test_trained_models_cost_what_their_masks_leave(folder: Folder, name: str | None) -> None:
    logits = {split: np.zeros((len(folder.read(split)), 3), np.float32) for split in SPLITS}
    path = folder.root / "retrain/logits.safetensors"
    write_logits(path, logits, {"units_kept": {}})
    masked = {"path_to_mask": folder.masks[name]} if name else {}
    found = folder.evaluate(folder.root / "x/retrained", path_to_logits=path, **masked)
    assert {each: found[each] for each in (*COSTS, "flops")} == expected_costs(
        folder, name or "full"
    )


def test_trained_models_are_scored_by_the_logits_that_they_left(folder: Folder) -> None:
    rng = np.random.default_rng(0)
    logits = {
        split: rng.normal(size=(len(folder.read(split)), 3)).astype(np.float32)
        for split in ("validation_mismatched", "validation")  # in any order
    }
    size = {"kept_fraction": 0.25, "heads_kept": 3, "mlps_kept": 1, "units_kept": {"heads": 3}}
    path = folder.root / "retrain/logits.safetensors"
    write_logits(path, logits, size)
    place = folder.root / "evaluate/s/good/retrained"
    found = folder.evaluate(place, path_to_logits=path)
    assert found["scores"] == expected_scores(folder, logits)
    assert {name: found[name] for name in size} == size
    rows = files.read_parquet(place / "predictions.parquet").to_pylist()
    assert [row["split"] for row in rows] == ["validation"] * 29 + ["validation_mismatched"] * 28
    for row, out in zip(rows, np.concatenate([logits[split] for split in SPLITS]), strict=True):
        assert (row["logits"], row["prediction"]) == (out.tolist(), out.argmax())
    for split in SPLITS:
        tokens, own = folder.read(split), [row for row in rows if row["split"] == split]
        assert [row["label"] for row in own] == tokens.labels.tolist()
        assert [row["idx"] for row in own] == tokens.idx.tolist()


def test_logits_of_other_examples_are_rejected(folder: Folder) -> None:
    path = folder.root / "logits.safetensors"
    logits = {split: np.zeros((29, 3), np.float32) for split in SPLITS}
    write_logits(path, logits, {"kept_fraction": 1.0})
    with pytest.raises(StudyError, match=r"validation_mismatched are of 29 examples, .* holds 28"):
        folder.evaluate(folder.root / "full/finetuned", path_to_logits=path)
    files.write_arrays(path, logits, {})
    with pytest.raises(StudyError, match=r"logits\.safetensors is not a file of logits"):
        folder.evaluate(folder.root / "full/finetuned", path_to_logits=path)


RECIPE = {"epochs": 2, "batch_size": 8, "learning_rate": 1e-3, "log_every": 1}


def pretrained(folder: Folder) -> Path:
    """The model as fetching leaves it: without a classifier."""
    arrays, metadata = files.read_arrays(folder.model)
    path = folder.root / "pretrained.safetensors"
    body = {name: array for name, array in arrays.items() if not name.startswith("classifier")}
    files.write_arrays(path, body, metadata)
    return path


def training(folder: Folder, place: Path) -> dict[str, Any]:
    """The keywords that finetune and retrain share."""
    return {
        "path_to_pretrained": pretrained(folder),
        "paths_to_tokens": list(folder.tokens.values()),
        "path_to_model": place / "model.safetensors",
        "path_to_logits": place / "logits.safetensors",
        "path_to_history": place / "history.csv",
        "splits": SPLITS,
        "n_outputs": 3,
        "training": RECIPE,
        "seed": 1,
        "torch_threads": 1,
    }


def logits_of_saved(folder: Folder, place: Path) -> dict[str, Any]:
    """Checks that a model's logits are those of its file; gives the size that they tell."""
    logits, size = read_logits(place / "logits.safetensors")
    saved = load_model(place / "model.safetensors")
    assert logits.keys() == set(SPLITS)
    for split in SPLITS:
        assert np.array_equal(logits[split], predict(saved, folder.read(split), BATCH_SIZE))
    return size


def test_finetuning_leaves_the_logits_and_scores_of_the_model_that_it_saves(folder: Folder) -> None:
    place = folder.root / "trained"
    finetune(**training(folder, place), path_to_metrics=place / "metrics.json", model="m", task="t")
    size = logits_of_saved(folder, place)
    units = {"heads": 12, "mlps": 3}
    assert size == {"kept_fraction": 1.0, "units_kept": units, "heads_kept": 12, "mlps_kept": 3}
    untrained = load_model(folder.model)
    assert not np.array_equal(
        read_logits(place / "logits.safetensors")[0]["validation"],
        predict(untrained, folder.read("validation"), BATCH_SIZE),
    )
    # evaluate gives the scores of the task's own metrics, which finetune has written already.
    written = files.read_json(place / "metrics.json")["scores"]
    own = [entry for entry in written if entry["metric"] in METRICS[folder.n_outputs]]
    assert {entry["metric"] for entry in written} == {*applicable(folder.n_outputs)}
    path = place / "logits.safetensors"
    found = folder.evaluate(folder.root / "evaluate/none/full/finetuned", path_to_logits=path)
    assert sorted(map(json.dumps, found["scores"])) == sorted(map(json.dumps, own))


@pytest.mark.parametrize("name", ["good", "random", "weights"])
def test_retraining_leaves_the_logits_of_the_subnetwork_that_it_saves(
    folder: Folder, name: str
) -> None:
    place = folder.root / "trained"
    retrain(**training(folder, place), path_to_mask=folder.masks[name])
    size = logits_of_saved(folder, place)
    mask, info = read_mask(folder.masks[name])
    check_under(load_model(place / "model.safetensors"), mask)
    assert size["kept_fraction"] == info.kept_fraction
    assert size["heads_kept"] == mask.counts().get("heads")
