"""What the claims are judged by: scores, other analyses' tables, and the published numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lottery import files
from lottery.pruning.algorithms.declaration import PAPERS_METHODS
from lottery.pruning.subnetworks import base_name
from lottery.results.connectivity import BARRIERS
from lottery.results.layout import Layout
from lottery.results.published import Published
from lottery.statistics import runs
from lottery.statistics.claims.verdicts import NOT_RUN
from lottery.statistics.differences import AVERAGE
from lottery.statistics.runs import NAMES, roles

if TYPE_CHECKING:
    import pandas as pd

# Scores of other systems in the tasks' reported metrics, given by the user.
BASELINES = {"name": str, "task": str, "score": float}
# What the claims read of other analyses' tables.
# Why a table is missing, where its name alone does not say it.
NOT_MADE = {
    "search_noise": "No model was searched on several sets of examples.",
    "barriers": "No subnetwork was trained twice.",
    "stability": "Agreement over seeds takes two seeds.",
    "patterns": "Attention was not analysed.",
}
_CELL = dict.fromkeys(("model", "method"), str)
_COUNTS = {"n_tasks": int, "n_seeds": int}
_TESTED = dict.fromkeys(("p", "smallest_p"), float)
TABLES: dict[str, files.Schema] = {
    # Agreement of the seeds' masks, and how many units each two share (lottery.analysis.stability).
    "stability": _CELL
    | dict.fromkeys(("subnetwork", "task", "other_task", "unit", "statistic"), str)
    | {"value": float, "p": float, "n_units": int},
    "stability_pairs": _CELL
    | dict.fromkeys(("subnetwork", "task", "unit", "seed", "other_seed"), str)
    | dict.fromkeys(("kept", "other_kept", "shared"), int),
    # Agreement over seeds against chance, and against that of searches on other examples.
    "seed_agreement": _CELL
    | dict.fromkeys(("subnetwork", "task", "unit", "statistic"), str)
    | {"value": float, **_TESTED, **_COUNTS},
    "search_noise": _CELL
    | {"other_method": str, "disjoint": bool, "task": str, "unit": str}
    | dict.fromkeys(("same_model", "other_model", "difference", "p_below"), float)
    | {**_TESTED, **_COUNTS},
    # Heads that stand out on seeds that did not choose them (lottery.analysis.importance).
    "importance_test": _CELL
    | {"task": str, "unit": str, "ratio": float, "low": float, "high": float, "expected": float}
    | {**_TESTED, **_COUNTS},
    # What pairs of tasks share, and what survives in all seeds (lottery.analysis.survivors).
    "task_pairs": _CELL | {"unit": str, "sd": float, "expected": float, **_TESTED, **_COUNTS},
    "survivors": _CELL
    | {"task": str, "unit": str, "statistic": str, "n_seeds": int}
    | dict.fromkeys(("value", "expected", "expected_sd"), float),
    # Trainings of one subnetwork twice (lottery.analysis.connectivity).
    "barriers": BARRIERS,
    # Attention of heads (lottery.analysis.patterns).
    "patterns": _CELL
    | dict.fromkeys(("task", "seed", "quantity", "weights", "attention", "score"), str)
    | {"value": float, "se": float, **_COUNTS},
}


class UnmeasuredError(Exception):
    """A quantity that this run does not give.

    Attributes:
        verdict: `not run` or `undecided`.
        reason: one sentence.
    """

    def __init__(self, verdict: str, reason: str) -> None:
        super().__init__(reason)
        self.verdict, self.reason = verdict, reason


@dataclass(frozen=True)
class MethodFacts:
    """What claims need to know of a method.

    Attributes:
        granularity: "units" or "weights": what the claims speak of.
        controls: "published" or "strict", the kinds of its subnetworks.
        models: the models it is judged on.
        search: options of the search that decide what size is comparable; empty for methods that
            do not search down to a threshold.
        split: the split on which it is shown.
        units: the kinds of units that it prunes; none for weights.
        importance: whether its searches leave importances of units.
        imported: whether its masks were made elsewhere.
        trains: whether its search trains between the steps of pruning.
        untrained: model -> the untrained model on which the method draws random subnetworks of the
            sizes that its good ones have on that model.
    """

    id: str
    granularity: str
    controls: str
    models: Sequence[str]
    search: Mapping[str, Any]
    subnetworks: Sequence[str]
    split: str
    units: Sequence[str] = ()
    importance: bool = False
    imported: bool = False
    trains: bool = False
    untrained: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that the claims are judged by.

    Attributes:
        scores: of `lottery.results.summary.reported_runs`.
        layout: models, tasks and methods.
        methods: facts by method.
        published: the paper's scores and sizes.
        paper: (claim, granularity) -> row of resources/paper/claims.csv.
        differences: differences.csv.
        n_seeds: the number of seeds of the study.
        left_out: claims that the study leaves out by design -> the config that runs what they rest
            on.
        tables: name of `TABLES` -> the rows of that analysis, if it was made.
        baselines: scores of other systems, with the columns `BASELINES`.
        asked_tasks: of an unfinished study: method -> how many tasks that enter averages the config
            asks for.
    """

    scores: pd.DataFrame
    layout: Layout
    methods: Mapping[str, MethodFacts]
    published: Published
    paper: Mapping[tuple[str, str], Mapping[str, str]]
    differences: pd.DataFrame
    baselines: pd.DataFrame
    n_seeds: int
    left_out: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    asked_tasks: Mapping[str, int] = field(default_factory=dict)

    @property
    def tasks(self) -> list[str]:
        """The tasks that enter averages and tests."""
        return [task.id for task in self.layout.tasks if task.in_average]


