"""Methods of one algorithm side by side; per task what they keep, and how that scores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lottery.models.architecture import Architecture
from lottery.models.units import HEAD, KINDS, MLP
from lottery.report.figures import style
from lottery.results.layout import SPLIT_NAMES, Layout, TaskColumn
from lottery.results.methods import FULL, MAJORITY, PHASES, comparison_split, runs_by_cell
from lottery.results.published import Published
from lottery.results.scores import Score, mean, sample_sd

COLUMNS = 3
ROW = 0.34  # inches for a method
NARROWEST = 5.4  # inches that title and legend need
KEPT, SCORE = 1.0, 1.35  # widths of the two panels of a task, to each other
COLOURS = {"pruned": style.ORANGE, "retrained": style.BLUE}
SHIFT = {"pruned": -0.18, "retrained": 0.18, "heads": -0.18, "mlps": 0.18, "weights": 0.0}
SHARES = {HEAD.array: (HEAD.label, "^"), MLP.array: (MLP.label, "s")}
BAR = "#cccccc"
SEED = {"marker": "o", "markersize": 1.8, "linestyle": "", "markeredgewidth": 0.4, "zorder": 4}
MEAN = {"markersize": 4, "linestyle": "", "markeredgewidth": 0.7, "zorder": 3}

Runs = Mapping[tuple[str, str, str, str], Sequence[Score]]


def draw_methods(
    scores: Sequence[Score],
    layout: Layout,
    published: Published,
    architecture: Architecture,
    model: str,
    compared: Sequence[str],
) -> Figure:
    """Draws two panels per task with a line for each method.

    Args:
        scores: all scores.
        layout: tasks and methods.
        published: the paper's numbers.
        architecture: of the model, whose units are counted.
        model: the model.
        compared: the methods, from the top.

    Returns:
        The figure: left of a task the kept shares of the good subnetworks, right their scores.
    """
    runs = runs_by_cell(scores, layout, model, compared)
    tasks = [t for t in layout.tasks if any((t.id, m, "good", p) in runs
                                            for m in compared for p in PHASES)]  # fmt: skip
    figure, pairs = _panels(len(tasks), len(compared))
    split = comparison_split(layout, compared)
    marks = 0
    for index, ((kept, scored), task) in enumerate(zip(pairs, tasks, strict=True)):
        _frame(kept, compared, named=index % COLUMNS == 0)
        _frame(scored, compared, named=False)
        # The task's name stands above both panels.
        kept.set_title(style.title(task.id, task.metric), loc="left").set_in_layout(False)
        scored.set_title("\n" * kept.get_title(loc="left").count("\n") + " ")
        for line, method in enumerate(compared):
            _draw_kept(kept, line, runs.get((task.id, method, "good", "pruned"), ()), architecture)
            for phase in PHASES:
                row = (method, "good", phase)
                _draw_score(scored, line, phase, runs.get((task.id, *row), ()))
                paper = layout.published_score(published, model, row, task, split)
                if paper is not None:
                    _draw_published(scored, line + SHIFT[phase], paper.mean)
                    marks += 1
        _draw_baselines(scored, task, runs)
        if style.is_bottom(index, len(tasks), COLUMNS):
            kept.set_xlabel("share kept")
            scored.set_xlabel("score")
    _draw_legend(figure, runs, published=marks > 0)
    n = len({run.seed for each in runs.values() for run in each if run.seed is not None})
    figure.suptitle(
        f"{model}: good subnetworks of {len(compared)} methods,\n"
        f"scored on {SPLIT_NAMES[split]}, {style.seeds([n])}"
    )
    return figure


def _panels(tasks: int, methods: int) -> tuple[Figure, list[tuple[Axes, Axes]]]:
    """Makes a figure with two panels for each task."""
    columns = min(COLUMNS, max(1, tasks))
    rows = max(1, math.ceil(tasks / columns))
    # Names stand left of the first column alone, which takes their width from all.
    size = (style.PAGE * (columns + 0.4) / (COLUMNS + 0.4), rows * (0.5 + ROW * methods) + 1.0)
    figure = Figure(figsize=(max(size[0], NARROWEST), size[1]), layout="constrained")
    FigureCanvasAgg(figure)
    frame = (0.005, 0.01, 0.99, 0.98)
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.04, wspace=0.02, hspace=0.02, rect=frame)
    widths = {"width_ratios": [KEPT, SCORE] * columns}
    grid = list(figure.subplots(rows, 2 * columns, squeeze=False, gridspec_kw=widths).flat)
    for axis in grid[2 * tasks :]:
        axis.remove()
    return figure, list(zip(grid[: 2 * tasks : 2], grid[1 : 2 * tasks : 2], strict=True))


def _frame(axis: Axes, methods: Sequence[str], *, named: bool) -> None:
    """Gives every method a line of the panel, the first one on top."""
    axis.set_ylim(len(methods) - 0.5, -0.5)
    names = [_name(method) for method in methods] if named else [""] * len(methods)
    axis.set_yticks(range(len(methods)), names)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x", linewidth=0.3, color="#dddddd")
    axis.set_axisbelow(True)


def _name(method: str) -> str:
    """A method's id, on two lines where it is long: broken behind an underscore."""
    if len(method) <= 14 or "_" not in method:
        return method
    breaks = [place for place, letter in enumerate(method, start=1) if letter == "_"]
    middle = min(breaks, key=lambda place: abs(2 * place - len(method)))
    return f"{method[:middle]}\n{method[middle:]}"


