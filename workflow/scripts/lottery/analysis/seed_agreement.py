"""Whether masks of units agree over seeds more than chance gives, by task and over tasks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lottery import files
from lottery.analysis import agreement
from lottery.analysis.good_masks import GoodMasks
from lottery.pruning.controls import generator
from lottery.statistics.differences import AVERAGE

if TYPE_CHECKING:
    import pandas as pd

# A task is `AVERAGE` for the mean over the tasks that enter averages and have a value. expected,
# expected_sd and the one-sided p are of chance, which leaves every mask its size and places its
# units anywhere in the model. So seeds agree that keep the same layers. expected_in_layers and
# p_in_layers leave every mask its size in every layer, and say whether seeds agree beyond that;
# empty for kinds with one unit per layer. smallest_p is that of masks that agree as much as their
# sizes allow.
AGREEMENT = (
    dict.fromkeys("model method subnetwork task unit statistic".split(), str)
    | dict.fromkeys("value expected expected_sd p smallest_p".split(), float)
    | dict.fromkeys(("expected_in_layers", "p_in_layers"), float)
    | dict.fromkeys(("n_tasks", "n_seeds"), int)
)
STATISTICS = ("fleiss_kappa", "phi")


def agreement_table(
    masks: GoodMasks, model: str, method: str, averaged_tasks: Sequence[str], draws: int
) -> pd.DataFrame:
    """Agreement over seeds against chance: `AGREEMENT`.

    Args:
        masks: of units.
        averaged_tasks: the tasks that enter averages.
        draws: permutations behind every p-value.
    """
    rows = []
    for unit, values in masks.units.items():
        for statistic in STATISTICS:
            row: dict[str, Any] = {"model": model, "method": method, "unit": unit}
            row |= {"subnetwork": masks.infos[0].subnetwork, "n_seeds": len(masks.seeds)}
            row |= {"statistic": statistic}
            known = []
            for task, places in zip(masks.tasks, masks.places[0], strict=True):
                cell = (unit, model, method, task)
                layers = values[places].reshape(len(places), masks.architecture.layers, -1)
                found = compare(layers, statistic, draws, cell)
                if found is not None and task in averaged_tasks:
                    known.append(found)
                numbers = found.numbers() if found else {}
                rows.append(row | {"task": task, "n_tasks": 1} | numbers)
            numbers = mean(known).numbers() if known else {}
            rows.append(row | {"task": AVERAGE, "n_tasks": len(known)} | numbers)
    return files.table(rows, AGREEMENT)


@dataclass(frozen=True, eq=False)
class Agreement:
    """A statistic next to what chance gives.

    Attributes:
        value: of the masks.
        anywhere, in_layers: float [draws], of masks permuted anywhere and within layers; the latter
            empty where a layer has one unit.
        nested: the probability of the largest value under chance.
    """

    value: float
    anywhere: np.ndarray
    in_layers: np.ndarray
    nested: float

    def numbers(self) -> dict[str, float]:
        """The columns of `AGREEMENT`."""
        numbers = {
            "value": self.value,
            "expected": float(self.anywhere.mean()),
            "expected_sd": float(self.anywhere.std(ddof=1)),
            "p": agreement.upper_p(self.value, self.anywhere),
            "smallest_p": max(self.nested, 1 / (1 + len(self.anywhere))),
        }
        if self.in_layers.size:
            numbers["expected_in_layers"] = float(self.in_layers.mean())
            numbers["p_in_layers"] = agreement.upper_p(self.value, self.in_layers)
        return numbers


def compare(
    masks: np.ndarray, statistic: str, draws: int, cell: tuple[str, ...]
) -> Agreement | None:
    """Compares the masks of one task, bool [seeds, layers, units]; None where it is undefined.

    Args:
        masks: the masks.
        statistic: of `agreement.STATISTICS`.
        draws: permutations.
        cell: seeds the draws.
    """
    flat = masks.reshape(len(masks), -1)
    n = flat.shape[1]

    def measure(kept: np.ndarray) -> np.ndarray:
        return agreement.STATISTICS[statistic](agreement.shared_counts(kept), n)

    def drawn(values: np.ndarray, name: str) -> np.ndarray:
        stacks = agreement.permutations(values, draws, generator(name, *cell, ""))
        return np.concatenate([measure(each.reshape(len(each), *flat.shape)) for each in stacks])

    value = float(measure(flat)) if len(masks) > 1 else math.nan
    if math.isnan(value):
        return None
    return Agreement(
        value,
        # The draws of stability.csv, so that both tables give the same p-value.
        anywhere=drawn(flat, "stability"),
        in_layers=drawn(masks, "in layers") if masks.shape[2] > 1 else np.empty(0),
        nested=agreement.chance_of_nesting(flat.sum(axis=1), n),
    )


def mean(tasks: Sequence[Agreement]) -> Agreement:
    """The mean over tasks, whose draws are independent."""
    return Agreement(
        float(np.mean([each.value for each in tasks])),
        np.mean([each.anywhere for each in tasks], axis=0),
        np.mean([each.in_layers for each in tasks], axis=0),
        math.prod(each.nested for each in tasks),
    )
