"""The table of all scores, `results/tables/scores.csv`: its columns, its rows, how runs add up."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lottery import files
from lottery.files.errors import StudyError
from lottery.tasks.metrics import chance

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Score:
    """One row of scores.csv: one metric of one run on one split.

    Attributes:
        model, task, method, subnetwork, phase: ids of the cell; `none` where one does not apply.
        seed: the run's seed; None for majority.
        split: validation, validation_mismatched, search_half or report_half.
        metric: one of `lottery.tasks.metrics.METRICS`.
        value: the metric; None where it is undefined.
        n_examples: examples scored.
        kept_fraction: kept parameters / parameters of the body; None for majority.
        heads_kept, mlps_kept: kept units; None for masks of single weights and for majority.
        degenerate: the prediction is constant, the metric undefined, or the full model of the same
            seed does not beat majority.
        eval_task, group: empty but for tasks that are only evaluated on.
        target_kept: the kept fraction that the method aimed at; None if it aimed at none.
        start: the weights from which a retrained subnetwork started; empty in other phases.
        mask_source: where the mask is from, if not from the row's own model, task and seed.
        units_kept: number of kept units by kind, as "heads=70 mlps=5"; empty for masks of weights
            and for majority.
    """

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


COLUMNS = [field.name for field in fields(Score)]


SCHEMA: files.Schema = {
    "model": str,
    "task": str,
    "seed": int,
    "method": str,
    "subnetwork": str,
    "phase": str,
    "split": str,
    "metric": str,
    "value": float,
    "n_examples": int,
    "kept_fraction": float,
    "heads_kept": int,
    "mlps_kept": int,
    "degenerate": bool,
    "eval_task": str,
    "group": str,
    "target_kept": float,
    "start": str,
    "mask_source": str,
    "units_kept": str,
}


def score_table(path: Path) -> pd.DataFrame:
    """Reads scores.csv as a DataFrame.

    The column `counted` is added: the value that enters averages, which is that of chance where the
    metric is undefined.

    Raises:
        StudyError: the file is missing or cut short, lacks a column, or a field has another type.
    """
    frame = files.read_table(path, SCHEMA)
    frame["degenerate"] = frame["degenerate"].astype(bool)
    frame["counted"] = frame["value"].fillna(frame["metric"].map(chance))
    return frame


def write_scores(path: Path, scores: Iterable[Score]) -> None:
    """Writes scores.csv."""
    files.write_csv(path, [asdict(score) for score in scores], COLUMNS)


def read_scores(path: Path) -> list[Score]:
    """Reads scores.csv.

    Raises:
        StudyError: the file is missing or cut short, lacks a column, or a field is no number.
    """
    rows = files.read_csv(path)
    try:
        return [_parse(row) for row in rows]
    except (KeyError, ValueError) as error:
        raise StudyError(
            f"{path}: {error} is not what a table of scores holds; delete it and run again."
        ) from error


def _parse(row: dict[str, str]) -> Score:
    texts = {column: row[column] for column in COLUMNS}
    numbers = {
        "seed": number(texts["seed"], int),
        "value": number(texts["value"]),
        "n_examples": int(texts["n_examples"]),
        "kept_fraction": number(texts["kept_fraction"]),
        "heads_kept": number(texts["heads_kept"], int),
        "mlps_kept": number(texts["mlps_kept"], int),
        "degenerate": texts["degenerate"] == "true",
        "target_kept": number(texts["target_kept"]),
    }
    return Score(**texts | numbers)


def number(text: str, convert: Callable[[str], Any] = float) -> Any:
    """The number in a field of a table; None for an empty field."""
    return convert(text) if text else None


def mean(values: Sequence[float]) -> float | None:
    """Arithmetic mean; None of nothing."""
    return statistics.fmean(values) if values else None


def sample_sd(values: Sequence[float]) -> float | None:
    """Standard deviation with n - 1 in the denominator; None for fewer than two values."""
    return statistics.stdev(values) if len(values) > 1 else None
