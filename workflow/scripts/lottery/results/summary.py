"""The numeric table of the study: means over seeds, and the average over tasks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from lottery.results.layout import Layout, TaskColumn
from lottery.results.published import Published
from lottery.results.scores import Score, mean, sample_sd

AVERAGE = "average"
SPLITS = ("validation", "validation_mismatched", "search_half", "report_half")

# n_runs counts all runs; n, mean and sd those with a value, degenerate ones among them (undefined
# Matthews or correlation counts as 0); the columns *_without_degenerate leave degenerate runs out.
# In a row of task `average`, n is the number of seeds with a value on every task, mean the mean of
# the tasks' means, sd that of the seeds' averages; n_runs and n_degenerate add up its tasks.
COLUMNS = [
    "model",
    "split",
    "method",
    "subnetwork",
    "phase",
    "task",
    "metric",
    "n_tasks",
    "n_runs",
    "n",
    "mean",
    "sd",
    "n_degenerate",
    "n_tasks_without_degenerate",
    "n_without_degenerate",
    "mean_without_degenerate",
    "sd_without_degenerate",
    "kept_fraction",
    "kept_fraction_sd",
    "published_mean",
    "published_sd",
    "published_n",
    "published_kept_fraction",
]

Runs = Sequence[Score]


def summarize(scores: Runs, layout: Layout, published: Published) -> list[dict[str, Any]]:
    """Makes the rows of summary.csv from those of scores.csv.

    Args:
        scores: all scores.
        layout: order of models, methods and tasks.
        published: the paper's numbers.

    Returns:
        Rows with the keys `COLUMNS`; majority stands under model `none`, once.
    """
    groups: dict[tuple[str, ...], list[Score]] = defaultdict(list)
    for score in scores:
        if score.metric == layout.metrics.get(score.task) and not score.eval_task:
            cell = (score.model, score.split, score.method, score.subnetwork, score.phase)
            groups[*cell, score.task].append(score)
    rows = []
    for model in ("none", *layout.models):
        for split in SPLITS:
            for row in layout.rows:
                by_task = {
                    task: groups[model, split, *row, task.id]
                    for task in layout.tasks
                    if (model, split, *row, task.id) in groups
                }
                rows += cell_rows(model, split, row, by_task, layout, published)
    return rows


def cell_rows(
    model: str,
    split: str,
    row: tuple[str, str, str],
    by_task: dict[TaskColumn, Runs],
    layout: Layout,
    published: Published,
) -> Iterator[dict[str, Any]]:
    """The rows of one cell: one per task, and one for their average.

    Args:
        model: the cell's model, "none" for majority.
        split: the cell's split.
        row: its method, subnetwork and phase.
        by_task: the runs of each task.
        layout: order of models, methods and tasks.
        published: the paper's numbers.
    """
    method, subnetwork, phase = row
    cell = {"model": model, "split": split, "method": method, "subnetwork": subnetwork}
    cell["phase"] = phase
    notes = {}
    for task, runs in by_task.items():
        score = layout.published_score(published, model, row, task, split)
        notes[task] = {
            "published_mean": score.mean if score else None,
            "published_sd": score.sd if score else None,
            "published_n": score.n_seeds if score else None,
            "published_kept_fraction": layout.published_kept_fraction(published, model, row, task),
        }
        own = {"task": task.id, "metric": task.metric}
        yield cell | own | run_numbers(runs) | notes[task]
    averaged = {task: runs for task, runs in by_task.items() if task.in_average}
    if averaged:
        own = {"task": AVERAGE, "metric": ""}
        paper = [notes[task] for task in averaged]
        numbers = {
            key: mean([note[key] for note in paper])
            for key in ("published_mean", "published_kept_fraction")
            if all(note[key] is not None for note in paper)
        }
        yield cell | own | _average_numbers(list(averaged.values())) | numbers


def run_numbers(runs: Runs) -> dict[str, Any]:
    """Numbers of one task: over its runs, with and without the degenerate ones."""
    counted = _counted(runs)
    sound = [] if _is_majority(runs) else _counted(_sound(runs))
    kept = [run.kept_fraction for run in runs if run.kept_fraction is not None]
    return {
        "n_tasks": 1,
        "n_runs": len(runs),
        "n": len(counted),
        "mean": mean(counted),
        "sd": sample_sd(counted),
        "n_degenerate": None if _is_majority(runs) else len(runs) - len(_sound(runs)),
        "n_tasks_without_degenerate": None if _is_majority(runs) else int(bool(sound)),
        "n_without_degenerate": None if _is_majority(runs) else len(sound),
        "mean_without_degenerate": mean(sound),
        "sd_without_degenerate": sample_sd(sound),
        "kept_fraction": mean(kept),
        "kept_fraction_sd": sample_sd(kept),
    }


def _average_numbers(tasks: list[Runs]) -> dict[str, Any]:
    """Numbers of the average over tasks."""
    every = [run for runs in tasks for run in runs]
    majority = _is_majority(every)
    seeds = _averages_of_seeds(tasks)
    sound = [_sound(runs) for runs in tasks if _sound(runs)]
    seeds_sound = _averages_of_seeds([_sound(runs) for runs in tasks])
    return {
        "n_tasks": len(tasks),
        "n_runs": len(every),
        "n": len(seeds),
        "mean": _mean_of_means(tasks),
        "sd": sample_sd(seeds),
        "n_degenerate": None if majority else sum(run.degenerate for run in every),
        "n_tasks_without_degenerate": None if majority else len(sound),
        "n_without_degenerate": None if majority else len(seeds_sound),
        "mean_without_degenerate": None if majority else _mean_of_means(sound),
        "sd_without_degenerate": None if majority else sample_sd(seeds_sound),
        "kept_fraction": mean(
            [run.kept_fraction for run in every if run.kept_fraction is not None]
        ),
    }


def _mean_of_means(tasks: list[Runs]) -> float | None:
    """Mean over tasks of their means; None if a task has no defined value, or there is no task."""
    means = [mean(_counted(runs)) for runs in tasks]
    return None if None in means else mean(means)


def _averages_of_seeds(tasks: list[Runs]) -> list[float]:
    """Each seed's average over tasks, of the seeds that have a value on every task."""
    values = [{run.seed: run.counted for run in runs if run.counted is not None} for runs in tasks]
    shared = set.intersection(*(set(of_task) for of_task in values))
    return [mean([of_task[seed] for of_task in values]) for seed in sorted(shared, key=str)]


def _counted(runs: Runs) -> list[float]:
    return [run.counted for run in runs if run.counted is not None]


def _sound(runs: Runs) -> list[Score]:
    return [run for run in runs if not run.degenerate]


def _is_majority(runs: Runs) -> bool:
    """Majority is a baseline, no run: it is constant by definition and never left out."""
    return all(run.subnetwork == "majority" for run in runs)
