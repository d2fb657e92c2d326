"""What all figures share: sizes, fonts, colours, panels, marks, legends, and reproducible files.

Figures are made without pyplot: no state is left behind, no display is asked for.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from lottery.pruning.subnetworks import Subnetwork
from lottery.tasks.metrics import METRICS

if TYPE_CHECKING:
    import pandas as pd

# Widths in inches: a column and a page of a two-column paper.
COLUMN = 3.5
PAGE = 7.2
DPI = 300
# What else would differ from run to run.
METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
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
    # Text stays text: it can be searched, copied, read aloud, and set in the font of a paper.
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    # The first that a reader's machine has. Places are computed for the first, which is the widest.
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "Helvetica"],
    # Identifiers inside an svg are drawn at random unless salted.
    "svg.hashsalt": "lottery",
}

# A colour means one thing in all figures: the palettes below share none, and each colour is at
# least 3 : 1 in contrast with white. The hues of subnetworks are near Okabe and Ito's, which differ
# under the common kinds of colour blindness; marks and dashes say the same without colour.
# Methods have no colours: a panel or a line of its own tells them apart.
SUBNETWORKS = {
    "full": "#222222",
    "majority": "#767676",
    "good": "#0072b2",
    "random": "#b36b00",
    "bad": "#aa3377",
    "good_half": "#3b8fc7",
    "random_half": "#c07c00",
    "bad_half": "#c8609a",
    "super_good": "#003a63",
    "super_random": "#6b3f00",
    "super_bad": "#5e1a45",
    "random_uniform": "#d9600a",
    "random_layerwise": "#8a3800",
    "inverted": "#8f2bb0",
}
OTHER = "#5f8000"  # a subnetwork of no kind above
PHASES = {"pruned": "#00857a", "retrained": "#332288"}
UNITS = {
    "heads": "#117733",
    "mlps": "#6a51a3",
    "neurons": "#a63d2f",
    "layers": "#1f6f8b",
    "weights": "#4d4d4d",
}
# One after the other, with dashes of their own; more seeds begin again.
SEEDS = ("#1f3b4d", "#2e8b8b", "#8c564b", "#5b5b9e", "#8a7000", "#a0522d")
# What is not one of these: gold labels, noise of seeds and of data.
SERIES = ("#000000", "#1b6ca8", "#c4401d", "#3f7f3f", "#8a4fbf", "#7a6a00")
# Classes of attention maps.
PATTERNS = ("#8a8a8a", "#00695c", "#3949ab", "#bf4f0c", "#ad1457")
PAPER = "#c00000"
INK, GREY = "#333333", "#707070"
# Of areas, which have an edge in `GREY`, and of lines that only guide the eye.
FILL, RULE = "#e4e4e4", "#dddddd"

DOT = {"marker": "o", "markersize": 4, "linestyle": "", "markeredgewidth": 0.7}
HOLLOW = {"markerfacecolor": "white"}
LINE = {"linewidth": 0.9}
# Pruned is hollow, retrained is filled, and a degenerate run is crossed, whatever the colour.
MEAN = {"marker": "D", "markersize": 4, "linestyle": "", "markeredgewidth": 0.8}
CROSS = {"marker": "x", "markersize": 3.4, "linestyle": "", "markeredgewidth": 0.8}
# Of several curves or masks in a panel, so that they differ without colour.
MARKERS = ("o", "s", "^", "v", "P", "X")
# On top of a mean over seeds of which one collapsed.
COLLAPSED = CROSS | {"color": INK, "markersize": 5, "zorder": 6}
FEWEST = 3  # seeds of which a mean and a spread are shown; fewer are shown as they are

PUBLISHED = {"color": PAPER, "linewidth": 1.1}
PUBLISHED_ENTRY = PUBLISHED | {"marker": "|", "linestyle": "", "markersize": 7}

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


def pairs_of_panels(units: Sequence[str]) -> tuple[list[tuple[int, str]], int]:
    """Places two panels for every kind of unit: below one another, or from four kinds on in rows.

    Returns:
        Of every panel its number in the pair, 0 or 1, and its kind; and the panels in a row.
    """
    if len(units) <= 3:
        return [(number, unit) for number in range(2) for unit in units], len(units)
    return [(number, unit) for unit in units for number in range(2)], 2


def save(figure: Figure, paths: Sequence[Path]) -> None:
    """Writes a figure in the format of each suffix, whole or not at all, the same in every run.

    What ends in .rst gets the figure's finding, which its caption begins with.
    """
    # The solver behind the layout orders its variables by memory address, so its last bits differ
    # from run to run, and names inside an svg are digests of the panels' exact places.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axis in figure.axes:
        axis.set_position([round(float(value), 6) for value in axis.get_position().bounds])
    for path in paths:
        kind = path.suffix.removeprefix(".")
        with files.atomic(path) as temporary:
            if kind == "rst":
                temporary.write_text(f"{escaped(figure.get_label())}\n", encoding="utf-8")
                continue
            figure.savefig(temporary, format=kind, dpi=DPI, metadata=METADATA[kind])
            if kind == "svg":
                # XML allows no control characters, and names may hold some.
                text = legible(temporary.read_text(encoding="utf-8"))
                temporary.write_text(text, encoding="utf-8")


def seeds(counts: Iterable[int]) -> str:
    """How many seeds a figure rests on: one number, or the smallest and the largest."""
    ends = sorted(set(counts))
    number = "-".join(str(end) for end in dict.fromkeys((*ends[:1], *ends[-1:]))) or "0"
    return f"{number} {'seed' if number == '1' else 'seeds'}"


def heading(figure: Figure, what: str, *details: str) -> None:
    """Puts the title on top: what is shown, and below it of which method, model and seeds."""
    width = figure.get_size_inches()[0]
    # A number and its word stay together.
    whole = (re.sub(r"^(\S+) (seeds?)$", "\\1\u00a0\\2", short(detail)) for detail in details)
    # About 15 letters of this size fit in an inch.
    wrap = partial(textwrap.fill, width=int(15 * width), break_on_hyphens=False)
    lines = (wrap(line) for line in (what, " · ".join(whole)) if line)
    figure.suptitle("\n".join(lines).replace("\u00a0", " "))


def reason(runs: pd.DataFrame, table: pd.DataFrame) -> str:
    """Why a figure of comparisons with the full model would be blank; empty if it is not.

    Args:
        runs: of `lottery.results.summary.reported_runs`.
        table: what the figure shows.
    """
    full = runs[runs["subnetwork"] == "full"]
    if len(full) and full["degenerate"].all():
        return "Every full model collapsed, so there is nothing to compare."
    return "" if len(table) else "No run that this figure shows is there yet."


def blank(why: str, what: str, *details: str) -> Figure:
    """A figure with a title and the reason why there is no more."""
    figure, _ = panels(0, 1, (PAGE / 2, 0.5), 0.8)
    figure.text(0.5, 0.3, why, ha="center", va="center")
    finding(figure, why)
    heading(figure, what, *details)
    return figure


def finding(figure: Figure, *sentences: str) -> None:
    """Keeps what the figure shows, in numbers, for `save` to write."""
    figure.set_label(" ".join(sentence for sentence in sentences if sentence))


def escaped(text: str) -> str:
    """Plain text as reStructuredText."""
    return re.sub(r"([\\*`|_])", r"\\\1", text)


def measure(metric: str) -> str:
    """The name of a metric as axes and titles show it."""
    return METRICS[metric].title


def axis_of(metrics: Iterable[str], mixed: str = "score in the task's metric") -> str:
    """The label of an axis of scores: the metric, or `mixed` where panels have different ones."""
    names = {measure(metric) for metric in metrics}
    return names.pop() if len(names) == 1 else mixed


def title(task: str, metric: str) -> str:
    """A panel's title: the task and its metric, on two lines where one is too short for both."""
    together = f"{task}, {measure(metric)}"
    return together if len(together) <= 36 else f"{task},\n{measure(metric)}"


