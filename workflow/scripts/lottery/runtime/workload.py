"""How much of a run's work is done, by time: steps differ a hundredfold in how long they take.

What a step will take is the median of steps of its kind, on its task where some are known: of this
run first, then of earlier runs by their benchmark files. A kind of which nothing is known is taken
to last as long as the median of the others.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

MOST = 20  # benchmark files of a kind that are read
SHORTEST = 0.01  # seconds; no step takes nothing


class Kind(NamedTuple):
    """What decides how long a step takes: its rule and its task, empty for rules without one."""

    rule: str
    task: str = ""

    @classmethod
    def of(cls, rule: str, wildcards: Mapping[str, Any] | None) -> Kind:
        """The kind of a job."""
        return cls(rule, str((wildcards or {}).get("task", "")))


class Workload:
    """The steps of a run: what they have taken, and what those that are left will take.

    Args:
        planned: how many steps of each kind the run makes.
        earlier: seconds that steps of a kind took in earlier runs.
        clock: gives seconds.
    """

    def __init__(
        self,
        planned: Mapping[Kind, int] | None = None,
        earlier: Mapping[Kind, Sequence[float]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.planned = dict(planned or {})
        self._left = Counter(self.planned)
        self._earlier = {kind: list(each) for kind, each in (earlier or {}).items()}
        self._taken: dict[Kind, list[float]] = defaultdict(list)
        self._running: dict[int, tuple[Kind, float]] = {}
        self._clock = clock
        self._start = clock()

    def start(self, job: int, kind: Kind) -> None:
        """A step starts."""
        self._running[job] = kind, self._clock()

    def finish(self, job: int) -> float:
        """A step has finished; gives its seconds."""
        kind, start = self._running.pop(job)
        seconds = self._clock() - start
        self._taken[kind].append(max(SHORTEST, seconds))
        self._left[kind] = max(0, self._left[kind] - 1)
        return seconds

    def fail(self, job: int) -> None:
        """A step has failed; it is left, maybe for another attempt."""
        self._running.pop(job, None)

    def age(self, job: int) -> float:
        """The seconds that a step has been running."""
        return self._clock() - self._running[job][1]

    def elapsed(self) -> float:
        """Seconds since the run started."""
        return self._clock() - self._start

    def share(self) -> float | None:
        """The share of the work that is done, from 0 to 1; None while nothing is known of it."""
        if not self.planned or not (self._taken or self._earlier):
            return None
        now = self._clock()
        done = sum(map(sum, self._taken.values()))
        # A step that takes longer than was expected is nearly done.
        done += sum(
            min(now - start, self._expected(kind)) for kind, start in self._running.values()
        )
        total = sum(map(sum, self._taken.values()))
        total += sum(self._expected(kind) * count for kind, count in self._left.items() if count)
        return min(1.0, done / total) if total else None

    def seconds_left(self) -> float | None:
        """How long the rest takes at the rate of this run; None while no step has finished."""
        share = self.share()
        if not share or not self._taken:
            return None
        return self.elapsed() * (1 - share) / share

    def _expected(self, kind: Kind) -> float:
        """What a step of a kind takes, in seconds."""
        for known in (self._taken, self._earlier):
            if kind in known:
                return median(known[kind])
        for known in (self._taken, self._earlier):
            of_rule = [s for other, each in known.items() if other.rule == kind.rule for s in each]
            if of_rule:
                return median(of_rule)
        return median(median(each) for each in [*self._taken.values(), *self._earlier.values()])


def plan_of(jobs: Iterable[Any], finished: Iterable[Any]) -> Workload:
    """The work of a run that starts.

    Args:
        jobs: Snakemake's, those that the run makes.
        finished: those that it need not make, whose benchmark files tell how long they took.
    """
    jobs = [*jobs]
    earlier: dict[Kind, list[float]] = defaultdict(list)
    for job in (*jobs, *finished):
        kind = Kind.of(job.rule.name, job.wildcards_dict)
        if job.benchmark and len(earlier[kind]) < MOST:
            earlier[kind] += _seconds(Path(job.benchmark))
    planned = Counter(Kind.of(job.rule.name, job.wildcards_dict) for job in jobs if job.output)
    return Workload(planned, {kind: each for kind, each in earlier.items() if each})


def _seconds(benchmark: Path) -> Iterator[float]:
    """What the file of a finished step says; nothing if there is none, or it cannot be read."""
    with suppress(OSError, ValueError, IndexError):
        names, *_, numbers = benchmark.read_text(encoding="utf-8").splitlines()
        yield max(SHORTEST, float(numbers.split("\t")[names.split("\t").index("s")]))


def spoken(seconds: float) -> str:
    """A time span in words short enough for a line: 40 s, 12 min, 3 h 05 min, 2 d 4 h."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if minutes < 90:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"
