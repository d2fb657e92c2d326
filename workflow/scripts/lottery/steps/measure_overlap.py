"""Step measure_overlap: good masks of whole units -> sizes, survivors, and what tasks share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from lottery import files
from lottery.analysis import survivors
from lottery.analysis.good_masks import read_good_masks
from lottery.analysis.pairs_of_tasks import PAIRS_OF_TASKS, pairs_table
from lottery.report import style
from lottery.results.published import published_survivors

VERSION = 6
# From orange (fewer than expected) over white to purple (more); half and double are the ends.
RATIO_COLOURS = "PuOr"
LINE = {"color": style.GREEN, "marker": "o", "markersize": 3, "linewidth": 0.9}
RATIOS = (0.5, 0.7, 1.0, 1.4, 2.0)


def measure_overlap(
    *,
    paths_to_masks: list[Path],
    path_to_config: Path,
    path_to_published: Path,
    path_to_sizes: Path,
    path_to_survivors: Path,
    path_to_layers: Path,
    path_to_overlap: Path,
    path_to_task_pairs: Path,
    path_to_survivors_svg: Path,
    path_to_survivors_png: Path,
    path_to_overlap_svg: Path,
    path_to_overlap_png: Path,
    model: str,
    method: str,
    averaged_tasks: list[str],
    few_tasks: int,
    published: dict[str, str],
    permutations: int,
) -> None:
    """Counts survivors over seeds and tasks of one model and method.

    Args:
        paths_to_masks: the good masks of all tasks and seeds, tasks in the order of the figures.
        averaged_tasks: the tasks that enter averages.
        few_tasks: units that survive in fewer tasks than these are counted.
        published: task -> the GLUE preset that it repeats as the paper has it.
        permutations: draws from chance behind every p-value.
    """
    masks = read_good_masks(paths_to_masks, path_to_config)
    cell = (model, method)
    sizes = survivors.size_table(masks, *cell)
    counts = survivors.survivor_table(
        masks, *cell, averaged_tasks=averaged_tasks, few_tasks=few_tasks, draws=permutations
    )
    layers = survivors.layer_table(masks, *cell)
    overlap = survivors.overlap_table(masks, *cell, permutations)
    files.write_table(path_to_sizes, sizes, survivors.SIZES)
    files.write_table(path_to_survivors, counts, survivors.SURVIVORS)
    files.write_table(path_to_layers, layers, survivors.LAYERS)
    files.write_table(path_to_overlap, overlap, survivors.OVERLAP)
    pairs = pairs_table(masks, *cell, averaged_tasks, permutations)
    files.write_table(path_to_task_pairs, pairs, PAIRS_OF_TASKS)
    known = published_survivors(path_to_published, published)
    name = f"{model}, {method}"
    with style.settings():
        figure = draw_survivors(counts, layers, known, f"{name}: survivors of all seeds")
        style.save(figure, path_to_survivors_svg, path_to_survivors_png)
        figure = draw_overlap(overlap, f"{name}: units that two tasks share")
        style.save(figure, path_to_overlap_svg, path_to_overlap_png)


def draw_overlap(rows: object, title: str) -> Figure:
    """Draws how many units two tasks share: below the diagonal, and of super-survivors above it."""
    shown = pd.DataFrame(rows)
    tasks = shown["task_a"].unique().tolist()
    units = list(shown.groupby("unit", sort=False))
    # Side by side where both fit the page.
    columns = 2 if len(tasks) <= 9 else 1
    panel = (style.PAGE / columns, max(1.6, 0.36 * len(tasks)) + 0.5)
    figure, axes = style.panels(len(units), columns, panel, 0.9)
    colours = ScalarMappable(LogNorm(RATIOS[0], RATIOS[-1], clip=True), RATIO_COLOURS)
    for place, (axis, (unit, of_unit)) in enumerate(zip(axes, units, strict=True)):
        _draw_matrix(axis, of_unit, tasks, colours, named=place % columns == 0)
        axis.set_title(f"{style.UNIT_NAMES[unit]} (of {of_unit['units'].iloc[0]})")
    if len(tasks) > 1:
        label = "shared / expected of independent masks of the same sizes"
        bar = style.colour_bar(figure, axes, colours, label, extend="both", ticks=RATIOS)
        bar.minorticks_off()
    else:
        axes[0].set_xlabel("one task: there is no pair to compare")
    figure.suptitle(f"{title}, {style.seeds(shown['n_seeds'])}")
    return figure


def _draw_matrix(
    axis: Axes, rows: pd.DataFrame, tasks: Sequence[str], colours: ScalarMappable, *, named: bool
) -> None:
    ratios = np.full((len(tasks),) * 2, np.nan)
    texts = {}
    for row in rows.itertuples():
        a, b = tasks.index(row.task_a), tasks.index(row.task_b)
        mean, in_all = f"{row.shared_mean:.1f}", f"{row.super_shared}"
        if a == b:
            texts[a, a] = f"{mean}\n{in_all}"
            continue
        texts[b, a], texts[a, b] = mean, in_all
        ratios[b, a] = row.shared_mean / row.expected if row.expected else np.nan
        ratios[a, b] = row.super_shared / row.super_expected if row.super_expected else np.nan
    shown = np.ma.masked_invalid(np.clip(ratios, RATIOS[0], RATIOS[-1]))
    axis.imshow(shown, cmap=colours.cmap, norm=colours.norm, aspect="auto")
    for (y, x), text in texts.items():
        dark = abs(np.log2(max(ratios[y, x], 0.1))) > 0.55  # NaN is not
        look = {"ha": "center", "va": "center", "linespacing": 0.95}
        axis.text(x, y, text, color="white" if dark else "black", **look)
    axis.set_xticks(range(len(tasks)), tasks, rotation=90 if len(tasks) > 4 else 0)
    axis.set_yticks(range(len(tasks)), tasks if named else [])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)


def draw_survivors(
    rows: object, layers: object, published: Mapping[tuple[str, str], float], title: str
) -> Figure:
    """Draws super-survivors per task, and in how many tasks the units of a layer survive.

    `published`: (task, unit) -> the paper's count, where it is comparable.
    """
    counts, of_layers = pd.DataFrame(rows), pd.DataFrame(layers)
    counts = counts[counts["statistic"] == "super_survivors"]
    units, tasks = counts["unit"].unique(), counts["task"].unique().tolist()
    panel = (style.PAGE / 2, max(style.height(tasks), 1.6))
    figure, axes = style.panels(2 * len(units), len(units), panel, 0.7)
    for place, unit in enumerate(units):
        top, below = axes[place], axes[len(units) + place]
        style.task_lines(top, tasks, named=place == 0)
        for row in counts[counts["unit"] == unit].itertuples():
            line, ends = tasks.index(row.task), (0.0, row.n_units)
            style.draw_chance(top, line, row.expected, row.expected_sd, possible=ends)
            top.plot(row.value, line, color=style.BLUE, zorder=5, **style.DOT)
            if (row.task, unit) in published:
                style.draw_published(top, line, published[row.task, unit])
        style.settle(top, least=2.0, whole=True)
        top.set_title(style.UNIT_NAMES[unit])
        top.set_xlabel(f"kept by all {counts['n_seeds'].iloc[0]} seeds (number)")
        over_all = of_layers[(of_layers["unit"] == unit) & (of_layers["task"] == survivors.ALL)]
        _draw_layers(below, over_all, len(tasks))
    axes[len(units)].set_ylabel(f"tasks survived (of {len(tasks)})")
    entries = {"super-survivors": style.DOT | {"color": style.BLUE}}
    entries |= style.chance_entries(published=bool(published))
    entries["mean ± sample sd over seeds"] = LINE
    style.legend(figure, entries, columns=2)
    figure.suptitle(title)
    return figure


def _draw_layers(axis: Axes, rows: pd.DataFrame, n_tasks: int) -> None:
    layers, means = rows["layer"].tolist(), rows["mean"].astype(float)
    sd = rows["sd"].astype(float).fillna(0.0)
    # Whiskers are cut at what is possible.
    whiskers = [np.minimum(sd, means), np.minimum(sd, n_tasks - means)]
    axis.errorbar(layers, means, yerr=whiskers, elinewidth=0.6, capsize=1.5, **LINE)
    axis.set_ylim(0, n_tasks * 1.04)
    axis.set_xticks(layers if len(layers) <= 12 else layers[:: len(layers) // 8])
    axis.set_xlabel("layer")
    axis.grid()
