"""A second run: it agrees with the first bit for bit, and its GPU jobs share no device."""

from __future__ import annotations

import itertools
import json
import re
import shutil
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from command_line import planned, run_snakemake
from runs import DEVICES, Config, Run

GPU_RULES = ("finetune", "search", "retrain", "evaluate_pruned")
LOG = re.compile(r"^([\d-]+ [\d:]+,\d+) INFO (.*)$", re.MULTILINE)


class Job(NamedTuple):
    """One GPU job, from its log: when it began, held its device, and ended."""

    device: str
    began: datetime
    held: datetime
    ended: datetime


def jobs(run: Run) -> list[Job]:
    """The GPU jobs of a run."""
    paths = [
        path for rule in GPU_RULES for path in (run.folder / "results/logs" / rule).rglob("*.log")
    ]
    return [read_log(path) for path in paths]


def read_log(path: Path) -> Job:
    lines = LOG.findall(path.read_text())
    times = [datetime.strptime(when, "%Y-%m-%d %H:%M:%S,%f") for when, _ in lines]
    position, device = next(
        (i, text.split()[1].rstrip(",")) for i, (_, text) in enumerate(lines) if "device" in text
    )
    assert lines[-1][1].startswith("finished in")
    return Job(device, times[0], times[position], times[-1])


def test_no_device_is_held_twice(leased: Run) -> None:
    found = jobs(leased)
    assert len(found) == 1 + 2 + 2 + 2
    assert {job.device for job in found} <= set(DEVICES)
    assert len({job.device for job in found}) > 1, "no two jobs ran at once"
    for device in DEVICES:
        held = sorted((job.held, job.ended) for job in found if job.device == device)
        for (_, ended), (begun, _) in itertools.pairwise(held):
            assert begun > ended, device


def test_the_resource_gpu_limits_how_many_run(leased: Run) -> None:
    # Four cores are free, so without `gpu=1` on each rule four jobs would run.
    found = jobs(leased)
    for job in found:
        at_once = sum(other.began <= job.began < other.ended for other in found)
        assert at_once <= 2


def test_provenance_names_device_and_slot(leased: Run) -> None:
    held = set()
    for path in (leased.folder / "results").rglob("*provenance.json"):
        record = json.loads(path.read_text())
        if record["rule"].startswith(GPU_RULES):
            held.add((record["device"], record["slot"]))
        else:
            assert (record["device"], record["slot"]) == ("cpu", None)
    assert held == {(job.device, 0) for job in jobs(leased)}


def test_two_runs_give_the_same_weights(published: Run, leased: Run) -> None:
    for name in (
        "finetune/model.safetensors",
        "retrain/structured/good/model.safetensors",
        "retrain/magnitude/good/model.safetensors",
        "mask/structured/good.safetensors",
        "mask/magnitude/good.safetensors",
        "mask/structured/importance.npz",
        "mask/structured/search.csv",
    ):
        first, second = (run.cell("tone", 7) / name for run in (published, leased))
        assert first.read_bytes() == second.read_bytes(), name


def test_two_runs_give_the_same_scores(published: Run, leased: Run) -> None:
    first, second = (
        pd.read_csv(run.folder / "results/tables/scores.csv", dtype=str).fillna("")
        for run in (published, leased)
    )
    # The second run has some of the cells: the others must not have changed anything in these.
    shared = first[(first["task"] == "tone") & first["seed"].isin(["7", ""])]
    shared = shared[shared["subnetwork"].isin(["majority", "full", "good"])]
    assert len(second) == 3 * (1 + 1 + 4)
    assert shared.to_dict("records") == second.to_dict("records")


def test_retrained_weights_can_be_removed_when_evaluated(leased: Run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(leased.folder, folder)  # with the times of the files
    before = {path for path in folder.rglob("*") if path.parts[-1] == "model.safetensors"}
    retrained = {path for path in before if "retrain" in path.parts}
    finished = run_snakemake(folder, leased.config, "clean_retrained")
    assert finished.returncode == 0, finished.stdout
    assert len(retrained) == 2
    for path in retrained:
        assert str(path.relative_to(folder)) in finished.stdout
    assert {path for path in before if path.exists()} == before - retrained
    # Nothing that stands is made anew for want of them.
    assert planned(folder, leased.config, "results/tables/scores.csv") == {}


def test_gpu_jobs_that_nobody_counts_are_refused_before_the_first_one(
    tmp_path: Path, study: Config
):
    target = f"results/tiny/tone/seed_{study['seeds'][0]}/finetune/metrics.json"
    devices = {"CUDA_VISIBLE_DEVICES": "GPU-first,GPU-second"}
    config = study | {"compute": {"slots_per_gpu": 3}}
    finished = run_snakemake(tmp_path, config, target, env=devices)
    assert finished.returncode == 1
    assert "may use 2 GPUs but states no total of gpu" in finished.stdout
    assert "add --resources gpu=6" in finished.stdout
    assert "Traceback" not in finished.stdout
    assert not list(tmp_path.rglob("provenance.json"))
    # Nothing is asked of a plan, or of a run without GPU jobs.
    assert run_snakemake(tmp_path, config, target, "--dry-run", env=devices).returncode == 0
    local = "resources/models/tiny/config.json"
    assert run_snakemake(tmp_path, config, local, env=devices).returncode == 0
