"""A quantity that a claim is about, as this run gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lottery.statistics.intervals import Estimate


@dataclass(frozen=True)
class Measured:
    """A quantity of this run.

    Attributes:
        estimate: with degenerate runs, as published.
        sound: without seeds that have a degenerate run; None where none is left.
        n_degenerate: number of seeds, over tasks, that `sound` leaves out.
        by_task, sound_by_task: the two for each task, where the test asks for them.
        beside: words on what stands beside the number.
    """

    estimate: Estimate
    sound: Estimate | None
    n_degenerate: int = 0
    by_task: Mapping[str, Estimate] = field(default_factory=dict)
    sound_by_task: Mapping[str, Estimate] = field(default_factory=dict)
    beside: str = ""
