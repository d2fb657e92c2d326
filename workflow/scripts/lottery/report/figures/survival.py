"""Heat-maps of survival: heads (layers by heads), and the layers' MLPs as a column of its own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter

from lottery.analysis.survivors import Survival
from lottery.report.figures import style

# Two tasks in a row, each with its mean and its standard deviation.
COLUMNS = 4
TASK, ALL = (style.PAGE / 4, 1.75), (style.PAGE / 2, 3.2)
# Both grow darker evenly from white, in grey print too.
MEAN_COLOURS, SD_COLOURS = "Blues", "Greys"
# What differs by less than this is shown as equal: rounding is no pattern.
NARROWEST = 1e-4


def draw_survival(
    maps: Mapping[str, Survival],
    *,
    title: str,
    measure: str,
    panel: tuple[float, float],
    most: float | None = None,
) -> Figure:
    """Draws the mean and the spread of every map next to each other.

    Args:
        maps: name, as a task's -> survival, in the order of the panels.
        measure: what the colour of a mean shows.
        panel: width and height of a panel, `TASK` or `ALL`.
        most: the largest mean there can be where it counts tasks; None where it is a share.
    """
    bounds = _share_bounds(maps) if most is None else (0.0, most)
    figure, axes = style.panels(2 * len(maps), columns=COLUMNS, panel=panel, margin=0.8)
    means = ScalarMappable(Normalize(*bounds), MEAN_COLOURS)
    # Where no spread is known, or all are as good as 0, any bound will do that makes them white.
    largest = np.nanmax(np.append(_values(maps, "sd"), 0.0))
    spreads = ScalarMappable(Normalize(0.0, largest if largest > NARROWEST else 1.0), SD_COLOURS)
    for index, (name, survival) in enumerate(maps.items()):
        left, right = axes[2 * index : 2 * index + 2]
        _draw_map(left, survival.mean, means)
        left.set_title(f"{name}: mean")
        _draw_map(right, survival.sd, spreads)
        right.set_title(f"{name}: sd (n = {survival.n_seeds})")
    style.label_outer(axes, COLUMNS, x="head", y="layer")
    # The bar drawn last is the lowest.
    place = {"location": "bottom", "shrink": 0.45, "aspect": 40, "pad": 0.03}
    for mappable, label in ((spreads, "sample sd over seeds"), (means, measure)):
        bar = figure.colorbar(mappable, ax=axes, label=label, **place)
        bar.ax.locator_params(axis="x", nbins=5)
        bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    figure.suptitle(title)
    return figure


def _draw_map(axis: Axes, units: Mapping[str, np.ndarray], colours: ScalarMappable) -> None:
    """Draws heads and MLPs; a value that is missing (the sd of one seed) stays hatched."""
    heads, mlps = units["head"], units["mlp"]
    layers, width = heads.shape
    # A gap between heads and MLPs, so that the labels below do not touch.
    column = width + max(1, round(width / 8))
    grid = np.full((layers, column + 1), np.nan)
    grid[:, :width], grid[:, column] = heads, mlps
    for start, columns in ((-0.5, width), (column - 0.5, 1)):
        box = {"xy": (start, -0.5), "width": columns, "height": layers}
        missing = {"facecolor": "white", "edgecolor": style.GREY, "hatch": "////"}
        axis.add_patch(Rectangle(**box, **missing, zorder=0))
        frame = {"fill": False, "edgecolor": "black", "linewidth": 0.5, "clip_on": False}
        axis.add_patch(Rectangle(**box, **frame, zorder=2))
    look = {"cmap": colours.cmap, "norm": colours.norm, "interpolation": "nearest"}
    axis.imshow(np.ma.masked_invalid(grid), aspect="auto", zorder=1, **look)
    axis.spines[:].set_visible(False)
    axis.set_yticks(_ends(layers))
    axis.set_xticks([*_ends(width), column], [*map(str, _ends(width)), "MLP"])
    axis.tick_params(length=1.5, pad=1.5)


def _ends(count: int) -> list[int]:
    """The places that get a label: first, last, and the middle where there is space."""
    return sorted({0, count // 2, count - 1} if count > 4 else {0, count - 1})


def _share_bounds(survivals: Mapping[str, Survival]) -> tuple[float, float]:
    """Bounds of the colour scale: 0 to 1, or the range of the data where it is much narrower.

    Magnitude pruning keeps much the same share of every unit; on a scale from 0 to 1 its maps
    would be blank.
    """
    values = _values(survivals, "mean")
    low, high = float(values.min()), float(values.max())
    return (low, high) if NARROWEST <= high - low <= 0.5 else (0.0, 1.0)


def _values(survivals: Mapping[str, Survival], statistic: str) -> np.ndarray:
    """The numbers that maps show, of `mean` or `sd`."""
    shown = [getattr(survival, statistic) for survival in survivals.values()]
    return np.concatenate([units[kind].ravel() for units in shown for kind in ("head", "mlp")])
