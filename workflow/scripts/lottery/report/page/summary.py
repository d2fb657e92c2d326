"""The summary table of the page, from summary.csv: what summary.md prints, set for reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lottery.report.page.numbers import NOTHING, parsed, rounded
from lottery.report.page.table import Cell, Group, Table
from lottery.results.layout import Layout
from lottery.results.printed import SPLIT_NAMES
from lottery.results.summary import AVERAGE
from lottery.tasks.metrics import METRICS

CAPTION = (
    "Mean over seeds with the sample standard deviation below it; n is the number of seeds, kept"
    " the mean share of the body's parameters. An undefined Matthews or correlation counts as 0."
    " Pruned: the mask on the fine-tuned weights, no training; retrained: the mask on the"
    " pretrained weights, fine-tuned anew. Majority is a baseline, not a run."
)
DEGENERATE = (
    " †k: k of the runs are degenerate: they predict a constant, have an undefined metric, or stem"
    " from a full model that does not beat majority. One column leaves them out."
)
PAPER = (
    " In colour: the numbers of Prasanna, Rogers and Rumshisky (2020), where model, method and"
    " task are the same; the paper gives no standard deviation of its averages."
)
HALF = (
    " This half of the validation data is held out from the searches of strict methods. Published"
    " methods search on the whole of it, so their masks have seen this half too."
)

Row = Mapping[str, str]
Key = tuple[str, str, str]


def summary_tables(rows: Sequence[Row], layout: Layout) -> list[Table]:
    """Per model a table on validation, and one on report_half where a method is strict.

    Args:
        rows: of summary.csv, as `lottery.files.read_csv` gives them.
        layout: order of models, methods and tasks.
    """
    presets = {method.preset for method in layout.methods}
    tables = []
    for model in layout.models:
        if presets != {"strict"}:
            shown = {method.id for method in layout.methods if method.preset == "published"}
            tables.append(_table(rows, layout, model, "validation", shown))
        if "strict" in presets:
            shown = {method.id for method in layout.methods}
            tables.append(_table(rows, layout, model, "report_half", shown))
    return [table for table in tables if table is not None]


def _table(
    rows: Sequence[Row], layout: Layout, model: str, split: str, shown: set[str]
) -> Table | None:
    """One table; None when the model has no scores on the split."""
    cells: dict[Key, dict[str, Row]] = {}
    for row in rows:
        if row["split"] == split and row["model"] in ("none", model):
            key = (row["method"], row["subnetwork"], row["phase"])
            cells.setdefault(key, {})[row["task"]] = row
    if not any(subnetwork != "majority" for _, subnetwork, _ in cells):
        return None
    keys = [key for key in layout.rows if key in cells and (key[0] == "none" or key[0] in shown)]
    values = [cell for key in keys for cell in cells[key].values()]
    degenerate = any(cell["n_degenerate"] not in ("", "0") for cell in values)
    caption = f"{model}, {SPLIT_NAMES[split]}. {CAPTION}" + DEGENERATE * degenerate
    if any(cell["published_mean"] for cell in values):
        caption += PAPER
    if split == "report_half" and any(m.preset == "published" for m in layout.methods):
        caption += HALF
    outside = [task.id for task in layout.tasks if not task.in_average]
    note = f"Not in the average: {', '.join(outside)}." if outside else ""
    groups = [
        Group(
            "" if method == "none" else method,
            [
                score_row(_label(key), cells[key], layout, degenerate=degenerate)
                for key in keys
                if key[0] == method
            ],
        )
        for method in dict.fromkeys(key[0] for key in keys)
    ]
    columns = score_columns(layout, degenerate=degenerate)
    name, title = f"summary-{model}-{split}", f"{model}, {SPLIT_NAMES[split]}"
    return Table(name, caption, columns, groups, note=note, title=title)


def _label(key: Key) -> str:
    method, subnetwork, phase = key
    return subnetwork if method == "none" else f"{subnetwork}, {phase}"


def score_columns(layout: Layout, *, degenerate: bool) -> list[str]:
    """Headings above rows of `score_row`."""
    tasks = [f"{task.id} ({METRICS[task.metric].short})" for task in layout.tasks]
    # The averages first: where the page is narrow, tasks scroll out of sight, not they.
    return ["", "n", "kept", AVERAGE] + ["without degenerate"] * degenerate + tasks


def score_row(
    name: str, cells: Mapping[str, Row], layout: Layout, *, degenerate: bool
) -> list[Cell]:
    """One row of scores.

    Args:
        name: what is scored.
        cells: task, or average -> a row with the columns of summary.csv.
        layout: order of the tasks.
        degenerate: whether averages without degenerate runs have a column.
    """
    own = [cells[task.id] for task in layout.tasks if task.id in cells]
    counts = sorted({int(cell["n"]) for cell in own if cell["n"]})
    ends = dict.fromkeys([*counts[:1], *counts[-1:]])
    n = "–".join(str(count) for count in ends) or NOTHING
    average = cells.get(AVERAGE)
    expected = sum(task.in_average for task in layout.tasks)
    row = [Cell(name), Cell(n), _kept(average), _score(average, expected=expected)]
    if degenerate:
        row.append(_score(average, "_without_degenerate", expected))
    return row + [_score(cells.get(task.id)) for task in layout.tasks]


def _kept(average: Row | None) -> Cell:
    if average is None:
        return Cell(NOTHING)
    paper = parsed(average["published_kept_fraction"])
    return Cell(
        rounded(parsed(average["kept_fraction"])), paper="" if paper is None else rounded(paper)
    )


def _score(cell: Row | None, suffix: str = "", expected: int | None = None) -> Cell:
    """Mean and standard deviation, the mark of degenerate runs, and the published mean."""
    if cell is None or not cell["mean" + suffix]:
        return Cell(NOTHING)
    below = []
    if cell["sd" + suffix]:
        below.append(f"± {rounded(parsed(cell['sd' + suffix]))}")
    n_tasks = cell["n_tasks" + suffix]
    if expected is not None and n_tasks and int(n_tasks) != expected:
        below.append(f"{n_tasks} of {expected} tasks")
    count = "" if suffix else cell["n_degenerate"]
    mark = f" †{count}" if count not in ("", "0") else ""
    paper = "" if suffix else cell["published_mean"]
    return Cell(
        rounded(parsed(cell["mean" + suffix])) + mark,
        tuple(below),
        rounded(parsed(paper)) if paper else "",
    )
