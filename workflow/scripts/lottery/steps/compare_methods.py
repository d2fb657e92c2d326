"""Step compare_methods: scores.csv -> methods.csv and its figure, for methods of one algorithm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery import files
from lottery.models.architecture import Architecture
from lottery.models.units import HEAD, KINDS, MLP
from lottery.report import strips, style
from lottery.report.tables.numbers import rounded
from lottery.results.folds import over_folds
from lottery.results.layout import SPLIT_NAMES, Layout, Row
from lottery.results.published import Published
from lottery.results.scores import score_tables
from lottery.results.summary import OF_TASK, PAPER, by_row, cell_numbers, reported_runs

VERSION = 4
PHASES = ("pruned", "retrained")
KEYS = ["model", "method", "task", "phase", "split", "metric"]
UNITS = dict.fromkeys(("heads_kept", "heads_kept_sd", "mlps_kept", "mlps_kept_sd"), float)
SCHEMA: files.Schema = dict.fromkeys(KEYS, str) | OF_TASK | UNITS | PAPER
COLUMNS = 3
NARROWEST = 5.4  # inches that title and legend need
KEPT, SCORE = 1.0, 1.35  # widths of the two panels of a task, to each other
SHIFT = {"pruned": -0.18, "retrained": 0.18, HEAD.array: -0.18, MLP.array: 0.18}
MARKERS = {HEAD.array: "^", MLP.array: "s"}
UNIT = {"markersize": 4, "linestyle": "", "markeredgewidth": 0.7, "zorder": 3, "color": style.INK}


def compare_methods(
    *,
    paths_to_scores: list[Path],
    paths_to_published: list[Path],
    path_to_config: Path,
    path_to_table: Path,
    paths_to_figure: list[Path],
    model: str,
    compared: list[str],
    layout: dict[str, Any],
) -> None:
    """Writes what the good subnetworks of several methods keep and how they score, side by side.

    Args:
        paths_to_scores: scores.csv of the model and each of the methods.
        compared: the methods, all of one algorithm.
    """
    order = Layout.of(**layout)
    scores = score_tables(paths_to_scores)
    published = Published.read(*paths_to_published)
    config = files.read_json(path_to_config)
    architecture = Architecture.from_config(config, str(path_to_config))
    frame = method_table(scores, order, model, compared, published)
    files.write_table(path_to_table, frame, SCHEMA)
    with style.settings():
        figure = draw_methods(scores, order, published, architecture, model, compared)
        style.save(figure, paths_to_figure)


def compared_runs(
    scores: pd.DataFrame, layout: Layout, model: str, compared: Sequence[str]
) -> pd.DataFrame:
    """The runs that a comparison shows: good subnetworks, the full model and majority."""
    runs = reported_runs(scores, layout)
    runs = runs[runs["model"].isin(("none", model))]
    runs = runs[runs["split"] == layout.common_split(compared)]
    good = runs["method"].isin(compared) & (runs["subnetwork"] == "good")
    return runs[good | runs["subnetwork"].isin(("full", "majority"))]


def method_table(
    scores: pd.DataFrame,
    layout: Layout,
    model: str,
    compared: Sequence[str],
    published: Published,
) -> pd.DataFrame:
    """Makes methods.csv: mean and sample standard deviation over seeds, by task and method."""
    runs = compared_runs(scores, layout, model, compared)
    runs = runs[runs["method"] != "none"]
    counts = runs.groupby(KEYS)[["heads_kept", "mlps_kept"]]
    units = counts.mean().join(counts.std(), rsuffix="_sd")
    frame = cell_numbers(runs, layout, published).join(units, on=KEYS)[list(SCHEMA)]
    frame = frame.set_index(["task", "method", "phase"])
    order = product(layout.metrics, compared, PHASES)
    shown = frame.loc[[cell for cell in order if cell in frame.index]]
    return files.table(shown.reset_index(), SCHEMA)


def draw_methods(
    scores: pd.DataFrame,
    layout: Layout,
    published: Published,
    architecture: Architecture,
    model: str,
    compared: Sequence[str],
) -> Figure:
    """Draws two panels per task: what the good subnetworks keep, and how they score."""
    split = layout.common_split(compared)
    good = [(method, "good", phase) for method in compared for phase in PHASES]
    shown = compared_runs(scores, layout, model, compared)
    is_good = shown["subnetwork"] == "good"
    tasks = [task for task in layout.tasks if task.id in set(shown.loc[is_good, "task"])]
    columns = min(COLUMNS, len(tasks))
    # Names are left of the first column alone, which takes their width from all.
    width = style.PAGE * (columns + 0.4) / (COLUMNS + 0.4) / (2 * columns)
    figure, axes = style.panels(
        2 * len(tasks),
        columns=2 * COLUMNS,
        panel=(width, 0.5 + 0.34 * len(compared)),
        margin=1.0,
        narrowest=NARROWEST,
        widths=(KEPT, SCORE),
    )
    paper = {
        task.id: {
            row: score.mean
            for row in good
            if (score := layout.published_score(published, model, row, task, split)) is not None
        }
        for task in tasks
    }
    values = shown.loc[shown["task"].isin([task.id for task in tasks]), "counted"].dropna().tolist()
    values += [value for marks in paper.values() for value in marks.values()]
    style.same_range(axes[1::2], min(values, default=0.0), max(values, default=1.0))
    for index, task in enumerate(tasks):
        kept, scored = axes[2 * index : 2 * index + 2]
        cells = by_row(shown, task.id)
        _frame(kept, compared, named=index % COLUMNS == 0)
        _frame(scored, compared, named=False)
        # The task's name is above both panels.
        kept.set_title(style.title(task.id, task.metric), loc="left").set_in_layout(False)
        scored.set_title("\n" * kept.get_title(loc="left").count("\n") + " ")
        for row in good:
            line, phase = compared.index(row[0]), row[2]
            place = line + SHIFT[phase]
            if phase == "pruned":
                _draw_kept(kept, line, cells.get(row), architecture)
            if row in cells:
                strips.draw_cell(scored, place, cells[row], style.SUBNETWORKS["good"], phase)
            if row in paper[task.id]:
                style.draw_published(scored, place, paper[task.id][row], half=0.2)
        _draw_baselines(scored, cells)
        if style.is_bottom(index, len(tasks), COLUMNS):
            kept.set_xlabel("share kept")
        scored.set_xlabel(style.measure(task.metric))
    n = shown["seed"].nunique()
    style.legend(figure, _entries(shown[is_good], n, published=any(paper.values())))
    good = over_folds(shown[is_good], layout)
    means = good.groupby(["method", "phase"], sort=False)["counted"].mean()
    texts = [
        f"{method} {', '.join(f'{phase} {rounded(x, 2)}' for (_, phase), x in of_method.items())}"
        for method, of_method in means.groupby(level=0, sort=False)
    ]
    style.finding(figure, f"Mean score over tasks: {'; '.join(texts)}.")
    what = f"Good subnetworks of {len(compared)} methods side by side"
    style.heading(figure, what, model, SPLIT_NAMES[split], style.seeds([n]))
    return figure


def _frame(axis: Axes, methods: Sequence[str], *, named: bool) -> None:
    """Gives every method a line of the panel, the first one on top."""
    axis.set_ylim(len(methods) - 0.5, -0.5)
    names = [_name(method) for method in methods] if named else [""] * len(methods)
    axis.set_yticks(range(len(methods)), names)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x")


def _name(method: str) -> str:
    """A method's id, on two lines where it is long: broken after an underscore."""
    if len(method) <= 14 or "_" not in method:
        return method
    breaks = [place for place, letter in enumerate(method, start=1) if letter == "_"]
    middle = min(breaks, key=lambda place: abs(2 * place - len(method)))
    return f"{method[:middle]}\n{method[middle:]}"


