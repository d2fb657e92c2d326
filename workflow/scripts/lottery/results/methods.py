"""Methods of one algorithm side by side: what their good subnetworks keep, and how they score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lottery.results.layout import Layout
from lottery.results.published import Published
from lottery.results.scores import Score, mean, sample_sd
from lottery.results.summary import run_numbers

PHASES = ("pruned", "retrained")
FULL = ("none", "full", "finetuned")
MAJORITY = ("none", "majority", "none")
COLUMNS = """model method task phase split metric n_runs n mean sd n_degenerate n_without_degenerate
mean_without_degenerate sd_without_degenerate kept_fraction kept_fraction_sd heads_kept
heads_kept_sd mlps_kept mlps_kept_sd published_mean published_sd published_n""".split()
# Of `run_numbers`, what says how many tasks a row is of.
LEFT_OUT = ("n_tasks", "n_tasks_without_degenerate")


def comparison_split(layout: Layout, compared: Sequence[str]) -> str:
    """The split on which methods are compared: report_half wherever a strict one is among them."""
    splits = {layout.display_split(method) for method in compared}
    return "report_half" if "report_half" in splits else "validation"


def runs_by_cell(
    scores: Sequence[Score], layout: Layout, model: str, compared: Sequence[str]
) -> dict[tuple[str, str, str, str], list[Score]]:
    """The runs that a comparison shows: good subnetworks, the full model and majority.

    Args:
        scores: all scores.
        layout: tasks and methods.
        model: the model.
        compared: the methods.

    Returns:
        (task, method, subnetwork, phase) -> one score per seed, in the reported metric on the
        split of the comparison.
    """
    split = comparison_split(layout, compared)
    wanted = {FULL, MAJORITY} | {(name, "good", phase) for name in compared for phase in PHASES}
    runs: dict[tuple[str, str, str, str], list[Score]] = {}
    for score in scores:
        row = (score.method, score.subnetwork, score.phase)
        if (
            score.model in ("none", model)
            and score.split == split
            and score.metric == layout.metrics.get(score.task)
            and row in wanted
            and not score.eval_task
        ):
            runs.setdefault((score.task, *row), []).append(score)
    return runs


def method_rows(
    scores: Sequence[Score],
    layout: Layout,
    model: str,
    compared: Sequence[str],
    published: Published,
) -> Iterator[dict[str, Any]]:
    """The rows of methods.csv.

    Args:
        scores: all scores.
        layout: tasks and methods.
        model: the model.
        compared: the methods.
        published: the paper's numbers.

    Yields:
        Rows with the keys `COLUMNS`: mean and sample standard deviation over seeds.
    """
    runs, split = runs_by_cell(scores, layout, model, compared), comparison_split(layout, compared)
    for task in layout.tasks:
        for row in ((method, "good", phase) for method in compared for phase in PHASES):
            of_cell = runs.get((task.id, *row))
            if not of_cell:
                continue
            paper = layout.published_score(published, model, row, task, split)
            own = {"model": model, "method": row[0], "task": task.id, "phase": row[2]}
            numbers = run_numbers(of_cell)
            yield (
                own
                | {"split": split, "metric": task.metric}
                | {key: value for key, value in numbers.items() if key not in LEFT_OUT}
                | _units(of_cell)
                | {
                    "published_mean": paper.mean if paper else None,
                    "published_sd": paper.sd if paper else None,
                    "published_n": paper.n_seeds if paper else None,
                }
            )


def _units(runs: Sequence[Score]) -> dict[str, float | None]:
    """Kept heads and MLPs; missing for masks of single weights."""
    found = {}
    for name in ("heads_kept", "mlps_kept"):
        kept = [getattr(run, name) for run in runs if getattr(run, name) is not None]
        found |= {name: mean(kept), f"{name}_sd": sample_sd(kept)}
    return found
