"""What all figures share: sizes, fonts, colours, and files that come out the same every time.

Figures are made with matplotlib's objects, without pyplot: no state is left behind, no display is
asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lottery import files
from lottery.tasks.metrics import METRICS

# Widths in inches: a column and a page of a two-column paper.
COLUMN = 3.5
PAGE = 7.2
DPI = 300

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
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "hatch.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "path",
    # Identifiers inside an svg are drawn at random unless salted.
    "svg.hashsalt": "lottery",
}

# Okabe and Ito's palette, legible under the common kinds of colour blindness.
BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, YELLOW, BLACK = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#56B4E9",
    "#CC79A7",
    "#F0E442",
    "#000000",
)
GREY = "#999999"


@contextmanager
def settings() -> Iterator[None]:
    """Within this context figures are made and saved with the shared settings."""
    with matplotlib.rc_context(SETTINGS):
        yield


def panels(count: int, *, columns: int, panel: tuple[float, float], margin: float) -> tuple:
    """Makes a figure with `count` panels in rows.

    Args:
        count: number of panels.
        columns: most panels in a row.
        panel: width and height of a panel in inches.
        margin: height in inches for what stands below or above all panels.

    Returns:
        The figure and its list of axes, one per panel.
    """
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    # Half a page at least, or the legend has no room.
    width = max(panel[0] * columns, COLUMN)
    figure = Figure(figsize=(width, panel[1] * rows + margin), layout="constrained")
    FigureCanvasAgg(figure)
    # What stands outside the panels may reach the edge of this frame, not of the page.
    frame = (0.005, 0.01, 0.99, 0.98)
    figure.get_layout_engine().set(w_pad=0.04, h_pad=0.04, wspace=0.02, hspace=0.02, rect=frame)
    grid = figure.subplots(rows, columns, squeeze=False).flat
    axes: list[Axes] = []
    for index, axis in enumerate(grid):
        if index < count:
            axes.append(axis)
        else:
            axis.remove()
    return figure, axes


def is_bottom(index: int, count: int, columns: int) -> bool:
    """Whether no panel stands below panel `index`."""
    return index + min(columns, count) >= count


def save(figure: Figure, path_to_svg: Path, path_to_png: Path) -> None:
    """Writes a figure as svg and png, whole or not at all, the same bytes in every run.

    The files hold no dates and no versions. The solver behind the layout orders its variables by
    memory address, so its last bits differ from run to run, and names inside an svg are digests of
    the panels' exact places: they are rounded first.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axis in figure.axes:
        axis.set_position([round(float(value), 6) for value in axis.get_position().bounds])
    with files.atomic(path_to_svg) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": None})
    with files.atomic(path_to_png) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI, metadata={"Software": None})


def seeds(counts: Iterable[int]) -> str:
    """How many seeds stand behind a figure: one number, or the smallest and the largest."""
    ends = sorted(set(counts))
    number = "-".join(str(end) for end in dict.fromkeys((*ends[:1], *ends[-1:]))) or "0"
    return f"n = {number} {'seed' if number == '1' else 'seeds'}"


def title(task: str, metric: str) -> str:
    """A panel's title: the task and its metric, on two lines where one has no room for both."""
    measure = METRICS[metric].title
    together = f"{task}, {measure}"
    return together if len(together) <= 36 else f"{task},\n{measure}"
