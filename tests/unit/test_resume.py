"""A checkpoint is taken up whole by the job it belongs to, and by no other; signals wait for it."""

from __future__ import annotations

import errno
import io
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lottery import files
from lottery.runtime import resume
from lottery.runtime.resume import NAME, SIGNALS, Checkpoint, State

IDENTITY = {"rule": "finetune", "params": {"version": 1}, "inputs": {"model": {"a": "0" * 64}}}
ARRAYS = {
    "weights": np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4),
    "scalar": np.float32(0.1) * np.ones((), np.float32),
    "generator": np.arange(7, dtype=np.uint8),
    "empty": np.zeros((0, 3)),
}
STATE = State(5, ARRAYS, {"rate": 0.1, "rows": [{"loss": 1 / 3}]})
SLOW = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def same(state: State | None, other: State = STATE) -> bool:
    if state is None or (state.step, state.facts) != (other.step, other.facts):
        return False
    return state.arrays.keys() == other.arrays.keys() and all(
        (array.dtype, array.shape) == (other.arrays[name].dtype, other.arrays[name].shape)
        and array.tobytes() == other.arrays[name].tobytes()
        for name, array in state.arrays.items()
    )


def leftovers(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


def test_a_state_comes_back_exactly_and_goes_on_success(tmp_path: Path) -> None:
    path = tmp_path / NAME
    Checkpoint(path, IDENTITY).save(STATE)
    again = Checkpoint(path, IDENTITY)
    assert same(again.load())
    again.remove()
    assert leftovers(tmp_path) == []
    assert again.load() is None


def test_every_interruption_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    path = tmp_path / NAME
    for step in (5, 9):
        checkpoint = Checkpoint(path, IDENTITY)
        state = checkpoint.load()
        if state:
            checkpoint.resumed(state, "epoch 2")
        checkpoint.save(State(step, ARRAYS))
    last = Checkpoint(path, IDENTITY)
    last.resumed(last.load(), "epoch 3")
    assert last.resumed_from == [5, 9]
    assert "resumed after step 9 (epoch 3); before, after 5" in caplog.text


@pytest.mark.parametrize("what", ["params", "inputs", "threads", "device", "torch"])
def test_another_jobs_checkpoint_is_removed(
    tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / NAME
    Checkpoint(path, IDENTITY).save(STATE)
    identity = IDENTITY
    if what == "params":
        identity = IDENTITY | {"params": {"version": 2}}
    elif what == "inputs":
        identity = IDENTITY | {"inputs": {"model": {"a": "1" * 64}}}
    elif what == "threads":
        monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    elif what == "device":
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Some GPU")
    else:
        monkeypatch.setattr(torch, "__version__", "99")
    other = Checkpoint(path, identity)
    assert other.load() is None
    assert other.resumed_from == []
    assert f"{path} is not used, and removed: it is of other inputs" in caplog.text
    assert leftovers(tmp_path) == []


@SLOW
@given(st.data())
def test_a_cut_file_is_removed(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / NAME
    Checkpoint(path, IDENTITY).save(STATE)
    content = path.read_bytes()
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    assert Checkpoint(path, IDENTITY).load() is None
    assert leftovers(tmp_path) == []


@SLOW
@given(st.data())
def test_a_damaged_file_never_gives_another_state(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / NAME
    Checkpoint(path, IDENTITY).save(STATE)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[place]))
    path.write_bytes(content)
    state = Checkpoint(path, IDENTITY).load()
    assert state is None or same(state)


@pytest.mark.parametrize("foreign", ["folder", "text", "empty", "tensors"])
def test_a_foreign_file_in_its_place_stops_nothing(tmp_path: Path, foreign: str) -> None:
    path = tmp_path / NAME
    if foreign == "folder":
        path.mkdir()
    elif foreign == "tensors":
        files.write_arrays(path, ARRAYS, {"format": "pt"})
    else:
        path.write_text("" if foreign == "empty" else "no tensors")
    checkpoint = Checkpoint(path, IDENTITY)
    assert checkpoint.load() is None
    checkpoint.save(STATE)
    assert same(Checkpoint(path, IDENTITY).load()) == (foreign != "folder")


def test_what_killed_writers_left_goes_too(tmp_path: Path) -> None:
    (tmp_path / f".tmp-{NAME}-host-1-ab.safetensors").write_text("half")
    (tmp_path / ".tmp-model.safetensors-host-1-ab.safetensors").write_text("another's")
    Checkpoint(tmp_path / NAME, IDENTITY).remove()
    assert leftovers(tmp_path) == [".tmp-model.safetensors-host-1-ab.safetensors"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_costs_the_new_checkpoint_alone(
    tmp_path: Path,
    number: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / NAME
    checkpoint = Checkpoint(path, IDENTITY)
    checkpoint.save(STATE)

    class Full(io.FileIO):
        def write(self, content: bytes) -> int:
            if self.tell() > 0:  # the header still fits
                raise OSError(number, os.strerror(number))
            return super().write(content)

    def opened(self: Path, mode: str) -> Full:
        return Full(self, mode)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", opened)
        checkpoint.save(State(6, ARRAYS))
    assert "no checkpoint after step 6" in caplog.text
    assert os.strerror(number) in caplog.text
    assert leftovers(tmp_path) == [NAME]
    assert same(Checkpoint(path, IDENTITY).load())


@pytest.mark.parametrize(
    ("minutes", "seconds", "every", "kept"),
    [
        *((10, 599, None, 0), (10, 601, None, 1), (0, 1e6, None, 0), (0.01, 0.7, None, 1)),
        *((10, 2, 1.0, 1), (10, 0.5, 1.0, 0), (0, 1e6, 1.0, 0)),
    ],
)
def test_a_state_is_kept_when_it_is_time(
    tmp_path: Path, minutes: float, seconds: float, every: float | None, kept: int
) -> None:
    made = []
    checkpoint = Checkpoint(tmp_path / NAME, IDENTITY, minutes)
    checkpoint._last -= seconds

    def make() -> State:
        made.append(1)
        return STATE

    for _ in range(3):
        checkpoint.save_if_due(make, **({} if every is None else {"every": every}))
    assert len(made) == kept
    assert (tmp_path / NAME).exists() == bool(kept)


def test_without_a_path_nothing_is_kept_and_signals_do_not_wait() -> None:
    checkpoint = Checkpoint()
    before = signal.getsignal(signal.SIGTERM)
    with checkpoint.delay_signals():
        assert signal.getsignal(signal.SIGTERM) is before
        checkpoint.save_if_due(lambda: pytest.fail("nobody can keep it"))
    checkpoint.save(STATE)
    assert checkpoint.load() is None
    checkpoint.remove()


class Asked(BaseException):
    """A signal has been answered."""


def one_step(checkpoint: Checkpoint, signals: list[int]) -> None:
    with checkpoint.delay_signals():
        for number in signals:
            signal.raise_signal(number)
        checkpoint.save_if_due(lambda: STATE)


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("again", [False, True])
def test_a_signal_waits_for_the_end_of_a_step_and_a_second_one_does_not(
    tmp_path: Path, number: signal.Signals, again: bool
) -> None:
    def answer(number: int, frame: object) -> None:
        raise Asked

    kept = not again or number == signal.SIGXCPU  # which the system repeats every second
    before = signal.signal(number, answer)
    try:
        checkpoint = Checkpoint(tmp_path / NAME, IDENTITY)
        with pytest.raises(Asked):
            one_step(checkpoint, [number] * (1 + again))
        assert signal.getsignal(number) is answer
    finally:
        signal.signal(number, before)
    assert (tmp_path / NAME).exists() == kept


def test_ignored_signals_stay_ignored(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Checkpoint(tmp_path / NAME, IDENTITY).delay_signals():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_key_does_not_depend_on_the_process() -> None:
    first, second = (Checkpoint(None, dict(IDENTITY))._key() for _ in range(2))
    assert first == second
    assert len(first) == 64
    assert resume.DEFAULT_MINUTES == 10
