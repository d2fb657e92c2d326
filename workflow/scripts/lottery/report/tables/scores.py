"""Tables of scores: the summary, what still learns, and tasks that are only evaluated on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from lottery import files
from lottery.report.tables.model import Cell, Group, Record, Table, records
from lottery.report.tables.numbers import NOTHING, rounded
from lottery.results import evaluation_only, summary
from lottery.results.layout import SPLIT_NAMES, Layout
from lottery.results.summary import AVERAGE
from lottery.tasks.metrics import METRICS

if TYPE_CHECKING:
    import pandas as pd

SUMMARY_SCHEMA = summary.SCHEMA
EVALUATION_ONLY_SCHEMA = evaluation_only.SCHEMA
TRAINABILITY_SCHEMA: files.Schema = {"system": str, "name": str, **summary.SCHEMA}

DEGENERATE = (
    " †k: k of the runs are degenerate: they predict a constant, have an undefined metric, or stem"
    " from a full model that does not beat majority. One column leaves them out."
)
HALF = (
    " This half of the validation data is held out from the searches of strict methods. Published"
    " methods search on the whole of it, so their masks have seen this half too."
)
PAPER = (
    "the numbers of Prasanna, Rogers and Rumshisky (2020), where model, method and task are the"
    " same; the paper gives no standard deviation of its averages."
)
SUPPLIED = (
    "The scores of {names} were supplied; how and on which examples they were measured is not known"
    " here."
)
PAPER_ON = "the paper's numbers, where model, task and recipe are the same."
# What a row of trainability.csv is about -> what was done to it.
TRAINED = {"bad": "retrained", "untrained": "untrained, trained likewise"}


def summary_tables(frame: pd.DataFrame, layout: Layout, caption: str) -> list[Table]:
    """Per model a table on validation, and one on report_half where a method is strict.

    Args:
        frame: summary.csv.
        layout: order of models, methods and tasks.
        caption: what is seen, without the name of the model and what is not always there.
    """
    published = [method.id for method in layout.methods if method.preset == "published"]
    every = [method.id for method in layout.methods]
    splits = {"validation": published} if published or not every else {}
    if len(every) > len(published):
        splits["report_half"] = every
    tables = [
        _summary_table(frame, layout, caption, model, split, shown)
        for model in layout.models
        for split, shown in splits.items()
    ]
    return [table for table in tables if table is not None]


def _summary_table(
    frame: pd.DataFrame,
    layout: Layout,
    caption: str,
    model: str,
    split: str,
    shown: Collection[str],
) -> Table | None:
    """One table; None when the model has no scores on the split."""
    rows = frame[(frame["split"] == split) & frame["model"].isin(("none", model))]
    rows = rows[rows["method"].isin(("none", *shown))]
    if not (rows["subnetwork"] != "majority").any():
        return None
    degenerate = bool((rows["n_degenerate"] > 0).any())
    title = f"{model}, {SPLIT_NAMES[split]}"
    groups = []
    for method, of_method in rows.groupby("method", sort=False):
        lines = []
        for (subnetwork, phase), own in of_method.groupby(["subnetwork", "phase"], sort=False):
            name = Cell(subnetwork if method == "none" else f"{subnetwork}, {phase}")
            lines.append(_score_row(name, own, layout, degenerate=degenerate))
        groups.append(Group("" if method == "none" else method, lines))
    return Table(
        f"summary-{model}-{split}",
        f"{title}. {caption}" + DEGENERATE * degenerate + _seen_half(split, layout),
        _score_columns(layout, degenerate=degenerate),
        groups,
        note=_not_averaged(layout),
        title=title,
        published=PAPER if rows["published_mean"].notna().any() else "",
    )


def trainability_table(
    frame: pd.DataFrame, layout: Layout, caption: str, *, always: bool = False
) -> Table | None:
    """What still learns: a group of rows for each split.

    Args:
        frame: trainability.csv.
        layout: order of the tasks.
        always: whether there is a table even where no subnetwork was retrained that it is about,
            and no score supplied.
    """
    if not always and not frame["system"].isin((*TRAINED, "given")).any():
        return None
    degenerate = bool((frame["n_degenerate"] > 0).any())
    groups = []
    for split, of_split in frame.groupby("split", sort=False):
        keys = ["system", "name", "model", "method", "subnetwork"]
        lines = [
            _score_row(_system(*system), own, layout, degenerate=degenerate)
            for system, own in of_split.groupby(keys, sort=False)
        ]
        groups.append(Group(SPLIT_NAMES[split], lines))
    names = ", ".join(frame.loc[frame["system"] == "given", "name"].unique())
    notes = [_not_averaged(layout), SUPPLIED.format(names=names) if names else ""]
    seen = "".join(_seen_half(split, layout) for split in frame["split"].unique())
    return Table(
        "trainability",
        caption + DEGENERATE * degenerate + seen,
        _score_columns(layout, degenerate=degenerate),
        groups,
        note="\n".join(note for note in notes if note),
        published=PAPER if frame["published_mean"].notna().any() else "",
    )


def _system(system: str, name: str, model: str, method: str, subnetwork: str) -> Cell:
    """The name of a row of the table of what still learns."""
    if system == "given":
        return Cell(name, ("supplied",))
    if system == "majority":
        return Cell("majority")
    if system == "full":
        return Cell("full", (model,))
    return Cell(f"{method}: {subnetwork}", (f"{model}, {TRAINED[system]}",))


def evaluation_only_tables(frame: pd.DataFrame, caption: str) -> list[Table]:
    """A table for each task that is only evaluated on, over all gold labels.

    Args:
        frame: evaluation_only.csv.

    Returns:
        Tables by the names `on_{task}`, in the order of the rows.
    """
    return [
        _on_table(task, metric, rows, caption)
        for (task, metric), rows in frame[frame["label"] == ""].groupby(
            ["eval_task", "metric"], sort=False
        )
    ]


def _on_table(task: str, metric: str, rows: pd.DataFrame, caption: str) -> Table:
    title = f"{task} ({METRICS[metric].short}), models of {', '.join(rows['task'].unique())}"
    # The empty group, all examples, first.
    names = sorted(rows["group"].unique(), key=bool)
    sizes = rows.groupby("group")["n_examples"].last()
    groups = []
    ordered = rows.assign(masked=rows["method"] != "none")
    ordered = ordered.sort_values(["model", "masked"], kind="stable")
    for (model, method), of_method in ordered.groupby(["model", "method"], sort=False):
        lines = []
        for (subnetwork, phase), own in of_method.groupby(["subnetwork", "phase"], sort=False):
            cells = {row["group"]: row for row in records(own)}
            first = next(iter(cells.values()))
            name = f"{subnetwork}, {phase}".removesuffix(", finetuned")
            counts = [Cell(str(first["n_runs"])), Cell(rounded(first["kept_fraction"]))]
            lines.append([Cell(name), *counts, *(_score(cells.get(name)) for name in names)])
        groups.append(Group(model if method == "none" else f"{method}, {model}", lines))
    return Table(
        f"on_{task}",
        f"{title}. {caption}",
        ["", "n", "kept", *(f"{name or 'all'} ({sizes[name]})" for name in names)],
        groups,
        published=PAPER_ON if rows["published_mean"].notna().any() else "",
    )


def _score_columns(layout: Layout, *, degenerate: bool) -> list[str]:
    tasks = [f"{task.id} ({METRICS[task.metric].short})" for task in layout.tasks]
    # The averages first: where the page is narrow, tasks scroll out of sight, not they.
    return ["", "n", "kept", AVERAGE] + ["without degenerate"] * degenerate + tasks


def _score_row(name: Cell, rows: pd.DataFrame, layout: Layout, *, degenerate: bool) -> list[Cell]:
    """One row of scores.

    Args:
        name: what is scored.
        rows: a row per task, and one for the average, with the columns of summary.csv.
        layout: order of the tasks.
        degenerate: whether averages without degenerate runs have a column.
    """
    cells = {row["task"]: row for row in records(rows)}
    own = [cells[task.id] for task in layout.tasks if task.id in cells]
    counts = sorted({cell["n"] for cell in own} - {None})
    n = NOTHING.join(str(n) for n in dict.fromkeys([*counts[:1], *counts[-1:]])) or NOTHING
    papers = max((cell["published_n"] or 0 for cell in own), default=0)
    average = cells.get(AVERAGE, {})
    paper = average.get("published_kept_fraction")
    kept = Cell(
        rounded(average.get("kept_fraction")), paper="" if paper is None else rounded(paper)
    )
    expected = sum(task.in_average for task in layout.tasks)
    averages = [_score(average, expected=expected)]
    if degenerate:
        averages.append(_score(average, "_without_degenerate", expected))
    tasks = [_score(cells.get(task.id)) for task in layout.tasks]
    return [name, Cell(n, paper=str(papers or "")), kept, *averages, *tasks]


def _score(
    cell: Mapping[str, object] | None, suffix: str = "", expected: int | None = None
) -> Cell:
    """Mean and standard deviation, the mark of degenerate runs, and the published mean."""
    row: Record = dict(cell or {})
    mean, sd = row.get(f"mean{suffix}"), row.get(f"sd{suffix}")
    if mean is None:
        return Cell(NOTHING)
    n_tasks = row.get(f"n_tasks{suffix}")
    partial = expected is not None and n_tasks not in (None, expected)
    # Of evaluation-only tasks, the table has no column without degenerate runs that a mark needs.
    marked = not suffix and "eval_task" not in row and row["n_degenerate"]
    paper = None if suffix else row["published_mean"]
    paper_sd = None if suffix else row.get("published_sd")
    return Cell(
        rounded(mean),
        (f"{n_tasks} of {expected} tasks",) if partial else (),
        paper="" if paper is None else rounded(paper),
        sd="" if sd is None else f"± {rounded(sd)}",
        mark=f"†{row['n_degenerate']}" if marked else "",
        paper_sd="" if paper_sd is None else f"± {rounded(paper_sd)}",
    )


def _seen_half(split: str, layout: Layout) -> str:
    """What a reader must know of scores of published methods on the report half."""
    published = any(method.preset == "published" for method in layout.methods)
    return HALF if split == "report_half" and published else ""


def _not_averaged(layout: Layout) -> str:
    names = ", ".join(task.id for task in layout.tasks if not task.in_average)
    return f"Not in the average: {names}." if names else ""
