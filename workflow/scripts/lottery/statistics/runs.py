"""The scores of runs, seed by seed, with the draws of a random subnetwork averaged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lottery.results.scores import Score
from lottery.statistics.roles import FULL

Key = tuple[str, str, str, str, str, str, int]


@dataclass(frozen=True)
class Cell:
    """What all seeds of one kind of subnetwork have in common.

    Attributes:
        model, task, method: ids; the full model belongs to every method.
        phase: pruned or retrained.
        split: where it is scored.
    """

    model: str
    task: str
    method: str
    phase: str
    split: str


class Runs:
    """The scores of a study in the tasks' reported metrics, by cell, subnetwork and seed."""

    def __init__(self, scores: Iterable[Score], metrics: dict[str, str]) -> None:
        """Keeps the scores of the reported metrics.

        Args:
            scores: rows of scores.csv.
            metrics: task -> reported metric.
        """
        self._scores: dict[Key, Score] = {}
        self.seeds: list[int] = []
        for score in scores:
            if score.seed is None or score.eval_task or score.metric != metrics.get(score.task):
                continue
            key = (score.model, score.task, score.method, score.subnetwork, score.phase)
            self._scores[*key, score.split, score.seed] = score
            if score.seed not in self.seeds:
                self.seeds.append(score.seed)

    def scores(self, cell: Cell, draws: Sequence[str]) -> dict[int, list[Score]]:
        """The scores of a subnetwork's draws, by seed; seeds that lack one are left out."""
        found = {seed: [self._get(cell, name, seed) for name in draws] for seed in self.seeds}
        return {seed: runs for seed, runs in found.items() if None not in runs}

    def values(
        self, cell: Cell, draws: Sequence[str], *, sound_only: bool = False
    ) -> dict[int, float]:
        """The score of each seed, averaged over draws; an undefined one counts as chance.

        Args:
            cell: the cell.
            draws: subnetworks that are draws of one kind.
            sound_only: whether seeds with a degenerate run are left out.
        """
        means = {}
        for seed, runs in self.scores(cell, draws).items():
            counted = [run.counted for run in runs]
            if None in counted or (sound_only and any(run.degenerate for run in runs)):
                continue
            means[seed] = sum(counted) / len(counted)
        return means

    def differences(
        self,
        cell: Cell,
        first: Sequence[str],
        second: Sequence[str],
        *,
        factor: float = 1.0,
        sound_only: bool = False,
    ) -> dict[int, float]:
        """first - factor x second of each seed that has both (see `values`)."""
        a = self.values(cell, first, sound_only=sound_only)
        b = self.values(cell, second, sound_only=sound_only)
        return {seed: a[seed] - factor * b[seed] for seed in a if seed in b}

    def degenerate(self, cell: Cell, *systems: Sequence[str]) -> int:
        """Number of seeds of which a run of one of these systems is degenerate."""
        runs = [self.scores(cell, draws) for draws in systems]
        return sum(
            any(run.degenerate for of_system in runs for run in of_system.get(seed, []))
            for seed in self.seeds
        )

    def _get(self, cell: Cell, subnetwork: str, seed: int) -> Score | None:
        if (subnetwork,) == FULL:
            key = (cell.model, cell.task, "none", subnetwork, "finetuned")
        else:
            key = (cell.model, cell.task, cell.method, subnetwork, cell.phase)
        return self._scores.get((*key, cell.split, seed))
