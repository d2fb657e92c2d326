"""What the claims are judged by: scores, other analyses' tables, and the published numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lottery import files
from lottery.files.errors import StudyError
from lottery.results.layout import Layout, TaskColumn
from lottery.results.published import Published
from lottery.statistics.claims.outcomes import NOT_RUN
from lottery.statistics.roles import FULL, roles
from lottery.statistics.runs import Cell, Runs
from lottery.tasks import GLUE

Row = Mapping[str, str]

# The columns that the claims read of other analyses' tables; more may stand beside them.
SIDE_COLUMNS = {
    # C10: the rows of statistic fleiss_kappa, unit heads, no other_task, and what is read as good.
    "stability": (
        "model", "method", "subnetwork", "task", "other_task", "unit", "statistic", "value",
    ),
    # C11: histograms of importances between 0 and 1; the rows of unit heads and when first.
    "importance": (
        "model", "method", "task", "seed", "unit", "when", "low", "high", "count",
    ),
    # C12, C13, a row per task, or per task and seed. quantity: `association` (phi, over heads, of
    # surviving in all seeds with the heterogeneous class) or `change` (share of heterogeneous maps
    # of all heads, fine-tuned - pretrained); attention: raw or normed; annotated: `true` where real
    # annotations trained the classifier.
    "patterns": ("model", "method", "task", "quantity", "attention", "annotated", "value"),
    # C14: the rows of unit heads with two tasks.
    "task_overlap": (
        "model", "method", "unit", "task_a", "task_b", "shared_mean", "shared_sd", "expected",
        "n_seeds", "units",
    ),
    # C15: scores of other systems in the tasks' reported metrics, given by the user.
    "baselines": ("name", "task", "score"),
}  # fmt: skip


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
        id: the method's id.
        granularity: "units" or "weights": what the claims speak of.
        controls: "published" or "strict", the kinds of its subnetworks.
        models: the models it is judged on.
        search: options of the search that decide what size is comparable; empty for methods that
            do not search down to a threshold.
        subnetworks: its subnetworks.
        split: the split on which it is shown.
        units: the kinds of units that it prunes; none for weights.
        importance: whether its searches leave importances of units.
        imported: whether its masks were made elsewhere.
    """

    id: str
    granularity: str
    controls: str
    models: tuple[str, ...]
    search: Mapping[str, object]
    subnetworks: tuple[str, ...]
    split: str
    units: tuple[str, ...] = ()
    importance: bool = False
    imported: bool = False

    @property
    def to_threshold(self) -> bool:
        """Whether its searches go on until the score falls below a threshold."""
        return bool(self.search)

    def draws(self, role: str) -> tuple[str, ...] | None:
        """The subnetworks that are read as a role; None where the method has none."""
        return roles(self.subnetworks, self.controls).get(role)


@dataclass(frozen=True)
class Evidence:
    """All that the claims are judged by.

    Attributes:
        runs: scores by cell and seed.
        layout: models, tasks and methods.
        methods: facts by method.
        published: the paper's scores and sizes.
        paper: (claim, granularity) -> row of resources/paper/claims.csv.
        differences: rows of differences.csv.
        tables: name of `SIDE_COLUMNS` -> its rows, only of analyses that were made.
    """

    runs: Runs
    layout: Layout
    methods: Mapping[str, MethodFacts]
    published: Published
    paper: Mapping[tuple[str, str], Row]
    differences: Sequence[Row] = ()
    tables: Mapping[str, Sequence[Row]] = field(default_factory=dict)

    @property
    def tasks(self) -> list[TaskColumn]:
        """The tasks that enter averages and tests."""
        return [task for task in self.layout.tasks if task.in_average]


@dataclass(frozen=True)
class Subject:
    """A claim's subject: one method on one model, and the evidence."""

    model: str
    method: MethodFacts
    evidence: Evidence

    def cell(self, task: str, phase: str) -> Cell:
        """The cells of a task on the split that shows the method."""
        return Cell(self.model, task, self.method.id, phase, self.method.split)

    def draws(self, role: str) -> tuple[str, ...]:
        """The subnetworks read as a role.

        Raises:
            UnmeasuredError: the method has none.
        """
        if role == "full":
            return FULL
        found = self.method.draws(role)
        if found is None:
            words = {"found": "good"}.get(role, role)
            raise UnmeasuredError(NOT_RUN, f"The method has no {words} subnetworks.")
        return found

    def rows(self, table: str) -> list[Row]:
        """The rows of another analysis that belong to the method, on tasks that enter averages.

        Raises:
            UnmeasuredError: there are none.
        """
        tasks = {task.id for task in self.evidence.tasks}
        rows = [
            row
            for row in self.evidence.tables.get(table, ())
            if row["model"] == self.model
            and row["method"] == self.method.id
            and all(row[key] in tasks for key in ("task", "other_task") if row.get(key))
        ]
        if not rows:
            raise UnmeasuredError(NOT_RUN, f"There is no table of {table.replace('_', ' ')}.")
        return rows


def paper_tasks() -> list[tuple[str, str]]:
    """(task, reported metric) of the paper's averages: GLUE without WNLI."""
    return [(name, task.metric) for name, task in GLUE.items() if task.in_average]


def read_side_tables(paths: Mapping[str, Iterable[Path]]) -> dict[str, list[Row]]:
    """Reads the tables of other analyses.

    Args:
        paths: name of `SIDE_COLUMNS` -> csv files.

    Raises:
        StudyError: a file is damaged or lacks a column.
    """
    tables = {}
    for name, of_table in paths.items():
        rows = []
        for path in of_table:
            read = files.read_csv(path)
            missing = [c for c in SIDE_COLUMNS[name] if read and c not in read[0]]
            if missing:
                raise StudyError(f"{path} has no column {missing[0]}, which the claims read.")
            rows += read
        if rows:
            tables[name] = rows
    return tables
