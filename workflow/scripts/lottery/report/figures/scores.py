"""Bars: majority, the full model, and each subnetwork pruned and retrained; one panel per task."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lottery.report.figures import style
from lottery.results.layout import SPLIT_NAMES, Layout, TaskColumn
from lottery.results.published import Published, PublishedScore
from lottery.results.scores import Score, mean, sample_sd

PANEL = (style.PAGE / 3, 2.0)
COLUMNS = 3
PHASES = ("pruned", "retrained")
COLOURS = {
    "majority": style.GREY,
    "full": "#555555",
    "good": style.BLUE,
    "random": style.ORANGE,
    "bad": style.PURPLE,
}
HATCH = "/////"


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        position: its place on the axis.
        subnetwork, phase: what it shows.
        runs: one score per seed.
        published: the paper's number, where it is comparable.
    """

    position: float
    subnetwork: str
    phase: str
    runs: Sequence[Score]
    published: PublishedScore | None

    @property
    def values(self) -> list[float]:
        """The runs' values, an undefined one as chance."""
        return [run.counted for run in self.runs if run.counted is not None]

    @property
    def lowest(self) -> float:
        """The lowest dot or end of the whisker; 0 without runs."""
        whisker = mean(self.values) - (sample_sd(self.values) or 0.0) if self.values else 0.0
        return min([whisker, *self.values])


def draw_scores(
    scores: Sequence[Score], layout: Layout, published: Published, model: str, method: str
) -> Figure:
    """Draws the bars of one model and method on the split that shows the method.

    Args:
        scores: all scores.
        layout: tasks and methods.
        published: the paper's numbers.
        model, method: ids.

    Returns:
        The figure: one panel per task that has scores of the method.
    """
    split = layout.display_split(method)
    rows = [row for row in layout.rows if row[0] in ("none", method)]
    runs = defaultdict(list)
    for score in scores:
        if (
            score.split == split
            and score.model in ("none", model)
            and score.metric == layout.metrics.get(score.task)
            and not score.eval_task
        ):
            runs[score.task, score.method, score.subnetwork, score.phase].append(score)
    tasks = [
        t for t in layout.tasks if any((t.id, *row) in runs for row in rows if row[0] == method)
    ]
    figure, axes = style.panels(len(tasks), columns=COLUMNS, panel=PANEL, margin=1.1)
    drawn: list[Bar] = []
    for index, (axis, task) in enumerate(zip(axes, tasks, strict=True)):
        bars = [
            Bar(
                position=position,
                subnetwork=row[1],
                phase=row[2],
                runs=runs[task.id, *row],
                published=layout.published_score(
                    published, "none" if row[1] == "majority" else model, row, task, split
                ),
            )
            for position, row in zip(_positions(rows), rows, strict=True)
        ]
        drawn += bars
        _draw_panel(axis, task, bars)
        _label_bars(axis, bars, shown=style.is_bottom(index, len(tasks), COLUMNS))
        if index % COLUMNS == 0:
            axis.set_ylabel("score")
    _draw_legend(figure, drawn)
    n = len({run.seed for bar in drawn if bar.phase in PHASES for run in bar.runs})
    lines = (f"{model}, {method}:", f"scores on {SPLIT_NAMES[split]}, {style.seeds([n])}")
    # One panel alone is no wider than half a page.
    figure.suptitle(("\n" if len(tasks) < 2 else " ").join(lines))
    return figure


