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
from lottery.models.units import KINDS
from lottery.report import style
from lottery.report.tables.numbers import percent
from lottery.results.published import published_heatmap

VERSION = 5
COLUMNS = 4
TASK, ALL = (style.PAGE / COLUMNS, 1.75), (style.COLUMN, 3.0)
# They grow darker evenly from white, in grey print too.
COLOURS = "Blues"
# What differs by less than this is shown as equal: rounding is no pattern.
NARROWEST = 1e-4

WEIGHTS = "Share of weights kept by head and MLP"

Units = Mapping[str, np.ndarray]


def plot_survival(
    *,
    paths_to_masks: list[Path],
    path_to_config: Path,
    path_to_published: Path,
    path_to_table: Path,
    paths_to_tasks_figure: list[Path],
    paths_to_all_figure: list[Path],
    model: str,
    method: str,
    granularity: str,
    averaged_tasks: list[str],
    published_method: str | None,
    published: dict[str, str],
) -> None:
    """Draws which heads and MLPs survive, per task and over all tasks.

    Args:
        paths_to_masks: the good masks of all tasks and seeds, tasks in the order of the panels.
        path_to_published: the paper's heatmap.csv.
        granularity: "units" counts those that survive, "weights" draws shares of kept weights.
        averaged_tasks: the tasks whose maps are averaged; all where there are no masks of them.
        published_method: the paper's method that is repeated; None for no published maps.
        published: task -> the GLUE preset that it repeats as the paper has it.
    """
    masks = read_good_masks(paths_to_masks, path_to_config, bits=False)
    counted = granularity == "units"
    by_task = {task: survivors.survival(masks, [task]) for task in masks.tasks}
    averaged = [task for task in masks.tasks if task in averaged_tasks] or masks.tasks
    over_all = survivors.survival(masks, averaged, counted=counted)
    table = survivors.survival_table(by_task | {survivors.ALL: over_all}, model, method)
    files.write_table(path_to_table, table, survivors.SURVIVAL)
    known = published_heatmap(path_to_published, published_method, published)
    maps = {task: survival.mean for task, survival in by_task.items()}
    details = (method, model, style.seeds([len(masks.seeds)]))
    what = f"{_units(over_all.mean)} that survive" if counted else WEIGHTS
    # One scale of shares for both figures.
    bounds = (0.0, 1.0) if counted else share_bounds([*maps.values(), over_all.mean])
    with style.settings():
        measure = "share of seeds in which the unit survives" if counted else "share kept"
        figure = draw_survival(with_published(maps, known), measure, TASK, bounds)
        style.heading(figure, f"{what}, by task", *details)
        style.finding(figure, _sentence(maps, counted=counted))
        style.save(figure, paths_to_tasks_figure)
        n = over_all.n_tasks
        if counted:
            measure, bounds = f"tasks in which the unit survives (of {n})", (0.0, float(n))
        over = "1 task" if n == 1 else f"{n} tasks"
        figure = draw_survival({over: over_all.mean}, measure, ALL, bounds)
        style.heading(figure, what, *details)
        style.finding(figure, _spread(over_all.mean, f"of {n} tasks" if counted else ""))
        style.save(figure, paths_to_all_figure)


def _units(units: Units) -> str:
    """The kinds of unit, as a title begins: Heads and MLPs."""
    *names, last = (KINDS[name].label for name in units)
    text = f"{', '.join(names)} and {last}"
    return f"{text[0].upper()}{text[1:]}"


def _sentence(maps: Mapping[str, Units], *, counted: bool) -> str:
    """How sure survival is, or how even shares are, over all tasks."""
    kinds = next(iter(maps.values()))
    values = {
        KINDS[name].label: np.concatenate([units[name].ravel() for units in maps.values()])
        for name in kinds
    }
    heads = values["heads"]
    if not counted:
        return f"Of a head's weights {percent(heads.min())} to {percent(heads.max())} are kept."
    every, none = (heads == 1).mean(), (heads == 0).mean()
    *shares, last = (f"{percent(each.mean())} of the {label}" for label, each in values.items())
    return (
        f"On average over tasks {', '.join(shares)} and {last} survive: {percent(every)} of the "
        f"heads under every seed, {percent(none)} under none, and {percent(1 - every - none)} under"
        " some."
    )


