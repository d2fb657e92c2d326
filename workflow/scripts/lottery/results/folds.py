"""Folds of one data set, which count as one task wherever tasks are averaged or tested together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from lottery.results.layout import Layout
from lottery.results.scores import COSTS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

# Of the columns of scores.csv: what tells the rows of a fold apart, and what is averaged.
KEYS = ("model", "task", "seed", "method", "subnetwork", "phase", "split", "metric")
NUMBERS = ("counted", "kept_fraction", *COSTS, "flops")


class BySeed(NamedTuple):
    """A number for each seed of a task.

    Attributes:
        seeds: [S].
        values: [S].
        degenerate: which of them rest on runs that collapsed, bool [S].
    """

    seeds: np.ndarray
    values: np.ndarray
    degenerate: np.ndarray


def over_folds(runs: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """A row for each data set and seed in the place of those of its folds.

    Args:
        runs: rows of scores.csv with `counted`, each of a task, or some of these columns: `task`,
            `seed`, `counted` and `degenerate` must be among them.
        layout: of the study.

    Returns:
        Under the name of the data set: the mean over folds, missing where one of them is missing;
        degenerate if one of them is; n_examples is their sum. Seeds without a row of every fold
        are left out. The rows of other tasks are unchanged and come first.
    """
    import pandas as pd

    folds = layout.folds
    data_sets = {fold: data_set for data_set, names in folds.items() for fold in names}
    of_fold = runs["task"].isin([*data_sets])
    if not of_fold.any():
        return runs
    parts = runs[of_fold].assign(task=runs.loc[of_fold, "task"].map(data_sets))
    groups = parts.groupby([name for name in KEYS if name in runs], sort=False, dropna=False)
    merged = groups[[name for name in NUMBERS if name in runs]].mean()
    merged["counted"] = merged["counted"].where(groups["counted"].count() == groups.size())
    merged["degenerate"] = groups["degenerate"].any()
    if "n_examples" in runs:
        merged["n_examples"] = groups["n_examples"].sum()
    expected = merged.index.get_level_values("task").map({name: len(folds[name]) for name in folds})
    whole = merged[groups.size() == expected].reset_index()
    return pd.concat([runs[~of_fold], whole], ignore_index=True)


def by_data_set(of_tasks: Mapping[str, BySeed], layout: Layout) -> dict[str, BySeed]:
    """`over_folds` of numbers that are in no table."""
    import pandas as pd

    if not layout.folds or not of_tasks:
        return dict(of_tasks)
    names = ("seed", "counted", "degenerate")
    frames = [
        pd.DataFrame({"task": task} | dict(zip(names, numbers, strict=True)))
        for task, numbers in of_tasks.items()
    ]
    merged = over_folds(pd.concat(frames, ignore_index=True), layout)
    return {
        str(task): BySeed(*(rows[name].to_numpy() for name in names))
        for task, rows in merged.groupby("task", sort=False)
    }


def of_data_sets(masks: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """A table about masks, in which the first fold of a data set is in its place.

    Masks cannot be averaged, and those of several folds rest on mostly the same examples.
    """
    first = {names[0]: data_set for data_set, names in layout.folds.items()}
    return masks.replace({"task": first}) if first and "task" in masks else masks
