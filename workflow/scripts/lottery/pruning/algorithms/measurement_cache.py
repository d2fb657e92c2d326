"""What a search has measured, so that neither it nor its continuation measures anything twice.

A search decides by its measurements alone. One that was interrupted therefore begins anew, is given
the answers it had, and arrives in no time where it was.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from lottery.runtime.resume import Checkpoint, State

# All measurements of a search take less than a megabyte, so each step that took time is kept.
SECONDS = 1.0

logger = logging.getLogger(__name__)

Measured = dict[str, np.ndarray]


class Memory:
    """Measurements by key.

    Args:
        checkpoint: where they are kept, and found if the search was interrupted.
    """

    def __init__(self, checkpoint: Checkpoint | None = None) -> None:
        self._checkpoint = checkpoint or Checkpoint()
        self._known: dict[str, Measured] = {}
        state = self._checkpoint.load()
        if state is not None:
            for name, array in state.arrays.items():
                key, _, what = name.rpartition(":")
                self._known.setdefault(key, {})[what] = array
            self._checkpoint.resumed(state, "measurements of the search")

    def recall(self, key: str, measure: Callable[[], dict[str, object]]) -> Measured:
        """What is known under a key; measured now if nothing is.

        Args:
            key: says what is measured.
            measure: gives numbers and arrays of numbers by name, no name with a colon; None, which
                is NaN here, where a number is undefined.

        Returns:
            float64 arrays by name; of a number [].
        """
        if key not in self._known:
            measured = measure()
            self._known[key] = {name: _array(value) for name, value in measured.items()}
            logger.info("measurement %d: score %s", len(self._known), measured.get("score"))
            self._checkpoint.save_if_due(self._state, every=SECONDS)
        return self._known[key]

    @contextmanager
    def kept_when_interrupted(self) -> Iterator[None]:
        """Keeps the finished measurements when the job is told to end in the midst of one."""
        try:
            yield
        except (SystemExit, KeyboardInterrupt):
            if self._known:
                self._checkpoint.save(self._state())
            raise

    def _state(self) -> State:
        arrays = {
            f"{key}:{what}": array
            for key, measured in self._known.items()
            for what, array in measured.items()
        }
        return State(len(self._known), arrays)


def number(array: np.ndarray) -> float | None:
    """The number that was measured; None if it is undefined."""
    return None if np.isnan(array) else float(array)


def _array(value: object) -> np.ndarray:
    return np.asarray(np.nan if value is None else value, np.float64)
