"""Which method: good subnetworks of several methods that keep the same share of the body.

The methods may differ in their criterion, in the units they prune, or in the algorithm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lottery import files
from lottery.pruning.subnetworks import GOOD, UNIFORM, Subnetwork, common_sizes, curves_of
from lottery.results.layout import Layout
from lottery.results.overlap import mean_share, shares_of
from lottery.results.summary import AVERAGE
from lottery.statistics.axes import SCORED, OfTask, TaskRuns, average, changes, tasks_of
from lottery.statistics.intervals import holm
from lottery.statistics.runs import PHASES

if TYPE_CHECKING:
    import pandas as pd

# kept: the share asked for. reference: the first method of the config that has this size.
# difference: the score of good less that of the reference's good, without collapsed runs, with the
# p-value of no difference. p_holm: corrected for the methods that are compared with the reference
# at one size, in one phase and task. shared: the share of a control's parameters that belong to its
# method's good subnetwork of this size. Rows of task `average` are as in starts.csv.
SCHEMA: files.Schema = (
    dict.fromkeys("model split task metric".split(), str)
    | {"kept": float}
    | dict.fromkeys("phase method subnetwork".split(), str)
    | {"n_tasks": int}
    | SCORED
    | {"reference": str}
    | dict.fromkeys("difference difference_low difference_high p p_holm shared".split(), float)
)
# Method -> kind of subnetwork -> share asked for -> its draws.
Draws = Mapping[str, Mapping[str, Mapping[float, tuple[str, ...]]]]


def equal_size_table(
    scores: pd.DataFrame,
    paths: Iterable[Path],
    overlap: pd.DataFrame,
    layout: Layout,
    model: str,
) -> pd.DataFrame:
    """Makes equal_sizes.csv of one model.

    Args:
        scores: of `lottery.results.summary.reported_runs`, of all methods to compare.
        layout: of these methods alone.
        paths: predictions.parquet of their cells and of the full models.
        overlap: overlap.csv of these methods.
    """
    own = scores[scores["model"] == model]
    names = {
        method.id: own.loc[own["method"] == method.id, "subnetwork"].tolist()
        for method in layout.methods
    }
    sizes = common_sizes(names)
    compared = list(dict.fromkeys(method for of_size in sizes.values() for method in of_size))
    split = layout.common_split([*names])
    draws = {method: curves_of(names[method]) for method in compared}
    paths = list(paths)
    runs = {
        method: {
            each.task.id: each
            for each in tasks_of(scores, paths, layout, model, method, set(names[method]), split)
        }
        for method in compared
    }
    shares = shares_of(overlap)
    rows: list[dict[str, Any]] = []
    for (kept, methods), phase in product(sizes.items(), PHASES):
        head = {"model": model, "split": split, "kept": kept, "phase": phase}
        rows += [head | row for row in _of_size(kept, methods, phase, draws, runs, layout)]
    for row in rows:
        name = str(Subnetwork(row["subnetwork"], kept=row["kept"]))
        tasks = row.pop("of_tasks", [row["task"]])
        row["shared"] = mean_share(shares, row["method"], tasks, name)
    return files.table(rows, SCHEMA)


def _of_size(
    kept: float,
    methods: Sequence[str],
    phase: str,
    draws: Draws,
    runs: Mapping[str, Mapping[str, TaskRuns]],
    layout: Layout,
) -> list[dict[str, Any]]:
    """The rows of one size and phase, task by task, the average last."""
    reference = methods[0]
    rows: list[dict[str, Any]] = []
    of_tasks: dict[tuple[str, str], dict[str, OfTask]] = {}
    for task in layout.tasks:
        of_task = []
        for method, kind in product(methods, (GOOD, UNIFORM)):
            names, own = draws[method].get(kind, {}).get(kept), runs[method].get(task.id)
            found = own.scored(names, phase) if own and names else None
            if not (own and names and found):
                continue
            change, first = None, runs[reference].get(task.id)
            if kind == GOOD and method != reference and first:
                change = own.difference(names, draws[reference][GOOD][kept], phase, other=first)
            cell = {"task": task.id, "metric": task.metric, "method": method, "subnetwork": kind}
            of_task.append(cell | {"n_tasks": 1} | found | changes([change]))
            if task.in_average:
                known = of_tasks.setdefault((method, kind), {})
                known[task.id] = OfTask(found, own.measured(names, phase), change)
        rows += _corrected(of_task, reference)
    # Averages of other tasks would not compare the methods.
    shared = [
        task.id for task in layout.tasks if all(task.id in each for each in of_tasks.values())
    ]
    averages = [
        {"task": AVERAGE, "method": method, "subnetwork": kind, "of_tasks": shared}
        | average({task: each[task] for task in shared}, layout)
        for (method, kind), each in of_tasks.items()
        if shared
    ]
    return rows + _corrected(averages, reference)


def _corrected(rows: list[dict[str, Any]], reference: str) -> list[dict[str, Any]]:
    """Adds the reference and the corrected p-values of the rows that are compared together."""
    tested = [row for row in rows if row["p"] is not None]
    for row, p in zip(tested, holm([row["p"] for row in tested]), strict=True):
        row["p_holm"] = p
    return [{"p_holm": None} | row | {"reference": reference} for row in rows]
