"""Step measure_noise: masks of searches on different data -> noise of seeds and noise of data."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from lottery import files
from lottery.analysis.good_masks import read_good_masks
from lottery.analysis.search_noise import SEARCH_NOISE, search_noise_table
from lottery.analysis.stability import NOISE, noise_table
from lottery.report import style

VERSION = 5
# Of each source of noise: colour, and its place on a task's line.
SOURCES = {"seeds": (style.BLUE, -0.17), "data": (style.ORANGE, 0.17)}


def measure_noise(
    *,
    paths_to_masks: list[Path],
    path_to_config: Path,
    path_to_noise: Path,
    path_to_test: Path,
    path_to_svg: Path,
    path_to_png: Path,
    model: str,
    method: str,
    search_on: dict[str, str],
    averaged_tasks: list[str],
    permutations: int,
) -> None:
    """Compares masks that differ in the seed alone with masks that differ in the data alone.

    Args:
        paths_to_masks: the good masks of all methods of a family, then tasks, then seeds.
        method: the family's first method.
        search_on: method -> the examples it searches on, for all methods of the family in order.
        averaged_tasks: the tasks that enter averages.
        permutations: permutations behind a p-value, where not all can be counted.
    """
    masks = read_good_masks(paths_to_masks, path_to_config)
    table = noise_table(masks, model, search_on)
    files.write_table(path_to_noise, table, NOISE)
    tested = search_noise_table(masks, model, search_on, averaged_tasks, permutations)
    files.write_table(path_to_test, tested, SEARCH_NOISE)
    title = f"{model}, {method}: noise of seeds and noise of data"
    with style.settings():
        style.save(draw_noise(table, title), path_to_svg, path_to_png)


def draw_noise(rows: object, title: str) -> Figure:
    """Draws the phi of masks of different seeds next to that of masks from different data."""
    shown = pd.DataFrame(rows)
    shown = shown[shown["statistic"] == "phi"]
    units, tasks = shown["unit"].unique(), shown["task"].unique().tolist()
    panel = (style.PAGE / 2, style.height(tasks) + 0.07 * len(tasks))
    figure, axes = style.panels(len(units), 2, panel, 0.8)
    for place, (axis, unit) in enumerate(zip(axes, units, strict=True)):
        style.task_lines(axis, tasks, named=place % 2 == 0)
        axis.axvline(0.0, color=style.GREY, linewidth=0.6, zorder=1)
        known = shown[(shown["unit"] == unit) & shown["mean"].notna()]
        for task in {*tasks} - {*known["task"]}:
            style.draw_missing(axis, tasks.index(task))
        for row in known.itertuples():
            colour, shift = SOURCES[row.source]
            # Hollow where the two sets of examples overlap.
            face = "white" if row.source == "data" and not row.disjoint else colour
            look = {"color": colour, "markerfacecolor": face, "zorder": 3} | style.DOT
            axis.plot(row.mean, tasks.index(row.task) + shift, **look)
        style.settle(axis, least=0.1)
        axis.set_title(style.UNIT_NAMES[unit])
        axis.set_xlabel("phi, mean over pairs of masks")
    dot = style.DOT | {"color": style.ORANGE}
    entries = {
        "same examples, other seed": style.DOT | {"color": style.BLUE},
        "same model, other examples": dot,
        "same model, some examples in common": dot | style.HOLLOW,
    }
    style.legend(figure, entries)
    most = shown.groupby("source")["n"].max().reindex(SOURCES, fill_value=0)
    figure.suptitle(f"{title},\nn = {most['seeds']} pairs of seeds, {most['data']} models at most")
    return figure
