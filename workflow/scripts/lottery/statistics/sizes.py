"""How small a subnetwork may be: scores over the share of the body that is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lottery import files
from lottery.pruning.subnetworks import INVERTED, base_name, curves_of
from lottery.results.layout import Layout
from lottery.results.overlap import shares_of
from lottery.statistics.axes import (
    SCORED,
    Measured,
    TaskRuns,
    comparable,
    estimate,
    interval_of,
    tasks_of,
)
from lottery.statistics.claims.verdicts import KEEP_SCORE, SUPPORTED
from lottery.statistics.runs import FULL, PHASES

if TYPE_CHECKING:
    import pandas as pd

KEYS = dict.fromkeys("model method split task metric subnetwork phase".split(), str)
# kept: the share asked for. within_sd: the mean is at most one sample standard deviation of the
# full model's scores below their mean. difference: score - 0.9 x full, without collapsed runs, with
# its p-value and verdict as in claim A1. shared: the share of the subnetwork's parameters that
# belong to the good one of the same size.
SCHEMA: files.Schema = (
    KEYS
    | {"kept": float}
    | SCORED
    | dict.fromkeys("full full_sd".split(), float)
    | {"within_sd": bool}
    | dict.fromkeys("difference difference_low difference_high p".split(), float)
    | {"verdict": str, "shared": float}
)
# A row for each curve. lowest and highest: the ends of its sizes. area: the mean height of the
# curve between them, by trapezoids. smallest_within_sd, smallest_comparable: the smallest
# kept_fraction that matches the full model; missing where no size does.
CURVES: files.Schema = KEYS | {
    "n_sizes": int,
    **dict.fromkeys("lowest highest".split(), float),
    "n_seeds": int,
    **dict.fromkeys(
        "area area_low area_high smallest_within_sd smallest_comparable".split(), float
    ),
}
# Two subnetworks that keep more than this share have parameters in common whatever they are, so
# these are not the rest of the model there.
HALF = 0.5
REST = ("bad", INVERTED)


def size_tables(
    scores: pd.DataFrame,
    paths: Iterable[Path],
    overlap: pd.DataFrame,
    layout: Layout,
    model: str,
    method: str,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Makes score_over_size.csv and size_curves.csv of one model and method.

    Args:
        scores: of `lottery.results.summary.reported_runs`.
        paths: predictions.parquet of the method's cells and of the full models.
        overlap: overlap.csv of the method.
    """
    own = scores[(scores["model"] == model) & (scores["method"] == method)]
    curves = curves_of(own["subnetwork"])
    wanted = {name for sizes in curves.values() for draws in sizes.values() for name in draws}
    shares = shares_of(overlap)
    points, summaries = [], []
    for runs in tasks_of(scores, paths, layout, model, method, wanted):
        head = {"model": model, "method": method, "split": runs.split}
        head |= {"task": runs.task.id, "metric": runs.task.metric}
        for (kind, sizes), phase in product(curves.items(), PHASES):
            cell = head | {"subnetwork": kind, "phase": phase}
            rows = [
                cell | row | {"shared": shares.get((method, runs.task.id, base_name(draws[0])))}
                for kept, draws in sizes.items()
                if (row := _point(runs, draws, phase, kept)) is not None
            ]
            if rows:
                points += rows
                summaries.append(cell | _summary(runs, sizes, phase, rows))
    return files.table(points, SCHEMA), files.table(summaries, CURVES)


def _point(
    runs: TaskRuns, draws: tuple[str, ...], phase: str, kept: float
) -> dict[str, Any] | None:
    """One size of a curve; None without a run."""
    found, full = runs.scored(draws, phase), runs.full["value"]
    if found is None:
        return None
    sd = full.std(ddof=1)
    difference = estimate([runs.difference(draws, FULL, phase, KEEP_SCORE)])
    return {
        "kept": kept,
        **found,
        "full": full.mean(),
        "full_sd": sd,
        "within_sd": None if np.isnan(sd) else bool(found["score"] >= full.mean() - sd),
        **interval_of(difference, "difference"),
        **comparable(difference),
    }


def _summary(
    runs: TaskRuns,
    sizes: Mapping[float, tuple[str, ...]],
    phase: str,
    rows: list[dict[str, Any]],
) -> dict[str, Any]:
    """What a curve comes to."""
    kept = [row["kept_fraction"] for row in rows]
    measured = area(runs, [sizes[row["kept"]] for row in rows], phase)
    matching = {
        "smallest_within_sd": [row["kept_fraction"] for row in rows if row["within_sd"]],
        "smallest_comparable": [r["kept_fraction"] for r in rows if r["verdict"] == SUPPORTED],
    }
    return {
        "n_sizes": len(rows),
        "lowest": min(kept),
        "highest": max(kept),
        "n_seeds": len(measured.values),
        **interval_of(runs.possible(estimate([measured])), "area"),
        **{name: min(found, default=None) for name, found in matching.items()},
    }


def area(runs: TaskRuns, sizes: list[tuple[str, ...]], phase: str) -> Measured:
    """The area under each seed's curve by trapezoids, divided by the range of its sizes.

    Seeds without a run at every size are left out, and all where the sizes do not differ.
    """
    found = [runs.runs(draws, phase) for draws in sizes]
    seeds = [seed for seed in found[0].index if all(seed in each.index for each in found)]
    values, added = [], []
    for seed in seeds:
        kept = np.array([each.loc[seed, "kept_fraction"] for each in found], float)
        if np.ptp(kept) == 0:
            continue
        weights = trapezoid_weights(kept) / np.ptp(kept)
        values.append(weights @ [each.loc[seed, "value"] for each in found])
        parts = [runs.added(draws, phase, [seed])[0] for draws in sizes]
        added.append(weights @ np.stack(parts))
    error = runs.error(np.stack(added)) if added else 0.0
    return Measured(np.array(values), error)


def trapezoid_weights(places: np.ndarray) -> np.ndarray:
    """The weights w for which sum(w * y) is the area under y by trapezoids; any order of places."""
    order = np.argsort(places, kind="stable")
    steps = np.diff(places[order])
    weights = np.zeros(len(places))
    weights[order[:-1]] += steps / 2
    weights[order[1:]] += steps / 2
    return weights
