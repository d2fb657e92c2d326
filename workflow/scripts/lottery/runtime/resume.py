"""Checkpoints: what a long job has done so far, kept next to its outputs.

A checkpoint is one hidden file that no rule declares, so Snakemake leaves it where it is when a job
fails. It belongs to one job on one kind of machine: inputs, params, threads, device and the version
of torch enter its key. Any other file in its place is removed and the job begins from its start, so
a checkpoint can cost time but never a result. It goes when Snakemake has accepted what the job
made: a run that is killed a moment before loses nothing.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import signal
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lottery import files
from lottery.files.errors import StudyError

if TYPE_CHECKING:
    import numpy as np

NAME = ".resume.safetensors"
FORMAT = 1  # of what a State holds; raised when older ones can no longer be continued
DEFAULT_MINUTES = 10
PART = "part:"  # before the names of what a training within a job keeps
# What ends a job from outside: a person, a terminal that closes, a cluster, a limit of CPU time, a
# power supply. Not all systems have all.
SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU", "SIGPWR")
    if hasattr(signal, name)
)
REPEATED = getattr(signal, "SIGXCPU", None)  # by the system, for every further second

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """What a job has done so far."""

    step: int  # number of steps done
    arrays: dict[str, np.ndarray]  # numeric, of any shape
    facts: dict[str, Any] = field(default_factory=dict)  # what json can hold


class Checkpoint:
    """The place where a job keeps its state.

    `resumed_from` lists the steps after which the job was continued, one per interruption.

    Args:
        path: the file; without one no state is ever kept.
        identity: what the job's result depends on, as json can hold it.
        minutes: between two checkpoints; 0 keeps one only when a signal ends the job.
    """

    def __init__(
        self,
        path: Path | None = None,
        identity: dict[str, Any] | None = None,
        minutes: float = DEFAULT_MINUTES,
    ) -> None:
        self._path = path
        self._identity = identity or {}
        self._period = 60 * minutes if minutes > 0 and path else math.inf
        self._last = time.monotonic()
        self._signal: int | None = None
        self._handlers: dict[int, Any] = {}
        self.resumed_from: list[int] = []

    def load(self) -> State | None:
        """The state that an interrupted run of this very job has kept; None if there is none.

        Call `resumed` when it is used. A file of another job or a damaged one is removed.
        """
        if self._path is None or not self._path.exists():
            return None
        try:
            # The key first: another job's arrays may be large.
            if files.read_metadata(self._path).get("key") != self._key():
                raise StudyError("it is of other inputs, params or another kind of machine")
            arrays, metadata = files.read_arrays(self._path)
            text = metadata.get("facts", "")
            if metadata.get("checksum") != _checksum(arrays, text):
                raise StudyError("its content is damaged")
        except StudyError as error:
            self.reject(str(error))
            return None
        facts = json.loads(text)
        self.resumed_from = facts["resumed_from"]
        return State(facts["step"], arrays, facts["facts"])

    def resumed(self, state: State, where: str) -> None:
        """Records that the job is continued from a loaded state; `where` is for the log."""
        # Snakemake removes the log of an earlier attempt.
        before = ", ".join(map(str, self.resumed_from))
        before = f"; before, after {before}" if before else ""
        logger.info("resumed after step %d (%s)%s", state.step, where, before)
        self.resumed_from.append(state.step)

    def reject(self, reason: str) -> None:
        """Removes a checkpoint that cannot be continued; the job begins from its start."""
        logger.warning("the checkpoint %s is not used, and removed: %s", self._path, reason)
        self.resumed_from = []
        self.remove()

    def save_if_due(self, state: Callable[[], State], every: float = math.inf) -> None:
        """Keeps the state if it is time to; ends the job here if a signal has asked for it.

        Args:
            state: makes the state; called only when it is kept.
            every: seconds after which a state is kept even if the period is longer, for states
                that cost next to nothing to keep.
        """
        period = min(self._period, every) if self._period < math.inf else math.inf
        if self._signal is None and time.monotonic() - self._last < period:
            return
        self.save(state())
        self._end_if_asked()

    def save(self, state: State) -> None:
        """Keeps a state now. A disk that is full costs the checkpoint, not the job."""
        if self._path is None:
            return
        start = time.monotonic()
        facts = {"step": state.step, "resumed_from": self.resumed_from, "facts": state.facts}
        text = json.dumps(facts)
        metadata = {"key": self._key(), "facts": text, "checksum": _checksum(state.arrays, text)}
        try:
            files.write_arrays(self._path, state.arrays, metadata)
        except (OSError, StudyError) as error:
            logger.warning("no checkpoint after step %d: %s", state.step, error)
        else:
            seconds = time.monotonic() - start
            logger.info("checkpoint after step %d, kept in %.1f s", state.step, seconds)
        self._last = time.monotonic()

    @contextmanager
    def delay_signals(self) -> Iterator[None]:
        """Lets `SIGNALS` wait for the end of a step, that is for `save_if_due`.

        There the state is kept and the signal does what it would have done at once. A second
        signal does not wait.
        """
        before = {number: signal.getsignal(number) for number in SIGNALS}
        # Ignored signals stay ignored; None is a handler that Python does not know.
        self._handlers = {n: old for n, old in before.items() if old not in (signal.SIG_IGN, None)}

        def note(number: int, frame: object) -> None:
            self._restore_handlers()
            self._signal = number
            if number == REPEATED:
                signal.signal(number, signal.SIG_IGN)

        if self._path is not None:
            with suppress(ValueError):  # only the main thread may, and only it gets signals
                for number in self._handlers:
                    signal.signal(number, note)
        try:
            yield
        finally:
            self._restore_handlers()
        self._end_if_asked()  # after the last step

    def _restore_handlers(self) -> None:
        with suppress(ValueError):
            for number, handler in self._handlers.items():
                signal.signal(number, handler)

    def _end_if_asked(self) -> None:
        if self._signal is not None:
            number, self._signal = self._signal, None
            self._restore_handlers()
            signal.raise_signal(number)

    def remove(self) -> None:
        """Removes the file, and what killed writers of it have left."""
        if self._path is None:
            return
        try:
            files.discard(self._path)
        except OSError as error:
            logger.warning("the checkpoint %s cannot be removed: %s", self._path, error)

    def _key(self) -> str:
        """A digest of all that must be the same for the rest of a job to come out the same."""
        import numpy as np
        import torch

        if torch.cuda.is_available():
            device = torch.cuda.get_device_name()
        else:
            device = f"cpu {torch.backends.cpu.get_cpu_capability()}"
        machine = {
            "device": device,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        }
        everything = {"format": FORMAT, "job": self._identity, "machine": machine}
        text = json.dumps(everything, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


class Part(Checkpoint):
    """The checkpoint of one training of a job that has several, within that of the job.

    Args:
        whole: the job's.
        done: what the trainings before have given; it is kept along with this one's state.
        saved: this one's state, if the job was interrupted in it (`parted`).
    """

    def __init__(self, whole: Checkpoint, done: State, saved: State | None = None) -> None:
        super().__init__()
        self._whole, self._done, self._saved = whole, done, saved

    def load(self) -> State | None:
        """The state that the job was interrupted in; None if it was not in this training."""
        return self._saved

    def resumed(self, state: State, where: str) -> None:
        """Records that the job is continued."""
        self._whole.resumed(state, f"{where} of training {self._done.step + 1}")

    def reject(self, reason: str) -> None:
        """Removes the checkpoint."""
        self._whole.reject(reason)

    def save_if_due(self, state: Callable[[], State], every: float = math.inf) -> None:
        """Keeps both states if it is time to, see `Checkpoint.save_if_due`."""
        self._whole.save_if_due(lambda: self._joined(state()), every)

    def save(self, state: State) -> None:
        """Keeps both states now."""
        self._whole.save(self._joined(state))

    @contextmanager
    def delay_signals(self) -> Iterator[None]:
        """See `Checkpoint.delay_signals`."""
        with self._whole.delay_signals():
            yield

    def _joined(self, state: State) -> State:
        arrays = {f"{PART}{name}": array for name, array in state.arrays.items()}
        facts = {PART: {"step": state.step, "facts": state.facts}}
        return State(self._done.step, self._done.arrays | arrays, self._done.facts | facts)


def parted(state: State | None) -> tuple[State | None, State | None]:
    """What the finished trainings of a job have given, and the state of the one it was in."""
    if state is None or PART not in state.facts:
        return state, None
    part = state.facts[PART]
    facts = {name: fact for name, fact in state.facts.items() if name != PART}
    done, begun = {}, {}
    for name, array in state.arrays.items():
        if name.startswith(PART):
            begun[name.removeprefix(PART)] = array
        else:
            done[name] = array
    return State(state.step, done, facts), State(part["step"], begun, part["facts"])


def _checksum(arrays: dict[str, np.ndarray], text: str) -> str:
    """CRC-32 over the text and the arrays: against damage, not malice."""
    import numpy as np

    total = zlib.crc32(text.encode())
    for name, array in sorted(arrays.items()):
        total = zlib.crc32(f"{name} {array.dtype.str} {array.shape}".encode(), total)
        total = zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data, total)
    return f"{total:08x}"
