"""The study on a cluster, from fetching to figures, through the death of the run and of jobs."""

from __future__ import annotations

import itertools
from collections import defaultdict

import pytest
from scenario import SEEDS, TARGETS, Played
from slurm_cluster import Job

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

GPU_STEPS = {"finetune", "search", "retrain", "evaluate_pruned"}
# Where Snakemake was started: what needs the network, and what takes seconds.
HERE = {"fetch_config", "fetch_model", "fetch_task", "plot_scores", "plot_survival"}


def trainings(played: Played, seed: int) -> list[Job]:
    """The jobs that trained a seed, in the order of submission."""
    comment = f"rule_finetune_wildcards_tiny_tone_{seed}"
    return [job for job in played.jobs if job.comment == comment]


def test_the_study_runs_from_fetching_to_figures(played: Played):
    for target in TARGETS:
        assert (played.folder / target).stat().st_size > 0
    done = [job for job in played.jobs if job.state == "COMPLETED"]
    # Two seeds: training, search, retraining, and one evaluation of all pruned subnetworks each.
    assert sum(job.gpus for job in done) == len(SEEDS) * (1 + 1 + 1 + 1)
    assert {job.state for job in played.jobs} == {"COMPLETED", "CANCELLED"}


def test_each_gpu_job_sees_one_device_and_the_others_none(played: Played):
    for step in played.steps():
        devices = {"0", "1"} if step["step"] in GPU_STEPS else {""}
        assert step["CUDA_VISIBLE_DEVICES"] in devices, step
    for job in played.jobs:
        assert job.gpus == job.comment.startswith(tuple(f"rule_{step}" for step in GPU_STEPS))
    for seed in SEEDS:
        record = played.provenance(f"tiny/tone/seed_{seed}/finetune")
        assert (record["device"] in ("0", "1")) and record["slot"] == 0


def test_two_gpu_jobs_run_at_once_on_different_devices(played: Played):
    first, second = (job for job in played.jobs if job.id in played.left)
    assert first.began < second.ended and second.began < first.ended
    devices = {
        step["CUDA_VISIBLE_DEVICES"]
        for step in played.steps()
        if step["SLURM_JOB_ID"] in played.left
    }
    assert devices == {"0", "1"}


def test_what_needs_the_network_and_what_takes_seconds_is_no_slurm_job(played: Played):
    steps = played.steps()
    assert {step["step"] for step in steps if step["SLURM_JOB_ID"] is None} == HERE
    assert HERE.isdisjoint(step["step"] for step in steps if step["SLURM_JOB_ID"])


def test_compute_nodes_stay_off_the_network(played: Played):
    for step in played.steps():
        fetches = step["step"].startswith("fetch_")
        assert step["HF_HUB_OFFLINE"] == (None if fetches else "1"), step


def test_a_cancelled_job_is_submitted_again_with_twice_the_memory_and_time(played: Played):
    _, cancelled, again = trainings(played, SEEDS[0])
    assert (cancelled.id, cancelled.state, again.state) == (
        played.cancelled,
        "CANCELLED",
        "COMPLETED",
    )
    assert cancelled.name == again.name
    assert (cancelled.memory, cancelled.limit) == (8000, "12:00:00")
    assert (again.memory, again.limit) == (16000, "1-00:00:00")


def test_a_job_that_slurm_puts_back_is_the_same_job(played: Played):
    _, put_back = trainings(played, SEEDS[1])
    assert (put_back.id, put_back.state, put_back.restarts) == (played.put_back, "COMPLETED", 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_interrupted_training_goes_on_where_it_was(played: Played, seed: int):
    # Once after the death of the run, once after the job's own end; four steps were done each time.
    assert played.provenance(f"tiny/tone/seed_{seed}/finetune")["resumed_from"] == [4, 8]
    log = (played.folder / f"results/logs/finetune/tiny/tone/seed_{seed}.log").read_text()
    assert "resumed after step 8" in log
    assert not list(played.folder.rglob(".resume*"))


def test_jobs_of_a_dead_run_are_cancelled_before_others_are_submitted(played: Played):
    assert "Cancelling 2 SLURM jobs that an earlier run left behind" in played.said(2)
    (first,) = {job.name for job in played.jobs if job.id in played.left}
    (second,) = {job.name for job in played.jobs if job.name != first}
    left = [job for job in played.jobs if job.id in played.left]
    assert {job.state for job in left} == {"CANCELLED"}
    began = min(job.began for job in played.jobs if job.name == second)
    assert max(job.ended for job in left) <= began


def test_no_two_jobs_work_on_one_step_at_a_time(played: Played):
    by_step = defaultdict(list)
    for job in played.jobs:
        by_step[job.comment].append(job)
    for jobs in by_step.values():
        jobs.sort(key=lambda job: job.began)
        for earlier, later in itertools.pairwise(jobs):
            assert earlier.ended <= later.began, (earlier, later)