def _draw_kept(
    axis: Axes, line: int, runs: pd.DataFrame | None, architecture: Architecture
) -> None:
    axis.set_xlim(-0.04, 1.04)
    axis.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
    if runs is None:
        axis.text(0.5, line, "not run", ha="center", va="center", color=style.GREY)
        return
    bar = {"facecolor": style.FILL, "edgecolor": style.GREY, "linewidth": 0.5}
    axis.barh(line, runs["kept_fraction"].mean(), height=0.8, zorder=1, **bar)
    for kind in KINDS.values():
        counts = runs.get(f"{kind.array}_kept")
        if kind.array in MARKERS and counts.notna().all():
            shares = counts.astype(float) / math.prod(kind.shape(architecture))
            place = line + SHIFT[kind.array]
            _draw_seeds(axis, place, shares, style.UNITS[kind.array])
            look = UNIT | {"marker": MARKERS[kind.array], "color": style.UNITS[kind.array]}
            axis.plot(shares.mean(), place, markerfacecolor="none", **look)
    if runs["heads_kept"].isna().iloc[0]:
        _draw_seeds(axis, line, runs["kept_fraction"], style.UNITS["weights"])


def _draw_seeds(axis: Axes, place: float, shares: pd.Series, colour: str) -> None:
    offsets = np.linspace(-0.12, 0.12, len(shares)) if len(shares) > 1 else [0.0]
    axis.plot(shares, np.add(place, offsets), color=colour, **style.DOT | {"markersize": 2.0})


def _draw_baselines(axis: Axes, cells: Mapping[Row, pd.DataFrame]) -> None:
    for row, dashes in strips.BASELINES.items():
        if row in cells and cells[row]["counted"].notna().any():
            look = {"color": style.SUBNETWORKS[row[1]], "linestyle": dashes, "linewidth": 0.9}
            axis.axvline(cells[row]["counted"].mean(), zorder=1, **look)
    axis.locator_params(axis="x", nbins=4)


def _entries(good: pd.DataFrame, n_seeds: int, *, published: bool) -> dict[str, Any]:
    """The legend."""
    has_units = good["heads_kept"].notna().any()
    units = {
        f"share of all {style.UNIT_NAMES[name]}": has_units
        and UNIT | {"marker": marker, "color": style.UNITS[name], "markerfacecolor": "none"}
        for name, marker in MARKERS.items()
    }
    degenerate = bool(good["degenerate"].any())
    marks = strips.entries(seeds=n_seeds, degenerate=degenerate, published=published)
    return {"share of the body's parameters": style.area(), **units, **marks}
