"""Step plot_survival: good masks of one model and method -> heat-maps, and the numbers in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lottery import files
from lottery.analysis import survivors
from lottery.analysis.good_masks import read_good_masks
from lottery.analysis.survivors import Survival
from lottery.report import style

VERSION = 4
# Two tasks in a row, each with its mean and its standard deviation.
COLUMNS = 4
TASK, ALL = (style.PAGE / 4, 1.75), (style.PAGE / 2, 3.2)
# Both grow darker evenly from white, in grey print too.
MEAN_COLOURS, SD_COLOURS = "Blues", "Greys"
# What differs by less than this is shown as equal: rounding is no pattern.
NARROWEST = 1e-4


def plot_survival(
    *,
    paths_to_masks: list[Path],
    path_to_config: Path,
    path_to_table: Path,
    path_to_tasks_svg: Path,
    path_to_tasks_png: Path,
    path_to_all_svg: Path,
    path_to_all_png: Path,
    model: str,
    method: str,
    granularity: str,
    averaged_tasks: list[str],
) -> None:
    """Draws which heads and MLPs survive, per task and over all tasks.

    Args:
        paths_to_masks: the good masks of all tasks and seeds, tasks in the order of the panels.
        granularity: "units" counts those that survive, "weights" draws shares of kept weights.
        averaged_tasks: the tasks whose maps are averaged; all where there are no masks of them.
    """
    masks = read_good_masks(paths_to_masks, path_to_config, bits=False)
    counted = granularity == "units"
    by_task = {task: survivors.survival(masks, [task]) for task in masks.tasks}
    averaged = [task for task in masks.tasks if task in averaged_tasks] or masks.tasks
    over_all = survivors.survival(masks, averaged, counted=counted)
    table = survivors.survival_table(by_task | {survivors.ALL: over_all}, model, method)
    files.write_table(path_to_table, table, survivors.SURVIVAL)
    what = "survival of heads and MLPs" if counted else "weights kept by head and MLP"
    title, share = f"{model}, {method}: {what}", "share of weights kept"
    n = over_all.n_tasks
    with style.settings():
        measure = "share of seeds in which it survives" if counted else share
        figure = draw_survival(by_task, title=title, measure=measure, panel=TASK)
        style.save(figure, path_to_tasks_svg, path_to_tasks_png)
        maps = {"1 task" if n == 1 else f"{n} tasks": over_all}
        measure = "number of tasks in which it survives" if counted else share
        most = n if counted else None
        figure = draw_survival(maps, title=title, measure=measure, panel=ALL, most=most)
        style.save(figure, path_to_all_svg, path_to_all_png)


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
        panel: size of a panel, `TASK` or `ALL`.
        most: the largest mean there can be where it counts tasks; None where it is a share.
    """
    bounds = _share_bounds(maps) if most is None else (0.0, most)
    figure, axes = style.panels(2 * len(maps), COLUMNS, panel, 0.8, x="head", y="layer")
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
    for mappable, label in ((spreads, "sample sd over seeds"), (means, measure)):
        bar = style.colour_bar(figure, axes, mappable, label, shrink=0.45)
        bar.ax.locator_params(axis="x", nbins=5)
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
    """Bounds of the colour scale: 0 to 1, or the range of the data where it is much narrower."""
    # Magnitude pruning keeps much the same share of every unit: its maps would be blank.
    values = _values(survivals, "mean")
    low, high = float(values.min()), float(values.max())
    return (low, high) if NARROWEST <= high - low <= 0.5 else (0.0, 1.0)


def _values(survivals: Mapping[str, Survival], statistic: str) -> np.ndarray:
    """The numbers that maps show, of `mean` or `sd`."""
    shown = [getattr(survival, statistic) for survival in survivals.values()]
    return np.concatenate([units[kind].ravel() for units in shown for kind in ("head", "mlp")])
