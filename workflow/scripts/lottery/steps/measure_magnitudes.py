"""Step measure_magnitudes: good masks and mean |w| of units -> kept against pruned units."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from lottery import files
from lottery.analysis.magnitudes import BOTH, MAGNITUDES, magnitude_table
from lottery.models.architecture import Architecture
from lottery.pruning.masks import of_units, read_mask
from lottery.report import style

VERSION = 3
COLUMNS = 3


def measure_magnitudes(
    *,
    paths_to_masks: list[Path],
    paths_to_magnitudes: list[Path],
    path_to_config: Path,
    path_to_table: Path,
    path_to_svg: Path,
    path_to_png: Path,
    model: str,
    method: str,
) -> None:
    """Compares the weights of kept and of pruned units, run by run.

    Args:
        paths_to_masks: the good masks of all tasks and seeds, tasks in the order of the figure.
        paths_to_magnitudes: the magnitudes of their fine-tuned models, in the same order.
    """
    architecture = Architecture.from_config(files.read_json(path_to_config), str(path_to_config))
    tables = []
    for path, measured in zip(paths_to_masks, paths_to_magnitudes, strict=True):
        mask, info = read_mask(path)
        cell = {"model": model, "method": method, "task": info.task, "seed": info.seed}
        means = files.read_npz(measured)
        tables.append(magnitude_table(of_units(mask, path), means, architecture, cell))
    table = pd.concat(tables)
    files.write_table(path_to_table, table, MAGNITUDES)
    title = f"{model}, {method}: weights of kept and of pruned units"
    with style.settings():
        style.save(draw_magnitudes(table, title), path_to_svg, path_to_png)


def draw_magnitudes(rows: object, title: str) -> Figure:
    """Draws mean |w| of kept units over that of pruned units, a dot per seed."""
    shown = pd.DataFrame(rows)
    units, tasks = _compared_units(shown), shown["task"].unique()
    panel = (style.PAGE / COLUMNS, style.height(tasks))
    figure, axes = style.panels(len(units), COLUMNS, panel, 0.75)
    small = style.DOT | {"markersize": 3, "color": style.SKY}
    mean = style.DOT | {"marker": "D", "color": style.BLUE}
    for place, (axis, unit) in enumerate(zip(axes, units, strict=True)):
        style.task_lines(axis, tasks, named=place == 0)
        axis.axvline(1.0, color=style.GREY, linewidth=0.6)
        known = shown[(shown["unit"] == unit) & shown["difference"].notna()]
        for line, task in enumerate(tasks):
            of_task = known[known["task"] == task]
            if of_task.empty:
                style.draw_missing(axis, line)
                continue
            ratios = (of_task["kept_mean"] / of_task["pruned_mean"]).astype(float)
            axis.plot(ratios, [line] * len(ratios), **small)
            axis.plot(ratios.mean(), line, **mean)
        style.settle(axis, least=0.1)
        larger = (known["difference"] > 0).sum()
        axis.set_title(f"{style.UNIT_NAMES[unit]}:\nkept > pruned in {larger} of {len(known)}")
        axis.set_xlabel("mean |w| kept / pruned")
    style.legend(figure, {"one seed": small, "mean over seeds": mean})
    figure.suptitle(title)
    return figure


def _compared_units(rows: pd.DataFrame) -> list[str]:
    """The units that the method prunes, and both pooled where it prunes both; all if it none."""
    units = rows["unit"].unique().tolist()
    pruned = {*rows.loc[rows["pruned_units"] > 0, "unit"]} - {BOTH}
    if not pruned:
        return units
    return [unit for unit in units if unit in pruned or (unit == BOTH and len(pruned) > 1)]
