"""Heat-maps of survival: heads (layers by heads) with the layers' MLPs as a column beside them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter

from lottery.report.figures import style
from lottery.results.survival import Survival

PANEL = (style.PAGE / 4, 1.75)
# Two tasks in a row, each with its mean and its standard deviation.
COLUMNS = 4
# Both grow darker evenly from white, in grey print too.
MEAN_COLOURS = "Blues"
SD_COLOURS = "Greys"
# What differs by less than this is shown as equal: rounding is no pattern.
NARROWEST = 1e-4


def draw_tasks(survivals: Mapping[str, Survival], *, title: str, measure: str) -> Figure:
    """Draws the mean and the spread of every task.

    Args:
        survivals: task -> survival, in the order of the panels.
        title: title of the figure.
        measure: what the colour of a mean says.
    """
    return _draw(
        survivals, title=title, measure=measure, panel=PANEL, bounds=_share_bounds(survivals)
    )


def draw_all_tasks(survival: Survival, *, title: str, measure: str, counted: bool) -> Figure:
    """Draws the mean and the spread over all tasks.

    Args:
        survival: survival over all tasks.
        title: title of the figure.
        measure: what the colour of a mean says.
        counted: whether the mean is a number of tasks, else a share.
    """
    bounds = (0.0, float(survival.n_tasks)) if counted else _share_bounds({"": survival})
    name = "1 task" if survival.n_tasks == 1 else f"{survival.n_tasks} tasks"
    panel = (style.PAGE / 2, 3.2)
    return _draw({name: survival}, title=title, measure=measure, panel=panel, bounds=bounds)


def _draw(
    maps: Mapping[str, Survival],
    *,
    title: str,
    measure: str,
    panel: tuple[float, float],
    bounds: tuple[float, float],
) -> Figure:
    figure, axes = style.panels(2 * len(maps), columns=COLUMNS, panel=panel, margin=0.8)
    means = ScalarMappable(Normalize(*bounds), MEAN_COLOURS)
    spreads = ScalarMappable(Normalize(0.0, _largest_sd(maps)), SD_COLOURS)
    for index, (name, survival) in enumerate(maps.items()):
        left, right = axes[2 * index], axes[2 * index + 1]
        _draw_map(left, survival.mean, means)
        left.set_title(f"{name}: mean")
        _draw_map(right, survival.sd, spreads)
        right.set_title(f"{name}: sd (n = {survival.n_seeds})")
        if 2 * index % COLUMNS == 0:
            left.set_ylabel("layer")
        for axis in (left, right):
            if style.is_bottom(2 * index, 2 * len(maps), COLUMNS):
                axis.set_xlabel("head")
    # The bar drawn last stands lowest.
    for mappable, label in ((spreads, "sample sd over seeds"), (means, measure)):
        bar = figure.colorbar(
            mappable, ax=axes, location="bottom", shrink=0.45, aspect=40, pad=0.03, label=label
        )
        bar.ax.locator_params(axis="x", nbins=5)
        bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    figure.suptitle(title)
    return figure


def _draw_map(axis: Axes, units: Mapping[str, np.ndarray], colours: ScalarMappable) -> None:
    """Draws heads and MLPs; a value that is missing (the sd of one seed) stays hatched."""
    heads, mlps = units["head"], units["mlp"]
    layers, width = heads.shape
    # Room between heads and MLPs, so that the labels below do not touch.
    column = width + max(1, round(width / 8))
    grid = np.full((layers, column + 1), np.nan)
    grid[:, :width], grid[:, column] = heads, mlps
    for start, columns in ((-0.5, width), (column - 0.5, 1)):
        place = {"xy": (start, -0.5), "width": columns, "height": layers}
        axis.add_patch(
            Rectangle(**place, facecolor="white", edgecolor=style.GREY, hatch="////", zorder=0)
        )
        frame = {"fill": False, "edgecolor": "black", "linewidth": 0.5}
        axis.add_patch(Rectangle(**place, **frame, zorder=2, clip_on=False))
    axis.imshow(
        np.ma.masked_invalid(grid),
        cmap=colours.cmap,
        norm=colours.norm,
        aspect="auto",
        interpolation="nearest",
        zorder=1,
    )
    for spine in axis.spines.values():
        spine.set_visible(False)
    axis.set_yticks(_ends(layers))
    axis.set_xticks([*_ends(width), column], [*map(str, _ends(width)), "MLP"])
    axis.tick_params(length=1.5, pad=1.5)


def _ends(count: int) -> list[int]:
    """The places that get a label: first, last, and the middle where there is room."""
    return sorted({0, count // 2, count - 1} if count > 4 else {0, count - 1})


def _share_bounds(survivals: Mapping[str, Survival]) -> tuple[float, float]:
    """Bounds of the colour scale: 0 to 1, or the range of the data where it is much narrower.

    Magnitude pruning keeps much the same share of every unit; on a scale from 0 to 1 its maps
    would be blank.
    """
    values = np.concatenate([_numbers(s.mean) for s in survivals.values()])
    low, high = float(values.min()), float(values.max())
    if high - low > 0.5 or high - low < NARROWEST:
        return 0.0, 1.0
    return low, high


def _largest_sd(survivals: Mapping[str, Survival]) -> float:
    values = np.concatenate([_numbers(s.sd) for s in survivals.values()])
    known = values[~np.isnan(values)]
    # Where no spread is known, or all are as good as 0, any bound will do that makes them white.
    return float(known.max()) if known.size and known.max() > NARROWEST else 1.0


def _numbers(units: Mapping[str, np.ndarray]) -> np.ndarray:
    """The numbers that a map shows."""
    return np.concatenate([units[kind].ravel() for kind in ("head", "mlp")])
