"""What all figures share: sizes, fonts, colours, panels, marks, legends, and reproducible files.

Figures are made without pyplot: no state is left behind, no display is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from lottery import files
from lottery.files.text import legible
from lottery.models.units import KINDS
from lottery.tasks.metrics import METRICS

# Widths in inches: a column and a page of a two-column paper.
COLUMN = 3.5
PAGE = 7.2
DPI = 300
LONGEST = 60  # characters of a name that users choose freely

# No font below 7 points at the printed size.
SETTINGS = {
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "figure.titlesize": 8.5,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "grid.linewidth": 0.3,
    "grid.color": "#dddddd",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "hatch.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    # Names are text: neither $ nor _ means anything.
    "text.parse_math": False,
    "text.usetex": False,
    "svg.fonttype": "path",
    # Identifiers inside an svg are drawn at random unless salted.
    "svg.hashsalt": "lottery",
}

# Okabe and Ito's palette, legible under the common kinds of colour blindness.
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, GREY, DARK = "#56B4E9", "#CC79A7", "#999999", "#666666"
CHANCE = "#cccccc"
PHASES = {"pruned": ORANGE, "retrained": BLUE}
# Colours of subnetworks, by the kind in their names.
SUBNETWORKS = {"majority": GREY, "full": "#555555", "good": BLUE, "random": ORANGE, "bad": PURPLE}

DOT = {"marker": "o", "markersize": 4, "linestyle": "", "markeredgewidth": 0.6}
SEED = {"marker": "o", "markersize": 1.8, "linestyle": "", "markeredgewidth": 0.4, "zorder": 4}

PUBLISHED = {"color": VERMILION, "linewidth": 1.2}
THICK = {"linewidth": 1.2, "zorder": 5}
HOLLOW = {"markerfacecolor": "white"}

UNIT_NAMES = {kind.array: kind.label for kind in KINDS.values()}
UNIT_NAMES |= {
    f"{name}_shares": f"share kept per {kind.label.removesuffix('s')}"
    for name, kind in KINDS.items()
}
UNIT_NAMES |= {"weights": "weights", "both": "heads and MLPs"}


# Figures are made and saved within `with settings():`.
settings = partial(matplotlib.rc_context, SETTINGS)


def panels(
    count: int,
    columns: int,
    panel: tuple[float, float],
    margin: float,
    *,
    narrowest: float = COLUMN,
    widths: Sequence[float] = (1.0,),
    x: str = "",
    y: str = "",
) -> tuple[Figure, list[Axes]]:
    """Makes a figure with `count` panels in rows.

    Args:
        columns: most panels in a row.
        panel: mean width and height of a panel in inches.
        margin: height in inches for what is below or above all panels.
        narrowest: width in inches that title and legend need.
        widths: widths of neighbouring panels to each other, repeated along a row.
        x, y: labels of the panels with no panel below, and of the first column.
    """
    columns = max(1, min(columns, count))
    rows = max(1, math.ceil(count / columns))
    size = (max(panel[0] * columns, narrowest), panel[1] * rows + margin)
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    # What is outside the panels may reach the edge of this frame, not of the page.
    frame = (0.005, 0.01, 0.99, 0.98)
    figure.get_layout_engine().set(w_pad=0.04, h_pad=0.04, wspace=0.02, hspace=0.02, rect=frame)
    ratios = np.resize(widths, columns)
    grid = figure.subplots(rows, columns, squeeze=False, width_ratios=ratios).flatten().tolist()
    for axis in grid[count:]:
        axis.remove()
    for index, axis in enumerate(grid[:count]):
        axis.set_xlabel(x if is_bottom(index, count, columns) else "")
        axis.set_ylabel(y if index % columns == 0 else "")
    return figure, grid[:count]


def is_bottom(index: int, count: int, columns: int) -> bool:
    """Whether there is no panel below panel `index`."""
    return index + min(columns, count) >= count


def save(figure: Figure, path_to_svg: Path, path_to_png: Path) -> None:
    """Writes a figure as svg and png, whole or not at all, the same bytes in every run."""
    # The solver behind the layout orders its variables by memory address, so its last bits differ
    # from run to run, and names inside an svg are digests of the panels' exact places.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axis in figure.axes:
        axis.set_position([round(float(value), 6) for value in axis.get_position().bounds])
    with files.atomic(path_to_svg) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": None})
        # Texts are in comments, too, where XML allows no control characters.
        temporary.write_text(legible(temporary.read_text(encoding="utf-8")), encoding="utf-8")
    with files.atomic(path_to_png) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI, metadata={"Software": None})


def seeds(counts: Iterable[int]) -> str:
    """How many seeds a figure rests on: one number, or the smallest and the largest."""
    ends = sorted(set(counts))
    number = "-".join(str(end) for end in dict.fromkeys((*ends[:1], *ends[-1:]))) or "0"
    return f"n = {number} {'seed' if number == '1' else 'seeds'}"


def title(task: str, metric: str) -> str:
    """A panel's title: the task and its metric, on two lines where one is too short for both."""
    measure = METRICS[metric].title
    together = f"{task}, {measure}"
    return together if len(together) <= 36 else f"{task},\n{measure}"


