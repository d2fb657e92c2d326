"""How long a benchmark may take, and whether what comes next still fits."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable
from typing import NamedTuple

UNITS = {"s": 1, "m": 60, "h": 3600}  # in seconds


def duration(text: str) -> float:
    """Seconds of a time of the command line, such as 90s, 8m or 1h."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smh])", text)
    seconds = float(found[1]) * UNITS[found[2]] if found else 0.0
    if not seconds:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time: give a number above 0 with s, m or h, such as 90s, 8m or 1h"
        )
    return seconds


class Cost(NamedTuple):
    """What is known of a piece of work before it runs.

    Attributes:
        floor: seconds that it takes at the least.
        steps: training steps or batches, all repeats together.
    """

    floor: float
    steps: int = 0


class Budget:
    """Decides by what earlier work took whether the next piece fits.

    A piece is taken to need its floor, and for every step the largest surplus over the floor that
    an earlier piece had. Of the first piece only the floor is known.

    Args:
        seconds: that may pass from now on; None sets no limit.
        clock: gives the time in seconds.
    """

    def __init__(self, seconds: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._end = None if seconds is None else clock() + seconds
        self._surplus = 0.0  # seconds per step

    def estimate(self, cost: Cost) -> float:
        """Seconds that a piece is expected to take."""
        return cost.floor + self._surplus * cost.steps

    def fits(self, cost: Cost) -> bool:
        """Whether a piece is expected to end within the budget."""
        return self._end is None or self.clock() + self.estimate(cost) <= self._end

    def learn(self, cost: Cost, seconds: float) -> None:
        """Takes in what a piece with steps took, preparation included."""
        self._surplus = max(self._surplus, (seconds - cost.floor) / cost.steps)
