"""What a cluster does to a study: a run that dies, and a second one that loses jobs and goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from slurm_cluster import Cluster, Job

ROOT = Path(__file__).resolve().parents[2]
PROFILE = ROOT / "workflow/profiles/slurm"
SPY = Path(__file__).resolve().parent / "spy"
SEEDS = (7, 3)
TARGETS = (
    "results/tables/summary.csv",
    *(f"results/figures/tiny/structured/{name}.png" for name in ("scores", "survival_tasks")),
)
# The profile as it ships, but for what a loopback cluster has not, or need not wait for.
OPTIONS = (
    *("--workflow-profile", str(PROFILE)),
    *("--slurm-status-command", "squeue"),
    *("--slurm-init-seconds-before-status-checks", "2"),
    *("--latency-wait", "10"),
    *("--default-resources", "slurm_partition=debug", "mem_mb=attempt*4000", "runtime=attempt*60"),
)


class Played(NamedTuple):
    """What a scenario has left: its folder, all jobs as SLURM told them, and who was who."""

    folder: Path
    jobs: list[Job]
    left: list[str]
    cancelled: str
    put_back: str

    def said(self, number: int) -> str:
        """What the Snakemake process of that number has said."""
        return (self.folder / f"said_{number}.txt").read_text()

    def steps(self) -> list[dict[str, Any]]:
        """What each step saw of its environment when it began."""
        return [json.loads(path.read_text()) for path in (self.folder / "spied").glob("*.json")]

    def provenance(self, path: str) -> dict[str, Any]:
        """A record beside outputs."""
        return json.loads((self.folder / "results" / path / "provenance.json").read_text())


def study_for_slurm(study: dict[str, Any]) -> dict[str, Any]:
    """The tiny study cut to one task and one method."""
    return study | {
        "tasks": {"tone": study["tasks"]["tone"]},
        "seeds": list(SEEDS),
        "methods": {"structured": {"algorithm": "structured", "subnetworks": ["good"]}},
    }


class Scene:
    """A folder, a cluster and a config, and the Snakemake processes that a person starts there."""

    def __init__(self, folder: Path, cluster: Cluster, config: dict[str, Any]) -> None:
        self.folder = folder
        self.cluster = cluster
        self.spied = folder / "spied"
        self.spied.mkdir()
        self._masters: list[subprocess.Popen] = []
        (folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        self._environment = os.environ | cluster.environment
        self._environment |= {"PYTHONPATH": str(SPY), "SPY_FOLDER": str(self.spied)}
        # Set by the jobs themselves, and by SLURM.
        for name in ("HF_HUB_OFFLINE", "CUDA_VISIBLE_DEVICES"):
            self._environment.pop(name, None)

    def start(self, *arguments: str) -> subprocess.Popen:
        """Starts Snakemake; what it says goes to said_<number>.txt."""
        command = [sys.executable, "-m", "snakemake", *arguments, "-s", str(ROOT / "Snakefile")]
        command += ["--configfile", "study.yaml"]
        with (self.folder / f"said_{len(self._masters)}.txt").open("w") as out:
            master = subprocess.Popen(
                command, cwd=self.folder, env=self._environment, stdout=out, stderr=out
            )
        self._masters.append(master)
        return master

    def said(self, number: int) -> str:
        """What the Snakemake process of that number has said."""
        return (self.folder / f"said_{number}.txt").read_text()

    def hold(self, held: bool) -> None:
        """Lets training stand still after its first step, or go on."""
        if held:
            (self.spied / "hold").touch()
        else:
            (self.spied / "hold").unlink()

    def training(self, seed: int) -> list[Job]:
        """The running jobs that train a seed and stand still there."""
        comment = f"rule_finetune_wildcards_tiny_tone_{seed}"
        return [
            job
            for job in self.cluster.jobs()
            if job.comment == comment
            and job.state == "RUNNING"
            and (self.spied / f"held_{job.id}").exists()
        ]

    def wait_until(self, what: str, reached: Callable[[], Any], seconds: float = 120) -> Any:
        """Waits for something to be true; fails when time is over or Snakemake has ended."""
        deadline = time.monotonic() + seconds
        while not (result := reached()):
            if self._masters[-1].poll() is not None or time.monotonic() > deadline:
                last = self.said(len(self._masters) - 1)[-3000:]
                raise AssertionError(f"no use waiting for {what}; Snakemake said: {last}")
            time.sleep(0.2)
        return result

    def wait_for_training(self, known: Sequence[Job] = ()) -> list[Job]:
        """Waits until every seed is trained by a new job that stands still; gives these jobs."""
        ids = {job.id for job in known}

        def jobs() -> list[Job]:
            found = [[job for job in self.training(seed) if job.id not in ids] for seed in SEEDS]
            return [job for jobs in found for job in jobs] if all(found) else []

        return self.wait_until("training", jobs)

    def close(self) -> None:
        """Leaves no Snakemake process behind."""
        for master in self._masters:
            if master.poll() is None:
                master.kill()
                master.wait()


def play(scene: Scene) -> dict[str, Any]:
    """The run is killed in mid-training; the next one loses its jobs in mid-training, and finishes.

    Of the second run's jobs one is cancelled by a person, the other put back by SLURM, as it does
    with preempted ones.

    Returns:
        All jobs as SLURM tells them afterwards; the ids of those that the first run left behind,
        of the cancelled one and of the one put back.
    """
    scene.hold(True)
    first = scene.start(*TARGETS, *OPTIONS)
    left = scene.wait_for_training()
    first.kill()
    first.wait()
    time.sleep(1)
    assert len([job for seed in SEEDS for job in scene.training(seed)]) == len(left)

    assert scene.start("--unlock").wait(120) == 0, scene.said(1)
    second = scene.start(*TARGETS, *OPTIONS)
    cancelled, put_back = scene.wait_for_training(left)
    scene.cluster.ask("scancel", cancelled.id)
    scene.cluster.ask("scontrol", "requeue", put_back.id)

    def both_ended() -> bool:
        jobs = {job.id: job for job in scene.cluster.jobs()}
        restarted = jobs[put_back.id].restarts == 1 and jobs[put_back.id].state != "COMPLETING"
        return jobs[cancelled.id].state == "CANCELLED" and restarted

    scene.wait_until("the end of both", both_ended)
    scene.hold(False)
    assert second.wait(600) == 0, scene.said(2)[-6000:]
    return {
        "jobs": [asdict(job) for job in scene.cluster.jobs()],
        "left": [job.id for job in left],
        "cancelled": cancelled.id,
        "put_back": put_back.id,
    }
