"""What the claims measure: each quantity of this run, with and without degenerate runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lottery.pruning.algorithms.declaration import UNITS, WEIGHTS
from lottery.results.scores import mean
from lottery.statistics.claims import other_tables
from lottery.statistics.claims.evidence import Subject, UnmeasuredError
from lottery.statistics.claims.measured import Measured
from lottery.statistics.claims.outcomes import NOT_COMPARABLE, NOT_RUN, TOO_FEW, UNDECIDED
from lottery.statistics.claims.table import Part
from lottery.statistics.intervals import Estimate, mean_estimate, spread_ratio
from lottery.statistics.runs import Cell

Options = Mapping[str, object]
NO_RUNS = "No task that enters averages has these runs."


def measure(part: Part, subject: Subject) -> Measured:
    """Measures what a part of a claim is about.

    Raises:
        UnmeasuredError: this run does not give it.
    """
    return _QUANTITIES[part.quantity](dict(part.options), subject)


@dataclass
class _Seeds:
    """Values of each task's seeds, with and without those that have a degenerate run."""

    with_all: dict[str, list[float]] = field(default_factory=dict)
    sound: dict[str, list[float]] = field(default_factory=dict)
    n_degenerate: int = 0

    def add(
        self, task: str, values: Mapping[int, float], kept: Mapping[int, float], n_degenerate: int
    ) -> None:
        self.with_all[task] = list(values.values())
        self.sound[task] = list(kept.values())
        self.n_degenerate += n_degenerate

    def measured(self, *, by_task: bool = False) -> Measured:
        """The mean over tasks; the sound one over tasks that have two sound seeds or more."""
        enough = {task: values for task, values in self.sound.items() if len(values) > 1}
        groups = (self.with_all, enough)
        means = [mean_estimate(list(group.values())) for group in groups]
        each = [
            {task: mean_estimate([values]) for task, values in group.items()} for group in groups
        ]
        return Measured(*means, self.n_degenerate, *(each if by_task else ()))


def _difference(options: Options, subject: Subject) -> Measured:
    return _seed_differences(options, subject).measured()


def _task_differences(options: Options, subject: Subject) -> Measured:
    seeds = _seed_differences(options, subject)
    if len(seeds.with_all) < 2:
        raise UnmeasuredError(NOT_COMPARABLE, "One task alone cannot tell some tasks from all.")
    return seeds.measured(by_task=True)


def _seed_differences(options: Options, subject: Subject) -> _Seeds:
    systems = subject.draws(str(options["first"])), subject.draws(str(options["second"]))
    factor, runs = float(options.get("factor", 1.0)), subject.evidence.runs
    seeds = _Seeds()
    for task in subject.evidence.tasks:
        cell = subject.cell(task.id, str(options["phase"]))
        values = runs.differences(cell, *systems, factor=factor)
        if values:
            kept = runs.differences(cell, *systems, factor=factor, sound_only=True)
            seeds.add(task.id, values, kept, runs.degenerate(cell, *systems))
    if not seeds.with_all:
        raise UnmeasuredError(NOT_RUN, NO_RUNS)
    return seeds


def _spread_ratio(options: Options, subject: Subject) -> Measured:
    runs, draws = subject.evidence.runs, subject.draws("good")
    with_all, sound, n_degenerate = [], [], 0
    for task in subject.evidence.tasks:
        cell = subject.cell(task.id, "retrained")
        sides = [list(runs.values(cell, each).values()) for each in (draws, ("full",))]
        if all(sides):
            with_all.append(sides)
            n_degenerate += runs.degenerate(cell, draws, ("full",))
            kept = [runs.values(cell, each, sound_only=True) for each in (draws, ("full",))]
            if min(map(len, kept)) > 1:
                sound.append([list(values.values()) for values in kept])
    if not with_all:
        raise UnmeasuredError(NOT_RUN, NO_RUNS)
    estimate = spread_ratio(*zip(*with_all, strict=True))
    if estimate is None:
        few = len(runs.seeds) < 2
        verdict = TOO_FEW if few else UNDECIDED
        raise UnmeasuredError(verdict, "The full model's score does not vary over seeds.")
    without = spread_ratio(*zip(*sound, strict=True)) if sound else None
    return Measured(estimate, without, n_degenerate)


