"""The scores and predictions of runs, seed by seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lottery import files
from lottery.files.errors import StudyError
from lottery.statistics.roles import FULL

if TYPE_CHECKING:
    import pandas as pd

HALVES = ("search_half", "report_half")


def by_seed(
    scores: pd.DataFrame, model: str, method: str, split: str, phase: str, draws: Sequence[str]
) -> pd.DataFrame:
    """A system's scores: a row for each task and seed that has all its draws.

    Args:
        scores: of `lottery.results.summary.reported_runs`.
        model, method: ids; the full model belongs to every method.
        split: where it is scored.
        phase: pruned or retrained.
        draws: its subnetworks: one, or all draws of a random one.

    Returns:
        Index task and seed; `value`, the mean over draws, an undefined one counted as chance and
        NaN where there is none; `degenerate`, whether a draw is; and `kept_fraction`.
    """
    if tuple(draws) == FULL:
        method, phase = "none", "finetuned"
    cell = {"model": model, "method": method, "split": split, "phase": phase}
    of_cell = np.logical_and.reduce([scores[column] == name for column, name in cell.items()])
    chosen = scores[of_cell & scores["subnetwork"].isin(draws)]
    seeds = chosen.groupby(["task", "seed"], sort=False)
    found = seeds[["counted", "kept_fraction"]].mean().rename(columns={"counted": "value"})
    found["value"] = found["value"].where(seeds["counted"].count() == len(draws))
    found["degenerate"] = seeds["degenerate"].any()
    return found[seeds.size() == len(draws)]


def difference(first: pd.DataFrame, second: pd.DataFrame, factor: float = 1.0) -> pd.DataFrame:
    """first - factor x second of each task and seed that has both (see `by_seed`).

    Returns:
        Index task and seed; `value`, and `degenerate`, whether one of the two is.
    """
    both = first.join(second.add_suffix("_of_second"), how="inner")
    value = both["value"] - factor * both["value_of_second"]
    degenerate = both["degenerate"] | both["degenerate_of_second"]
    return value.to_frame("value").assign(degenerate=degenerate)


def by_task(runs: pd.DataFrame, *, degenerate: bool = True) -> dict[str, np.ndarray]:
    """The defined values of each task, seed by seed.

    Args:
        runs: of `by_seed` or `difference`.
        degenerate: whether degenerate runs are among them.
    """
    values = runs["value"] if degenerate else runs.loc[~runs["degenerate"], "value"]
    return {
        task: of_task.to_numpy()
        for task, of_task in values.dropna().groupby(level="task", sort=False)
    }


@dataclass(frozen=True, order=True)
class Run:
    """The run that a file of predictions belongs to."""

    model: str
    task: str
    method: str
    subnetwork: str
    phase: str
    seed: int


def run_of(path: Path) -> Run:
    """The run of a file of predictions, from its place below results/."""
    # {model}/{task}/seed_{seed}/evaluate/{method}/{subnetwork}/{phase}/predictions.parquet
    model, task, seed, _, method, subnetwork, phase, _ = path.parts[-8:]
    return Run(model, task, method, subnetwork, phase, int(seed.removeprefix("seed_")))


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of one task's runs on one split, all of the same examples in the same order.

    Attributes:
        labels: true classes or scores, [n].
        predictions: [C, n].
        rows: (subnetwork, phase, seed) -> its row of `predictions`.
    """

    labels: np.ndarray
    predictions: np.ndarray
    rows: dict[tuple[str, str, int], int]


def read_predictions(paths: Iterable[Path], split: str) -> Predictions:
    """Reads predictions.parquet of one task's runs.

    Args:
        paths: the files.
        split: validation, or one of its halves.

    Raises:
        StudyError: a file is damaged, or two do not hold the same examples.
    """
    column = "half" if split in HALVES else "split"
    predictions, rows, first = [], {}, None
    for row, path in enumerate(paths):
        table = files.read_parquet(path, [column, "idx", "label", "prediction"]).to_pandas()
        table = table[table[column] == split].sort_values("idx", kind="stable")
        if table.empty:
            raise StudyError(f"{path} has no examples of {split}; delete it and run again.")
        examples = table[["idx", "label"]].to_numpy()
        first = examples if first is None else first
        if not np.array_equal(examples, first):
            raise StudyError(
                f"{path} holds other examples of {split} than the other runs of its task; "
                "evaluate it again."
            )
        predictions.append(table["prediction"].to_numpy())
        run = run_of(path)
        rows[run.subnetwork, run.phase, run.seed] = row
    return Predictions(table["label"].to_numpy(), np.stack(predictions), rows)