def short(text: str) -> str:
    """A text that fits: the end of one that is too long is left out."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def colour_of(subnetwork: str) -> str:
    """The colour of a subnetwork: that of the kind (good, random, bad) in its name."""
    parts = subnetwork.split("_")
    return next((SUBNETWORKS[part] for part in parts if part in SUBNETWORKS), GREEN)


def legend(figure: Figure, entries: Mapping[str, Any], columns: int = 3) -> None:
    """Puts the legend below all panels: label -> a patch, or the look of a line; or False."""
    handles = []
    for label, look in entries.items():
        shown = short(label)
        if isinstance(look, Patch):
            look.set_label(shown)
            handles.append(look)
        elif look:
            handles.append(Line2D([], [], label=shown, **look))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False)


def colour_bar(
    figure: Figure, axes: Sequence[Axes], colours: ScalarMappable, label: str, **look: Any
) -> Colorbar:
    """Puts a bar of colours below all panels; the bar drawn last is the lowest."""
    place = {"location": "bottom", "shrink": 0.5, "aspect": 40, "pad": 0.03}
    bar = figure.colorbar(colours, ax=axes, label=label, **place | look)
    bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    return bar


def task_lines(axis: Axes, tasks: Sequence[str], *, named: bool) -> None:
    """Gives every task a line of a panel of dots, the first one on top."""
    axis.set_ylim(len(tasks) - 0.4, -0.6)
    axis.set_yticks(range(len(tasks)), tasks if named else [])
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="y")
    axis.use_sticky_edges = False  # bars would be flush with the frame


def height(tasks: Sequence[str]) -> float:
    """Height in inches of a panel of dots with a line per task."""
    return 0.55 + 0.17 * max(3, len(tasks))


def settle(axis: Axes, *, least: float, whole: bool = False) -> None:
    """Gives a panel that is drawn an x axis that can be read; `whole`: it shows counts.

    Values that differ by less than `least` are equal to the eye, and matplotlib would enlarge them
    and print what they have in common next to the axis.
    """
    if not np.isfinite(axis.dataLim.get_points()).all():
        axis.set_xticks([])
        return
    low, high = axis.get_xlim()
    if high - low < least:
        axis.set_xlim((low + high - least) / 2, (low + high + least) / 2)
    axis.locator_params(axis="x", nbins=5, integer=whole)


def draw_seeds(
    axis: Axes,
    place: float,
    values: Iterable[float],
    hollow: Iterable[bool],
    *,
    spread: float,
    upright: bool = False,
) -> None:
    """Draws a black dot per seed, next to each other so that equal ones are seen.

    Args:
        place: the middle of the dots on the axis of categories, which is x where `upright`.
        spread: the largest distance from the middle.
    """
    values = list(values)
    offsets = np.linspace(-spread, spread, len(values)) if len(values) > 1 else [0.0] * len(values)
    for value, offset, empty in zip(values, offsets, hollow, strict=True):
        point = (place + offset, value) if upright else (value, place + offset)
        axis.plot(*point, color="black", markerfacecolor="white" if empty else "black", **SEED)


def draw_published(
    axis: Axes, place: float, value: float, *, half: float = 0.42, **look: object
) -> None:
    """Draws the paper's number as a thin upright mark that reaches `half` to either side."""
    look = PUBLISHED | {"linewidth": 0.9, "zorder": 4} | look
    axis.plot([value] * 2, [place - half, place + half], **look)


def draw_chance(
    axis: Axes, line: float, expected: float, sd: float, *, possible: tuple[float, float]
) -> None:
    """Draws what chance gives: its mean as a tick, two standard deviations to either side.

    Args:
        expected, sd: of independent masks; NaN draws nothing.
        possible: the smallest and the largest value there can be, where the band is cut.
    """
    if np.isnan(expected):
        return
    if not np.isnan(sd):
        low, high = np.clip([expected - 2 * sd, expected + 2 * sd], *possible)
        axis.barh(line, high - low, left=low, height=0.6, color=CHANCE, zorder=1)
    axis.plot([expected] * 2, [line - 0.3, line + 0.3], color=GREY, linewidth=0.8, zorder=2)


def chance_entries(*, published: bool) -> dict[str, Any]:
    """Entries of the legend for chance and, where there is one, the published value."""
    return {
        "independent masks of the same sizes, mean ± 2 sd": Patch(color=CHANCE),
        "published": published and PUBLISHED | {"linewidth": 0.9, "marker": "|", "linestyle": ""},
    }


def draw_missing(axis: Axes, line: float) -> None:
    """Writes that a task has no value."""
    place = axis.get_yaxis_transform()
    axis.text(0.98, line, "undefined", transform=place, ha="right", va="center", color=DARK)
