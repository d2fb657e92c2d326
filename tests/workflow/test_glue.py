"""Real GLUE data and real pretrained weights through the whole workflow."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from command_line import planned, run_snakemake

SMALL = {"train_examples": 32, "validation_examples": 32}


@pytest.mark.slow
def test_rte_with_the_embedded_model(glue_dir: Path, tmp_path: Path) -> None:
    config = {
        "models": {"embedded": {"source": "embedded"}},
        "tasks": {"rte": SMALL},
        "seeds": [1],
        "training": {"learning_rate": 1e-4, "epochs": 1, "max_length": 64, "batch_size": 16},
        "methods": {
            # In steps of half the heads and half the MLPs, to have few of them.
            "structured": {
                "algorithm": "structured",
                "head_step": 0.5,
                "mlp_step": 3,
                "subnetworks": ["good"],
            },
            "magnitude": {
                "algorithm": "magnitude",
                "step": 0.2,
                "max_steps": 4,
                "subnetworks": ["good"],
            },
        },
        "glue_folder": str(glue_dir),
    }
    finished = run_snakemake(tmp_path, config)
    assert finished.returncode == 0, finished.stdout[-6000:]
    assert planned(tmp_path, config) == {}
    table = pd.read_csv(tmp_path / "results/tables/scores.csv")
    assert (table["n_examples"] == table["split"].map(EXAMPLES)).all()
    runs = table[table["subnetwork"] != "majority"]
    cells = runs.groupby(["task", "method", "subnetwork", "phase"]).size()
    assert len(cells) == 1 + 2 * 2
    # Where a full model hardly beats majority, the published search may leave nothing.
    assert runs["kept_fraction"].between(0, 1).all()
    good = runs[(runs["method"] == "magnitude") & (runs["subnetwork"] == "good")]
    assert good["kept_fraction"].between(0.8**3 - 1e-3, 1).all()
    assert runs["value"].dropna().between(0, 1).all()
    summary = pd.read_csv(tmp_path / "results/tables/summary.csv")
    # Neither model nor recipe is the paper's, so no published number stands beside them.
    assert summary.loc[summary["model"] == "embedded", "published_mean"].isna().all()
    check_labels(glue_dir, tmp_path)
    # The weights take most of a gigabyte, which pytest would keep for three runs.
    for room in ("results", "resources"):
        shutil.rmtree(tmp_path / room)


EXAMPLES = {"validation": 32, "search_half": 16, "report_half": 16}


def check_labels(glue_dir: Path, run: Path) -> None:
    """The examples taken are those of the data, with the data's labels, by name."""
    given = pd.read_parquet(glue_dir / "rte/validation.parquet").set_index("idx")
    taken = pd.read_parquet(run / "resources/tasks/rte/validation.parquet")
    rows = given.loc[taken["idx"]]
    assert list(rows["sentence1"]) == list(taken["text_a"])
    assert list(rows["sentence2"]) == list(taken["text_b"])
    names = rows["label"].map({0: 0, 1: 1, "entailment": 0, "not_entailment": 1})
    assert list(names) == list(taken["label"])
    assert taken["label"].nunique() == 2
