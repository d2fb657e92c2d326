"""The strict preset: exact halves, searches on one half of validation, thresholds over majority."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from runs import HALVES, Run
from safetensors.numpy import load_file
from tiny_study import HEADS, LAYERS

from lottery.pruning.masks import Mask, read_mask

UNITS = ("head", "mlp")


def masks(run: Run, method: str, seed: int) -> dict[str, Mask]:
    """The masks of one method on tone."""
    folder = run.cell("tone", seed) / "mask" / method
    return {name: read_mask(folder / f"{name}.safetensors")[0] for name in ("good", *HALVES)}


@pytest.mark.parametrize("seed", [7, 3])
def test_structured_halves(strict: Run, seed: int) -> None:
    found = masks(strict, "structured", seed)
    sizes = {"head": LAYERS * HEADS // 2, "mlp": LAYERS // 2}
    good, bad = found["good_half"], found["bad_half"]
    for kind in UNITS:
        assert good.units[kind].sum() == sizes[kind]
        assert np.array_equal(bad.units[kind], ~good.units[kind])
        for name in HALVES[1:4]:
            assert found[name].units[kind].sum() == sizes[kind]
    draws = {found[name].units["head"].tobytes() for name in HALVES[1:4]}
    assert len(draws) == 3, "three draws are three masks"


@pytest.mark.parametrize("seed", [7, 3])
def test_magnitude_halves(strict: Run, seed: int) -> None:
    found = masks(strict, "magnitude", seed)
    good, bad = found["good_half"].vector, found["bad_half"].vector
    assert good.sum() == len(good) // 2
    assert np.array_equal(bad, ~good)
    assert {found[name].kept for name in HALVES[:4]} == {len(good) // 2}
    weights = load_file(strict.cell("tone", seed) / "finetune/model.safetensors")
    size = np.concatenate([np.abs(weights[name]).ravel() for name in found["good"].shapes])
    assert size[good].min() >= size[bad].max()


def test_halves_are_walked_from_the_full_model(strict: Run) -> None:
    for seed in (7, 3):
        folder = strict.cell("tone", seed) / "mask"
        table = pd.read_csv(folder / "structured/halves.csv")
        assert list(table) == list(pd.read_csv(folder / "structured/search.csv"))
        steps = list(zip(table["heads_kept"], table["mlps_kept"], strict=True))
        # One head (a tenth of twelve) and one MLP a step; the MLPs are at their goal after two.
        assert steps == [(12, 3), (11, 2), (10, 1), (9, 1), (8, 1), (7, 1), (6, 1)]
        assert set(table["stage"]) == {"both"}
        assert table["threshold"].isna().all()
        assert not (folder / "magnitude/halves.csv").exists()


@pytest.mark.parametrize(("task", "metric"), [("tone", "accuracy"), ("degree", "pearson")])
@pytest.mark.parametrize("method", ["structured", "magnitude"])
def test_searches_see_one_half_and_stop_above_majority(
    strict: Run, method: str, task: str, metric: str
) -> None:
    folder = strict.cell(task, 7)
    metrics = json.loads((folder / "evaluate/none/full/finetuned/metrics.json").read_text())
    full = {
        entry["split"]: entry["value"] for entry in metrics["scores"] if entry["metric"] == metric
    }
    table = pd.read_csv(folder / "mask" / method / "search.csv")
    assert table["score"][0] == pytest.approx(full["search_half"], abs=1e-6)
    baseline = majority(strict, task, metric)
    assert table["threshold"].to_numpy() == pytest.approx(
        baseline + 0.9 * (full["search_half"] - baseline)
    )
    if method == "structured":  # importances are measured anew at the start of a stage
        sizes = table[["heads_kept", "mlps_kept"]]
        for stage in ("heads", "mlps"):
            start = table.index[table["stage"] == stage]
            if len(start):
                passed = table.index[table["accepted"] & (table.index < start[0])]
                assert list(sizes.loc[start[0]]) == list(sizes.loc[passed[-1]])


def majority(run: Run, task: str, metric: str) -> float:
    """The score on search_half of the most frequent training label; an undefined one is 0."""
    if metric == "pearson":
        return 0.0
    data = run.config["tasks"][task]["data"]
    most = pd.read_csv(data["train"])["label"].mode()[0]
    table = pd.read_parquet(run.folder / f"resources/tasks/{task}/validation.parquet")
    labels = table.loc[table["half"] == 0, "label"]
    return float((labels == ["no", "yes"].index(most)).mean())


def test_removed_units_have_no_importance(strict: Run) -> None:
    folder = strict.cell("tone", 7) / "mask/structured"
    table = pd.read_csv(folder / "search.csv")
    with np.load(folder / "importance.npz") as arrays:
        known = np.isfinite(arrays["heads"]).sum(axis=(1, 2))
        assert list(known) == list(table["heads_kept"])
        assert list(np.isfinite(arrays["mlps"]).sum(axis=1)) == list(table["mlps_kept"])


def test_super_good_stands_alone(strict: Run) -> None:
    folder = strict.folder / "results/tiny/tone/super/structured"
    assert {path.name for path in folder.iterdir()} == {"super_good.safetensors", "provenance.json"}
    mask, info = read_mask(folder / "super_good.safetensors")
    assert mask.granularity == "units" and info.seed == ""
    goods = [masks(strict, "structured", seed)["good"] for seed in (7, 3)]
    assert np.array_equal(mask.units["head"], goods[0].units["head"] & goods[1].units["head"])


def test_halves_are_evaluated_and_retrained_at_their_size(strict: Run) -> None:
    cell = strict.cell("tone", 7)
    for path, method in (
        ("structured/good_half/pruned", "structured"),
        ("structured/good_half/retrained", "structured"),
        ("structured/random_half_2/pruned", "structured"),
        ("magnitude/bad_half/retrained", "magnitude"),
    ):
        metrics = json.loads((cell / "evaluate" / path / "metrics.json").read_text())
        name = path.split("/")[1]
        _, info = read_mask(cell / "mask" / method / f"{name}.safetensors")
        assert metrics["kept_fraction"] == info.kept_fraction
        assert metrics["subnetwork"] == name
        if method == "structured":
            assert (metrics["heads_kept"], metrics["mlps_kept"]) == (6, 1)
        else:
            assert metrics["kept_fraction"] == pytest.approx(0.5, abs=1e-3)
