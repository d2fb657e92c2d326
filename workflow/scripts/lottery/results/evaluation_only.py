"""The table of the tasks that models are only evaluated on: by group and by gold label."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lottery import files
from lottery.results.collect import other_task_scores, read_documents
from lottery.results.scores import Score
from lottery.results.summary import run_numbers

# An empty group means all examples, an empty label all gold labels. n_runs counts all runs, n those
# with a value; the columns *_without_degenerate leave out runs whose predictions for the group are
# all the same, or whose metric is undefined.
CELL = ["model", "task", "eval_task", "method", "subnetwork", "phase"]
COLUMNS = [
    *CELL,
    "split",
    "group",
    "label",
    "metric",
    "n_examples",
    "n_runs",
    "n",
    "mean",
    "sd",
    "n_degenerate",
    "n_without_degenerate",
    "mean_without_degenerate",
    "sd_without_degenerate",
    "kept_fraction",
    "kept_fraction_sd",
    "published_mean",
]

# A score and the gold label that it is of, empty for all.
Labelled = tuple[str, Score]


class PublishedOn:
    """What the authors' files say of such tasks (workflow/resources/paper/hans.csv)."""

    def __init__(
        self,
        path: Path | None,
        published_models: Sequence[str],
        published_tasks: Mapping[str, Sequence[str]],
    ) -> None:
        """Reads the numbers.

        Args:
            path: hans.csv; None for no numbers.
            published_models: models that are the paper's.
            published_tasks: evaluation-only task -> (GLUE preset of the trained task, preset),
                where task and recipe are the authors'.
        """
        self._models, self._tasks = published_models, published_tasks
        keys = ("subnetwork", "phase", "task", "eval_task", "group", "label", "metric")
        rows = files.read_csv(path) if path else []
        self._means = {tuple(row[key] for key in keys): float(row["mean"]) for row in rows}

    def mean(self, label: str, score: Score) -> float | None:
        """The published mean beside a score; None where nothing is comparable."""
        if score.model not in self._models or score.eval_task not in self._tasks:
            return None
        place = (*self._tasks[score.eval_task], score.group, label, score.metric)
        return self._means.get((score.subnetwork, score.phase, *place))


def read_labelled(paths: Iterable[Path]) -> list[Labelled]:
    """Reads the scores of evaluations on other tasks, in the order given.

    Raises:
        StudyError: a file is missing or damaged.
    """
    documents = read_documents(list(paths))
    return [pair for document in documents for pair in other_task_scores(document)]


def summarize_on(scores: Iterable[Labelled], published: PublishedOn) -> list[dict[str, Any]]:
    """Makes the rows of evaluation_only.csv: over seeds, in the order of the scores.

    Args:
        scores: all scores.
        published: the authors' numbers.

    Returns:
        Rows with the keys `COLUMNS`; sd is the sample's.
    """
    runs: dict[tuple[str, ...], list[Labelled]] = defaultdict(list)
    for label, score in scores:
        cell = (getattr(score, name) for name in CELL)
        runs[*cell, score.split, score.group, label, score.metric].append((label, score))
    return [_row(key, [score for _, score in of_key], published) for key, of_key in runs.items()]


def _row(key: tuple[str, ...], runs: list[Score], published: PublishedOn) -> dict[str, Any]:
    place = dict(zip([*CELL, "split", "group", "label", "metric"], key, strict=True))
    numbers = run_numbers(runs)
    own = {"n_examples": runs[0].n_examples, "published_mean": published.mean(key[-2], runs[0])}
    return place | {name: numbers[name] for name in COLUMNS if name in numbers} | own
