"""Methods of one algorithm side by side: what their good subnetworks keep, and how they score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lottery import files
from lottery.results import summary
from lottery.results.layout import Layout
from lottery.results.published import Published
from lottery.results.scores import Score, from_scores, to_scores

if TYPE_CHECKING:
    import pandas as pd

PHASES = ("pruned", "retrained")
FULL = ("none", "full", "finetuned")
MAJORITY = ("none", "majority", "none")
KEYS = ["model", "method", "task", "phase", "split", "metric"]
LEFT_OUT = ("subnetwork", "n_tasks", "n_tasks_without_degenerate", "published_kept_fraction")
UNITS = ("heads_kept", "heads_kept_sd", "mlps_kept", "mlps_kept_sd")
NUMBERS = {name: kind for name, kind in summary.SCHEMA.items() if name not in (*KEYS, *LEFT_OUT)}
PAPER = {name: kind for name, kind in NUMBERS.items() if name.startswith("published")}
SCHEMA: files.Schema = (
    dict.fromkeys(KEYS, str)
    | {name: kind for name, kind in NUMBERS.items() if name not in PAPER}
    | dict.fromkeys(UNITS, float)
    | PAPER
)


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
    frame = summary.cell_numbers(runs, layout, published).drop(columns=list(LEFT_OUT))
    frame = frame.join(units, on=KEYS).set_index(["task", "method", "phase"])
    order = [
        (task, name, phase) for task in layout.metrics for name in compared for phase in PHASES
    ]
    return files.table(
        frame.loc[[cell for cell in order if cell in frame.index]].reset_index(), SCHEMA
    )


# ---- Only for modules that do not take DataFrames yet; remove with `Score`. ----


def runs_by_cell(
    scores: Sequence[Score], layout: Layout, model: str, compared: Sequence[str]
) -> dict[tuple[str, str, str, str], list[Score]]:
    """(task, method, subnetwork, phase) -> the runs that a comparison shows."""
    runs: dict[tuple[str, str, str, str], list[Score]] = {}
    for score in to_scores(compared_runs(from_scores(scores), layout, model, compared)):
        runs.setdefault((score.task, score.method, score.subnetwork, score.phase), []).append(score)
    return runs
