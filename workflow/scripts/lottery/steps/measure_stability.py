"""Step measure_stability: good masks of all seeds -> how far they agree, as tables and a figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lottery import files
from lottery.analysis import stability
from lottery.analysis.good_masks import read_good_masks
from lottery.analysis.seed_agreement import AGREEMENT, agreement_table
from lottery.report import style
from lottery.results.published import published_stability
from lottery.statistics.intervals import possible

VERSION = 8
# What is drawn of masks of 0 and 1, and of shares.
DRAWN = {True: ("fleiss_kappa", "jaccard"), False: ("krippendorff_alpha", "correlation")}
SHARES = ("head_shares", "mlp_shares")
STATISTICS = {
    "fleiss_kappa": "Fleiss' kappa",
    "jaccard": "Jaccard index, mean over pairs of seeds",
    "krippendorff_alpha": "Krippendorff's alpha",
    "correlation": "Pearson correlation, mean over pairs",
}
SMALL = {"marker": "o", "markersize": 2, "linestyle": "", "color": style.SKY}


def measure_stability(
    *,
    paths_to_masks: list[Path],
    path_to_config: Path,
    path_to_published: Path,
    path_to_stability: Path,
    path_to_pairs: Path,
    path_to_agreement: Path,
    path_to_svg: Path,
    path_to_png: Path,
    model: str,
    method: str,
    published: dict[str, str],
    averaged_tasks: list[str],
    permutations: int,
    paths_to_halves: list[Path] | None = None,
    paths_to_pretrained: list[Path] | None = None,
) -> None:
    """Measures and draws agreement over seeds of one model and method.

    Args:
        paths_to_masks: the good masks of all tasks and seeds, tasks in the order of the figure.
        published: task -> the GLUE preset that it repeats as the paper has it.
        averaged_tasks: the tasks that enter averages.
        permutations: permutations behind every p-value of units.
        paths_to_halves: the good halves of all tasks and seeds, where the method makes them; they
            are in the tables alone.
        paths_to_pretrained: of masks of weights, the model's weights before fine-tuning.
    """
    import pandas as pd

    tables, pairs, agreements = [], [], []
    pretrained = paths_to_pretrained[0] if paths_to_pretrained else None
    for paths in filter(None, (paths_to_masks, paths_to_halves)):
        masks = read_good_masks(paths, path_to_config, path_to_pretrained=pretrained)
        tables.append(stability.stability_table(masks, model, method, permutations))
        pairs.append(stability.pair_table(masks, model, method))
        if masks.shared_weights is None:
            cell = (model, method, averaged_tasks, permutations)
            agreements.append(agreement_table(masks, *cell))
    files.write_table(path_to_stability, pd.concat(tables), stability.STABILITY)
    files.write_table(path_to_pairs, pd.concat(pairs), stability.PAIRS)
    agreed = pd.concat(agreements) if agreements else files.table([], AGREEMENT)
    files.write_table(path_to_agreement, agreed, AGREEMENT)
    known = published_stability(path_to_published, published)
    title = f"{model}, {method}: agreement over seeds"
    with style.settings():
        figure = draw_stability(tables[0], pairs[0], known, title)
        style.save(figure, path_to_svg, path_to_png)


def draw_stability(
    rows: object, pairs: object, published: Mapping[tuple[str, str, str], float], title: str
) -> Figure:
    """Draws agreement over seeds next to what chance gives, a line per task.

    `published`: (task, unit, statistic) -> the paper's number, where it is comparable.
    """
    shown, paired = pd.DataFrame(rows), pd.DataFrame(pairs, columns=["task", "unit", "jaccard"])
    shown = shown[shown["other_task"] == ""]
    units, tasks = shown["unit"].unique(), shown["task"].unique()
    panel = (style.PAGE / max(2, len(units)), style.height(tasks))
    figure, axes = style.panels(2 * len(units), len(units), panel, 0.7)
    marked = False
    for place, axis in enumerate(axes):
        unit = units[place % len(units)]
        statistic = DRAWN[unit not in SHARES][place // len(units)]
        style.task_lines(axis, tasks, named=place % len(units) == 0)
        values = shown[(shown["unit"] == unit) & (shown["statistic"] == statistic)]
        for line, row in enumerate(values.set_index("task").loc[tasks].itertuples()):
            if np.isnan(row.value):
                style.draw_missing(axis, line)
            else:
                ends = possible(statistic, row.n_masks)
                style.draw_chance(axis, line, row.expected, row.expected_sd, possible=ends)
                axis.plot(row.value, line, color=style.BLUE, zorder=5, **style.DOT)
            if statistic == "jaccard":
                own = paired[(paired["task"] == row.Index) & (paired["unit"] == unit)]["jaccard"]
                axis.plot(own, [line] * len(own), zorder=3, **SMALL)
            if (known := published.get((row.Index, unit, statistic))) is not None:
                style.draw_published(axis, line, known)
                marked = True
        style.settle(axis, least=0.1)
        if place < len(units):
            axis.set_title(f"{style.UNIT_NAMES[unit]} ({values['n_units'].iloc[0]:,} per mask)")
        axis.set_xlabel(STATISTICS[statistic])
    entries = {
        "all seeds": style.DOT | {"color": style.BLUE},
        "one pair of seeds": not {*units} <= {*SHARES} and SMALL,
    }
    style.legend(figure, entries | style.chance_entries(published=marked), columns=4)
    figure.suptitle(f"{title}, {style.seeds(shown['n_masks'])}")
    return figure
