"""What still learns: retrained bad subnetworks beside an untrained model and other systems.

The counterpart of the paper's Table 2. Its rows, from what needs no training up to the full model:
majority, the systems a user supplies, every method's bad subnetworks retrained, random subnetworks
of a model whose weights are drawn (`init: random`), trained likewise, and the full models.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lottery.pruning.subnetworks import base_name
from lottery.results import summary
from lottery.results.baselines import Baseline
from lottery.results.layout import Layout
from lottery.results.published import Published
from lottery.results.scores import Score, mean
from lottery.results.summary import AVERAGE, cell_rows
from lottery.statistics.roles import FULL, roles

MAJORITY = ("majority",)
# `system`: what the row is: majority, given (by the user, `name`), bad, untrained or full; the
# others as in summary.csv. With several draws of a random subnetwork, a seed's value is their mean.
COLUMNS = ["system", "name", "n_draws", *summary.COLUMNS]


@dataclass(frozen=True)
class System:
    """One row of the table.

    Attributes:
        kind: `majority`, `bad`, `untrained` or `full`.
        model, method, phase: of its cells.
        draws: its subnetworks: one, or all draws of a random one.
    """

    kind: str
    model: str
    method: str
    phase: str
    draws: tuple[str, ...]


def trainability(
    scores: Sequence[Score],
    layout: Layout,
    controls: Mapping[str, str],
    untrained: Collection[str],
    baselines: Sequence[Baseline],
    published: Published,
) -> list[dict[str, Any]]:
    """Makes the rows of trainability.csv.

    Args:
        scores: all scores.
        layout: order of models, methods and tasks.
        controls: method -> "published" or "strict", the kinds of its subnetworks.
        untrained: the models whose weights are drawn.
        baselines: what the user supplies; it belongs to no split and stands under each.
        published: the paper's numbers.

    Returns:
        Rows with the keys `COLUMNS`: on validation the published methods, and where there are
        strict ones all of them on report_half.
    """
    rows: list[dict[str, Any]] = []
    for split, methods in _splits(layout).items():
        for system in systems(layout, controls, untrained, methods):
            rows += _rows(system, split, scores, layout, published)
            if system.kind == "majority":
                rows += _given(baselines, split, layout)
    return rows


def systems(
    layout: Layout,
    controls: Mapping[str, str],
    untrained: Collection[str],
    methods: Collection[str],
) -> Iterator[System]:
    """The rows of the table in their order, those of the user aside."""
    pretrained = [model for model in layout.models if model not in untrained]
    yield System("majority", "none", "none", "none", MAJORITY)
    wanted = (("bad", "bad", pretrained), ("untrained", "random", untrained))
    for kind, role, models in wanted:
        for model in (each for each in layout.models if each in models):
            for method in (each for each in layout.methods if each.id in methods):
                draws = roles(method.subnetworks, controls[method.id]).get(role)
                if draws:
                    yield System(kind, model, method.id, "retrained", draws)
    for model in layout.models:
        yield System("full", model, "none", "finetuned", FULL)


def _splits(layout: Layout) -> dict[str, list[str]]:
    """split -> the methods that stand on it."""
    published = [method.id for method in layout.methods if method.preset == "published"]
    every = [method.id for method in layout.methods]
    strict = {"report_half": every} if len(every) > len(published) else {}
    return ({"validation": published} if published else {}) | strict


def _rows(
    system: System, split: str, scores: Sequence[Score], layout: Layout, published: Published
) -> Iterator[dict[str, Any]]:
    """The rows of one system: a row per task, and one of their average."""
    cell = (system.model, system.method, system.phase, split)
    by_draw: dict[tuple[str, int | None], list[Score]] = {}
    for score in scores:
        if (
            (score.model, score.method, score.phase, score.split) == cell
            and score.subnetwork in system.draws
            and score.metric == layout.metrics.get(score.task)
            and not score.eval_task
        ):
            by_draw.setdefault((score.task, score.seed), []).append(score)
    by_task = {}
    for task in layout.tasks:
        runs = [_merged(each) for (name, _), each in by_draw.items() if name == task.id]
        if runs:
            by_task[task] = runs
    head = {"system": system.kind, "name": "", "n_draws": len(system.draws)}
    row = (system.method, base_name(system.draws[0]), system.phase)
    for found in cell_rows(system.model, split, row, by_task, layout, published):
        yield head | found


def _merged(draws: Sequence[Score]) -> Score:
    """The runs of one seed as one: the mean of its draws, degenerate if one of them is."""
    if len(draws) == 1:
        return draws[0]
    counted = [run.counted for run in draws]
    kept = [run.kept_fraction for run in draws if run.kept_fraction is not None]
    return replace(
        draws[0],
        subnetwork=base_name(draws[0].subnetwork),
        value=None if None in counted else mean(counted),
        kept_fraction=mean(kept),
        degenerate=any(run.degenerate for run in draws),
    )


def _given(baselines: Sequence[Baseline], split: str, layout: Layout) -> Iterator[dict[str, Any]]:
    """The rows of the systems that a user supplies, in the order of the file."""
    tasks = {task.id: task for task in layout.tasks}
    for name in dict.fromkeys(baseline.name for baseline in baselines):
        own = {each.task: each.score for each in baselines if each.name == name}
        head = {"system": "given", "name": name, "model": "none", "split": split}
        for task, score in own.items():
            numbers = {"n_tasks": 1, "mean": score}
            yield head | {"task": task, "metric": tasks[task].metric} | numbers
        averaged = [own[task.id] for task in layout.tasks if task.in_average and task.id in own]
        if averaged:
            numbers = {"n_tasks": len(averaged), "mean": mean(averaged)}
            yield head | {"task": AVERAGE, "metric": ""} | numbers