@dataclass(frozen=True, eq=False)
class Subject:
    """A claim's subject: one method on one model, and the evidence."""

    model: str
    method: MethodFacts
    evidence: Evidence

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The scores on the split that shows the method, of tasks that enter averages."""
        scores = self.evidence.scores
        of_split = scores["split"] == self.method.split
        return scores[of_split & scores["task"].isin(self.evidence.tasks)]

    @cached_property
    def sizes(self) -> dict[str, int]:
        """task -> examples of the split."""
        return dict(self.scores.groupby("task", sort=False)["n_examples"].max())

    @cached_property
    def _runs(self) -> dict[tuple[Any, ...], pd.DataFrame]:
        return {}

    @cached_property
    def _differences(self) -> pd.DataFrame:
        rows = self.evidence.differences
        place = {"model": self.model, "method": self.method.id, "split": self.method.split}
        return _where(rows, place)

    def draws(self, role: str) -> tuple[str, ...]:
        """The subnetworks read as a role.

        Raises:
            UnmeasuredError: the method has none.
        """
        draws = roles(self.method.subnetworks, self.method.controls).get(role)
        if draws is None:
            words = {"found": "good"}.get(role, role)
            raise UnmeasuredError(NOT_RUN, f"The method has no {words} subnetworks.")
        return draws

    def name(self, role: str) -> str:
        """The role in words, as this method has it: under strict "good half" for good."""
        return NAMES[self.method.controls].get(role, role).replace("_half", " half")

    def runs(self, role: str, phase: str) -> pd.DataFrame:
        """`lottery.statistics.runs.by_seed` of a role, on the tasks that enter averages."""
        return self.by_seed(self.method, phase, self.draws(role))

    def by_seed(
        self, method: MethodFacts, phase: str, draws: tuple[str, ...], model: str | None = None
    ) -> pd.DataFrame:
        """The same of given subnetworks, on the split that shows the subject's method."""
        place = (model or self.model, method.id, self.method.split, phase)
        # Many claims read the same runs.
        if (*place, draws) not in self._runs:
            self._runs[*place, draws] = runs.by_seed(self.scores, *place, draws)
        return self._runs[*place, draws]

    def differences(self, first: str, second: str, phase: str) -> pd.DataFrame:
        """The rows of differences.csv of two roles: one per task, and one for the average."""
        names = (base_name(self.draws(role)[0]) for role in (first, second))
        place = dict(zip(("phase", "first", "second"), (phase, *names), strict=True))
        return _where(self._differences, place)

    def rows(self, table: str, **where: object) -> pd.DataFrame:
        """The rows of another analysis that belong to the method, on tasks that enter averages.

        Args:
            table: one of `TABLES`.
            where: columns, and what they must hold.

        Raises:
            UnmeasuredError: there are none.
        """
        rows = self.evidence.tables.get(table)
        if rows is not None:
            where = {"model": self.model, "method": self.method.id} | where
            rows = _where(rows, where)
            if "task" in rows:
                rows = rows[rows["task"].isin([*self.evidence.tasks, AVERAGE, "averaged"])]
        if rows is None or rows.empty:
            words = table.replace("_", " ")
            given = f"This study makes no table of {words} for the method."
            raise UnmeasuredError(NOT_RUN, NOT_MADE.get(table, given))
        return rows


def _where(rows: pd.DataFrame, where: Mapping[str, object]) -> pd.DataFrame:
    """The rows that hold these values."""
    for column, value in where.items():
        rows = rows[rows[column] == value]
    return rows


def read_paper(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    """Reads claims.csv of workflow/resources/paper: (claim, granularity) -> row."""
    granularity = {method: name for name, method in PAPERS_METHODS.items()}
    return {(row["claim"], granularity[row["algorithm"]]): row for row in files.read_csv(path)}
