"""Real GLUE data, where the machine has some: counts, label names, published baselines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from lottery.files import read_json, read_parquet
from lottery.steps.fetch_task import fetch_task
from lottery.steps.majority import majority
from lottery.tasks.entries import task_from_config

# Rows of train and validation, and the majority baseline that the paper prints.
PUBLISHED = {
    "cola": (8551, 1043, 0.000),
    "sst2": (67349, 872, 0.509),
    "mrpc": (3668, 408, 0.684),
    "rte": (2490, 277, 0.527),
}


def prepared(folder: Path, glue_dir: Path, name: str) -> list[dict]:
    if not (glue_dir / name / "train.parquet").is_file():
        pytest.skip(f"no {name} in {glue_dir}")
    task = task_from_config(name, {})
    paths = {
        "path_to_train": folder / "train.parquet",
        "path_to_validation": folder / "validation.parquet",
    }
    summary = folder / "summary.json"
    fetch_task(task=task, glue_folder=str(glue_dir), path_to_data_summary=summary, **paths)
    majority(**paths, path_to_metrics=folder / "metrics.json", task=task)
    return read_json(folder / "metrics.json")["scores"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_counts_and_majority_are_the_published_ones(
    tmp_path: Path, glue_dir: Path, name: str
) -> None:
    rows = prepared(tmp_path, glue_dir, name)
    n_train, n_validation, published = PUBLISHED[name]
    tables = [read_parquet(tmp_path / f"{s}.parquet") for s in ("train", "validation")]
    assert [table.num_rows for table in tables] == [n_train, n_validation]
    task = task_from_config(name, {})
    (value,) = (
        row["value"]
        for row in rows
        if (row["split"], row["metric"], row["labels_from"])
        == ("validation", task.metric, "validation")
    )
    assert (value or 0.0) == pytest.approx(published, abs=5e-4)
    source = pq.read_table(glue_dir / name / "validation.parquet")
    assert tables[1].column("idx").to_pylist() == source.column("idx").to_pylist()
    assert tables[1].column("label").to_pylist() == source.column("label").to_pylist()
    half = tables[1].column("half").to_numpy()
    assert abs(int((half == 0).sum()) - int((half == 1).sum())) <= 1


def test_rte_and_mrpc_examples_have_the_labels_they_should(tmp_path: Path, glue_dir: Path) -> None:
    """The most frequent class is known by name, so a swapped mapping would show."""
    for name, frequent in (("rte", "entailment"), ("mrpc", "equivalent"), ("cola", "acceptable")):
        prepared(tmp_path, glue_dir, name)
        labels = read_parquet(tmp_path / "validation.parquet").column("label").to_numpy()
        assert task_from_config(name, {}).labels[np.bincount(labels).argmax()] == frequent


def test_stsb_scores_and_its_drawn_baseline(tmp_path: Path, glue_dir: Path) -> None:
    rows = prepared(tmp_path, glue_dir, "stsb")
    labels = read_parquet(tmp_path / "validation.parquet").column("label").to_numpy()
    assert len(labels) == 1500 and labels.min() == 0.0 and labels.max() == 5.0
    drawn = [r["value"] for r in rows if r["labels_from"] == "validation"]
    assert all(abs(value) < 0.15 for value in drawn)  # the paper's 0.024 is one such draw
    assert all(r["value"] is None for r in rows if r["labels_from"] == "train")
