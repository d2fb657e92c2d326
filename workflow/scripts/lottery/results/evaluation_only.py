"""The table of the tasks that models are only evaluated on: by group and by gold label."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from lottery import files
from lottery.results.collect import evaluation_table, read_documents
from lottery.results.published import PublishedOn
from lottery.results.scores import with_counted
from lottery.results.summary import OVER_SEEDS, over_seeds

if TYPE_CHECKING:
    import pandas as pd

# An empty group means all examples, an empty label all gold labels. n_runs counts all runs, n those
# with a value; the columns *_without_degenerate leave out runs whose predictions for the group are
# all the same, or whose metric is undefined.
PLACE = ["model", "task", "eval_task", "method", "subnetwork", "phase", "split", "group", "label"]
NUMBERS = {k: v for k, v in OVER_SEEDS.items() if k != "n_tasks_without_degenerate"}
SCHEMA: files.Schema = (
    dict.fromkeys([*PLACE, "metric"], str)
    | {"n_examples": int}
    | NUMBERS
    | {"published_mean": float}
)
COLUMNS = list(SCHEMA)


def on_table(paths: Iterable[Path]) -> pd.DataFrame:
    """Reads the scores of evaluations on other tasks, in the order given.

    The columns are those of `lottery.results.scores.score_table`, and `label`, the gold label of
    the examples scored, empty for all.

    Raises:
        StudyError: a file is missing or damaged.
    """
    return with_counted(evaluation_table(read_documents(paths)))


def summarize_on(scores: pd.DataFrame, published: PublishedOn) -> pd.DataFrame:
    """Makes evaluation_only.csv: over seeds, in the order of the scores."""
    frame = over_seeds(scores, [*PLACE, "metric"])
    frame["published_mean"] = [published.mean(cell.label, cell) for cell in frame.itertuples()]
    return files.table(frame[COLUMNS], SCHEMA)
