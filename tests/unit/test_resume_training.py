"""A training that is interrupted, however often, ends with the weights of one that is not."""

from __future__ import annotations

import errno
import math
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_shrink import random_weights
from tiny import random_mask, tiny_model, tiny_tokens

from lottery import files
from lottery.evaluation.predict import predict
from lottery.pruning.shrink import check_under, shrink, zero_weights
from lottery.runtime import resume
from lottery.runtime.resume import NAME, Checkpoint
from lottery.steps.setup import compute_deterministically
from lottery.training.loop import Recipe, train

pytestmark = pytest.mark.slow

RECIPE = Recipe(learning_rate=3e-3, batch_size=8, epochs=3, log_every=2, warmup_steps=3)
TOKENS = {n_outputs: tiny_tokens(20, n_outputs=n_outputs) for n_outputs in (1, 3)}
STEPS = 9
KINDS = ("classes", "scores", "whole vocabulary", "shrunk", "weight mask", "bf16")


class Killed(BaseException):
    """The end of a process that has no time for anything."""


def training(
    kind: str, checkpoint: Checkpoint | None, hook: Any = None, device: str = "cpu"
) -> tuple[Any, ...]:
    """Trains from the start or from the checkpoint; gives all that comes out of it."""
    n_outputs = 1 if kind == "scores" else 3
    model, tokens, recipe, kept = tiny_model(n_outputs=n_outputs), TOKENS[n_outputs], RECIPE, None
    assert model.architecture.hidden_dropout > 0 and model.architecture.attention_dropout > 0
    model.to(device)
    if kind == "whole vocabulary":
        recipe = replace(recipe, weight_decay=0.1)
    elif kind == "bf16":
        recipe = replace(recipe, precision="bf16")
    elif kind == "shrunk":
        model = shrink(model, random_mask(3))
    elif kind == "weight mask":
        mask = random_weights(model)
        kept = zero_weights(model, mask)
    if hook:
        model.register_forward_pre_hook(hook)
    rows = train(model, tokens, recipe, 1, kept, checkpoint)
    if kept:
        check_under(model, mask)
    weights = {name: p.detach().cpu().numpy().tobytes() for name, p in model.named_parameters()}
    history = [{k: v for k, v in row.items() if k != "tokens_per_second"} for row in rows]
    assert all(row["tokens_per_second"] > 0 for row in rows)
    return weights, history, predict(model, tokens, 8).tobytes()


@cache
def undisturbed(kind: str) -> tuple[Any, ...]:
    return training(kind, None)


def terminated(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


@contextmanager
def as_in_a_job() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, terminated)
    try:
        yield
    finally:
        assert signal.getsignal(signal.SIGTERM) is terminated, "the handler was not put back"
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        signal.signal(signal.SIGTERM, before)


ENDS = {"term": SystemExit, "int": KeyboardInterrupt, "kill": Killed}


def attempt(kind: str, path: Path, minutes: int, at: int, how: str) -> list[int] | None:
    """Trains with a step a minute, and ends in the middle of step `at` of this attempt.

    Returns:
        None if the training was ended; else what it had resumed from.
    """
    clock = SimpleNamespace(now=0.0, steps=0)

    def hook(*_: object) -> None:
        clock.now += 60
        clock.steps += 1
        if clock.steps == at:
            if how == "kill":
                raise Killed
            signal.raise_signal(signal.SIGTERM if how == "term" else signal.SIGINT)

    with mock.patch.object(resume, "time", SimpleNamespace(monotonic=lambda: clock.now)):
        checkpoint = Checkpoint(path, {"kind": kind}, minutes)
        try:
            result = training(kind, checkpoint, hook)
        except ENDS[how]:
            return None
        assert result == undisturbed(kind)
        assert clock.steps >= STEPS - (checkpoint.resumed_from or [0])[-1]
        return checkpoint.resumed_from


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.integers(0, 4),
    st.lists(st.tuples(st.integers(1, STEPS), st.sampled_from(sorted(ENDS))), max_size=4),
)
def test_interrupted_trainings_end_alike(
    kind: str, minutes: int, ends: list[tuple[int, str]]
) -> None:
    with tempfile.TemporaryDirectory() as folder, as_in_a_job():
        path, done, resumed = Path(folder) / NAME, 0, []
        for at, how in ends:
            if done:
                resumed.append(done)
            if done + at > STEPS:
                break  # it ends before that step
            assert attempt(kind, path, minutes, at, how) is None
            if how == "kill":
                # Step `at` is lost, and those since the last multiple of the period.
                done += (at - 1) // minutes * minutes if minutes else 0
                resumed = resumed if done else []
            else:
                done += at
            assert path.exists() == (done > 0)
        else:
            if done:
                resumed.append(done)
        found = attempt(kind, path, minutes, 10**6, "kill")
        assert found[-1:] == resumed[-1:]
        assert set(found) <= set(resumed)


