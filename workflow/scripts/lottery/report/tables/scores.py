"""Tables of scores: the summary, what still learns, and tasks that are only evaluated on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import TYPE_CHECKING

from lottery.report.tables.model import EVERYTHING, Cell, Group, Record, Scope, Table, records
from lottery.report.tables.numbers import NOTHING, rounded
from lottery.results.layout import SPLIT_NAMES, Layout
from lottery.results.summary import AVERAGE
from lottery.tasks.metrics import METRICS

if TYPE_CHECKING:
    import pandas as pd

DEGENERATE = (
    "†k: k of the runs are degenerate: they were trained and predict a constant or do not beat"
    " majority, or their full model did. One column leaves them out."
)
HALF = (
    "This half of the validation data is held out from the searches of strict methods. Published"
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

    `caption` says what is seen, without the name of the model and what is not always there.
    """
    published = [method.id for method in layout.methods if method.preset == "published"]
    every = [method.id for method in layout.methods]
    splits = {"validation": published} if published or not every else {}
    if len(every) > len(published):
        splits["report_half"] = every
    tables = []
    for model, (split, shown) in product(layout.models, splits.items()):
        rows = frame[(frame["split"] == split) & frame["model"].isin(("none", model))]
        rows = rows[rows["method"].isin(("none", *shown))]
        if (rows["subnetwork"] == "majority").all():
            continue
        groups: dict[str, list[tuple[Cell, pd.DataFrame]]] = {}
        for (method, name, phase), own in rows.groupby(
            ["method", "subnetwork", "phase"], sort=False
        ):
            masked = method != "none"
            line = Cell(f"{name}, {phase}" if masked else name)
            groups.setdefault(method if masked else "", []).append((line, own))
        title = f"{model}, {SPLIT_NAMES[split]}"
        text = f"{title}. {caption}"
        name = f"summary-{model}-{split}"
        scopes = {heading: Scope(model, heading) for heading in groups}
        table = _score_table(name, rows, layout, text, groups, title=title, scopes=scopes)
        tables.append(table)
    return tables


def trainability_table(frame: pd.DataFrame, layout: Layout, caption: str) -> Table:
    """What still learns, from trainability.csv: a group of rows for each split."""
    keys = ["system", "name", "model", "method", "subnetwork"]
    groups = {
        SPLIT_NAMES[split]: [
            (_system(*system), own) for system, own in of_split.groupby(keys, sort=False)
        ]
        for split, of_split in frame.groupby("split", sort=False)
    }
    names = ", ".join(frame.loc[frame["system"] == "given", "name"].unique())
    note = SUPPLIED.format(names=names) if names else ""
    name = "trainability"
    return _score_table(name, frame, layout, caption, groups, note=note, source=name)


def _system(system: str, name: str, model: str, method: str, subnetwork: str) -> Cell:
    """The name of a row of the table of what still learns."""
    if system == "given":
        return Cell(name, ("supplied",))
    if system == "majority":
        return Cell("majority")
    if system == "full":
        return Cell("full", (model,), scope=Scope(model))
    below = (f"{model}, {TRAINED[system]}",)
    return Cell(f"{method}: {subnetwork}", below, scope=Scope(model, method))