def _kept_difference(options: Options, subject: Subject) -> Measured:
    """kept_fraction of good: structured - magnitude, under the same threshold and search data."""
    ours = subject.method
    partner = next(
        (
            each
            for each in subject.evidence.methods.values()
            if each.granularity != ours.granularity
            and each.to_threshold
            and dict(each.search) == dict(ours.search)
            and subject.model in each.models
        ),
        None,
    )
    if partner is None:
        raise UnmeasuredError(NOT_RUN, "No method of the other granularity has the same threshold.")
    pair = {ours.granularity: ours, partner.granularity: partner}
    subject.draws("found")
    differences = []
    for task in subject.evidence.tasks:
        kept = {
            name: _kept(subject, Cell(subject.model, task.id, each.id, "pruned", each.split))
            for name, each in pair.items()
        }
        a, b = kept[UNITS], kept[WEIGHTS]
        if shared := [a[seed] - b[seed] for seed in a if seed in b]:
            differences.append(shared)
    if not differences:
        raise UnmeasuredError(NOT_RUN, f"{partner.id} has no good subnetworks beside it.")
    estimate = mean_estimate(differences).within(-1.0, 1.0)
    return Measured(estimate, estimate)


def _kept(subject: Subject, cell: Cell, subnetwork: str = "good") -> dict[int, float]:
    """kept_fraction of each seed's subnetwork."""
    found = subject.evidence.runs.scores(cell, (subnetwork,))
    return {seed: runs[0].kept_fraction for seed, runs in found.items()}


def _super_size(options: Options, subject: Subject) -> Measured:
    """Mean kept_fraction of super_good; one mask serves all seeds, so none makes it uncertain."""
    subject.draws("super_good")
    sizes, seeds = [], []
    for task in subject.evidence.tasks:
        kept = _kept(subject, subject.cell(task.id, "retrained"), "super_good")
        if kept:
            sizes.append(mean(list(kept.values())))
            seeds.append(len(kept))
    if not sizes:
        raise UnmeasuredError(NOT_RUN, NO_RUNS)
    value = mean(sizes)
    facts = {"n": len(sizes), "n_tasks": len(sizes), "n_seeds": min(seeds)}
    estimate = Estimate(value, value, value, value, value, **facts)
    return Measured(estimate, estimate)


def _baseline_difference(options: Options, subject: Subject) -> Measured:
    draws, runs = subject.draws("bad"), subject.evidence.runs
    baselines: dict[str, list[float]] = defaultdict(list)
    for row in subject.evidence.tables.get("baselines", ()):
        if "bilstm" in row["name"].lower():
            baselines[row["task"]].append(float(row["score"]))
    seeds = _Seeds()
    for task in subject.evidence.tasks:
        cell = subject.cell(task.id, "retrained")
        values = runs.values(cell, draws)
        if values and task.id in baselines:
            level = mean(baselines[task.id])
            sides = [values, runs.values(cell, draws, sound_only=True)]
            gaps = [{seed: level - value for seed, value in side.items()} for side in sides]
            seeds.add(task.id, *gaps, runs.degenerate(cell, draws))
    if not seeds.with_all:
        raise UnmeasuredError(NOT_COMPARABLE, "No scores of a BiLSTM were given.")
    return seeds.measured()


_QUANTITIES: dict[str, Callable[[Options, Subject], Measured]] = {
    "difference": _difference,
    "task_differences": _task_differences,
    "spread_ratio": _spread_ratio,
    "kept_difference": _kept_difference,
    "super_size": _super_size,
    "kappa": other_tables.kappa,
    "pattern": other_tables.pattern,
    "importance_share": other_tables.importance_share,
    "overlap_spread": other_tables.overlap_spread,
    "baseline_difference": _baseline_difference,
}