def _spread(units: Units, of: str) -> str:
    """The least and the most of every kind."""
    parts = []
    for name, values in units.items():
        kind = KINDS[name]
        label = f"a layer's {kind.label} on average" if kind.many else kind.label
        parts.append(
            f"{label} survive in {values.min():.1f} to {values.max():.1f}"
            if of
            else f"{percent(values.min())} to {percent(values.max())} of the weights of {label} are"
            " kept"
        )
    *first, last = parts
    text = f"{', '.join(first)} and {last}"
    return f"{text[0].upper()}{text[1:]} {of}".rstrip() + "."


def with_published(maps: Mapping[str, Units], published: Mapping[str, Units]) -> dict[str, Units]:
    """The maps by the titles of their panels, the paper's next to ours."""
    shown = {}
    for task, units in maps.items():
        shown[task] = units
        if task in published:
            shown[f"{task}: the paper's"] = published[task]
    return shown


def share_bounds(maps: list[Units]) -> tuple[float, float]:
    """Bounds of a scale of shares: 0 to 1, or the range of the data where it is much narrower."""
    # Magnitude pruning keeps much the same share of every unit: its maps would be blank.
    values = np.concatenate([units.ravel() for each in maps for units in each.values()])
    low, high = float(values.min()), float(values.max())
    return (low, high) if NARROWEST <= high - low <= 0.5 else (0.0, 1.0)


def draw_survival(
    maps: Mapping[str, Units],
    measure: str,
    panel: tuple[float, float],
    bounds: tuple[float, float],
) -> Figure:
    """Draws maps next to each other, all on one scale.

    Args:
        maps: title, as a task's -> kind -> [layers, heads] or [layers], in the order of the panels.
        measure: what the colour shows.
        panel: size of a panel, `TASK` or `ALL`.
        bounds: the ends of the scale; published shares may lie beyond them.
    """
    figure, axes = style.panels(len(maps), COLUMNS, panel, 0.9, x="head", y="layer")
    colours = ScalarMappable(Normalize(*bounds), COLOURS)
    for axis, (name, units) in zip(axes, maps.items(), strict=True):
        _draw_map(axis, units, colours)
        axis.set_title(name)
    bar = style.colour_bar(figure, axes, colours, measure, shrink=0.45 if len(maps) > 2 else 0.8)
    bar.ax.locator_params(axis="x", nbins=5)
    return figure


def _draw_map(axis: Axes, units: Units, colours: ScalarMappable) -> None:
    """Draws heads and, apart from them, a column for every other kind of unit in the same layers.

    The column of a kind with many units in a layer shows their mean.
    """
    heads = units["head"]
    layers, width = heads.shape
    # A gap between the blocks, so that the labels below do not touch.
    gap = max(1, round(width / 8))
    others = [name for name in units if name != "head"]
    columns = [width + gap + place * (gap + 1) for place in range(len(others))]
    grid = np.full((layers, columns[-1] + 1), np.nan)
    grid[:, :width] = heads
    for name, column in zip(others, columns, strict=True):
        grid[:, column] = units[name]
    for start, size in ((-0.5, width), *((column - 0.5, 1) for column in columns)):
        box = {"xy": (start, -0.5), "width": size, "height": layers}
        frame = {"fill": False, "edgecolor": "black", "linewidth": 0.5, "clip_on": False}
        axis.add_patch(Rectangle(**box, **frame, zorder=2))
    look = {"cmap": colours.cmap, "norm": colours.norm, "interpolation": "nearest"}
    axis.imshow(np.ma.masked_invalid(grid), aspect="auto", zorder=1, **look)
    axis.spines[:].set_visible(False)
    axis.set_yticks(_even(layers))
    names = [KINDS[name].label.removesuffix("s") for name in others]
    axis.set_xticks([*_even(width), *columns], [*map(str, _even(width)), *names])
    if len(others) > 1:
        for label in axis.get_xticklabels()[-len(others) :]:
            label.set(rotation=90)
    axis.tick_params(length=1.5, pad=1.5)


def _even(count: int) -> range:
    """The places that get a label: at even distances from the first on, five at most."""
    return range(0, count, max(1, -(-count // 4)))