def _score_table(
    name: str,
    frame: pd.DataFrame,
    layout: Layout,
    caption: str,
    groups: Mapping[str, Iterable[tuple[Cell, pd.DataFrame]]],
    *,
    note: str = "",
    title: str = "",
    source: str = "summary",
    scopes: Mapping[str, Scope] | None = None,
) -> Table:
    """A table of scores with a column for each task and their average.

    `frame` has all rows of the table, with the columns of summary.csv. `groups` gives them by
    heading and line: a name, and a row per task and one for the average. `scopes`: heading -> what
    its rows are about.
    """
    layout = layout.over_folds()
    degenerate = bool((frame["n_degenerate"] > 0).any())
    published = any(method.preset == "published" for method in layout.methods)
    seen = published and (frame["split"] == "report_half").any()
    tasks = [f"{task.id} ({METRICS[task.metric].short})" for task in layout.tasks]
    left_out = ", ".join(task.id for task in layout.tasks if not task.in_average)
    notes = [f"Not in the average: {left_out}." if left_out else "", note]
    # The averages first: where the page is narrow, tasks scroll out of sight, not they.
    first = ["", "n", "kept", AVERAGE] + ["without degenerate"] * degenerate
    return Table(
        name,
        caption,
        first + tasks,
        [
            Group(
                heading,
                [_score_row(*line, layout, degenerate=degenerate) for line in lines],
                (scopes or {}).get(heading, EVERYTHING),
            )
            for heading, lines in groups.items()
        ],
        tasks={len(first) + place: task.id for place, task in enumerate(layout.tasks)},
        note="\n".join(filter(None, notes)),
        title=title,
        how=" ".join(filter(None, [DEGENERATE * degenerate, HALF * bool(seen)])),
        published=PAPER if frame["published_mean"].notna().any() else "",
        source=source,
    )


def _score_row(name: Cell, rows: pd.DataFrame, layout: Layout, *, degenerate: bool) -> list[Cell]:
    """One line of a table of scores; `degenerate`: averages without such runs have a column."""
    cells = {row["task"]: row for row in records(rows)}
    own = [cells[task.id] for task in layout.tasks if task.id in cells]
    counts = sorted({cell["n"] for cell in own} - {None})
    n = NOTHING.join(str(n) for n in dict.fromkeys([*counts[:1], *counts[-1:]])) or NOTHING
    papers = max((cell["published_n"] or 0 for cell in own), default=0)
    average = cells.get(AVERAGE, {})
    paper = rounded(average.get("published_kept_fraction"), none="")
    expected = sum(task.in_average for task in layout.tasks)
    suffixes = ["", "_without_degenerate"] if degenerate else [""]
    return [
        name,
        Cell(n, paper=str(papers or "")),
        Cell(rounded(average.get("kept_fraction")), paper=paper),
        *(_score(average, suffix, expected) for suffix in suffixes),
        *(_score(cells.get(task.id, {})) for task in layout.tasks),
    ]


def _score(row: Record, suffix: str = "", expected: int | None = None) -> Cell:
    """Mean and standard deviation, the mark of degenerate runs, and the published mean."""
    mean, sd = row.get(f"mean{suffix}"), row.get(f"sd{suffix}")
    if mean is None:
        return Cell(NOTHING)
    n_tasks = row.get(f"n_tasks{suffix}")
    partial = expected is not None and n_tasks not in (None, expected)
    # Of evaluation-only tasks, the table has no column without degenerate runs that a mark needs.
    marked = not suffix and "eval_task" not in row and row["n_degenerate"]
    paper_sd = None if suffix else row.get("published_sd")
    return Cell(
        rounded(mean),
        (f"{n_tasks} of {expected} tasks" if partial else "",),
        paper="" if suffix else rounded(row["published_mean"], none=""),
        sd="" if sd is None else f"± {rounded(sd)}",
        mark=f"†{row['n_degenerate']}" if marked else "",
        paper_sd="" if paper_sd is None else f"± {rounded(paper_sd)}",
    )


def evaluation_only_tables(frame: pd.DataFrame, caption: str) -> list[Table]:
    """From evaluation_only.csv a table `on_{task}` for each task, over all gold labels."""
    tables = frame[frame["label"] == ""].groupby(["eval_task", "metric"], sort=False)
    return [_on_table(task, metric, rows, caption) for (task, metric), rows in tables]


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
            lines.append([Cell(name), *counts, *(_score(cells.get(name, {})) for name in names)])
        masked = method != "none"
        scope = Scope(model, method if masked else "")
        groups.append(Group(f"{method}, {model}" if masked else model, lines, scope))
    return Table(
        f"on_{task}",
        f"{title}. {caption}",
        ["", "n", "kept", *(f"{name or 'all'} ({sizes[name]})" for name in names)],
        groups,
        published=PAPER_ON if rows["published_mean"].notna().any() else "",
        source="evaluation_only",
    )
