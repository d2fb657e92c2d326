"""Task overlap as matrices, super-survivors as dots, survival per layer as lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from lottery.analysis.survivors import ALL
from lottery.report.figures import dots, style

# From orange (fewer than expected) over white to purple (more); half and double are the ends.
RATIO_COLOURS = "PuOr"
RATIOS = (0.5, 0.7, 1.0, 1.4, 2.0)
Rows = Sequence[Mapping[str, Any]]


def draw_overlap(rows: Rows, title: str) -> Figure:
    """Draws how many units two tasks share: below the diagonal, and of super-survivors above it.

    Args:
        rows: of `lottery.analysis.task_overlap.COLUMNS`.
        title: title of the figure.
    """
    units = list(dict.fromkeys(row["unit"] for row in rows))
    tasks = list(dict.fromkeys(row["task_a"] for row in rows))
    side = max(1.6, 0.36 * len(tasks))
    # Side by side where both fit the page.
    columns = 2 if len(tasks) <= 9 else 1
    panel = (style.PAGE / 2 if columns == 2 else style.PAGE, side + 0.5)
    figure, axes = style.panels(len(units), columns=columns, panel=panel, margin=0.9)
    colours = ScalarMappable(LogNorm(RATIOS[0], RATIOS[-1], clip=True), RATIO_COLOURS)
    for place, (axis, unit) in enumerate(zip(axes, units, strict=True)):
        of_unit = [row for row in rows if row["unit"] == unit]
        _draw_matrix(axis, of_unit, tasks, colours, named=place % columns == 0)
        axis.set_title(f"{dots.UNIT_NAMES[unit]} (of {of_unit[0]['units']})")
    if len(tasks) > 1:
        _draw_scale(figure, axes, colours)
    else:
        axes[0].set_xlabel("one task: there is no pair to compare")
    figure.suptitle(f"{title}, {style.seeds(row['n_seeds'] for row in rows)}")
    return figure


def _draw_scale(figure: Figure, axes: Sequence[Axes], colours: ScalarMappable) -> None:
    bar = figure.colorbar(
        colours, ax=axes, location="bottom", shrink=0.5, aspect=40, pad=0.03, extend="both"
    )
    bar.set_label("shared / expected of independent masks of the same sizes")
    bar.ax.xaxis.set_major_locator(FixedLocator(RATIOS))
    bar.ax.xaxis.set_minor_locator(NullLocator())
    bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _draw_matrix(
    axis: Axes, rows: Rows, tasks: Sequence[str], colours: ScalarMappable, *, named: bool
) -> None:
    ratios = np.full((len(tasks),) * 2, np.nan)
    texts = {}
    for row in rows:
        a, b = tasks.index(row["task_a"]), tasks.index(row["task_b"])
        if a == b:
            texts[a, a] = f"{row['shared_mean']:.1f}\n{row['super_shared']}"
            continue
        texts[b, a], texts[a, b] = f"{row['shared_mean']:.1f}", f"{row['super_shared']}"
        ratios[b, a] = _ratio(row["shared_mean"], row["expected"])
        ratios[a, b] = _ratio(row["super_shared"], row["super_expected"])
    shown = np.ma.masked_invalid(np.clip(ratios, RATIOS[0], RATIOS[-1]))
    axis.imshow(shown, cmap=colours.cmap, norm=colours.norm, aspect="auto")
    for (line, column), text in texts.items():
        dark = abs(np.log2(max(ratios[line, column], 0.1))) > 0.55  # NaN is not
        axis.text(
            column,
            line,
            text,
            ha="center",
            va="center",
            color="white" if dark else "black",
            linespacing=0.95,
        )
    axis.set_xticks(range(len(tasks)), tasks, rotation=90 if len(tasks) > 4 else 0)
    axis.set_yticks(range(len(tasks)), tasks if named else [])
    axis.tick_params(length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else np.nan


def draw_survivors(
    survivors: Rows, layers: Rows, published: Mapping[tuple[str, str], float], title: str
) -> Figure:
    """Draws super-survivors per task, and in how many tasks the units of a layer survive.

    Args:
        survivors: of `lottery.analysis.survivors.SURVIVOR_COLUMNS`.
        layers: of `lottery.analysis.survivors.LAYER_COLUMNS`.
        published: (task, unit) -> the paper's count, where it is comparable.
        title: title of the figure.
    """
    counts = [row for row in survivors if row["statistic"] == "super_survivors"]
    units = list(dict.fromkeys(row["unit"] for row in counts))
    tasks = list(dict.fromkeys(row["task"] for row in counts))
    panel = (style.PAGE / 2, max(dots.height(tasks), 1.6))
    figure, axes = style.panels(2 * len(units), columns=len(units), panel=panel, margin=0.7)
    for place, unit in enumerate(units):
        top, below = axes[place], axes[len(units) + place]
        dots.frame(top, tasks, named=place == 0)
        for row in (row for row in counts if row["unit"] == unit):
            line = tasks.index(row["task"])
            ends = (0.0, row["n_units"])
            dots.draw_chance(top, line, row["expected"], row["expected_sd"], possible=ends)
            top.plot(row["value"], line, color=style.BLUE, zorder=5, **dots.DOT)
            if (row["task"], unit) in published:
                dots.draw_published(top, line, published[row["task"], unit])
        dots.settle(top, least=2.0, whole=True)
        n = counts[0]["n_seeds"]
        top.set_title(dots.UNIT_NAMES[unit])
        top.set_xlabel(f"kept by all {n} seeds (number)")
        _draw_layers(below, [row for row in layers if row["unit"] == unit], len(tasks))
    axes[len(units)].set_ylabel(f"tasks survived (of {len(tasks)})")
    handles = [Line2D([], [], color=style.BLUE, **dots.DOT, label="super-survivors")]
    handles += dots.chance_handles(published=bool(published))
    bars = Line2D([], [], color=style.GREEN, marker="o", markersize=3, linewidth=0.9)
    bars.set_label("mean ± sample sd over seeds")
    dots.legend(figure, [*handles, bars], columns=2)
    figure.suptitle(title)
    return figure


def _draw_layers(axis: Axes, rows: Rows, n_tasks: int) -> None:
    over_all = [row for row in rows if row["task"] == ALL]
    layers = [row["layer"] for row in over_all]
    means = np.array([row["mean"] for row in over_all])
    sd = np.nan_to_num([row["sd"] for row in over_all])
    axis.errorbar(
        layers,
        means,
        # Cut at what is possible.
        yerr=[np.minimum(sd, means), np.minimum(sd, n_tasks - means)],
        color=style.GREEN,
        marker="o",
        markersize=3,
        linewidth=0.9,
        elinewidth=0.6,
        capsize=1.5,
    )
    axis.set_ylim(0, n_tasks * 1.04)
    axis.set_xticks(layers if len(layers) <= 12 else layers[:: len(layers) // 8])
    axis.set_xlabel("layer")
    axis.grid(linewidth=0.3, color="#dddddd")
    axis.set_axisbelow(True)
