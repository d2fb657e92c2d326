"""The paper's number for a claim, by the same formula as this run's, over its eight tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from lottery import files
from lottery.pruning.algorithms.declaration import PAPERS_METHODS, UNITS, WEIGHTS
from lottery.results.published import Published, PublishedScore
from lottery.results.scores import mean
from lottery.statistics.claims.evidence import Row, paper_tasks
from lottery.statistics.claims.table import Part

Options = Mapping[str, object]


def read_paper(path: Path) -> dict[tuple[str, str], Row]:
    """Reads claims.csv of workflow/resources/paper: (claim, granularity) -> row."""
    granularity = {method: name for name, method in PAPERS_METHODS.items()}
    return {(row["claim"], granularity[row["algorithm"]]): row for row in files.read_csv(path)}


def papers_value(
    part: Part, claim: str, granularity: str, published: Published, paper: Mapping[tuple, Row]
) -> float | None:
    """The paper's value of a part of a claim.

    Args:
        part: the part.
        claim: the claim's id.
        granularity: units or weights.
        published: the paper's scores and sizes.
        paper: numbers that are no scores, of `read_paper`.

    Returns:
        None where the paper has none.
    """
    computed = _FUNCTIONS.get(part.quantity)
    if computed:
        return computed(dict(part.options), PAPERS_METHODS[granularity], published)
    text = paper.get((claim, granularity), {}).get("value", "")
    return float(text) if text else None


def _difference(options: Options, method: str, published: Published) -> float | None:
    phase, factor = str(options["phase"]), float(options.get("factor", 1.0))
    first = _scores(method, str(options["first"]), phase, published)
    second = _scores(method, str(options["second"]), phase, published)
    if first is None or second is None:
        return None
    return mean([a.mean - factor * b.mean for a, b in zip(first, second, strict=True)])


def _scores(
    method: str, role: str, phase: str, published: Published
) -> list[PublishedScore] | None:
    """The published scores of a role on the paper's tasks."""
    row = (method, {"found": "good"}.get(role, role), phase)
    if role == "full":
        row = ("none", "full", "finetuned")
    scores = [published.score(*row, task, "validation", metric) for task, metric in paper_tasks()]
    return None if None in scores else scores


def _spread_ratio(options: Options, method: str, published: Published) -> float | None:
    sides = [_scores(method, role, "retrained", published) for role in ("good", "full")]
    if None in sides:
        return None
    good, full = (mean([score.sd**2 for score in side]) for side in sides)
    return (good / full) ** 0.5


def _kept_difference(options: Options, method: str, published: Published) -> float | None:
    sizes = [
        [published.kept_fraction(PAPERS_METHODS[each], "good", task) for task, _ in paper_tasks()]
        for each in (UNITS, WEIGHTS)
    ]
    if None in sizes[0] + sizes[1]:
        return None
    return mean(sizes[0]) - mean(sizes[1])


def _super_size(options: Options, method: str, published: Published) -> float | None:
    sizes = [published.kept_fraction(method, "super_good", task) for task, _ in paper_tasks()]
    return None if None in sizes else mean(sizes)


_FUNCTIONS: dict[str, Callable[[Options, str, Published], float | None]] = {
    "difference": _difference,
    "task_differences": _difference,
    "spread_ratio": _spread_ratio,
    "kept_difference": _kept_difference,
    "super_size": _super_size,
}
