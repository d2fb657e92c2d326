"""The table of all scores, `results/tables/scores.csv`: a row per metric of a run on a split."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
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


# ---- Only for modules that do not take `score_table` yet; remove what none of them imports. ----


@dataclass(frozen=True)
class Score:
    """One row of scores.csv; None is a missing number."""

    model: str
    task: str
    seed: int | None
    method: str
    subnetwork: str
    phase: str
    split: str
    metric: str
    value: float | None
    n_examples: int
    kept_fraction: float | None
    heads_kept: int | None
    mlps_kept: int | None
    degenerate: bool
    eval_task: str = ""
    group: str = ""
    target_kept: float | None = None
    start: str = ""
    mask_source: str = ""
    units_kept: str = ""

    @property
    def counted(self) -> float | None:
        """The value that enters averages with degenerate runs: chance where it is undefined."""
        return chance(self.metric) if self.value is None else self.value


def from_scores(scores: Iterable[Score]) -> pd.DataFrame:
    """A table of scores, with the column `counted`."""
    return with_counted(files.table([asdict(score) for score in scores], SCHEMA))


def write_scores(path: Path, scores: Iterable[Score]) -> None:
    """Writes scores.csv."""
    files.write_csv(path, [asdict(score) for score in scores], COLUMNS)


def read_scores(path: Path) -> list[Score]:
    """Reads scores.csv.

    Raises:
        StudyError: the file is missing or cut short, lacks a column, or a field is no number.
    """
    rows = files.read_table(path, SCHEMA).astype(object)
    return [Score(**row) for row in rows.where(rows.notna(), None).to_dict("records")]


def mean(values: Sequence[float]) -> float | None:
    """Arithmetic mean; None of nothing."""
    return statistics.fmean(values) if values else None
