"""Step measure_noise: masks of searches on different data -> noise of seeds and noise of data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from lottery import files
from lottery.analysis.good_masks import read_good_masks
from lottery.analysis.search_noise import SEARCH_NOISE, search_noise_table
from lottery.analysis.stability import NOISE, noise_table
from lottery.report import style
from lottery.report.tables.numbers import rounded
from lottery.results.published import published_noise

VERSION = 5
# Of each source of noise: colour, and its place on a task's line.
SOURCES = {"seeds": ("o", style.SERIES[1], -0.17), "data": ("D", style.SERIES[2], 0.17)}
PAPERS = "the paper's range"


def measure_noise(
    *,
    paths_to_masks: list[Path],
    path_to_config: Path,
    path_to_published: Path,
    path_to_noise: Path,
    path_to_test: Path,
    paths_to_figure: list[Path],
    model: str,
    method: str,
    search_on: dict[str, str],
    averaged_tasks: list[str],
    permutations: int,
    published: bool,
) -> None:
    """Compares masks that differ in the seed alone with masks that differ in the data alone.

    Args:
        paths_to_masks: the good masks of all methods of a family, then tasks, then seeds.
        method: the family's first method.
        search_on: method -> the examples it searches on, for all methods of the family in order.
        averaged_tasks: the tasks that enter averages.
        permutations: permutations behind a p-value, where not all can be counted.
        path_to_published: the paper's analyses.csv; `published`: whether it is comparable.
    """
    masks = read_good_masks(paths_to_masks, path_to_config)
    table = noise_table(masks, model, search_on)
    files.write_table(path_to_noise, table, NOISE)
    tested = search_noise_table(masks, model, search_on, averaged_tasks, permutations)
    files.write_table(path_to_test, tested, SEARCH_NOISE)
    known = published_noise(path_to_published) if published else {}
    details = (", ".join(search_on), model)
    with style.settings():
        style.save(draw_noise(table, known, *details), paths_to_figure)


def draw_noise(
    rows: object, published: Mapping[tuple[str, str], tuple[float, float]], *details: str
) -> Figure:
    """Draws the phi of masks of different seeds next to that of masks from different data.

    Args:
        rows: of noise.csv.
        published: (unit, source) -> the paper's smallest and largest phi.
        details: of the title: the method, the model.
    """
    shown = pd.DataFrame(rows)
    shown = shown[shown["statistic"] == "phi"]
    units, tasks = shown["unit"].unique(), shown["task"].unique().tolist()
    lines = [*tasks, PAPERS] if {*units} & {unit for unit, _ in published} else tasks
    panel = (style.PAGE / 2, style.height(lines) + 0.07 * len(lines))
    figure, axes = style.panels(len(units), 2, panel, 0.8, x="phi, mean over pairs of masks")
    values = [0.0, *shown["mean"].dropna(), *(end for ends in published.values() for end in ends)]
    style.same_range(axes, min(values), max(values))
    for place, (axis, unit) in enumerate(zip(axes, units, strict=True)):
        style.task_lines(axis, lines, named=place % 2 == 0)
        axis.axvline(0.0, color=style.GREY, linewidth=0.6, zorder=1)
        known = shown[(shown["unit"] == unit) & shown["mean"].notna()]
        for task in {*tasks} - {*known["task"]}:
            style.draw_missing(axis, tasks.index(task))
        for row in known.itertuples():
            marker, colour, shift = SOURCES[row.source]
            # Hollow where the two sets of examples overlap.
            face = "white" if row.source == "data" and not row.disjoint else colour
            look = {"color": colour, "markerfacecolor": face, "zorder": 3, "marker": marker}
            axis.plot(row.mean, tasks.index(row.task) + shift, **style.DOT | look)
        for source, (marker, _, shift) in SOURCES.items():
            ends = published.get((unit, source))
            if ends:
                look = style.PUBLISHED | {"marker": marker, "markersize": 2.6}
                axis.plot(ends, [len(tasks) + shift] * 2, **look)
        axis.locator_params(axis="x", nbins=5)
        axis.set_title(style.UNIT_NAMES[unit])
    dots = {
        source: style.DOT | {"marker": marker, "color": colour}
        for source, (marker, colour, _) in SOURCES.items()
    }
    entries = {
        "same examples, other seed": dots["seeds"],
        "same model, other examples": dots["data"],
        "same model, some examples in common": dots["data"] | style.HOLLOW,
        PAPERS: len(lines) > len(tasks) and style.PUBLISHED,
    }
    style.legend(figure, entries)
    most = shown.groupby("source")["n"].max().reindex(SOURCES, fill_value=0)
    n = f"pairs of seeds: {most['seeds']}, models: {most['data']} (at most)"
    means = shown.dropna(subset="mean").groupby(["unit", "source"])["mean"].mean()
    texts = [
        f"{style.UNIT_NAMES[unit]}: {rounded(means[unit, 'seeds'], 2)} between seeds,"
        f" {rounded(means[unit, 'data'], 2)} between searches on other data"
        for unit in units
        if {(unit, source) for source in SOURCES} <= {*means.index}
    ]
    style.finding(figure, f"Mean phi of {'; '.join(texts)}." if texts else "")
    what = "Agreement of masks of other seeds, and of searches on other data"
    style.heading(figure, what, *details, n)
    return figure
