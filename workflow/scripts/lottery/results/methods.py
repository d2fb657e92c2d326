"""Methods of one algorithm side by side: what their good subnetworks keep, and how they score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lottery import files
from lottery.results import summary
from lottery.results.layout import Layout
from lottery.results.published import Published

if TYPE_CHECKING:
    import pandas as pd

PHASES = ("pruned", "retrained")
FULL = ("none", "full", "finetuned")
MAJORITY = ("none", "majority", "none")
KEYS = ["model", "method", "task", "phase", "split", "metric"]
NUMBERS = {k: v for k, v in summary.OVER_SEEDS.items() if k != "n_tasks_without_degenerate"}
UNITS = dict.fromkeys(("heads_kept", "heads_kept_sd", "mlps_kept", "mlps_kept_sd"), float)
SCHEMA: files.Schema = dict.fromkeys(KEYS, str) | NUMBERS | UNITS | summary.PAPER


def comparison_split(layout: Layout, compared: Sequence[str]) -> str:
    """The split on which methods are compared: report_half wherever a strict one is among them."""
    splits = {layout.display_split(method) for method in compared}
    return "report_half" if "report_half" in splits else "validation"


def compared_runs(
    scores: pd.DataFrame, layout: Layout, model: str, compared: Sequence[str]
) -> pd.DataFrame:
    """The runs that a comparison shows: good subnetworks, the full model and majority.

    They are in the reported metrics, on the split of the comparison.
    """
    runs = summary.reported_runs(scores, layout)
    runs = runs[runs["model"].isin(("none", model))]
    runs = runs[runs["split"] == comparison_split(layout, compared)]
    good = runs["method"].isin(compared) & (runs["subnetwork"] == "good")
    return runs[good | runs["subnetwork"].isin(("full", "majority"))]


def method_table(
    scores: pd.DataFrame,
    layout: Layout,
    model: str,
    compared: Sequence[str],
    published: Published,
) -> pd.DataFrame:
    """Makes methods.csv: mean and sample standard deviation over seeds, by task and method.

    Args:
        scores: all scores (`lottery.results.scores.score_table`).
        layout: tasks and methods.
        model: the model.
        compared: the methods.
        published: the paper's numbers.
    """
    runs = compared_runs(scores, layout, model, compared)
    runs = runs[runs["method"] != "none"]
    units = runs.groupby(KEYS).agg(
        heads_kept=("heads_kept", "mean"),
        heads_kept_sd=("heads_kept", "std"),
        mlps_kept=("mlps_kept", "mean"),
        mlps_kept_sd=("mlps_kept", "std"),
    )
    frame = summary.cell_numbers(runs, layout, published).join(units, on=KEYS)[list(SCHEMA)]
    frame = frame.set_index(["task", "method", "phase"])
    order = [
        (task, name, phase) for task in layout.metrics for name in compared for phase in PHASES
    ]
    return files.table(
        frame.loc[[cell for cell in order if cell in frame.index]].reset_index(), SCHEMA
    )
