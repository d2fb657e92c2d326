"""A tiny study of a model of each family, from its checkpoint to the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from runs import run_to_the_end
from tiny_families import write_checkpoint
from tiny_study import all_texts, write_study
from transformers import AutoConfig, AutoModelForSequenceClassification

from lottery import files
from lottery.models.architecture import read_architecture

SHORT = {"subnetworks": ["good"], "keep_score": 0.5}
METHODS: dict[str, Any] = {
    "units": {"algorithm": "structured", "units": ["head", "mlp", "neuron"], **SHORT},
    "weights": {"algorithm": "magnitude", "importance": "wanda", "scope": "output", **SHORT},
}
MORE: dict[str, Any] = {
    "rounds": {
        "algorithm": "iterative",
        "rounds": 2,
        "share": 0.4,
        "rewind_step": 3,
        "subnetworks": [],
        "kept": [0.5],
        "kept_subnetworks": ["good"],
        "starts": {"rewound": ["good"], "reinitialised": ["good"], "shuffled": ["good"]},
    },
}


def config_of(folder: Path, family: str, methods: dict[str, Any]) -> dict[str, Any]:
    """One task of pairs, one seed, a short training."""
    config = write_study(folder)
    write_checkpoint(folder / "family", family, all_texts() * 20)
    return config | {
        "models": {"tiny": {"source": str(folder / "family")}},
        "tasks": {"degree": config["tasks"]["degree"]},
        "seeds": [7],
        "training": config["training"] | {"epochs": 2, "learning_rate": 2e-3, "max_length": 36},
        "methods": methods,
    }


def check(folder: Path, family: str) -> None:
    """Scores of all subnetworks, and a fine-tuned model that loads into transformers' own."""
    scores = files.read_csv(folder / "results/tables/scores.csv")
    assert {row["subnetwork"] for row in scores} >= {"full", "good"}
    model = folder / "results/tiny/degree/seed_7/finetune/model.safetensors"
    assert read_architecture(model).model_type == family
    place = folder / "loaded"
    AutoConfig.from_pretrained(folder / "family", num_labels=1).save_pretrained(place)
    (place / "model.safetensors").write_bytes(model.read_bytes())
    _, report = AutoModelForSequenceClassification.from_pretrained(place, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]


@pytest.mark.slow
def test_a_roberta_runs_from_its_checkpoint_to_its_scores(tmp_path: Path) -> None:
    config = config_of(tmp_path, "roberta", METHODS)
    run_to_the_end(tmp_path, config, "results/tables/scores.csv", "--cores", "1")
    check(tmp_path, "roberta")


@pytest.mark.long
@pytest.mark.parametrize(
    "family", ["roberta", "xlm-roberta", "camembert", "distilbert", "electra", "modernbert"]
)
def test_a_whole_study_of_a_family(tmp_path: Path, family: str) -> None:
    config = config_of(tmp_path, family, METHODS | MORE)
    run_to_the_end(tmp_path, config, "--cores", "1")
    check(tmp_path, family)
    assert (tmp_path / "results/report.html").is_file()
