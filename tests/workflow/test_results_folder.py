"""Two studies in one folder, each with results of its own, that keep no retrained weights."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from command_line import planned, run_snakemake
from runs import Config, Run, Share, run_to_the_end
from test_incremental import edited

METHODS = {
    "structured": {"algorithm": "structured", "subnetworks": ["good"]},
    "magnitude": {"algorithm": "magnitude", "subnetworks": ["good"]},
}
SCORES = "studies/one/tables/scores.csv"


@pytest.fixture(scope="module")
def one(share: Share, study: Config) -> Run:
    config = study | {
        "tasks": {"tone": study["tasks"]["tone"]},
        "seeds": [7],
        "methods": METHODS,
        "results": "studies/one",
        "keep_retrained": False,
    }
    return share("one", lambda folder: run_to_the_end(folder, config, SCORES))


def test_everything_but_models_and_tasks_is_in_the_folder(one: Run) -> None:
    assert {path.name for path in one.folder.iterdir() if not path.name.startswith(".")} == {
        *("studies", "resources", "study.yaml", "output.txt"),
    }
    assert (one.folder / SCORES).is_file()
    assert (one.folder / "studies/one/logs/finetune/tiny/tone/seed_7.log").is_file()


def test_retrained_weights_are_gone_and_nothing_misses_them(one: Run) -> None:
    cell = one.folder / "studies/one/tiny/tone/seed_7"
    for method in METHODS:
        retrained = cell / f"retrain/{method}/good"
        assert not (retrained / "model.safetensors").exists()
        assert (retrained / "logits.safetensors").is_file()
        assert (retrained / "history.csv").is_file()
    assert (cell / "finetune/model.safetensors").is_file()
    assert planned(one.folder, one.config, SCORES) == {}


def test_new_options_of_evaluation_retrain_nothing(one: Run, tmp_path: Path) -> None:
    config = edited(one.config, {"evaluation.batch_size": 8})
    found = planned(one.folder, config, SCORES, config_folder=tmp_path)
    assert found["evaluate"] == 5
    assert not {"finetune", "retrain", "search_structured"} & found.keys()


def test_another_study_shares_models_and_tasks_and_leaves_the_results(
    one: Run, tmp_path: Path
) -> None:
    config = one.config | {"results": "studies/two", "keep_retrained": True}
    found = planned(one.folder, config, SCORES.replace("one", "two"), config_folder=tmp_path)
    assert found["finetune"] == 1 and found["retrain"] == 2
    assert not {"fetch_model", "fetch_task"} & found.keys()


@pytest.mark.parametrize("results", ["../away", "/tmp/away", "resources", "a//b", "a/../b", "{x}"])
def test_a_folder_that_cannot_be_is_refused(study: Config, tmp_path: Path, results: str) -> None:
    refused = run_snakemake(tmp_path, study | {"results": results}, "--dry-run")
    assert refused.returncode == 1
    last = refused.stdout.strip().splitlines()[-1]
    assert last.startswith("Error: results is ") and "Traceback" not in refused.stdout


def test_folders_may_have_odd_names(study: Config, tmp_path: Path) -> None:
    data = tmp_path / "d * ? [a] 'b' $c; <B> %s"
    data.mkdir()
    files = study["tasks"]["tone"]["data"]
    for path in files.values():
        shutil.copy(path, data)
    tone = study["tasks"]["tone"] | {
        "data": {split: str(data / Path(path).name) for split, path in files.items()}
    }
    folder = tmp_path / "w {model} <results> * ? [a] 'b' $c; %s"
    target = "resources/tasks/tone/validation.parquet"
    finished = run_snakemake(folder, study | {"tasks": {"tone": tone}}, target)
    assert finished.returncode == 0, finished.stdout
    assert (folder / target).is_file()
