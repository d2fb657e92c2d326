"""Step measure_overlap: good masks of whole units -> sizes, survivors, and what tasks share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from lottery import files
from lottery.analysis import survivors
from lottery.analysis.good_masks import read_good_masks
from lottery.analysis.pairs_of_tasks import PAIRS_OF_TASKS, pairs_table
from lottery.report import style
from lottery.report.tables.numbers import percent
from lottery.results.published import (
    published_analyses,
    published_overlap,
    published_survivors,
)

VERSION = 7
# From orange (fewer in common than expected) over white to purple (more).
COLOURS = "PuOr"
ENDS = 3.0  # standard deviations at the ends of the scale
GOOD = {"color": style.SUBNETWORKS["good"]}
SUPER = {"color": style.SUBNETWORKS["super_good"]}
KEY = (
    "standard deviations from what independent masks of the same sizes have in common\n"
    "below the diagonal: units in common, mean over seeds; above: super-survivors in common;\n"
    "on the diagonal: a task's own units and, below, its super-survivors"
)
Shared = Mapping[tuple[str, str, str, str], float]


def measure_overlap(
    *,
    paths_to_masks: list[Path],
    path_to_config: Path,
    path_to_published: Path,
    path_to_shared: Path,
    path_to_analyses: Path,
    path_to_sizes: Path,
    path_to_survivors: Path,
    path_to_layers: Path,
    path_to_overlap: Path,
    path_to_task_pairs: Path,
    paths_to_survivors_figure: list[Path],
    paths_to_overlap_figure: list[Path],
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
        path_to_published, path_to_shared, path_to_analyses: the paper's sizes.csv,
            task_overlap.csv and analyses.csv.
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
    analyses = published_analyses(path_to_analyses)
    # The paper's share is over nine tasks.
    few = f"fewer_than_{few_tasks}_tasks"
    like_paper = len(published) == len(masks.tasks) == 9
    of_few = {
        unit: row.value
        for (name, unit), row in analyses.items()
        if name == few and row.value is not None
    }
    with style.settings():
        figure = draw_survivors(counts, layers, known, of_few if like_paper else {}, *cell[::-1])
        style.save(figure, paths_to_survivors_figure)
        figure = draw_overlap(overlap, published_overlap(path_to_shared, published), *cell[::-1])
        style.save(figure, paths_to_overlap_figure)


def draw_overlap(rows: object, published: Shared, *details: str) -> Figure:
    """Draws how many units two tasks share: below the diagonal, and of super-survivors above it.

    Args:
        rows: of task_overlap.csv.
        published: (task, other task, unit, number) -> the paper's.
        details: of the title: the method, the model.
    """
    shown = pd.DataFrame(rows)
    tasks = shown["task_a"].unique().tolist()
    matrices = [
        (f"{style.UNIT_NAMES[unit]} (of {of_unit['units'].iloc[0]})", of_unit)
        for unit, of_unit in shown.groupby("unit", sort=False)
    ]
    matrices += [
        (f"{title}: the paper's", known)
        for title, of_unit in list(matrices)
        if len(known := published_rows(of_unit, published))
    ]
    units = shown["unit"].nunique()
    # Side by side where both fit the page.
    columns = units if len(tasks) <= 9 else 1
    side = 0.36 * len(tasks) + 0.4
    panel = (min(style.PAGE / columns, max(1.75, side)), max(1.0, side))
    figure, axes = style.panels(len(matrices), columns, panel, 1.3, narrowest=5.2)
    colours = ScalarMappable(Normalize(-ENDS, ENDS, clip=True), COLOURS)
    for place, (axis, (title, of_unit)) in enumerate(zip(axes, matrices, strict=True)):
        _draw_matrix(axis, of_unit, tasks, colours, named=place % columns == 0)
        axis.set_title(title)
    if len(tasks) > 1:
        style.colour_bar(figure, axes, colours, KEY, extend="both")
    else:
        axes[0].set_xlabel("one task: there is no pair to compare")
    style.finding(figure, *(_pairs(title, of_unit) for title, of_unit in matrices))
    what = "Units that the good subnetworks of two tasks have in common"
    style.heading(figure, what, *details, style.seeds(shown["n_seeds"]))
    return figure


def _pairs(title: str, rows: pd.DataFrame) -> str:
    """How many pairs of tasks share more, and fewer, units than chance gives."""
    pairs = rows[(rows["task_a"] != rows["task_b"]) & (rows["expected_sd"] > 0)]
    if pairs.empty:
        return ""
    deviations = (pairs["shared_mean"] - pairs["expected"]) / pairs["expected_sd"]
    more, fewer = (deviations > 2).sum(), (deviations < -2).sum()
    return (
        f"{title}: of {len(pairs)} pairs of tasks {more} have more than two standard deviations"
        f" more units in common than chance gives, {fewer} fewer."
    )


def published_rows(rows: pd.DataFrame, published: Shared) -> pd.DataFrame:
    """The paper's numbers for the pairs of tasks of one kind of unit, without those it lacks.

    It has no spread of what chance gives: that of masks of the mean sizes is taken, over its five
    seeds.
    """
    found = []
    for row in rows.itertuples():
        place = (row.task_a, row.task_b, row.unit)
        if (*place, "shared_mean") not in published:
            continue
        first, second = (published[t, t, row.unit, "shared_mean"] for t in place[:2])
        found.append(
            {
                "unit": row.unit,
                "units": row.units,
                "task_a": row.task_a,
                "task_b": row.task_b,
                "shared_mean": published[*place, "shared_mean"],
                "expected": published[*place, "expected"],
                "expected_sd": chance_sd(first, second, row.units) / np.sqrt(5),
                "super_shared": round(published[*place, "super_shared"]),
            }
        )
    return pd.DataFrame(found)


def chance_sd(first: float, second: float, units: int) -> float:
    """Standard deviation of what two independent masks have in common (hypergeometric)."""
    if units < 2:
        return 0.0
    shares = first / units * second / units * (1 - first / units) * (1 - second / units)
    return float(np.sqrt(units**2 * shares / (units - 1)))


def _draw_matrix(
    axis: Axes, rows: pd.DataFrame, tasks: Sequence[str], colours: ScalarMappable, *, named: bool
) -> None:
    deviations = np.full((len(tasks),) * 2, np.nan)
    texts = {}
    own = {row.task_a: row.super_shared for row in rows.itertuples() if row.task_a == row.task_b}
    for row in rows.itertuples():
        a, b = tasks.index(row.task_a), tasks.index(row.task_b)
        mean, in_all = f"{row.shared_mean:.1f}", f"{row.super_shared}"
        if a == b:
            texts[a, a] = f"{mean}\n{in_all}"
            continue
        texts[b, a], texts[a, b] = mean, in_all
        sizes = own[row.task_a], own[row.task_b]
        expected = sizes[0] * sizes[1] / row.units
        deviations[b, a] = _deviation(row.shared_mean, row.expected, row.expected_sd)
        deviations[a, b] = _deviation(row.super_shared, expected, chance_sd(*sizes, row.units))
    shown = np.ma.masked_invalid(np.clip(deviations, -ENDS, ENDS))
    axis.imshow(shown, cmap=colours.cmap, norm=colours.norm, aspect="auto")
    for (y, x), text in texts.items():
        on_dark = abs(deviations[y, x]) > 0.7 * ENDS  # NaN is not
        look = {"ha": "center", "va": "center", "linespacing": 0.95}
        axis.text(x, y, text, color="white" if on_dark else "black", **look)
    axis.set_xticks(range(len(tasks)), tasks, rotation=90 if len(tasks) > 4 else 0)
    axis.set_yticks(range(len(tasks)), tasks if named else [])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)


def _deviation(value: float, expected: float, sd: float) -> float:
    """Standard deviations from what is expected; NaN where chance leaves no choice."""
    return (value - expected) / sd if sd > 0 else np.nan


def draw_survivors(
    rows: object,
    layers: object,
    published: Mapping[tuple[str, str], float],
    published_few: Mapping[str, float],
    *details: str,
) -> Figure:
    """Draws super-survivors per task, and in how many tasks the units of a layer survive.

    Args:
        rows, layers: of survivors.csv and layers.csv.
        published: (task, unit) -> the paper's count, where it is comparable.
        published_few: unit -> the paper's share of units that survive in few tasks.
        details: of the title: the method, the model.
    """
    table, of_layers = pd.DataFrame(rows), pd.DataFrame(layers)
    counts = table[table["statistic"] == "super_survivors"]
    units, tasks = of_layers["unit"].unique(), counts["task"].unique().tolist()
    units_of = counts.groupby("unit")["n_units"].first()
    # The same share of all units at the end of both axes.
    ends = counts["value"].combine(counts["expected"] + 2 * counts["expected_sd"], np.fmax)
    known = [count / units_of[unit] for (_, unit), count in published.items() if unit in units_of]
    share = min(1.0, max([*(ends / counts["n_units"]), *known], default=1.0)) or 1.0
    places, columns = style.pairs_of_panels(units)
    panel = (style.PAGE / max(2, columns), max(style.height(tasks), 1.6))
    figure, axes = style.panels(len(places), columns, panel, 0.7)
    axis_of = dict(zip(places, axes, strict=True))
    for place, unit in enumerate(units):
        top, below = axis_of[0, unit], axis_of[1, unit]
        style.task_lines(top, tasks, named=place == 0 or columns < len(units))
        for row in counts[counts["unit"] == unit].itertuples():
            line, ends = tasks.index(row.task), (0.0, row.n_units)
            style.draw_chance(top, line, row.expected, row.expected_sd, possible=ends)
            top.plot(row.value, line, zorder=5, **style.DOT | SUPER)
            if (row.task, unit) in published:
                style.draw_published(top, line, published[row.task, unit])
        style.same_range([top], 0.0, share * units_of[unit])
        top.locator_params(axis="x", nbins=6, integer=True)
        top.set_title(style.UNIT_NAMES[unit])
        top.set_xlabel("units that all seeds keep (number)")
        over_all = of_layers[(of_layers["unit"] == unit) & (of_layers["task"] == survivors.ALL)]
        _draw_layers(below, over_all, len(tasks))
        below.set_title(_few(table[table["unit"] == unit], published_few.get(unit)))
    axis_of[1, units[0]].set_ylabel(f"tasks survived (of {len(tasks)})")
    entries = {"super-survivors": style.DOT | SUPER}
    entries |= style.chance_entries(published=bool(published))
    entries["mean over the layer's units and over seeds"] = style.DOT | GOOD
    style.legend(figure, entries, columns=2)
    style.finding(figure, *(_survivors(counts[counts["unit"] == unit]) for unit in units))
    what = "Units that survive under every seed, and in how many tasks"
    style.heading(figure, what, *details, style.seeds(counts["n_seeds"]))
    return figure


def _survivors(rows: pd.DataFrame) -> str:
    """How many units all seeds keep, and in how many tasks that is more than chance gives."""
    more = (rows["value"] > rows["expected"] + 2 * rows["expected_sd"]).sum()
    ends = dict.fromkeys(f"{end:.0f}" for end in (rows["value"].min(), rows["value"].max()))
    return (
        f"All seeds keep {' to '.join(ends)} of"
        f" {rows['n_units'].iloc[0]} {style.UNIT_NAMES[rows['unit'].iloc[0]]}; in {more} of"
        f" {len(rows)} tasks that is more than two standard deviations above chance."
    )


def _few(rows: pd.DataFrame, published: float | None) -> str:
    """How many units survive in few tasks, in words; nothing where there are not enough tasks."""
    few = rows[rows["statistic"].str.startswith("fewer_than_") & (rows["task"] == survivors.ALL)]
    if few.empty or few["value"].isna().any():
        return ""
    row = few.iloc[0]
    number = row["statistic"].split("_")[2]
    paper = "" if published is None else f", paper {percent(published)}"
    chance = f"chance {percent(row['expected'])}"
    return f"{percent(row['value'])} survive in fewer than {number} tasks\n({chance}{paper})"


def _draw_layers(axis: Axes, rows: pd.DataFrame, n_tasks: int) -> None:
    layers = rows["layer"].tolist()
    # No line joins them: layers are no scale on which something lies in between.
    axis.plot(layers, rows["mean"].astype(float), clip_on=False, **style.DOT | GOOD)
    style.same_range([axis], 0.0, n_tasks, upright=True)
    axis.locator_params(axis="y", integer=True, nbins=5)
    axis.set_xticks(layers if len(layers) <= 12 else layers[:: len(layers) // 8])
    axis.set_xlabel("layer")
    axis.grid()
