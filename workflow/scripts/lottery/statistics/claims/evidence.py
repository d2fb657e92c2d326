"""What the claims are judged by: scores, other analyses' tables, and the published numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lottery import files
from lottery.pruning.algorithms.declaration import PAPERS_METHODS
from lottery.results.layout import Layout
from lottery.results.published import Published
from lottery.statistics import runs
from lottery.statistics.claims.verdicts import NOT_RUN
from lottery.statistics.runs import roles

if TYPE_CHECKING:
    import pandas as pd

# Scores of other systems in the tasks' reported metrics, given by the user.
BASELINES = {"name": str, "task": str, "score": float}


class UnmeasuredError(Exception):
    """A quantity that this run does not give.

    Attributes:
        verdict: `not run`, `not applicable` or `not comparable`.
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
        tables: stability, importance, patterns, task_overlap -> the rows of that analysis, if it
            was made (`lottery.steps.check_claims`).
        baselines: scores of other systems, with the columns `BASELINES`.
    """

    scores: pd.DataFrame
    layout: Layout
    methods: Mapping[str, MethodFacts]
    published: Published
    paper: Mapping[tuple[str, str], Mapping[str, str]]
    differences: pd.DataFrame
    baselines: pd.DataFrame
    n_seeds: int
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)

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

    def runs(self, role: str, phase: str) -> pd.DataFrame:
        """`lottery.statistics.runs.by_seed` of a role, on the tasks that enter averages."""
        return self.by_seed(self.method, phase, self.draws(role))

    def by_seed(self, method: MethodFacts, phase: str, draws: Sequence[str]) -> pd.DataFrame:
        """The same of given subnetworks of a method, on the split that shows it."""
        scores = self.evidence.scores
        scores = scores[scores["task"].isin(self.evidence.tasks)]
        return runs.by_seed(scores, self.model, method.id, method.split, phase, draws)

    def rows(self, table: str) -> pd.DataFrame:
        """The rows of another analysis that belong to the method, on tasks that enter averages.

        Raises:
            UnmeasuredError: there are none.
        """
        rows = self.evidence.tables.get(table)
        if rows is not None:
            rows = rows[(rows["model"] == self.model) & (rows["method"] == self.method.id)]
            for column in rows.columns.intersection(["task", "other_task"]):
                rows = rows[rows[column].isin([*self.evidence.tasks, ""])]
        if rows is None or rows.empty:
            raise UnmeasuredError(NOT_RUN, f"There is no table of {table.replace('_', ' ')}.")
        return rows


def read_paper(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    """Reads claims.csv of workflow/resources/paper: (claim, granularity) -> row."""
    granularity = {method: name for name, method in PAPERS_METHODS.items()}
    return {(row["claim"], granularity[row["algorithm"]]): row for row in files.read_csv(path)}
