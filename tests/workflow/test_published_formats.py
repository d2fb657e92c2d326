"""A finished run: masks, searches, histories and scores are written as docs/files.md says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from runs import Run
from safetensors import safe_open
from tiny_study import HEADS, LAYERS, SIZES

SEEDS = (7, 3)
SEARCH_COLUMNS = [
    "step",
    "stage",
    "heads_kept",
    "mlps_kept",
    "kept_fraction",
    "score",
    "threshold",
    "accepted",
]
LINEAR = {
    "attention.self.query": ("weight", "bias"),
    "attention.self.key": ("weight", "bias"),
    "attention.self.value": ("weight", "bias"),
    "attention.output.dense": ("weight", "bias"),
    "intermediate.dense": ("weight", "bias"),
    "output.dense": ("weight",),
}


@pytest.mark.parametrize("task", ["tone", "degree"])
@pytest.mark.parametrize("seed", SEEDS)
def test_structured_masks(published: Run, task: str, seed: int) -> None:
    with safe_open(
        published.cell(task, seed) / "mask/structured/good.safetensors", "numpy"
    ) as file:
        heads, mlps = file.get_tensor("heads"), file.get_tensor("mlps")
        metadata = file.metadata()
        assert set(file.keys()) == {"heads", "mlps"}
    assert heads.dtype == mlps.dtype == np.uint8
    assert heads.shape == (LAYERS, HEADS) and mlps.shape == (LAYERS,)
    assert set(np.unique(heads)) | set(np.unique(mlps)) <= {0, 1}
    hidden, inner = SIZES["hidden_size"], SIZES["intermediate_size"]
    head = hidden // HEADS * (4 * hidden + 3)
    mlp = 2 * hidden * inner + hidden + inner
    bias = hidden * int(heads.any(axis=1).sum())  # emptied layers lose the bias as published
    body = LAYERS * (HEADS * head + mlp + hidden)
    kept = (head * int(heads.sum()) + mlp * int(mlps.sum()) + bias) / body
    assert float(metadata["kept_fraction"]) == pytest.approx(kept, abs=1e-12)
    assert says(metadata) == ["1", "structured", "tiny", task, str(seed), "structured", "good"]
    last = last_accepted(published.cell(task, seed) / "mask/structured/search.csv")
    assert last["kept_fraction"] == pytest.approx(kept, abs=1e-12)
    assert (last["heads_kept"], last["mlps_kept"]) == (heads.sum(), mlps.sum())


@pytest.mark.parametrize("subnetwork", ["good", "random", "bad"])
@pytest.mark.parametrize("task", ["tone", "degree"])
def test_magnitude_masks(published: Run, task: str, subnetwork: str) -> None:
    folder = published.cell(task, 7) / "mask/magnitude"
    with safe_open(folder / f"{subnetwork}.safetensors", "numpy") as file:
        metadata = file.metadata()
        packed = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    shapes = json.loads(metadata["shapes"])
    assert set(packed) == set(shapes) == set(body_names())
    kept = size = 0
    for name, bits in packed.items():
        count = int(np.prod(shapes[name]))
        assert bits.dtype == np.uint8 and bits.shape == ((count + 7) // 8,)
        kept += int(np.unpackbits(bits, count=count, bitorder="big").sum())
        size += count
    assert float(metadata["kept_fraction"]) == pytest.approx(kept / size, abs=1e-12)
    assert says(metadata) == ["1", "magnitude", "tiny", task, "7", "magnitude", subnetwork]
    # Controls are exactly as large as the good subnetwork.
    assert last_accepted(folder / "search.csv")["kept_fraction"] == pytest.approx(kept / size)


def body_names() -> Iterator[str]:
    for layer in range(LAYERS):
        for part, kinds in LINEAR.items():
            yield from (f"bert.encoder.layer.{layer}.{part}.{kind}" for kind in kinds)


def says(metadata: dict[str, str]) -> list[str]:
    names = ("format", "algorithm", "model", "task", "seed", "method", "subnetwork")
    return [metadata[name] for name in names]


def last_accepted(path: Path) -> pd.Series:
    """The state that a search ends in when no step of it combines two states."""
    table = pd.read_csv(path)
    return table[table["accepted"]].iloc[-1]


@pytest.mark.parametrize("task", ["tone", "degree"])
@pytest.mark.parametrize("method", ["structured", "magnitude"])
def test_search_csv(published: Run, task: str, method: str) -> None:
    folder = published.cell(task, 7)
    table = pd.read_csv(folder / "mask" / method / "search.csv", dtype={"accepted": str})
    assert list(table) == SEARCH_COLUMNS
    assert list(table["step"]) == list(range(len(table)))
    stages = ["both", "heads", "mlps"] if method == "structured" else ["weights"]
    found = list(dict.fromkeys(table["stage"]))
    assert found == [stage for stage in stages if stage in found]
    assert set(table["accepted"]) <= {"true", "false"}
    # The first row is the full model, whose score the search takes nine tenths of.
    metrics = json.loads((folder / "evaluate/none/full/finetuned/metrics.json").read_text())
    names = ["accuracy"] if task == "tone" else ["pearson", "spearman"]
    scores = [
        entry["value"]
        for entry in metrics["scores"]
        if entry["split"] == "validation" and entry["metric"] in names
    ]
    # The search packs examples and the evaluation pads them, so the sums differ in their last bits,
    # and two of 64 predictions that are next to equal may change ranks.
    assert table["score"][0] == pytest.approx(np.mean(scores), abs=5e-5)
    assert table["threshold"].to_numpy() == pytest.approx(0.9 * table["score"][0])
    passed = table["score"] >= table["threshold"]  # an undefined score fails
    assert list(passed) == list(table["accepted"] == "true")
    assert table["kept_fraction"][0] == 1
    if method == "structured":
        assert (table["heads_kept"][0], table["mlps_kept"][0]) == (LAYERS * HEADS, LAYERS)
    else:
        assert table[["heads_kept", "mlps_kept"]].isna().all(axis=None)
        assert list(table["kept_fraction"]) == sorted(table["kept_fraction"], reverse=True)


def test_importance_npz(published: Run) -> None:
    folder = published.cell("tone", 3) / "mask/structured"
    steps = len(pd.read_csv(folder / "search.csv"))
    with np.load(folder / "importance.npz", allow_pickle=False) as arrays:
        assert set(arrays) == {"heads", "mlps", "raw_heads", "raw_mlps"}
        heads, mlps, raw = (arrays[name] for name in ("heads", "mlps", "raw_heads"))
    assert heads.dtype == mlps.dtype == np.float32
    assert heads.shape == (steps, LAYERS, HEADS) and mlps.shape == (steps, LAYERS)
    assert heads[0].min() == 0 and heads[0].max() == 1  # min-max over all heads
    normed = raw / np.linalg.norm(raw, axis=2, keepdims=True)
    low, high = normed[0].min(), normed[0].max()
    np.testing.assert_allclose(heads[0], (normed[0] - low) / (high - low), atol=1e-5)


def test_history_csv(published: Run) -> None:
    for folder in ("finetune", "retrain/structured/good", "retrain/magnitude/good"):
        table = pd.read_csv(published.cell("tone", 7) / folder / "history.csv")
        assert list(table) == ["step", "epoch", "loss", "learning_rate", "tokens_per_second"]
        steps = 8 * 160 // 16
        assert list(table["step"]) == list(range(4, steps + 1, 4))
        assert (table["epoch"].iloc[0], table["epoch"].iloc[-1]) == (1, 8)
        # Step k (counted from 0) has the rate (1 - k / n) of the peak.
        assert table["learning_rate"].to_numpy() == pytest.approx(
            6e-3 * (1 - (table["step"].to_numpy() - 1) / steps)
        )
        assert np.isfinite(table["loss"]).all()


def test_metrics_json_and_predictions(published: Run) -> None:
    for task, label in (("tone", "int64"), ("degree", "float")):
        folder = published.cell(task, 3) / "evaluate/structured/good/retrained"
        metrics = json.loads((folder / "metrics.json").read_text())
        cell = {"model": "tiny", "task": task, "seed": 3, "method": "structured"}
        assert cell.items() <= metrics.items()
        assert (metrics["subnetwork"], metrics["phase"]) == ("good", "retrained")
        assert {entry["split"] for entry in metrics["scores"]} == {
            "validation",
            "search_half",
            "report_half",
        }
        table = pq.read_table(folder / "predictions.parquet")
        assert table.column_names == ["split", "idx", "label", "prediction", "logits", "half"]
        assert str(table.schema.field("label").type).startswith(label)
        assert str(table.schema.field("logits").type).startswith("list<")
        assert set(table["half"].to_pylist()) == {"search_half", "report_half"}
        assert table.num_rows == 64
