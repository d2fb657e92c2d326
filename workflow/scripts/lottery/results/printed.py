"""summary.md: the numeric table as one reads it, with the paper's numbers beside one's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lottery.results.layout import Layout
from lottery.results.summary import AVERAGE
from lottery.tasks.metrics import METRICS

SPLIT_NAMES = {"validation": "validation", "report_half": "report half of validation"}
NOTHING = "-"
INTRODUCTION = """\
# Summary

Mean ± sample standard deviation over seeds; n is the number of seeds, kept the mean share of the
body's parameters. †k: k of the runs are degenerate; such a run predicts a constant, has an
undefined metric, or stems from a full model that does not beat majority. An undefined Matthews or
correlation counts as 0. The last column leaves degenerate runs out and says over how many tasks it
averages where some have no other run. Majority is a baseline, not a run.
"""
PAPER_NOTE = """\
Rows *paper* give the numbers of Prasanna, Rogers and Rumshisky (2020) for the row above, where
model, method and task are the same; the paper publishes no standard deviation of its averages.
"""
HALF_NOTE = """\
This half of the validation data is held out from the searches of strict methods. Published methods
search on the whole of it, so their masks have seen this half too.
"""

Cells = dict[str, dict[str, Any]]


def print_summary(rows: list[dict[str, Any]], layout: Layout) -> str:
    """Prints the summary: per model a table on validation, and one on report_half for strict.

    Args:
        rows: the rows of summary.csv (`lottery.results.summary.summarize`).
        layout: order of models, methods and tasks.

    Returns:
        Markdown.
    """
    presets = {method.preset for method in layout.methods}
    parts = [INTRODUCTION]
    outside = [f"`{task.id}`" for task in layout.tasks if not task.in_average]
    if outside:
        parts.append(f"Not in the average: {', '.join(outside)}.\n")
    for model in layout.models:
        parts.append(f"## {model}\n")
        if presets != {"strict"}:
            shown = {method.id for method in layout.methods if method.preset == "published"}
            parts += _table(rows, layout, model, "validation", shown)
        if "strict" in presets:
            shown = {method.id for method in layout.methods}
            parts += _table(rows, layout, model, "report_half", shown)
    return "\n".join(parts)


def _table(
    rows: list[dict[str, Any]], layout: Layout, model: str, split: str, shown: set[str]
) -> Iterator[str]:
    """One table with its heading; nothing when the model has no scores on the split."""
    by_row: dict[tuple[str, str, str], Cells] = {}
    for row in rows:
        if row["split"] == split and row["model"] in ("none", model):
            key = (row["method"], row["subnetwork"], row["phase"])
            by_row.setdefault(key, {})[row["task"]] = row
    if not any(subnetwork != "majority" for _, subnetwork, _ in by_row):
        return
    yield f"### {model}, {SPLIT_NAMES[split]}\n"
    lines = [line(header(layout)), line(["---"] + ["---:"] * (len(header(layout)) - 1))]
    compared = False
    for key in layout.rows:
        if key in by_row and (key[0] == "none" or key[0] in shown):
            lines.append(line([_label(*key), *own_cells(by_row[key], layout)]))
            if any(cell.get("published_mean") is not None for cell in by_row[key].values()):
                lines.append(line(["*paper*", *paper_cells(by_row[key], layout)]))
                compared = True
    yield "\n".join(lines) + "\n"
    if compared:
        yield PAPER_NOTE
    if split == "report_half" and any(m.preset == "published" for m in layout.methods):
        yield HALF_NOTE


def header(layout: Layout) -> list[str]:
    """The names of the columns."""
    tasks = [f"{task.id} ({METRICS[task.metric].short})" for task in layout.tasks]
    return ["", "n", "kept", *tasks, AVERAGE, "average without degenerate"]


def _label(method: str, subnetwork: str, phase: str) -> str:
    if method == "none":
        return subnetwork
    return f"{method}: {subnetwork}, {phase}"


def own_cells(cells: Cells, layout: Layout) -> list[str]:
    """The cells of one row of one's own numbers."""
    tasks = [cells[task.id] for task in layout.tasks if task.id in cells]
    counts = sorted({cell["n"] for cell in tasks if cell.get("n") is not None})
    n = " to ".join(str(count) for count in dict.fromkeys([*counts[:1], *counts[-1:]])) or NOTHING
    average = cells.get(AVERAGE, {})
    kept = number(average.get("kept_fraction"))
    values = [_marked(cells.get(task.id, {})) for task in layout.tasks]
    return [n, kept, *values, *_averages(average, layout)]


def _marked(cell: dict[str, Any]) -> str:
    """Mean and standard deviation, with the number of degenerate runs where there are any."""
    count = cell.get("n_degenerate")
    return _spread(cell, "mean", "sd") + (f" †{count}" if count else "")


def _averages(average: dict[str, Any], layout: Layout) -> list[str]:
    """The average with and without degenerate runs; the number of tasks where some are missing."""
    expected = sum(task.in_average for task in layout.tasks)
    texts = []
    for suffix in ("", "_without_degenerate"):
        text = _spread(average, "mean" + suffix, "sd" + suffix) if suffix else _marked(average)
        n_tasks = average.get("n_tasks" + suffix)
        partial = n_tasks not in (None, expected) and text != NOTHING
        texts.append(f"{text} ({n_tasks} of {expected} tasks)" if partial else text)
    return texts


def paper_cells(cells: Cells, layout: Layout) -> list[str]:
    """The cells of a row of published numbers."""
    own = [cells.get(task.id, {}) for task in layout.tasks]
    counts = {cell["published_n"] for cell in own if cell.get("published_n")}
    n = str(max(counts)) if counts else NOTHING
    average = cells.get(AVERAGE, {})
    kept = number(average.get("published_kept_fraction"))
    values = [_spread(cell, "published_mean", "published_sd") for cell in own]
    published_average = number(average.get("published_mean"))
    return [f"*{text}*" for text in [n, kept, *values, published_average, NOTHING]]


def _spread(cell: dict[str, Any], mean: str, sd: str) -> str:
    """A mean and its standard deviation, where there is one."""
    if cell.get(sd) is None:
        return number(cell.get(mean))
    return f"{number(cell[mean])} ± {number(cell[sd])}"


def number(value: float | None) -> str:
    """A number with three decimals."""
    return NOTHING if value is None else f"{value:.3f}"


def line(cells: list[str]) -> str:
    """One line of a table; a bar within a cell would end it."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
