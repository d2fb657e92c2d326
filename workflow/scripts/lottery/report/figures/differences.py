"""Differences between subnetworks with their intervals; one panel per pair of subnetworks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lottery.report.figures import style
from lottery.results.layout import SPLIT_NAMES
from lottery.results.scores import number

COLUMNS = 3
WIDTH = style.PAGE / COLUMNS
ROW = 0.17  # inches for a task
PHASES = {"pruned": style.ORANGE, "retrained": style.BLUE}
AVERAGE = "average"

Row = Mapping[str, str]


def draw_differences(
    rows: Sequence[Row], tasks: Sequence[str], model: str, method: str, split: str
) -> Figure:
    """Draws the differences of one model and method on one split.

    Args:
        rows: rows of differences.csv.
        tasks: order of the tasks, from the top.
        model, method, split: what is drawn.

    Returns:
        The figure: a line per task and one for their average in each panel.
    """
    shown = [
        row for row in rows if (row["model"], row["method"], row["split"]) == (model, method, split)
    ]
    pairs = list(dict.fromkeys((row["first"], row["second"]) for row in shown))
    present = {row["task"] for row in shown}
    names = [task for task in (*tasks, AVERAGE) if task in present]
    panel = (WIDTH, 0.5 + ROW * len(names))
    figure, axes = style.panels(max(1, len(pairs)), columns=COLUMNS, panel=panel, margin=1.0)
    for index, (axis, pair) in enumerate(zip(axes, pairs, strict=False)):
        of_pair = [row for row in shown if (row["first"], row["second"]) == pair]
        _draw_panel(axis, of_pair, names, pair, labelled=index % COLUMNS == 0)
        if style.is_bottom(index, len(pairs), COLUMNS):
            axis.set_xlabel("difference of scores")
    if not pairs:
        axes[0].axis("off")
        axes[0].text(0.5, 0.5, "no two subnetworks to compare", ha="center")
    narrow = len(pairs) < 2
    _draw_legend(figure, shown, columns=2 if narrow else 3)
    n = f", {style.seeds(int(row['n_seeds']) for row in shown)}" if shown else ""
    lines = (f"{model}, {method}:", f"differences on {SPLIT_NAMES[split]}{n}")
    figure.suptitle(("\n" if narrow else " ").join(lines))
    return figure


def _draw_panel(
    axis: Axes, rows: Sequence[Row], names: Sequence[str], pair: tuple[str, str], *, labelled: bool
) -> None:
    places = {name: len(names) - 1 - index for index, name in enumerate(names)}
    for row in rows:
        offset = 0.18 if row["phase"] == "pruned" else -0.18
        _draw_difference(axis, row, places[row["task"]] + offset)
    axis.axvline(0, color="black", linewidth=0.6, zorder=1)
    axis.set_yticks(list(places.values()), list(places))
    axis.tick_params(axis="y", length=0, labelleft=labelled)
    axis.set_ylim(-0.6, len(names) - 0.4)
    axis.set_xlim(*_limits(rows))
    axis.locator_params(axis="x", nbins=5)
    axis.grid(axis="x", linewidth=0.3, color="#cccccc")
    axis.set_axisbelow(True)
    axis.set_title(f"{pair[0]} - {pair[1]}")


def _draw_difference(axis: Axes, row: Row, place: float) -> None:
    colour = PHASES[row["phase"]]
    difference = float(row["difference"])
    bounds = number(row["t_low"]), number(row["t_high"])
    if None not in bounds:
        axis.plot(bounds, (place, place), color=colour, linewidth=0.6, zorder=2)
    bounds = float(row["bootstrap_low"]), float(row["bootstrap_high"])
    axis.plot(bounds, (place, place), color=colour, linewidth=2.2, zorder=3, solid_capstyle="butt")
    axis.plot(
        difference,
        place,
        marker="D" if row["task"] == AVERAGE else "o",
        markersize=3.4,
        markerfacecolor="white" if row["phase"] == "pruned" else colour,
        markeredgecolor=colour,
        markeredgewidth=0.8,
        zorder=4,
    )
    published = number(row["published_difference"])
    if published is not None:
        axis.vlines(
            published, place - 0.2, place + 0.2, colors=style.VERMILION, linewidth=1.2, zorder=5
        )


def _limits(rows: Sequence[Row]) -> tuple[float, float]:
    """The axis holds all marks and bootstrap intervals; a t interval may reach beyond it."""
    ends = [0.0]
    for row in rows:
        columns = ("difference", "bootstrap_low", "bootstrap_high", "published_difference")
        ends += [float(row[column]) for column in columns if row[column]]
    room = 0.12 * (max(ends) - min(ends)) or 0.01
    return min(ends) - room, max(ends) + room


def _draw_legend(figure: Figure, rows: Sequence[Row], columns: int) -> None:
    handles = [
        Line2D(
            [],
            [],
            linestyle="",
            marker="o",
            markersize=3.4,
            markerfacecolor="white" if phase == "pruned" else colour,
            markeredgecolor=colour,
            label=phase,
        )
        for phase, colour in PHASES.items()
    ]
    grey = {"color": style.GREY}
    handles += [
        Line2D([], [], linestyle="", marker="D", markersize=3.4, label="average of tasks", **grey),
        Line2D([], [], linewidth=2.2, label="95 % crossed bootstrap", **grey),
        Line2D([], [], linewidth=0.6, label="95 % t interval over seeds", **grey),
    ]
    if any(row["published_difference"] for row in rows):
        mark = {"color": style.VERMILION, "linewidth": 1.2}
        handles.append(Line2D([], [], **mark, label="published difference"))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False)
