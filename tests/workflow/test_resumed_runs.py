"""A training job that is ended from outside, in a real run: the next run goes on where it stood."""

from __future__ import annotations

import json
import os
import re
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
from runs import Config, Run, Share, run_to_the_end

CELL = "results/tiny/tone/seed_7/finetune"
MODEL = f"{CELL}/model.safetensors"
CHECKPOINT = f"{CELL}/.resume.safetensors"
LOG = "results/logs/finetune/tiny/tone/seed_7.log"
EPOCHS, BATCHES = 40, 10
STEPS = EPOCHS * BATCHES


def long_study(study: Config, minutes: float) -> Config:
    """One cell, trained long enough to be ended in the midst of it."""
    return study | {
        "tasks": {"tone": study["tasks"]["tone"]},
        "seeds": [7],
        "methods": {"magnitude": study["methods"]["magnitude"]},
        "training": study["training"] | {"learning_rate": 1e-3, "epochs": EPOCHS, "log_every": 20},
        "compute": {"checkpoint_minutes": minutes},
    }


@pytest.fixture(scope="module")
def undisturbed(share: Share, study: Config) -> Run:
    """The same training without an interruption, or any checkpoint."""
    config = long_study(study, 0)
    return share("undisturbed", lambda folder: run_to_the_end(folder, config, MODEL))


@pytest.fixture
def folder(undisturbed: Run, tmp_path: Path) -> Path:
    """A run in which all is ready for the training."""
    folder = tmp_path / "run"
    shutil.copytree(undisturbed.folder, folder)  # with the times of the files
    shutil.rmtree(folder / CELL)
    (folder / LOG).unlink()
    return folder


def training_job(folder: Path) -> int | None:
    """The process that trains in a folder: it alone writes to the log of the job."""
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and os.readlink(process / "fd/1") == str(folder / LOG):
                return int(process.name)
        except OSError:  # it has ended, or is another user's
            continue
    return None


def ended(
    folder: Path, config: Config, number: int, is_time: Callable[[], bool]
) -> tuple[int, str]:
    """Starts a run, signals the training job when it is time, and waits for the run to end."""
    (folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    fixed = {"CUDA_VISIBLE_DEVICES": "", "LOTTERY_LEASES": str(folder / "leases")}
    command = [sys.executable, "-m", "snakemake", MODEL, "-s", str(ROOT / "Snakefile")]
    command += ["--configfile", "study.yaml", "--cores", "1", "--rerun-incomplete"]
    run = subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | fixed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while not is_time():
        assert run.poll() is None, run.communicate()[0]
        time.sleep(0.005)
    job = training_job(folder)
    assert job is not None, "the training has ended before it was signalled"
    os.kill(job, number)
    output, _ = run.communicate(timeout=120)
    return run.returncode, output


def told(folder: Path, line: str, times: int = 1) -> bool:
    log = folder / LOG
    return log.exists() and log.read_text().count(line) >= times


def listing(folder: Path) -> set[str]:
    return {path.name for path in (folder / CELL).iterdir()}


def check_like(undisturbed: Run, folder: Path) -> list[int]:
    """The finished cell is the undisturbed one; gives the steps that it was resumed from."""
    assert (folder / MODEL).read_bytes() == (undisturbed.folder / MODEL).read_bytes()
    for name in ("history.csv", "metrics.json"):
        first, second = (place / CELL / name for place in (folder, undisturbed.folder))
        lines = [
            [line.rpartition(",")[0] for line in path.read_text().splitlines()]
            if name == "history.csv"  # but for the tokens per second
            else path.read_text()
            for path in (first, second)
        ]
        assert lines[0] == lines[1]
    names = {"model.safetensors", "history.csv", "metrics.json", "provenance.json"}
    assert listing(folder) == names
    return json.loads((folder / CELL / "provenance.json").read_text())["resumed_from"]


@pytest.mark.slow
def test_a_terminated_training_goes_on(study: Config, undisturbed: Run, folder: Path) -> None:
    config = long_study(study, 0)
    for times in (1, 2):
        line = "step 100 of" if times == 1 else "resumed after step"
        status, output = ended(folder, config, signal.SIGTERM, lambda: told(folder, line))  # noqa: B023
        assert status == 1, output
        # Snakemake removes what a failed job declares; the checkpoint is not declared.
        assert listing(folder) == {".resume.safetensors"}
        assert (folder / LOG).read_text().splitlines()[-1].endswith("ERROR interrupted")
    finished = run_snakemake(folder, config, MODEL, "--rerun-incomplete")
    assert finished.returncode == 0, finished.stdout
    steps = check_like(undisturbed, folder)
    assert len(steps) == 2
    assert 100 <= steps[0] < steps[1] < STEPS
    epoch = (steps[1] - 1) // BATCHES + 1
    assert told(folder, f"resumed after step {steps[1]} (epoch {epoch}); before, after {steps[0]}")
    assert not told(folder, f"step {steps[0] // 20 * 20} of {STEPS}"), "steps were done twice"
    # How often a checkpoint is kept makes no result old.
    assert planned(folder, long_study(study, 3), MODEL) == {}


@pytest.mark.slow
def test_a_killed_training_goes_on_from_its_last_checkpoint(
    study: Config, undisturbed: Run, folder: Path
) -> None:
    config = long_study(study, 0.002)
    status, output = ended(
        folder, config, signal.SIGKILL, lambda: told(folder, "checkpoint after step", times=2)
    )
    assert status == 1, output
    kept = re.findall(r"checkpoint after step (\d+), kept", (folder / LOG).read_text())
    assert ".resume.safetensors" in listing(folder)
    finished = run_snakemake(folder, config, MODEL, "--rerun-incomplete")
    assert finished.returncode == 0, finished.stdout
    assert check_like(undisturbed, folder) == [int(kept[-1])]


@pytest.mark.slow
def test_an_edit_of_the_recipe_begins_anew(study: Config, folder: Path) -> None:
    config = long_study(study, 0)
    ended(folder, config, signal.SIGTERM, lambda: told(folder, "step 100 of"))
    edited = config | {"training": config["training"] | {"epochs": 3}}
    finished = run_snakemake(folder, edited, MODEL)
    assert finished.returncode == 0, finished.stdout
    assert told(folder, "is not used, and removed: it is of other inputs, params")
    assert json.loads((folder / CELL / "provenance.json").read_text())["resumed_from"] == []
    assert ".resume.safetensors" not in listing(folder)
