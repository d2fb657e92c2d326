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
from lottery.report.tables.numbers import rounded
from lottery.results.published import published_stability
from lottery.statistics.intervals import possible

VERSION = 9
# What is drawn of masks of 0 and 1, and of shares.
DRAWN = {True: ("fleiss_kappa", "jaccard"), False: ("krippendorff_alpha", "correlation")}
SHARES = ("head_shares", "mlp_shares")
STATISTICS = {
    "fleiss_kappa": "Fleiss' kappa",
    "jaccard": "Jaccard index, mean over pairs of seeds",
    "krippendorff_alpha": "Krippendorff's alpha",
    "correlation": "Pearson correlation, mean over pairs",
}
MEANING = {
    # For masks of different sizes it is below 0 by chance.
    "fleiss_kappa": "grey: chance, 1: the same units",
    "jaccard": "0: no unit in common, 1: the same units",
    "krippendorff_alpha": "grey: chance, 1: the same shares",
    "correlation": "0: chance, 1: shares rise and fall together",
}
ALL = style.DOT | {"color": style.SUBNETWORKS["good"], "zorder": 5}
PAIR = style.DOT | {"markersize": 2, "color": style.INK, "zorder": 6}
PRETRAINED = style.DOT | {"marker": "^", "color": style.UNITS["weights"], "zorder": 4}


def measure_stability(
    *,
    paths_to_masks: list[Path],
    path_to_config: Path,
    path_to_published: Path,
    path_to_stability: Path,
    path_to_pairs: Path,
    path_to_agreement: Path,
    paths_to_figure: list[Path],
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
    with style.settings():
        figure = draw_stability(tables[0], pairs[0], known, method, model)
        style.save(figure, paths_to_figure)


def draw_stability(
    rows: object,
    pairs: object,
    published: Mapping[tuple[str, str, str], float],
    *details: str,
) -> Figure:
    """Draws agreement over seeds next to what chance gives, a line per task.

    Args:
        rows: of stability.csv; `pretrained`, where it is known, is the agreement with masks of the
            pretrained weights' magnitudes.
        published: (task, unit, statistic) -> the paper's number, where it is comparable.
        details: of the title: the method, the model.
    """
    shown, paired = pd.DataFrame(rows), pd.DataFrame(pairs, columns=["task", "unit", "jaccard"])
    shown = shown[shown["other_task"] == ""]
    units, tasks = shown["unit"].unique(), shown["task"].unique()
    places, columns = style.pairs_of_panels(units)
    panel = (style.PAGE / max(2, columns), style.height(tasks) + 0.1)
    figure, axes = style.panels(len(places), columns, panel, 0.7)
    marked = False
    for place, (axis, (number, unit)) in enumerate(zip(axes, places, strict=True)):
        statistics = DRAWN[unit not in SHARES]
        statistic = statistics[number]
        style.task_lines(axis, tasks, named=place % columns == 0)
        of_unit = shown[(shown["unit"] == unit) & shown["statistic"].isin(statistics)]
        # Masks that keep all or nothing have no Jaccard index, and their kappa says nothing.
        undefined = set(of_unit.loc[of_unit["value"].isna(), "task"])
        values = of_unit[of_unit["statistic"] == statistic].set_index("task").loc[tasks]
        for line, row in enumerate(values.itertuples()):
            if row.Index in undefined:
                style.draw_missing(axis, line)
                continue
            chance = possible(statistic, row.n_masks)
            style.draw_chance(axis, line, row.expected, row.expected_sd, possible=chance)
            axis.plot(row.value, line, **ALL)
            if statistic == "jaccard" and row.n_masks > 2:
                own = paired[(paired["task"] == row.Index) & (paired["unit"] == unit)]["jaccard"]
                axis.plot(own, [line] * len(own), **PAIR)
            if not np.isnan(getattr(row, "pretrained", np.nan)):
                axis.plot(row.pretrained, line, **PRETRAINED)
            if (known := published.get((row.Index, unit, statistic))) is not None:
                style.draw_published(axis, line, known)
                marked = True
        if number == 0 or columns < len(units):
            n = f"{values['n_units'].iloc[0]:,}"
            axis.set_title(f"{style.UNIT_NAMES[unit]} ({n} per mask)")
        axis.set_xlabel(f"{STATISTICS[statistic]}\n({MEANING[statistic]})")
    # Panels of a statistic have one range.
    for number in range(2):
        alike = [axis for axis, place in zip(axes, places, strict=True) if place[0] == number]
        limits = [axis.dataLim.intervalx for axis in alike]
        drawn = [float(end) for each in limits for end in each if np.isfinite(end)]
        style.same_range(alike, min([*drawn, 0.0]), max([*drawn, 1.0]))
        for axis in alike:
            axis.locator_params(axis="x", nbins=5)
    entries = {
        "all seeds": ALL,
        "one pair of seeds": not {*units} <= {*SHARES} and shown["n_masks"].max() > 2 and PAIR,
        "with the largest pretrained weights": "pretrained" in shown
        and shown["pretrained"].notna().any()
        and PRETRAINED,
    }
    style.legend(figure, entries | style.chance_entries(published=marked), columns=4)
    style.finding(figure, *(_sentence(shown, unit) for unit in units))
    what = "Agreement of the good subnetworks over seeds"
    style.heading(figure, what, *details, style.seeds(shown["n_masks"]))
    return figure


def _sentence(rows: pd.DataFrame, unit: str) -> str:
    """The first statistic of a kind of unit, mean over tasks, and what chance gives."""
    statistic = DRAWN[unit not in SHARES][0]
    of_unit = rows[(rows["unit"] == unit) & (rows["statistic"] == statistic)]
    known = of_unit.dropna(subset="value")
    if known.empty:
        return ""
    mean, chance = (rounded(known[name].mean(), 2) for name in ("value", "expected"))
    name = style.UNIT_NAMES[unit]
    return f"{STATISTICS[statistic]} of {name}, mean over tasks: {mean} (chance {chance})."