def _positions(rows: list[tuple[str, str, str]]) -> list[float]:
    """Places of the bars: the two of a subnetwork touch, subnetworks stand apart."""
    masked = range(len(rows) - 2)
    return [0.0, 1.3, *(2.7 + 2.4 * (index // 2) + index % 2 for index in masked)]


def _draw_panel(axis: Axes, task: TaskColumn, bars: list[Bar]) -> None:
    for bar in bars:
        if bar.values:
            _draw_bar(axis, bar)
        if bar.published is not None:
            axis.hlines(
                bar.published.mean,
                bar.position - 0.38,
                bar.position + 0.38,
                colors=style.VERMILION,
                linewidth=1.4,
                zorder=5,
            )
    # Below zero there is room for the lowest whisker and for half a dot.
    lowest = min((bar.lowest for bar in bars), default=0.0)
    axis.set_ylim(min(0.0, lowest - 0.03) if lowest < 0 else 0.0, 1.03)
    axis.axhline(0, color="black", linewidth=0.6, zorder=2)
    axis.set_xlim(-0.8, bars[-1].position + 0.8)
    axis.grid(axis="y", linewidth=0.3, color="#cccccc")
    axis.set_axisbelow(True)
    axis.set_title(f"{style.title(task.id, task.metric)}\n{_size(bars)}")


def _draw_bar(axis: Axes, bar: Bar) -> None:
    colour = colour_of(bar.subnetwork)
    pruned = bar.phase == "pruned"
    axis.bar(
        bar.position,
        mean(bar.values),
        width=0.95,
        facecolor=_tint(colour) if pruned else colour,
        edgecolor=colour if pruned else "black",
        hatch=HATCH if pruned else None,
        linewidth=0.5,
        zorder=1,
    )
    sd = sample_sd(bar.values)
    if sd is not None:
        axis.errorbar(
            bar.position,
            mean(bar.values),
            yerr=sd,
            color="black",
            capsize=1.6,
            capthick=0.7,
            linewidth=0.7,
            zorder=3,
        )
    # Seeds side by side, so that equal ones are seen; majority has none.
    runs = [run for run in bar.runs if run.seed is not None and run.counted is not None]
    offsets = np.linspace(-0.3, 0.3, len(runs)) if len(runs) > 1 else np.zeros(len(runs))
    for offset, run in zip(offsets, runs, strict=True):
        axis.plot(
            bar.position + offset,
            run.counted,
            marker="o",
            markersize=1.8,
            markerfacecolor="white" if run.degenerate else "black",
            markeredgecolor="black",
            markeredgewidth=0.4,
            zorder=4,
        )


def _label_bars(axis: Axes, bars: list[Bar], *, shown: bool) -> None:
    """One label per subnetwork, below the middle of its bars."""
    places: dict[str, list[float]] = defaultdict(list)
    for bar in bars:
        places[bar.subnetwork].append(bar.position)
    ticks = [sum(positions) / len(positions) for positions in places.values()]
    axis.set_xticks(ticks, list(places) if shown else [""] * len(ticks))
    axis.tick_params(axis="x", length=0, labelrotation=90 if len(ticks) > 6 else 45)
    if len(ticks) <= 6:
        for label in axis.get_xticklabels():
            label.set(horizontalalignment="right", rotation_mode="anchor")


def _size(bars: list[Bar]) -> str:
    """What the good subnetwork (else the first one) keeps of the body: mean and sample sd."""
    masked = [bar for bar in bars if bar.phase in PHASES and bar.runs]
    good = [bar for bar in masked if bar.subnetwork == "good"] or masked
    if not good:
        return ""
    kept = [run.kept_fraction for run in good[0].runs]
    sd = sample_sd(kept)
    spread = "" if sd is None else f" (sd {sd:.2f})"
    return f"{good[0].subnetwork} keeps {mean(kept):.2f}{spread}"


def _draw_legend(figure: Figure, bars: list[Bar]) -> None:
    """A legend of what the figure holds."""
    dot = {"linestyle": "", "marker": "o", "markeredgecolor": "black", "markersize": 3}
    handles = [
        Patch(facecolor=_tint(style.GREY), edgecolor=style.GREY, hatch=HATCH, label="pruned"),
        Patch(facecolor=style.GREY, edgecolor="black", label="retrained"),
        Line2D([], [], **dot, markerfacecolor="black", label="one seed"),
        Line2D([], [], color="black", linewidth=0.7, marker="|", label="mean ± sample sd"),
    ]
    if any(run.degenerate for bar in bars for run in bar.runs if run.seed is not None):
        handles.append(Line2D([], [], **dot, markerfacecolor="white", label="degenerate run"))
    if any(bar.published for bar in bars):
        mark = {"color": style.VERMILION, "linewidth": 1.4}
        handles.append(Line2D([], [], **mark, label="published mean"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)


def colour_of(subnetwork: str) -> str:
    """The colour of a subnetwork: that of the kind (good, random, bad) in its name."""
    parts = subnetwork.split("_")
    return next((COLOURS[part] for part in parts if part in COLOURS), style.GREEN)


def _tint(colour: str) -> tuple[float, float, float]:
    """A colour mixed with white."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return tuple(1 - 0.35 * (1 - part) for part in (red, green, blue))
