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

# What a model costs, whatever is computed with it (`lottery.pruning.cost.cost_of`).
COSTS = ("parameters", "nonzero_parameters", "file_bytes")
# An id is `none` where it does not apply. An empty seed: majority. An empty value: the metric is
# undefined. kept_fraction: kept parameters / parameters of the body; kept counts are empty for
# masks of single weights and for majority. degenerate: the run collapsed (`collapsed`), or the
# majority baseline is undefined. eval_task and group: of tasks that are only evaluated on.
# target_kept: the kept fraction that the method aimed at. start: the weights from which a retrained
# subnetwork started. mask_source: where the mask is from, if not from the row's own model, task and
# seed. units_kept: kept units by kind, as "heads=70 mlps=5". flops: the mean over the examples of
# the split; it is empty, as `COSTS` are, for majority and on eval_tasks.
SCHEMA: files.Schema = (
    {"model": str, "task": str, "seed": int}
    | dict.fromkeys(("method", "subnetwork", "phase", "split", "metric"), str)
    | {"value": float, "n_examples": int, "kept_fraction": float}
    | {"heads_kept": int, "mlps_kept": int, "degenerate": bool}
    | {"eval_task": str, "group": str, "target_kept": float}
    | dict.fromkeys(("start", "mask_source", "units_kept"), str)
    | dict.fromkeys(COSTS, int)
    | {"flops": float}
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
# Phases of trained runs, the only ones that collapse by themselves: the low score of a subnetwork
# that was pruned and not retrained is what pruning did.
TRAINED = ("finetuned", "retrained")
# What evaluations have on top of the columns of scores.csv.
RUNS: files.Schema = {**SCHEMA, "label": str}

Document = dict[str, Any]


def score_table(path: Path) -> pd.DataFrame:
    """Reads scores.csv as a DataFrame, with the column `counted` of `with_counted`.

    Raises:
        StudyError: the file is missing or cut short, lacks a column, or a field has another type.
    """
    return with_counted(files.read_table(path, SCHEMA))


def score_tables(paths: Iterable[Path]) -> pd.DataFrame:
    """Reads scores.csv of several methods; the full models and majority are in each, and kept once.

    Raises:
        StudyError: see `score_table`.
    """
    import pandas as pd

    return pd.concat(map(score_table, paths), ignore_index=True).drop_duplicates()


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
        reported: task -> the metric that decides whether a run beats majority.
        on_others: contents of metrics.json of evaluations on tasks that nothing is trained on.

    Raises:
        StudyError: an evaluation has no full model or its task no majority to compare with.
    """
    import pandas as pd

    majority, runs = _majority_table(majorities), evaluation_table(evaluations)
    runs["degenerate"] = collapsed(runs, with_counted(majority), reported)
    others = evaluation_table(on_others)
    # The scores by gold label are in evaluation_only.csv.
    parts = [majority, runs, others[others["label"] == ""]]
    return pd.concat([part[COLUMNS] for part in parts], ignore_index=True)


def evaluation_table(documents: Iterable[Document]) -> pd.DataFrame:
    """The scores of evaluations: the columns of scores.csv, and `label`.

    The label is the gold label of the examples scored, empty for all. `degenerate` is known as far
    as the predictions tell: those of a trained run are constant, or the metric undefined.
    """
    rows = []
    for document in documents:
        named = Subnetwork.parse(document["subnetwork"])
        cell = {column: document.get(column, "") for column in CELL}
        cell |= {column: document[column] for column in SIZES}
        cell |= {column: document.get(column) for column in COSTS} | {
            "target_kept": named.kept,
            "start": (named.start or "pretrained") if document["phase"] == "retrained" else "",
            "mask_source": named.source or "",
            "units_kept": " ".join(f"{name}={n}" for name, n in document["units_kept"].items()),
        }
        flops = document.get("flops", {})
        for score in document["scores"]:
            row = {name: value for name, value in score.items() if name in RUNS}
            row["flops"] = flops.get(score["split"])
            constant = score["constant_prediction"] or score["value"] is None
            rows.append(cell | row | {"degenerate": constant and document["phase"] in TRAINED})
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


def collapsed(runs: pd.DataFrame, majority: pd.DataFrame, reported: dict[str, str]) -> pd.Series:
    """Which runs collapsed, on the split of their row; comparisons leave them out and count them.

    A trained run has collapsed if its predictions are constant or its score in the task's reported
    metric is not above that of the majority baseline. An undefined score or majority counts as 0.
    If the full model collapsed, so have all runs of its seed: they are compared with nothing.

    Args:
        runs: of `evaluation_table`, on the tasks that they were trained on.
        majority: majority baselines, with the column `counted`.
        reported: task -> its metric.

    Raises:
        StudyError: a run has no full model, or its task no majority.
    """
    place, cell = ["task", "split"], ["model", "task", "seed"]
    of_metric = with_counted(runs[runs["metric"] == runs["task"].map(reported)])
    full = of_metric[of_metric["subnetwork"] == "full"]
    lacking = runs.merge(full[cell], how="left", indicator=True).query("_merge == 'left_only'")
    for row in lacking.itertuples():
        raise StudyError(
            f"The scores of {row.task} with {row.model}, seed {row.seed}, have no full model to be "
            "compared with; evaluate it too."
        )
    baseline = majority.loc[
        majority["metric"] == majority["task"].map(reported), [*place, "counted"]
    ].rename(columns={"counted": "majority"})
    beaten = of_metric.merge(baseline, on=place, how="left", indicator=True)
    for row in beaten.query("_merge == 'left_only'").itertuples():
        raise StudyError(
            f"The majority baseline of {row.task} has no {row.metric} on {row.split}; run its step "
            "again."
        )
    above = beaten["counted"].fillna(0.0) > beaten["majority"].fillna(0.0)
    lost = beaten[beaten["phase"].isin(TRAINED) & (beaten["degenerate"] | ~above)]
    found = runs["degenerate"].copy()
    for losers in (
        lost[[*CELL, "split"]],
        lost.loc[lost["subnetwork"] == "full", [*cell, "split"]],
    ):
        own = runs.merge(losers.drop_duplicates(), how="left", indicator=True)
        found |= (own["_merge"] == "both").to_numpy()
    return found
