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
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import yaml
from command_line import ROOT, planned, run_snakemake
from runs import Config, Run, Share, run_to_the_end


@dataclass(frozen=True)
class Job:
    """A job that is ended: the folder it writes to, a file that it makes there, and its log."""

    cell: str
    file: str
    log: str

    @property
    def target(self) -> str:
        return f"{self.cell}/{self.file}"


SEED = "results/tiny/tone/seed_7"
LOGS = "results/logs/{}/tiny/tone/seed_7{}.log"
TRAINING = Job(f"{SEED}/finetune", "model.safetensors", LOGS.format("finetune", ""))
SEARCH = Job(f"{SEED}/mask/structured", "search.csv", LOGS.format("search", "/structured"))
RETRAINING = Job(
    f"{SEED}/retrain/magnitude/good",
    "model.safetensors",
    LOGS.format("retrain", "/magnitude/good"),
)
EPOCHS, BATCHES = 40, 10
STEPS = EPOCHS * BATCHES


def long_study(study: Config, minutes: float) -> Config:
    """One cell, trained long enough to be ended in the midst of it."""
    return study | {
        "tasks": {"tone": study["tasks"]["tone"]},
        "seeds": [7],
        "methods": {
            "magnitude": {"algorithm": "magnitude", "subnetworks": ["good"]},
            # One example at a time, so that a step takes long enough.
            "structured": {
                "algorithm": "structured",
                "subnetworks": ["good"],
                "search_batch_size": 1,
            },
        },
        "training": study["training"] | {"learning_rate": 1e-3, "epochs": EPOCHS, "log_every": 20},
        "compute": {"checkpoint_minutes": minutes},
    }


@pytest.fixture(scope="module")
def undisturbed(share: Share, study: Config) -> Run:
    """The same jobs without an interruption, or any checkpoint."""
    config = long_study(study, 0)
    targets = [job.target for job in (TRAINING, SEARCH, RETRAINING)]
    return share("undisturbed", lambda folder: run_to_the_end(folder, config, *targets))


@pytest.fixture
def folder(undisturbed: Run, tmp_path: Path) -> Path:
    """A run in which all is ready for the training."""
    return ready(undisturbed, tmp_path / "run", TRAINING)


def ready(undisturbed: Run, folder: Path, job: Job) -> Path:
    """A copy of the run in which one job is missing."""
    shutil.copytree(undisturbed.folder, folder)  # with the times of the files
    shutil.rmtree(folder / job.cell)
    (folder / job.log).unlink()
    return folder


def process_of(folder: Path, job: Job) -> int | None:
    """The process of a job: it alone writes to the log of the job."""
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and os.readlink(process / "fd/1") == str(folder / job.log):
                return int(process.name)
        except OSError:  # it has ended, or is another user's
            continue
    return None


