"""What a run has cost, step by step: time, memory and energy of its jobs."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lottery.report.page.records import Record

PAPERS_SEARCH = "search structured"  # of the paper's structured pruning
MIB = 2**20  # what benchmark files call MB


@dataclass(frozen=True)
class Job:
    """One job as it was measured; a value that was not measured is None.

    Attributes:
        step: the step's name; of a search with the name of its method's kind.
        seconds: wall time.
        cpu_seconds: time of all cores together.
        peak_mb: most resident memory, in MB.
        gpu: whether it held a GPU.
        joules: energy of that GPU meanwhile.
    """

    step: str
    seconds: float | None = None
    cpu_seconds: float | None = None
    peak_mb: float | None = None
    gpu: bool = False
    joules: float | None = None


@dataclass(frozen=True)
class StepCost:
    """The jobs of one step together; None where no job was measured.

    Attributes:
        step: the step.
        jobs: how many jobs.
        measured: how many of them have a wall time.
        seconds, cpu_seconds, gpu_seconds: sums; gpu_seconds is the wall time of jobs with a GPU.
        peak_mb: the largest peak.
        joules: sum over the jobs whose GPU counts.
    """

    step: str
    jobs: int
    measured: int
    seconds: float | None
    cpu_seconds: float | None
    gpu_seconds: float | None
    peak_mb: float | None
    joules: float | None

    @property
    def mean_seconds(self) -> float | None:
        """Mean wall time of a job."""
        return None if self.seconds is None else self.seconds / self.measured


def job_of(record: Record, results: Path, papers: Mapping[str, str | None]) -> Job:
    """Looks up what Snakemake measured of the job that left a record.

    Args:
        record: its provenance record, which names the log; the benchmark file lies in the same
            place of another folder.
        results: the folder of the run's results.
        papers: method -> the paper's method that it repeats, if any.
    """
    measured = _benchmark(_benchmark_path(str(record.get("log") or ""), results))
    gpu = record.get("device") not in (None, "", "cpu")
    peak = measured.get("max_rss", 0.0) * MIB / 1e6
    return Job(
        step=step_of(record, papers),
        seconds=measured.get("s"),
        cpu_seconds=measured.get("cpu_time"),
        # Snakemake samples memory, and misses jobs that end before the first sample.
        peak_mb=max(peak, record.get("peak_memory_mb") or 0.0) or None,
        gpu=gpu,
        joules=record.get("energy_joules") if gpu else None,
    )


def step_of(record: Record, papers: Mapping[str, str | None]) -> str:
    """The step of a record; searches of different algorithms count apart."""
    step = str(record.get("step", record["rule"]))
    if step != "search":
        return step
    algorithm = record["params"]["settings"]["algorithm"]
    return f"search {papers.get(record['wildcards']['method']) or algorithm}"


def add_up(jobs: Iterable[Job]) -> list[StepCost]:
    """The cost of each step, in the order in which its first job comes."""
    by_step: dict[str, list[Job]] = {}
    for job in jobs:
        by_step.setdefault(job.step, []).append(job)
    return [_cost(step, of_step) for step, of_step in by_step.items()]


def total(jobs: Sequence[Job]) -> StepCost:
    """The cost of all jobs together."""
    return _cost("all", jobs)


def _cost(step: str, jobs: Sequence[Job]) -> StepCost:
    peaks = [job.peak_mb for job in jobs if job.peak_mb is not None]
    return StepCost(
        step=step,
        jobs=len(jobs),
        measured=sum(job.seconds is not None for job in jobs),
        seconds=_sum(job.seconds for job in jobs),
        cpu_seconds=_sum(job.cpu_seconds for job in jobs),
        gpu_seconds=_sum(job.seconds for job in jobs if job.gpu),
        peak_mb=max(peaks, default=None),
        joules=_sum(job.joules for job in jobs),
    )


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _benchmark_path(log: str, results: Path) -> Path:
    own = log.removeprefix(f"{results}/logs/").removesuffix(".log")
    return results / "benchmarks" / f"{own}.tsv"


def _benchmark(path: Path) -> Mapping[str, float]:
    """The numbers of a benchmark file, the last line where there are several; empty without it."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
    except OSError:
        return {}
    found = {}
    for name, text in (rows[-1] if rows else {}).items():
        try:
            found[name] = float(text)
        except (TypeError, ValueError):  # a time of day, or NA where nothing was sampled
            continue
    return found
