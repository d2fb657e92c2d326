"""Scores on the tasks that nothing was trained on, as the page shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from lottery.report.page.numbers import NOTHING, parsed, rounded
from lottery.report.page.table import Cell, Group, Table
from lottery.tasks.metrics import METRICS

CAPTION = (
    "Scores on {task} ({metric}) of models trained on {trained}: all examples, then group by group."
    " Mean over seeds with the sample standard deviation below it; an undefined correlation counts"
    " as 0. {gold}evaluation_only.csv has the scores by gold label too."
)
COLOUR = "In colour: the paper's numbers, where model, task and recipe are the same. "
Row = Mapping[str, str]


def outside_tables(rows: Sequence[Row]) -> list[Table]:
    """A table for each task, over all gold labels.

    Args:
        rows: of evaluation_only.csv, as `lottery.files.read_csv` gives them.

    Returns:
        Tables by the names `on_{task}`, in the order of the rows.
    """
    shown = [row for row in rows if not row["label"]]
    tasks = dict.fromkeys((row["eval_task"], row["metric"]) for row in shown)
    return [
        _table(task, metric, [r for r in shown if (r["eval_task"], r["metric"]) == (task, metric)])
        for task, metric in tasks
    ]


def _table(task: str, metric: str, rows: Sequence[Row]) -> Table:
    # The empty group, all examples, first.
    names = sorted(dict.fromkeys(row["group"] for row in rows), key=bool)
    sizes = {row["group"]: row["n_examples"] for row in rows}
    columns = ["", "n", "kept", *(f"{name or 'all'} ({sizes[name]})" for name in names)]
    ordered = sorted(rows, key=lambda row: (row["model"], row["method"] != "none"))
    groups = []
    for (model, method), own in groupby(ordered, key=lambda row: (row["model"], row["method"])):
        title = model if method == "none" else f"{method}, {model}"
        groups.append(Group(title, _lines(list(own), names)))
    published = any(row["published_mean"] for row in rows)
    caption = CAPTION.format(
        task=task,
        metric=METRICS[metric].short,
        trained=", ".join(dict.fromkeys(row["task"] for row in rows)),
        gold=COLOUR * published,
    )
    return Table(f"on_{task}", caption, columns, groups)


def _lines(rows: Sequence[Row], names: Sequence[str]) -> list[list[Cell]]:
    """A line for each subnetwork and phase."""
    lines: dict[str, dict[str, Row]] = {}
    for row in rows:
        label = f"{row['subnetwork']}, {row['phase']}".removesuffix(", finetuned")
        lines.setdefault(label, {})[row["group"]] = row
    return [
        [Cell(label), *_counts(next(iter(cells.values()))), *(_score(cells.get(n)) for n in names)]
        for label, cells in lines.items()
    ]


def _counts(row: Row) -> tuple[Cell, Cell]:
    return Cell(row["n_runs"]), Cell(rounded(parsed(row["kept_fraction"])))


def _score(row: Row | None) -> Cell:
    if row is None or not row["mean"]:
        return Cell(NOTHING)
    below = (f"± {rounded(parsed(row['sd']))}",) if row["sd"] else ()
    paper = parsed(row["published_mean"])
    return Cell(rounded(parsed(row["mean"])), below, "" if paper is None else rounded(paper))