def _draw_kept(axis: Axes, line: int, runs: Sequence[Score], architecture: Architecture) -> None:
    axis.set_xlim(-0.04, 1.04)
    axis.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
    if not runs:
        axis.text(0.5, line, "not run", ha="center", va="center", color="#666666")
        return
    axis.barh(line, mean([run.kept_fraction for run in runs]), height=0.8, color=BAR, zorder=1)
    totals = {kind.array: math.prod(kind.shape(architecture)) for kind in KINDS.values()}
    for unit, (_, marker) in SHARES.items():
        counts = [getattr(run, f"{unit}_kept") for run in runs]
        if None not in counts:
            shares = [count / totals[unit] for count in counts]
            place = line + SHIFT[unit]
            _draw_seeds(axis, place, shares, [False] * len(shares))
            axis.plot(mean(shares), place, marker=marker, markerfacecolor="none",
                      markeredgecolor="black", **MEAN)  # fmt: skip
    if runs[0].heads_kept is None:
        kept = [run.kept_fraction for run in runs]
        _draw_seeds(axis, line + SHIFT["weights"], kept, [False] * len(kept))


def _draw_score(axis: Axes, line: int, phase: str, runs: Sequence[Score]) -> None:
    known = [run for run in runs if run.counted is not None]
    if not known:
        return
    values, place, colour = [run.counted for run in known], line + SHIFT[phase], COLOURS[phase]
    sd = sample_sd(values)
    if sd is not None:
        ends = (mean(values) - sd, mean(values) + sd)
        axis.plot(ends, (place, place), color=colour, linewidth=0.9, zorder=2)
    axis.plot(mean(values), place, marker="D", color=colour, **MEAN)
    _draw_seeds(axis, place, values, [run.degenerate for run in known])


def _draw_seeds(axis: Axes, place: float, values: Sequence[float], hollow: Sequence[bool]) -> None:
    """A dot for each seed, one above the other, so that equal ones are seen."""
    offsets = np.linspace(-0.12, 0.12, len(values)) if len(values) > 1 else [0.0]
    for value, offset, empty in zip(values, offsets, hollow, strict=True):
        face = "white" if empty else "black"
        axis.plot(value, place + offset, color="black", markerfacecolor=face, **SEED)


def _draw_published(axis: Axes, place: float, value: float) -> None:
    ends = (place - 0.2, place + 0.2)
    axis.plot((value, value), ends, color=style.VERMILION, linewidth=1.2, zorder=5)


def _draw_baselines(axis: Axes, task: TaskColumn, runs: Runs) -> None:
    for row, width, dashes in ((FULL, 0.8, "-"), (MAJORITY, 0.8, ":")):
        values = [run.counted for run in runs.get((task.id, *row), ()) if run.counted is not None]
        if values:
            axis.axvline(mean(values), color="black", linewidth=width, linestyle=dashes, zorder=1)
    axis.margins(x=0.08)
    axis.locator_params(axis="x", nbins=4)


def _draw_legend(figure: Figure, runs: Runs, *, published: bool) -> None:
    good = [run for (_, _, name, _), each in runs.items() if name == "good" for run in each]
    handles: list[Patch | Line2D] = [Patch(color=BAR, label="share of the body's parameters")]
    if any(run.heads_kept is not None for run in good):
        empty = {"linestyle": "", "markersize": 4, "markerfacecolor": "none", "color": "black"}
        handles += [
            Line2D([], [], marker=marker, label=f"share of all {words}", **empty)
            for words, marker in SHARES.values()
        ]
    handles += [
        Line2D([], [], marker="D", markersize=4, linewidth=0.9, color=colour,
               label=f"{phase}, mean ± sample sd")
        for phase, colour in COLOURS.items()
    ]  # fmt: skip
    seed = {"linestyle": "", "marker": "o", "markersize": 2.5, "color": "black"}
    handles.append(Line2D([], [], label="one seed", **seed))
    if any(run.degenerate for run in good):
        handles.append(Line2D([], [], label="degenerate run", markerfacecolor="white", **seed))
    for label, dashes in (("full model", "-"), ("majority", ":")):
        handles.append(Line2D([], [], color="black", linewidth=0.8, linestyle=dashes, label=label))
    if published:
        mark = {"color": style.VERMILION, "linewidth": 1.2}
        handles.append(Line2D([], [], label="published mean", **mark))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
