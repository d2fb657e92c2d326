"""The table of all scores, `results/tables/scores.csv`: a row per metric of a run on a split."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lottery import files
from lottery.tasks.metrics import chance

if TYPE_CHECKING:
    import pandas as pd

# An id is `none` where it does not apply. An empty seed: majority. An empty value: the metric is
# undefined. kept_fraction: kept parameters / parameters of the body; kept counts are empty for
# masks of single weights and for majority. degenerate: the prediction is constant, the metric
# undefined, or the full model of the same seed does not beat majority. eval_task and group: of
# tasks that are only evaluated on. target_kept: the kept fraction that the method aimed at. start:
# the weights from which a retrained subnetwork started. mask_source: where the mask is from, if not
# from the row's own model, task and seed. units_kept: kept units by kind, as "heads=70 mlps=5".
SCHEMA: files.Schema = (
    {"model": str, "task": str, "seed": int}
    | dict.fromkeys(("method", "subnetwork", "phase", "split", "metric"), str)
    | {"value": float, "n_examples": int, "kept_fraction": float}
    | {"heads_kept": int, "mlps_kept": int, "degenerate": bool}
    | {"eval_task": str, "group": str, "target_kept": float}
    | dict.fromkeys(("start", "mask_source", "units_kept"), str)
)
COLUMNS = list(SCHEMA)


def score_table(path: Path) -> pd.DataFrame:
    """Reads scores.csv as a DataFrame, with the column `counted` of `with_counted`.

    Raises:
        StudyError: the file is missing or cut short, lacks a column, or a field has another type.
    """
    return with_counted(files.read_table(path, SCHEMA))


def with_counted(scores: pd.DataFrame) -> pd.DataFrame:
    """Adds the column `counted`: the value that enters averages.

    Where the metric is undefined, that is its value for chance, if it has one.
    """
    return scores.assign(
        degenerate=scores["degenerate"].astype(bool),
        counted=scores["value"].fillna(scores["metric"].map(chance).astype(float)),
    )