def short(text: str) -> str:
    """A text that fits: the end of one that is too long is left out."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def colour_of(subnetwork: str) -> str:
    """The colour of a subnetwork, that of its kind."""
    return SUBNETWORKS.get(Subnetwork.parse(subnetwork).kind, OTHER)


def columns_for(count: int, most: int = 4, least: int = 3) -> int:
    """How many panels to put in a row so that the last row has the fewest gaps."""
    return min(range(most, least - 1, -1), key=lambda columns: -count % columns)


def same_range(axes: Sequence[Axes], low: float, high: float, *, upright: bool = False) -> None:
    """Gives panels one range of values, with a margin."""
    margin = 0.04 * (high - low) or 0.05
    for axis in axes:
        set_range = axis.set_ylim if upright else axis.set_xlim
        set_range(low - margin, high + margin)


def reach(values: Sequence[float], ends: Iterable[float]) -> list[float]:
    """What the range of a panel holds: its values, and ends of intervals that are not far off.

    An interval over few seeds may be many times as long as values differ: an end counts as no more
    than half of their range away from them.
    """
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    known = [end for end in ends if not np.isnan(end)]
    return [*values, *np.clip(known, low - (high - low) / 2, high + (high - low) / 2).tolist()]


def draw_interval(
    axis: Axes, place: float, low: float, high: float, *, within: tuple[float, float], **look: Any
) -> None:
    """Draws an interval along x; an end outside of `within`, the range shown, is an arrow."""
    ends = np.clip([low, high], *within)
    if np.isnan(ends).any():
        return
    axis.plot(ends, [place] * 2, **LINE | look)
    colour = {name: look[name] for name in ("color", "zorder") if name in look}
    for end, outside, marker in ((ends[0], low < within[0], "<"), (ends[1], high > within[1], ">")):
        shape = {"marker": marker if outside else "|", "markersize": 3.2, "markeredgewidth": 0.7}
        axis.plot(end, place, linestyle="", clip_on=False, **colour | shape)


def legend(figure: Figure, entries: Mapping[str, Any], columns: int = 3) -> None:
    """Puts the legend below all panels: label -> a patch, or the look of a line; or False.

    It has fewer columns than wanted where it would be wider than the figure.
    """
    handles = []
    for label, look in entries.items():
        shown = short(label)
        if isinstance(look, Patch):
            look.set_label(shown)
            handles.append(look)
        elif look:
            handles.append(Line2D([], [], label=shown, **look))
    placed: dict[str, Any] = {"loc": "outside lower center", "frameon": False}
    for number in range(columns, 0, -1):
        made = figure.legend(handles=handles, ncols=number, **placed)
        if number == 1 or made.get_window_extent().width <= figure.bbox.width:
            return
        made.remove()


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


def draw_runs(
    axis: Axes,
    place: float,
    values: Sequence[float],
    degenerate: Sequence[bool],
    *,
    colour: str,
    pruned: bool = False,
    spread: float = 0.1,
) -> None:
    """Draws a dot per seed along x, and from `FEWEST` seeds on their mean and sample sd.

    Args:
        axis: a panel whose range is set; a whisker that leaves it ends in an arrow.
        place: the middle of the dots on the y axis.
        degenerate: whether a seed's run is crossed.
        pruned: whether marks are hollow.
        spread: the largest distance from the middle; seeds are next to each other so that equal
            ones are seen.
    """
    face = {"color": colour, "markerfacecolor": "white" if pruned else colour, "clip_on": False}
    many = len(values) >= FEWEST
    dot = DOT | face | {"markersize": 2.0 if many else 3.6, "zorder": 4}
    offsets = np.linspace(-spread, spread, len(values)) if len(values) > 1 else [0.0] * len(values)
    for value, offset, crossed in zip(values, offsets, degenerate, strict=True):
        axis.plot(value, place + offset, **dot | (CROSS if crossed else {}))
    if many:
        mean, sd = float(np.mean(values)), float(np.std(values, ddof=1))
        whisker = {"color": colour, "zorder": 3}
        draw_interval(axis, place, mean - sd, mean + sd, within=axis.get_xlim(), **whisker)
        axis.plot(mean, place, zorder=5, **MEAN | face)


def run_entries(
    *, seeds: int, degenerate: bool = False, published: bool = False, phases: bool = True
) -> dict[str, Any]:
    """Entries of the legend for what `draw_runs` draws, of pruned and retrained subnetworks."""
    ink, many = {"color": INK}, seeds >= FEWEST
    mark = (MEAN if many else DOT) | ink
    return {
        "pruned": phases and mark | HOLLOW,
        "retrained": phases and mark,
        "one seed": (many or not phases) and DOT | ink | {"markersize": 2.0 if many else 4},
        "mean ± sample sd": many and LINE | ink | {"marker": "D", "markersize": 4},
        "degenerate run": degenerate and CROSS | ink,
        "published mean": published and PUBLISHED_ENTRY,
    }


def draw_published(axis: Axes, place: float, value: float, *, half: float = 0.42) -> None:
    """Draws the paper's number as a thin upright mark that reaches `half` to either side."""
    axis.plot([value] * 2, [place - half, place + half], zorder=6, **PUBLISHED)


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
        band = {"facecolor": FILL, "edgecolor": GREY, "linewidth": 0.5}
        axis.barh(line, high - low, left=low, height=0.6, zorder=1, **band)
    axis.plot([expected] * 2, [line - 0.3, line + 0.3], color=GREY, linewidth=0.8, zorder=2)


def chance_entries(*, published: bool) -> dict[str, Any]:
    """Entries of the legend for chance and, where there is one, the published value."""
    return {
        "independent masks of the same sizes, mean ± 2 sd": area(),
        "published": published and PUBLISHED_ENTRY,
    }


def area(**look: Any) -> Patch:
    """An area in the legend."""
    return Patch(**{"facecolor": FILL, "edgecolor": GREY, "linewidth": 0.5} | look)


def draw_missing(axis: Axes, line: float) -> None:
    """Writes that a task has no value."""
    place = axis.get_yaxis_transform()
    axis.text(0.98, line, "undefined", transform=place, ha="right", va="center", color=GREY)
