"""Quantities of claims that come from the tables of other analyses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from lottery.statistics.claims.evidence import Subject, UnmeasuredError
from lottery.statistics.claims.measured import Measured
from lottery.statistics.claims.outcomes import NOT_COMPARABLE, NOT_RUN, TOO_FEW
from lottery.statistics.intervals import Estimate, mean_estimate, possible, spread_between
from lottery.statistics.roles import NAMES

Options = Mapping[str, object]


def kappa(options: Options, subject: Subject) -> Measured:
    """Mean of the tasks' kappas; kappa compares the seeds, so tasks are the units.

    Under strict the halves are read as good, as for every claim but those of the search itself.
    """
    good = NAMES[subject.method.controls]["good"]
    rows = [
        row
        for row in subject.rows("stability")
        if (row["unit"], row["statistic"], row["other_task"]) == ("heads", "fleiss_kappa", "")
        and row["subnetwork"] == good
        and row["value"]
    ]
    ends = possible("fleiss_kappa", max(2, len(subject.evidence.runs.seeds)))
    return _of_rows(rows, subject, "No task has a kappa of head masks.", ends)


def pattern(options: Options, subject: Subject) -> Measured:
    """A number of the analysis of attention patterns, where real annotations stand behind it."""
    wanted = {name: options[name] for name in ("quantity", "attention")}
    rows = [
        row
        for row in subject.rows("patterns")
        if all(row[name] == value for name, value in wanted.items())
    ]
    if any(row["annotated"] != "true" for row in rows):
        raise UnmeasuredError(
            NOT_COMPARABLE, "The classifier of patterns has seen generated maps only."
        )
    rows = [row for row in rows if row["value"]]
    # A correlation, or a difference of two shares.
    return _of_rows(rows, subject, "The analysis of patterns does not give it.", (-1.0, 1.0))


def _of_rows(
    rows: Sequence[Mapping[str, str]], subject: Subject, missing: str, ends: tuple[float, float]
) -> Measured:
    """Mean of a table's values: over seeds within tasks, or over tasks with a value each.

    Args:
        rows: of the table.
        subject: the claim's subject.
        missing: what to say where there are none.
        ends: the smallest and the largest value there can be, where the interval is cut.
    """
    if not rows:
        raise UnmeasuredError(NOT_RUN, missing)
    by_task: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        by_task[row["task"]].append(float(row["value"]))
    groups = list(by_task.values())
    if max(map(len, groups)) > 1:
        estimate = mean_estimate(groups).within(*ends)
        return Measured(estimate, estimate)
    pooled = mean_estimate([[value for group in groups for value in group]])
    facts = {"n_tasks": len(groups), "n_seeds": len(subject.evidence.runs.seeds)}
    estimate = Estimate(**vars(pooled) | facts).within(*ends)
    return Measured(estimate, estimate)


def importance_share(options: Options, subject: Subject) -> Measured:
    """Share of heads with an importance between two values, at the first step of the search."""
    counts: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for row in subject.rows("importance"):
        if (row["unit"], row["when"]) != ("heads", "first"):
            continue
        count = float(row["count"])
        inside = options["above"] <= float(row["low"]) and float(row["high"]) <= options["below"]
        of_run = counts[row["task"], row["seed"]]
        of_run[0] += count * inside
        of_run[1] += count
    by_task: dict[str, list[float]] = defaultdict(list)
    for (task, _), (inside, total) in counts.items():
        if total:
            by_task[task].append(inside / total)
    if not by_task:
        raise UnmeasuredError(NOT_RUN, "The table of importances has no heads at a first step.")
    estimate = mean_estimate(list(by_task.values())).within(0.0, 1.0)
    return Measured(estimate, estimate)


def overlap_spread(options: Options, subject: Subject) -> Measured:
    """How much pairs of tasks differ in the heads that they share, as a share of all heads.

    What their sizes lead one to expect is left in, as in the paper; the spread of what goes beyond
    it stands beside.
    """
    rows = [
        row
        for row in subject.rows("task_overlap")
        if row["unit"] == "heads" and row["task_a"] != row["task_b"]
    ]
    pairs = {frozenset((row["task_a"], row["task_b"])): row for row in rows}.values()
    if len(pairs) < 2:
        raise UnmeasuredError(NOT_COMPARABLE, "It takes three tasks to compare pairs of tasks.")
    n = min(int(row["n_seeds"]) for row in pairs)
    if n < 2:
        raise UnmeasuredError(TOO_FEW, "One seed alone has no spread.")
    units = float(next(iter(pairs))["units"])
    shared = [float(row["shared_mean"]) / units for row in pairs]
    sds = [float(row["shared_sd"]) / units for row in pairs]
    excess = [
        value - float(row["expected"]) / units for value, row in zip(shared, pairs, strict=True)
    ]
    # Shares lie between 0 and 1, what goes beyond expected ones between -1 and 1.
    estimate = spread_between(shared, sds, n).within(0.0, 0.5)
    beyond = spread_between(excess, sds, n).within(0.0, 1.0)
    tasks = {task for pair in pairs for task in (pair["task_a"], pair["task_b"])}
    estimate = Estimate(**vars(estimate) | {"n_tasks": len(tasks)})
    beside = (
        f"beyond what the sizes explain {beyond.value:.3f} [{beyond.low:.3f}, {beyond.high:.3f}]"
    )
    return Measured(estimate, estimate, beside=beside)
