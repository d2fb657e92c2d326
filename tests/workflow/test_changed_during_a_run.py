"""What is edited while a run works, and a run that dies in the moment a step ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from command_line import ROOT, planned, run_snakemake
from runs import Config
from test_module import write

CLUSTER = Path(__file__).parent / "loopback"
TOKENS = "results/tiny/tone/tokens/provenance.json"
FETCHED = "resources/tasks/tone/provenance.json"
ON_CLUSTER = ("--executor", "loopback", "--jobs", "1", "--seconds-between-status-checks", "0")
pytestmark = pytest.mark.slow


def one_cell(study: Config) -> Config:
    return study | {
        "tasks": {"tone": study["tasks"]["tone"]},
        "seeds": [7],
        "methods": {"magnitude": {"algorithm": "magnitude", "subnetworks": ["good"]}},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for a run, with an squeue that lists no jobs."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/squeue").write_text("#!/bin/sh\n")
    (tmp_path / "bin/squeue").chmod(0o755)
    return tmp_path


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """Starts Snakemake in a folder."""
    env = {
        "PATH": f"{folder}/bin{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(CLUSTER),
        "CUDA_VISIBLE_DEVICES": "",
        "LOTTERY_LEASES": str(folder / "leases"),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", *words, "--rerun-incomplete"],
        cwd=folder,
        env=os.environ | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(path: Path, run: subprocess.Popen[str]) -> None:
    while not path.exists():
        assert run.poll() is None, run.communicate()[0]
        time.sleep(0.02)


def max_length(folder: Path) -> int:
    return json.loads((folder / TOKENS).read_text())["params"]["settings"]["max_length"]


def edit(config: Path) -> None:
    config.write_text(config.read_text().replace("max_length: 20", "max_length: 12"))


def break_(config: Path) -> None:
    config.write_text("seeds: [")


@pytest.mark.parametrize(
    ("given", "change"),
    [
        ("by --configfile", edit),
        pytest.param("by --configfile", Path.unlink, marks=pytest.mark.long),
        pytest.param("by the Snakefile", break_, marks=pytest.mark.long),
        ("as a module", edit),
    ],
)
def test_jobs_on_a_cluster_work_under_the_config_of_the_plan(
    study: Config, folder: Path, given: str, change: Callable[[Path], None]
) -> None:
    config = one_cell(study)
    if given == "as a module":
        words = ["-s", str(write(folder, config))]
        path = folder / "study.yaml"
    else:
        # Relative, as people write it: `config.yaml` is what the Snakefile reads by itself.
        path = folder / ("config.yaml" if given == "by the Snakefile" else "mine.yaml")
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        words = ["-s", str(ROOT / "Snakefile")]
        words += ["--configfile", "mine.yaml"] if given == "by --configfile" else []
    words += ["--config", "evaluation={batch_size: 8}"] if given != "as a module" else []
    run = start(folder, TOKENS, *words, *ON_CLUSTER)
    wait_for(folder / FETCHED, run)
    before = path.read_text()
    change(path)
    output, _ = run.communicate(timeout=600)
    assert run.returncode == 0, output + (folder / "jobs.txt").read_text()
    assert max_length(folder) == 20
    path.write_text(before)
    again = start(folder, TOKENS, *words, "--cores", "1", "--dry-run")
    assert "Nothing to be done" in again.communicate(timeout=600)[0]


def test_jobs_of_a_stage_whose_code_changes_stop_and_others_go_on(
    study: Config, folder: Path
) -> None:
    clone = folder / "clone"
    for name in ("workflow", "profiles", "envs"):
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", clone)
    (folder / "mine.yaml").write_text(yaml.safe_dump(one_cell(study), sort_keys=False))
    majority = "results/majority/tone/provenance.json"
    words = [TOKENS, majority, "-s", "clone/Snakefile", "--configfile", "mine.yaml", "--keep-going"]
    run = start(folder, *words, "--cores", "1")
    wait_for(folder / FETCHED, run)
    step = clone / "workflow/scripts/lottery/steps/tokenize.py"
    step.write_text(step.read_text() + "\n")
    output, _ = run.communicate(timeout=600)
    assert run.returncode == 1
    assert "The code of tokenize has changed since this run was planned" in output
    assert (folder / majority).exists() and not (folder / TOKENS).exists()
    run = start(folder, *words, "--cores", "1")
    output, _ = run.communicate(timeout=600)
    assert run.returncode == 0, output


def test_a_run_that_dies_before_it_has_accepted_a_training_loses_nothing(
    study: Config, folder: Path
) -> None:
    """The training is done and its files are whole, but Snakemake has not recorded them."""
    config = one_cell(study) | {"compute": {"checkpoint_minutes": 1e-6}}
    cell = folder / "results/tiny/tone/seed_7/finetune"
    target = str(cell.relative_to(folder) / "model.safetensors")
    (folder / "mine.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    words = [target, "-s", str(ROOT / "Snakefile"), "--configfile", "mine.yaml", "--cores", "1"]
    run = start(folder, *words)
    wait_for(folder / "resources/models/tiny/provenance.json", run)
    wait_for(cell / ".resume.safetensors", run)
    run.send_signal(signal.SIGSTOP)  # the run hears nothing of the end of its job
    while not (cell / "provenance.json").exists():
        time.sleep(0.02)
    run.kill()
    run.communicate()
    assert (cell / ".resume.safetensors").exists()
    model = (folder / target).read_bytes()
    for more in (["--unlock"], ["--dry-run"]):
        looked = start(folder, *words, *more)
        assert looked.wait(600) == 0
    assert (cell / ".resume.safetensors").exists()
    run = start(folder, *words)
    output, _ = run.communicate(timeout=600)
    assert run.returncode == 0, output
    steps = json.loads((cell / "provenance.json").read_text())["resumed_from"]
    assert steps == [80]  # 8 epochs of 10 batches: all of them
    assert (folder / target).read_bytes() == model
    assert not (cell / ".resume.safetensors").exists()


def test_clean_retrained_keeps_what_an_evaluation_still_needs(
    study: Config, tmp_path: Path
) -> None:
    tone = study["tasks"]["tone"]
    other = {**tone, "data": {"validation": tone["data"]["validation"]}, "evaluate_with": "tone"}
    config = one_cell(study) | {"tasks": {"tone": tone, "other": other}}
    scores = "results/tiny/tone/seed_7/evaluate/magnitude/good/retrained"
    targets = [f"{scores}/metrics.json", f"{scores}/on_other/metrics.json"]
    done = run_snakemake(tmp_path, config, *targets)
    assert done.returncode == 0, done.stdout
    weights = tmp_path / "results/tiny/tone/seed_7/retrain/magnitude/good/model.safetensors"
    (tmp_path / targets[1]).unlink()
    (tmp_path / scores / "on_other/provenance.json").unlink()
    for wanted, kept in (["clean_retrained"], True), (targets, True), (["clean_retrained"], False):
        done = run_snakemake(tmp_path, config, *wanted)
        assert done.returncode == 0, done.stdout
        assert weights.exists() == kept
    assert planned(tmp_path, config, *targets) == {}
