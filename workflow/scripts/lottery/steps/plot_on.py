"""Step plot_on: the scores of one model and method on a task that is not trained on, by group."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery.report import strips, style
from lottery.report.tables.numbers import rounded
from lottery.results.published import PublishedOn
from lottery.results.scores import on_table
from lottery.tasks.metrics import METRICS, chance

VERSION = 3
COLUMNS = 4
# Of all gold labels, then of each.
COLOURS = style.SERIES


def plot_on(
    *,
    paths_to_metrics: list[Path],
    path_to_published: Path,
    paths_to_figure: list[Path],
    model: str,
    method: str,
    eval_task: str,
    trained_task: str,
    metric: str,
    labels: list[str] | None,
    published_models: list[str],
    published_tasks: dict[str, list[str]],
) -> None:
    """Draws one panel per group of the examples, with a line per subnetwork and phase.

    Args:
        paths_to_metrics: metrics.json of the method's evaluations and the full models', in the
            order of the lines.
        path_to_published: the paper's hans.csv.
        metric, labels: of the evaluation-only task; no labels for a regression.
        published_models, published_tasks: see `lottery.results.published.PublishedOn`.
    """
    published = PublishedOn(path_to_published, published_models, published_tasks)
    what = f"Models of {trained_task}, scored on {eval_task}"
    with style.settings():
        scores = on_table(paths_to_metrics)
        figure = draw_on(scores, published, metric=metric, labels=labels)
        counts = [scores["seed"].nunique()]
        style.heading(figure, what, method, model, style.seeds(counts))
        style.save(figure, paths_to_figure)


def draw_on(
    scores: pd.DataFrame,
    published: PublishedOn,
    *,
    metric: str,
    labels: Sequence[str] | None,
) -> Figure:
    """Draws the scores on the validation split: all examples first, then one panel per group.

    Args:
        scores: of one model, method and task (`lottery.results.scores.on_table`).
        metric: the reported metric; by gold label accuracy is shown, and only with accuracy.
        labels: labels of the task; None for a regression.
    """
    runs = scores[(scores["split"] == "validation") & (scores["metric"] == metric)]
    if metric != "accuracy":
        runs = runs[runs["label"] == ""]
    names = runs["subnetwork"] + " " + runs["phase"]
    runs = runs.assign(line=names.replace("full finetuned", "full"))
    lines, present = runs["line"].unique().tolist(), set(runs["label"])
    shown_labels = [label for label in ("", *(labels or ())) if label in present]
    guess = 1 / len(labels) if metric == "accuracy" and labels else chance(metric)
    groups = runs["group"].unique()
    line = max(0.17, 0.06 + 0.11 * len(shown_labels))
    panel = (style.PAGE / COLUMNS, 0.55 + line * len(lines))
    figure, axes = style.panels(len(groups), COLUMNS, panel, 1.0, x=METRICS[metric].title)
    colours = {label: COLOURS[n % len(COLOURS)] for n, label in enumerate(shown_labels)}
    marked = False
    for index, (axis, group) in enumerate(zip(axes, groups, strict=True)):
        of_group = runs[runs["group"] == group]
        if guess is not None:
            axis.axvline(guess, color=style.GREY, linewidth=0.8, linestyle="--", zorder=1)
        _frame(axis, lines, metric, named=index % COLUMNS == 0)
        for (name, label), cell in of_group.groupby(["line", "label"], sort=False):
            offset = shown_labels.index(label) - (len(shown_labels) - 1) / 2
            place = lines.index(name) + offset * 0.72 / len(shown_labels)
            strips.draw_cell(axis, place, cell, colours[label], cell["phase"].iloc[0], spread=0.03)
            paper = published.mean(label, next(cell.itertuples()))
            if paper is not None:
                half = 0.36 / len(shown_labels) + 0.06
                style.draw_published(axis, place, paper, half=half)
                marked = True
        n = of_group.loc[of_group["label"] == "", "n_examples"].iloc[0]
        axis.set_title(f"{textwrap.fill(style.short(group or 'all'), 26)}\n{n} examples")
    gold = {
        f"gold label {label}" if label else "all gold labels": style.DOT | {"color": colour}
        for label, colour in colours.items()
        if len(colours) > 1
    }
    entries = gold | style.run_entries(
        seeds=runs["seed"].nunique(),
        degenerate=bool(runs["degenerate"].any()),
        published=marked,
    )
    entries["chance"] = guess is not None and {"color": style.GREY, "linestyle": "--"}
    style.legend(figure, entries)
    of_all = runs[(runs["group"] == groups[0]) & (runs["label"] == "")]
    means = of_all.groupby("line", sort=False)["counted"].mean()
    shown = ", ".join(f"{name} {rounded(mean, 2)}" for name, mean in means.items())
    style.finding(figure, f"{METRICS[metric].title.capitalize()} on {groups[0] or 'all'}: {shown}.")
    return figure


def _frame(axis: Axes, lines: Sequence[str], metric: str, *, named: bool) -> None:
    axis.set_yticks(range(len(lines)), lines)
    axis.tick_params(axis="y", length=0, labelleft=named)
    axis.set_ylim(len(lines) - 0.45, -0.55)
    for between in range(1, len(lines)):
        axis.axhline(between - 0.5, color=style.RULE, linewidth=0.3, zorder=0)
    axis.set_xlim(min(-0.04, 1.04 * METRICS[metric].least), 1.04)
    axis.set_xticks(sorted({METRICS[metric].least, 0, 0.5, 1}))
