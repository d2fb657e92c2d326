"""A job of many steps that is ended from outside, as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest
from test_job import folder, job, start  # noqa: F401  (a fixture is found by its name)

from lottery import files
from lottery.runtime.resume import NAME

pytestmark = pytest.mark.slow


def leftovers(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


# A job of a hundred steps of a twentieth of a second.
STEPS = """
import time
import numpy as np
from pathlib import Path
from lottery import files
from lottery.runtime.resume import State
def finetune(path_to_model, checkpoint, **others):
    if os.environ.get("LOADING"):
        Path("ready").touch()
        time.sleep(60)
    state = checkpoint.load()
    done, total = (state.step, state.arrays["total"]) if state else (0, np.zeros(()))
    if state:
        checkpoint.resumed(state, "epoch 1")
    with checkpoint.delay_signals():
        for step in range(done + 1, 101):
            Path("ready").touch()
            time.sleep(float(os.environ.get("SECONDS", "0")))
            total = total + step
            checkpoint.save_if_due(lambda: State(step, {"total": total}))
    files.write_json(path_to_model, int(total))
run_as_step(finetune)
"""
GPU = {"resources": {"gpu": 1}}
DEVICE = {"CUDA_VISIBLE_DEVICES": f"GPU-{os.getpid()}", "SECONDS": "0.05"}


def signalled(
    place: Path, numbers: list[int], env: dict[str, str], mark: str = "ready", **given_: object
) -> int:
    """Starts the job, signals it when a file is there, and gives its exit status."""
    (place / "ready").unlink(missing_ok=True)
    running = start(place, STEPS, env, **GPU | given_)
    while not (place / mark).exists():
        assert running.poll() is None, running.communicate()
        time.sleep(0.01)
    time.sleep(0.2)
    for number in numbers:
        running.send_signal(number)
        time.sleep(0.02)
    running.communicate(timeout=60)
    return running.returncode


def test_a_terminated_job_goes_on_where_it_stood(folder: Path) -> None:  # noqa: F811
    assert signalled(folder, [signal.SIGTERM], DEVICE) == 128 + signal.SIGTERM
    assert leftovers(folder / "sub") == [NAME]
    # The only device is free again.
    assert signalled(folder, [signal.SIGINT], DEVICE) != 0
    status, shown, log = job(folder, STEPS, **GPU)
    assert (status, shown) == (0, "")
    assert files.read_json(folder / "out.txt") == 5050
    steps = files.read_json(folder / "sub" / "provenance.json")["resumed_from"]
    assert len(steps) == 2
    assert 0 < steps[0] < steps[1] < 100
    assert f"resumed after step {steps[0]} (epoch 1)\n" in log
    assert f"resumed after step {steps[1]} (epoch 1); before, after {steps[0]}\n" in log
    # Snakemake has not accepted what it made.
    assert leftovers(folder / "sub") == [NAME, "provenance.json"]


def test_a_second_signal_does_not_wait(folder: Path) -> None:  # noqa: F811
    slow = DEVICE | {"SECONDS": "50"}
    started = time.monotonic()
    status = signalled(folder, [signal.SIGTERM, signal.SIGTERM], slow)
    assert status == 128 + signal.SIGTERM
    assert time.monotonic() - started < 40
    assert not (folder / "sub" / NAME).exists()


def test_outside_of_the_steps_a_signal_does_not_wait(folder: Path) -> None:  # noqa: F811
    started = time.monotonic()
    assert signalled(folder, [signal.SIGTERM], DEVICE | {"LOADING": "1"}) == 128 + signal.SIGTERM
    assert time.monotonic() - started < 40


def test_kill_9_loses_no_more_than_since_the_last_checkpoint(folder: Path) -> None:  # noqa: F811
    often = {"config": {"compute": {"checkpoint_minutes": 1e-6}}}
    assert signalled(folder, [signal.SIGKILL], DEVICE, f"sub/{NAME}", **often) == -signal.SIGKILL
    assert NAME in leftovers(folder / "sub")
    status, _, _ = job(folder, STEPS, **often)
    assert status == 0
    assert files.read_json(folder / "out.txt") == 5050
    assert len(files.read_json(folder / "sub" / "provenance.json")["resumed_from"]) == 1
    assert leftovers(folder / "sub") == [NAME, "provenance.json"]


@pytest.mark.parametrize("change", ["input", "params", "nothing"])
def test_an_edit_in_between_starts_again(folder: Path, change: str) -> None:  # noqa: F811
    assert signalled(folder, [signal.SIGTERM], DEVICE) == 128 + signal.SIGTERM
    given_ = {}
    if change == "input":
        (folder / "in.txt").write_text("abd")
    elif change == "params":
        given_ = {"params": {"step": "finetune 3", "settings": {"rate": 0.25}}}
    status, _, log = job(folder, STEPS, **given_)
    assert status == 0
    record = json.loads((folder / "sub" / "provenance.json").read_text())
    assert bool(record["resumed_from"]) == (change == "nothing")
    assert ("is not used, and removed" in log) == (change != "nothing")
    assert (NAME in leftovers(folder / "sub")) == (change == "nothing")
