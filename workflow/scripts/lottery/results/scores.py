"""The table of all scores, `results/tables/scores.csv`: a row per metric of a run on a split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lottery import files
from lottery.files.errors import StudyError
from lottery.pruning.subnetworks import Subnetwork
from lottery.tasks.metrics import METRICS, chance

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
# Which majority baseline the table has: on whole splits the published one, fitted to the validation
# labels; on the halves, which the strict procedure reports, the one that has seen training labels
# only.
LABELS_FROM = {
    "validation": "validation",
    "validation_mismatched": "validation",
    "search_half": "train",
    "report_half": "train",
}
CELL = ("model", "task", "seed", "method", "subnetwork", "phase", "eval_task")
SIZES = ("kept_fraction", "heads_kept", "mlps_kept")
# What evaluations have on top of the columns of scores.csv.
RUNS: files.Schema = {**SCHEMA, "label": str}

Document = dict[str, Any]


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


def read_documents(paths: Iterable[Path]) -> list[Document]:
    """Reads metrics.json of evaluations or majority baselines; all must be of format 1."""
    documents = []
    for path in paths:
        document = files.read_json(path)
        if not isinstance(document, dict) or document.get("format") != 1:
            raise StudyError(f"{path} is no metrics file of format 1; delete it and run again.")
        documents.append(document)
    return documents


def gather(
    evaluations: Sequence[Document],
    majorities: Sequence[Document],
    reported: dict[str, str],
    on_others: Sequence[Document] = (),
) -> pd.DataFrame:
    """Makes the rows of scores.csv: first majority, then the evaluations, in the order given.

    Args:
        evaluations: contents of the evaluations' metrics.json, full models among them.
        majorities: contents of the tasks' majority metrics.json.
        reported: task -> the metric that decides whether a full model beats majority.
        on_others: contents of metrics.json of evaluations on tasks that nothing is trained on.

    Raises:
        StudyError: an evaluation has no full model or its task no majority to compare with.
    """
    import pandas as pd

    majority, runs = _majority_table(majorities), evaluation_table(evaluations)
    runs["degenerate"] |= _of_losing_full_models(runs, with_counted(majority), reported)
    others = evaluation_table(on_others)
    # The scores by gold label are in evaluation_only.csv.
    parts = [majority, runs, others[others["label"] == ""]]
    return pd.concat([part[COLUMNS] for part in parts], ignore_index=True)


def evaluation_table(documents: Iterable[Document]) -> pd.DataFrame:
    """The scores of evaluations: the columns of scores.csv, and `label`.

    The label is the gold label of the examples scored, empty for all. `degenerate` looks at the
    run alone, not at its full model.
    """
    rows = []
    for document in documents:
        named = Subnetwork.parse(document["subnetwork"])
        cell = {column: document.get(column, "") for column in CELL}
        cell |= {column: document[column] for column in SIZES} | {
            "target_kept": named.kept,
            "start": (named.start or "pretrained") if document["phase"] == "retrained" else "",
            "mask_source": named.source or "",
            "units_kept": " ".join(f"{name}={n}" for name, n in document["units_kept"].items()),
        }
        for score in document["scores"]:
            row = {name: value for name, value in score.items() if name in RUNS}
            degenerate = score["constant_prediction"] or score["value"] is None
            rows.append(cell | row | {"degenerate": degenerate})
    return files.table(rows, RUNS)


def on_table(paths: Iterable[Path]) -> pd.DataFrame:
    """Reads the scores of evaluations on other tasks, with the column `counted`, in this order."""
    return with_counted(evaluation_table(read_documents(paths)))


def _majority_table(documents: Iterable[Document]) -> pd.DataFrame:
    """The majority baselines that belong into scores.csv; others serve searches as thresholds."""
    nothing = {"model": "none", "method": "none", "subnetwork": "majority", "phase": "none"}
    rows = [
        nothing
        | {"task": document["task"]}
        | {name: value for name, value in score.items() if name in SCHEMA}
        for document in documents
        for score in document["scores"]
        if LABELS_FROM.get(score["split"]) == score["labels_from"]
        and not METRICS[score["metric"]].search_only
    ]
    return files.table(rows, SCHEMA)


def _of_losing_full_models(
    runs: pd.DataFrame, majority: pd.DataFrame, reported: dict[str, str]
) -> pd.Series:
    """Whether the full model of a run's seed does not beat majority on the run's split.

    An undefined value counts as chance. A metric without a chance value (F1) beats nothing where
    it is undefined, and an undefined majority leaves nothing to beat.
    """
    place, cell = ["task", "split"], ["model", "task", "seed"]
    full = runs[(runs["subnetwork"] == "full") & (runs["metric"] == runs["task"].map(reported))]
    lacking = runs.merge(full[cell], how="left", indicator=True).query("_merge == 'left_only'")
    for row in lacking.itertuples():
        raise StudyError(
            f"The scores of {row.task} with {row.model}, seed {row.seed}, have no full model to be "
            "compared with; evaluate it too."
        )
    baseline = majority[majority["metric"] == majority["task"].map(reported)]
    full = with_counted(full).merge(
        baseline[[*place, "counted"]], on=place, how="left", suffixes=("", "_majority"),
        indicator=True,
    )  # fmt: skip
    for row in full.query("_merge == 'left_only'").itertuples():
        raise StudyError(
            f"The majority baseline of {row.task} has no {row.metric} on {row.split}; run its step "
            "again."
        )
    full["loses"] = full["counted"].isna() | (full["counted"] <= full["counted_majority"])
    losers = full.loc[full["loses"], [*cell, "split"]].drop_duplicates()
    return runs.merge(losers, how="left", indicator=True)["_merge"] == "both"
