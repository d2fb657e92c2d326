"""What still learns, the counterpart of the paper's Table 2.

Its rows, from what needs no training up to the full model: majority, the systems a user supplies,
every method's bad subnetworks retrained, random subnetworks of a model whose weights are drawn
(`init: random`), trained likewise, and the full models.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import product
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from lottery import files
from lottery.pruning.subnetworks import base_name
from lottery.results import summary
from lottery.results.baselines import Baseline
from lottery.results.layout import Layout
from lottery.results.published import Published
from lottery.statistics.runs import FULL, roles

if TYPE_CHECKING:
    import pandas as pd

# `system`: what the row is: majority, given (by the user, `name`), bad, untrained or full; the
# others as in summary.csv. With several draws of a random subnetwork, a seed's value is their mean.
SCHEMA: files.Schema = {"system": str, "name": str, "n_draws": int, **summary.NUMBERS}


class System(NamedTuple):
    """One row of the table: kind (majority, bad, untrained or full) and place of its cells.

    Attributes:
        draws: its subnetworks: one, or all draws of a random one.
    """

    kind: str
    model: str
    method: str
    phase: str
    draws: tuple[str, ...]


def trainability(
    scores: pd.DataFrame,
    layout: Layout,
    controls: Mapping[str, str],
    untrained: Collection[str],
    baselines: Sequence[Baseline],
    published: Published,
) -> pd.DataFrame:
    """Makes trainability.csv.

    Args:
        scores: all scores (`lottery.results.scores.score_table`).
        layout: order of models, methods and tasks.
        controls: method -> "published" or "strict", the kinds of its subnetworks.
        untrained: the models whose weights are drawn.
        baselines: what the user supplies; it belongs to no split and is given under each.
        published: the paper's numbers.

    Returns:
        On validation the published methods, and where there are strict ones all of them on
        report_half.
    """
    import pandas as pd

    scores = summary.reported_runs(scores, layout)
    given = _given(baselines, layout.over_folds())
    frames = [files.table([], SCHEMA)]
    for split, methods in _splits(layout).items():
        for system in systems(layout, controls, untrained, methods):
            runs = _runs(scores, system, split)
            if not runs.empty:
                numbers = summary.cell_numbers(runs, layout, published)
                frames.append(numbers.assign(system=system.kind, n_draws=len(system.draws)))
            if system.kind == "majority":
                frames.append(given.assign(split=split))
    return files.table(pd.concat(frames, ignore_index=True), SCHEMA)


def systems(
    layout: Layout,
    controls: Mapping[str, str],
    untrained: Collection[str],
    methods: Collection[str],
) -> Iterator[System]:
    """The rows of the table in their order, those of the user aside."""
    yield System("majority", "none", "none", "none", ("majority",))
    for (kind, role), model, method in product(
        (("bad", "bad"), ("untrained", "random")), layout.models, layout.methods
    ):
        draws = roles(method.subnetworks, controls[method.id]).get(role)
        if draws and method.id in methods and (model in untrained) == (kind == "untrained"):
            yield System(kind, model, method.id, "retrained", draws)
    for model in layout.models:
        yield System("full", model, "none", "finetuned", FULL)


def _splits(layout: Layout) -> dict[str, list[str]]:
    """split -> the methods that are shown on it."""
    published = [method.id for method in layout.methods if method.preset == "published"]
    every = [method.id for method in layout.methods]
    strict = {"report_half": every} if len(every) > len(published) else {}
    return ({"validation": published} if published else {}) | strict


def _runs(scores: pd.DataFrame, system: System, split: str) -> pd.DataFrame:
    """The runs of a system; those of one seed are one: their mean, degenerate if one of them is."""
    place = {"model": system.model, "method": system.method, "phase": system.phase, "split": split}
    of_place = (scores[[*place]] == [*place.values()]).all(axis=1)
    runs = scores[of_place & scores["subnetwork"].isin(system.draws)]
    seeds = runs.assign(subnetwork=base_name(system.draws[0])).groupby(
        [*summary.CELL, "task", "metric", "seed"], sort=False, dropna=False
    )
    found = seeds.agg(
        counted=("counted", "mean"),
        kept_fraction=("kept_fraction", "mean"),
        degenerate=("degenerate", "any"),
        n_examples=("n_examples", "first"),
    )
    found["counted"] = found["counted"].where(seeds["counted"].count() == seeds.size())
    return found.reset_index()


def _given(baselines: Sequence[Baseline], layout: Layout) -> pd.DataFrame:
    """The rows of the systems that a user supplies, in the order of the file."""
    rows: list[dict[str, Any]] = []
    for name in dict.fromkeys(baseline.name for baseline in baselines):
        scores = {each.task: each.score for each in baselines if each.name == name}
        rows += [
            {"name": name, "task": task, "metric": layout.metrics[task], "n_tasks": 1, "mean": mean}
            for task, mean in scores.items()
        ]
        averaged = [scores[t.id] for t in layout.tasks if t.in_average and t.id in scores]
        if averaged:
            numbers = {"n_tasks": len(averaged), "mean": fmean(averaged)}
            rows.append({"name": name, "task": summary.AVERAGE, **numbers})
    return files.table(rows, SCHEMA).assign(system="given", model="none")
