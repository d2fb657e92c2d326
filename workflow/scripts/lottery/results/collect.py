"""Gathers what all evaluations left behind into the rows of scores.csv."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from lottery import files
from lottery.files.errors import StudyError
from lottery.pruning.subnetworks import Subnetwork
from lottery.results.scores import Score
from lottery.tasks.metrics import METRICS, chance

# Which majority baseline stands in the table: on whole splits the published one, fitted to the
# validation labels; on the halves, which the strict procedure reports, the one that has seen
# training labels only.
LABELS_FROM = {
    "validation": "validation",
    "validation_mismatched": "validation",
    "search_half": "train",
    "report_half": "train",
}

Document = dict[str, Any]
FullKey = tuple[str, str, int, str]


def gather(
    evaluations: list[Document],
    majorities: list[Document],
    reported: dict[str, str],
    on_others: Iterable[Document] = (),
) -> list[Score]:
    """Makes the rows of scores.csv: first majority, then the evaluations, in the order given.

    Args:
        evaluations: contents of the evaluations' metrics.json, full models among them.
        majorities: contents of the tasks' majority metrics.json.
        reported: task -> the metric that decides whether a full model beats majority.
        on_others: contents of metrics.json of evaluations on tasks that nothing is trained on.

    Raises:
        StudyError: an evaluation has no full model or its task no majority to compare with.
    """
    majority = [score for document in majorities for score in majority_scores(document)]
    baseline = {
        (score.task, score.split): score.counted
        for score in majority
        if score.metric == reported.get(score.task)
    }
    losers = set(_losing_full_models(evaluations, baseline, reported))
    known = {
        (document["model"], document["task"], document["seed"])
        for document in evaluations
        if document["subnetwork"] == "full"
    }
    rows = list(majority)
    for document in evaluations:
        cell = (document["model"], document["task"], document["seed"])
        if cell not in known:
            model, task, seed = cell
            raise StudyError(
                f"The scores of {task} with {model}, seed {seed}, have no full model to be "
                "compared with; evaluate it too."
            )
        rows += [
            _row(document, score, (*cell, score["split"]) in losers) for score in document["scores"]
        ]
    # What they score by gold label stands in evaluation_only.csv.
    pairs = (pair for document in on_others for pair in other_task_scores(document))
    return rows + [score for label, score in pairs if not label]


def other_task_scores(document: Document) -> Iterator[tuple[str, Score]]:
    """The scores of one evaluation on another task, each with the gold label that it is of.

    The label is empty for scores of all examples, or of all of a group. Such a task has no
    majority baseline that a full model could fail to beat.
    """
    for score in document["scores"]:
        place = {"eval_task": document["eval_task"], "group": score["group"]}
        yield score["label"], replace(_row(document, score, full_loses=False), **place)


def majority_scores(document: Document) -> list[Score]:
    """The rows of one task's majority baseline that belong into scores.csv.

    Other rows of the file (the other baseline, the search's own metric, the sample of training
    examples) serve the thresholds of searches.
    """
    return [
        Score(
            model="none",
            task=document["task"],
            seed=None,
            method="none",
            subnetwork="majority",
            phase="none",
            split=score["split"],
            metric=score["metric"],
            value=score["value"],
            n_examples=score["n_examples"],
            kept_fraction=None,
            heads_kept=None,
            mlps_kept=None,
            degenerate=score["degenerate"],
        )
        for score in document["scores"]
        if LABELS_FROM.get(score["split"]) == score["labels_from"]
        and not METRICS[score["metric"]].search_only
    ]


def beats(value: float | None, baseline: float | None, metric: str) -> bool:
    """Whether a full model beats majority; an undefined value counts as chance.

    A metric without a chance value (F1) cannot be beaten by an undefined value, and an undefined
    majority leaves nothing to beat.
    """
    value = chance(metric) if value is None else value
    return value is not None and (baseline is None or value > baseline)


def _losing_full_models(
    evaluations: Iterable[Document],
    baseline: dict[tuple[str, str], float | None],
    reported: dict[str, str],
) -> Iterator[FullKey]:
    """Gives (model, task, seed, split) of the full models that do not beat majority."""
    for document in evaluations:
        if document["subnetwork"] != "full":
            continue
        task = document["task"]
        for score in document["scores"]:
            if score["metric"] != reported[task]:
                continue
            split = score["split"]
            if (task, split) not in baseline:
                raise StudyError(
                    f"The majority baseline of {task} has no {score['metric']} on {split}; run "
                    "its step again."
                )
            if not beats(score["value"], baseline[task, split], score["metric"]):
                yield document["model"], task, document["seed"], split


def _row(document: Document, score: Document, full_loses: bool) -> Score:
    named = Subnetwork.parse(document["subnetwork"])
    return Score(
        model=document["model"],
        task=document["task"],
        seed=document["seed"],
        method=document["method"],
        subnetwork=document["subnetwork"],
        phase=document["phase"],
        split=score["split"],
        metric=score["metric"],
        value=score["value"],
        n_examples=score["n_examples"],
        kept_fraction=document["kept_fraction"],
        heads_kept=document["heads_kept"],
        mlps_kept=document["mlps_kept"],
        degenerate=bool(score["constant_prediction"] or score["value"] is None or full_loses),
        target_kept=named.kept,
        start=(named.start or "pretrained") if document["phase"] == "retrained" else "",
        mask_source=named.source or "",
        units_kept=" ".join(f"{name}={n}" for name, n in document["units_kept"].items()),
    )


def read_documents(paths: list[Path]) -> list[Document]:
    """Reads the metrics.json files of evaluations or majority baselines.

    Raises:
        StudyError: a file is missing or damaged, or of another format version.
    """
    documents = []
    for path in paths:
        document = files.read_json(path)
        if not isinstance(document, dict) or document.get("format") != 1:
            raise StudyError(f"{path} is no metrics file of format 1; delete it and run again.")
        documents.append(document)
    return documents