def test_the_generator_matters() -> None:
    """Were it not put back, other units would drop out: the tests above would notice."""
    with tempfile.TemporaryDirectory() as folder, as_in_a_job():
        path = Path(folder) / NAME
        assert attempt("classes", path, 0, 4, "term") is None
        with mock.patch.object(torch, "set_rng_state"):
            weights, _, _ = training("classes", Checkpoint(path, {"kind": "classes"}, 0))
        assert weights != undisturbed("classes")[0]


def test_the_embedding_table_is_kept_as_cut() -> None:
    with tempfile.TemporaryDirectory() as folder, as_in_a_job():
        path = Path(folder) / NAME
        assert attempt("classes", path, 0, 4, "term") is None
        arrays, _ = files.read_arrays(path)
        table = arrays["embeddings.word.weight:weight"]
        assert len(table) == len(np.unique(TOKENS[3].input_ids)) < 90


def test_a_full_disk_does_not_stop_training(caplog: pytest.LogCaptureFixture) -> None:
    calls = []

    def full(*_: object) -> None:
        calls.append(1)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with tempfile.TemporaryDirectory() as folder, as_in_a_job():
        path = Path(folder) / NAME
        with mock.patch.object(files, "write_arrays", full):
            assert attempt("classes", path, 2, 10**6, "kill") == []
        assert len(calls) == math.floor(STEPS / 2)
        assert "No space left" in caplog.text
        # The older checkpoint outlives a write that fails while the job is told to end.
        assert attempt("classes", path, 0, 3, "term") is None
        with mock.patch.object(files, "write_arrays", full):
            assert attempt("classes", path, 0, 2, "term") is None
        assert attempt("classes", path, 0, 10**6, "kill") == [3]


def test_tensors_of_another_model_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    """As after an edit of the library without a new stage version."""
    with tempfile.TemporaryDirectory() as folder, as_in_a_job():
        path = Path(folder) / NAME
        assert attempt("classes", path, 0, 3, "term") is None
        checkpoint = Checkpoint(path, {"kind": "classes"}, 0)
        assert training("shrunk", checkpoint) == undisturbed("shrunk")
        assert "its tensors are not the model's" in caplog.text
        assert checkpoint.resumed_from == []


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kind", ["classes", "scores", "weight mask", "bf16"])
def test_on_a_gpu_too(kind: str, tmp_path: Path) -> None:
    """There, dropout draws from the device's own generator."""
    compute_deterministically()
    calls = []

    def hook(*_: object) -> None:
        calls.append(1)
        if len(calls) == 4:
            signal.raise_signal(signal.SIGTERM)

    expected = training(kind, None, device="cuda")
    with as_in_a_job(), pytest.raises(SystemExit):
        training(kind, Checkpoint(tmp_path / NAME, {}, 0), hook, "cuda")
    checkpoint = Checkpoint(tmp_path / NAME, {}, 0)
    found = training(kind, checkpoint, None, "cuda")
    torch.use_deterministic_algorithms(False)
    assert found == expected
    assert checkpoint.resumed_from == [4]