def ended(
    folder: Path, config: Config, number: int, is_time: Callable[[], bool], job: Job = TRAINING
) -> tuple[int, str]:
    """Starts a run, signals the job when it is time, and waits for the run to end."""
    (folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    command = [sys.executable, "-m", "snakemake", job.target, "-s", str(ROOT / "Snakefile")]
    command += ["--configfile", "study.yaml", "--cores", "1", "--rerun-incomplete"]
    run = subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while not is_time():
        assert run.poll() is None, run.communicate()[0]
        time.sleep(0.005)
    process = process_of(folder, job)
    assert process is not None, "the job has ended before it was signalled"
    os.kill(process, number)
    output, _ = run.communicate(timeout=120)
    return run.returncode, output


def told(folder: Path, line: str, times: int = 1, job: Job = TRAINING) -> bool:
    log = folder / job.log
    return log.exists() and log.read_text().count(line) >= times


def listing(folder: Path, job: Job = TRAINING) -> set[str]:
    return {path.name for path in (folder / job.cell).iterdir()}


def check_like(undisturbed: Run, folder: Path) -> list[int]:
    """The finished cell is the undisturbed one; gives the steps that it was resumed from."""
    assert (folder / TRAINING.target).read_bytes() == (
        undisturbed.folder / TRAINING.target
    ).read_bytes()
    for name in ("history.csv", "metrics.json"):
        first, second = (place / TRAINING.cell / name for place in (folder, undisturbed.folder))
        lines = [
            [line.rpartition(",")[0] for line in path.read_text().splitlines()]
            if name == "history.csv"  # but for the tokens per second
            else path.read_text()
            for path in (first, second)
        ]
        assert lines[0] == lines[1]
    names = {"model.safetensors", "logits.safetensors", "history.csv"}
    names |= {"metrics.json", "provenance.json"}
    assert listing(folder) == names
    return json.loads((folder / TRAINING.cell / "provenance.json").read_text())["resumed_from"]


@pytest.mark.slow
def test_a_terminated_training_goes_on(study: Config, undisturbed: Run, folder: Path) -> None:
    config = long_study(study, 0)
    for times in (1, 2):
        line = "step 100 of" if times == 1 else "resumed after step"
        status, output = ended(folder, config, signal.SIGTERM, lambda: told(folder, line))  # noqa: B023
        assert status == 1, output
        # Snakemake removes what a failed job declares; the checkpoint is not declared.
        assert listing(folder) == {".resume.safetensors"}
        assert (
            (folder / TRAINING.log).read_text().splitlines()[-1].endswith("interrupted (SIGTERM)")
        )
    finished = run_snakemake(folder, config, TRAINING.target, "--rerun-incomplete")
    assert finished.returncode == 0, finished.stdout
    steps = check_like(undisturbed, folder)
    assert len(steps) == 2
    assert 100 <= steps[0] < steps[1] < STEPS
    epoch = (steps[1] - 1) // BATCHES + 1
    assert told(folder, f"resumed after step {steps[1]} (epoch {epoch}); before, after {steps[0]}")
    assert not told(folder, f"step {steps[0] // 20 * 20} of {STEPS}"), "steps were done twice"
    # How often a checkpoint is kept makes no result old.
    assert planned(folder, long_study(study, 3), TRAINING.target) == {}


@pytest.mark.slow
@pytest.mark.parametrize(("job", "line"), [(SEARCH, "measurement 2"), (RETRAINING, "step 100 of")])
def test_terminated_searches_and_retrainings_go_on(
    study: Config, undisturbed: Run, tmp_path: Path, job: Job, line: str
) -> None:
    folder, config = ready(undisturbed, tmp_path / "run", job), long_study(study, 0)
    is_time = partial(told, folder, line, job=job)
    status, output = ended(folder, config, signal.SIGTERM, is_time, job)
    assert status == 1, output
    assert ".resume.safetensors" in listing(folder, job)
    finished = run_snakemake(folder, config, job.target, "--rerun-incomplete")
    assert finished.returncode == 0, finished.stdout
    assert listing(folder, job) == listing(undisturbed.folder, job)
    for name in listing(folder, job) - {"history.csv", "provenance.json"}:
        written, expected = (place / job.cell / name for place in (folder, undisturbed.folder))
        assert written.read_bytes() == expected.read_bytes(), name
    record = json.loads((folder / job.cell / "provenance.json").read_text())
    assert len(record["resumed_from"]) == 1
    assert not told(folder, line, job=job), "what was done is done once"


@pytest.mark.slow
def test_a_killed_training_goes_on_from_its_last_checkpoint(
    study: Config, undisturbed: Run, folder: Path
) -> None:
    config = long_study(study, 0.002)
    status, output = ended(
        folder, config, signal.SIGKILL, lambda: told(folder, "checkpoint after step", times=2)
    )
    assert status == 1, output
    kept = re.findall(r"checkpoint after step (\d+), kept", (folder / TRAINING.log).read_text())
    assert ".resume.safetensors" in listing(folder)
    finished = run_snakemake(folder, config, TRAINING.target, "--rerun-incomplete")
    assert finished.returncode == 0, finished.stdout
    assert check_like(undisturbed, folder) == [int(kept[-1])]


@pytest.mark.slow
def test_an_edit_of_the_recipe_begins_anew(study: Config, folder: Path) -> None:
    config = long_study(study, 0)
    ended(folder, config, signal.SIGTERM, lambda: told(folder, "step 100 of"))
    edited = config | {"training": config["training"] | {"epochs": 3}}
    finished = run_snakemake(folder, edited, TRAINING.target)
    assert finished.returncode == 0, finished.stdout
    assert told(folder, "is not used, and removed: it is of other inputs, params")
    assert (
        json.loads((folder / TRAINING.cell / "provenance.json").read_text())["resumed_from"] == []
    )
    assert ".resume.safetensors" not in listing(folder)
