"""Step plot_equal_sizes: scores and predictions of methods -> equal_sizes.csv and its figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from lottery import files
from lottery.pruning.subnetworks import UNIFORM
from lottery.report import lines, strips, style
from lottery.report.tables.axes import equal_size_sentence, is_kept
from lottery.report.tables.model import records
from lottery.report.tables.numbers import rounded
from lottery.results.layout import SPLIT_NAMES, Layout, Row
from lottery.results.overlap import SCHEMA as OVERLAP
from lottery.results.scores import score_tables
from lottery.results.summary import AVERAGE, reported_runs
from lottery.statistics.axes import sound_seeds
from lottery.statistics.equal_sizes import GOOD, SCHEMA, equal_size_table

VERSION = 2
# What a line shows, in the order of its marks.
LOOKS = {
    "good, pruned": style.HOLLOW | {"marker": "o", "color": style.SUBNETWORKS[GOOD]},
    "good, retrained": {"marker": "o", "color": style.SUBNETWORKS[GOOD]},
    "random uniform, retrained": {"marker": "s", "color": style.SUBNETWORKS[UNIFORM]},
}


def plot_equal_sizes(
    *,
    paths_to_scores: list[Path],
    paths_to_predictions: list[Path],
    paths_to_overlap: list[Path],
    path_to_table: Path,
    paths_to_figure: list[Path],
    model: str,
    layout: dict[str, Any],
) -> None:
    """Writes how good subnetworks of one size differ between methods, and draws it.

    Args:
        paths_to_scores: scores.csv of the model and each of the methods.
        paths_to_predictions: predictions.parquet of their cells, in their place in the results.
        paths_to_overlap: overlap.csv of each of the methods.
    """
    order = Layout.of(**layout)
    scores = score_tables(paths_to_scores)
    runs = reported_runs(scores, order)
    overlap = pd.concat([files.read_table(path, OVERLAP) for path in paths_to_overlap])
    table = equal_size_table(runs, paths_to_predictions, overlap, order, model)
    files.write_table(path_to_table, table, SCHEMA)
    with style.settings():
        style.save(draw_equal_sizes(table, runs, order, model), paths_to_figure)


def draw_equal_sizes(
    table: pd.DataFrame, scores: pd.DataFrame, layout: Layout, model: str
) -> Figure:
    """Draws a panel per task and one for their average, with a line per size and method.

    Args:
        table: equal_sizes.csv of the model.
        scores: of `lottery.results.summary.reported_runs`.
    """
    cells = records(table)
    names = _line_names(table)
    shown = table.assign(
        line=[names[row["kept"], row["method"]] for row in cells],
        mark=[f"{row['subnetwork'].replace('_', ' ')}, {row['phase']}" for row in cells],
    )
    looks = {name: lines.MARK | look for name, look in LOOKS.items() if name in set(shown["mark"])}
    split = layout.common_split([method.id for method in layout.methods])
    of_split = sound_seeds(
        scores[(scores["split"] == split) & scores["model"].isin(("none", model))]
    )
    averaged = {task.id for task in layout.tasks if task.in_average} & set(shown["task"])

    def levels(task: str) -> dict[Row, pd.Series]:
        """The full model's and the majority's mean score, of each task of an average."""
        own = of_split[of_split["task"].isin(averaged if task == AVERAGE else [task])]
        return {
            row: own[own["subnetwork"] == row[1]].groupby("task")["counted"].mean().dropna()
            for row in strips.BASELINES
        }

    order = list(names.values())
    figure = lines.draw_tasks(shown, layout, order, looks, levels)
    shown = shown[shown["mark"].isin(looks)]
    style.legend(figure, looks | lines.entries(shown))
    style.finding(figure, equal_size_sentence(table))
    details = (model, SPLIT_NAMES[split], style.seeds(shown["n_seeds"]))
    style.heading(figure, "Good subnetworks of one size, by method", *details)
    return figure


def _line_names(table: pd.DataFrame) -> dict[tuple[float, str], str]:
    """(share asked for, method) -> its line's name, with the share kept where that is another."""
    keys = ["kept", "method"]
    good = table[table["subnetwork"] == GOOD]
    shares = good.groupby(keys)["kept_fraction"].mean()
    names = {}
    for kept, method in dict.fromkeys(table[keys].itertuples(index=False, name=None)):
        row = {"kept": kept, "kept_fraction": shares.get((kept, method), float("nan"))}
        keeps = "" if is_kept(row) else f" ({rounded(row['kept_fraction'], 2)})"
        names[kept, method] = f"{kept:g}{keeps}: {method}"
    return names
