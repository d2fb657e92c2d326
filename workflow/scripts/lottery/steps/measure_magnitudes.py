"""Step measure_magnitudes: good masks and mean |w| of units -> kept against pruned units."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from lottery import files
from lottery.analysis.magnitudes import BOTH, MAGNITUDES, magnitude_table
from lottery.models.architecture import Architecture
from lottery.pruning.masks import of_units, read_mask
from lottery.report import style
from lottery.results.published import published_magnitudes

VERSION = 4
COLUMNS = 3


def measure_magnitudes(
    *,
    paths_to_masks: list[Path],
    paths_to_magnitudes: list[Path],
    path_to_config: Path,
    path_to_published: Path,
    path_to_table: Path,
    paths_to_figure: list[Path],
    model: str,
    method: str,
    published: bool,
) -> None:
    """Compares the weights of kept and of pruned units, run by run.

    Args:
        paths_to_masks: the good masks of all tasks and seeds, tasks in the order of the figure.
        paths_to_magnitudes: the magnitudes of their fine-tuned models, in the same order.
        path_to_published: the paper's analyses.csv; `published`: whether it is comparable.
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
    known = published_magnitudes(path_to_published) if published else {}
    with style.settings():
        style.save(draw_magnitudes(table, known, method, model), paths_to_figure)


def draw_magnitudes(
    rows: object, published: Mapping[str, tuple[float, float]], *details: str
) -> Figure:
    """Draws mean |w| of kept units over that of pruned units, a dot per seed.

    Heads and MLPs taken together are in the table alone: MLPs have other weights, so that the ratio
    of the two together shows how many of each are kept.

    Args:
        rows: of magnitudes.csv.
        published: unit -> in how many of the paper's runs kept units are the larger, of how many.
        details: of the title: the method, the model.
    """
    shown = pd.DataFrame(rows)
    units, tasks = _compared_units(shown), shown["task"].unique()
    panel = (style.PAGE / min(max(2, len(units)), COLUMNS), style.height(tasks) + 0.15)
    figure, axes = style.panels(len(units), COLUMNS, panel, 0.75, narrowest=style.PAGE * 0.7)
    known = shown[shown["unit"].isin(units) & shown["difference"].notna()]
    ratios = (known["kept_mean"] / known["pruned_mean"]).astype(float)
    known = known.assign(ratio=ratios)
    style.same_range(axes, min([0.95, *ratios]), max([1.05, *ratios]))
    for place, (axis, unit) in enumerate(zip(axes, units, strict=True)):
        style.task_lines(axis, tasks, named=place % COLUMNS == 0)
        axis.axvline(1.0, color=style.GREY, linewidth=0.6)
        of_unit = known[known["unit"] == unit]
        for line, task in enumerate(tasks):
            values = of_unit.loc[of_unit["task"] == task, "ratio"].tolist()
            if values:
                normal = [False] * len(values)
                style.draw_runs(axis, line, values, normal, colour=style.UNITS[unit], spread=0.2)
            else:
                style.draw_missing(axis, line)
        axis.locator_params(axis="x", nbins=5)
        axis.set_title(style.UNIT_NAMES[unit])
        larger = f"kept units larger in {(of_unit['ratio'] > 1).sum()} of {len(of_unit)} runs"
        if unit in published:
            larger += "\n(paper: {:.0f} of {:.0f})".format(*published[unit])
        axis.set_xlabel(f"mean |w| of kept / of pruned units\n{larger}")
    n_seeds = int(known.groupby(["unit", "task"]).size().max()) if len(known) else 0
    style.legend(figure, style.run_entries(seeds=n_seeds, phases=False))
    seeds = [shown["seed"].nunique()]
    texts = [
        f"{style.UNIT_NAMES[unit]} {(of_unit['ratio'] > 1).sum()} of {len(of_unit)}"
        for unit, of_unit in known.groupby("unit", sort=False)
    ]
    runs = f"Runs whose kept units have the larger weights: {', '.join(texts)}."
    style.finding(figure, runs if texts else "")
    what = "Weights of the units that are kept and of those that are pruned"
    style.heading(figure, what, *details, style.seeds(seeds))
    return figure


def _compared_units(rows: pd.DataFrame) -> list[str]:
    """The kinds of units that the method prunes; all kinds if it prunes none."""
    units = [unit for unit in rows["unit"].unique() if unit != BOTH]
    pruned = {*rows.loc[rows["pruned_units"] > 0, "unit"]}
    return [unit for unit in units if unit in pruned] or units
