"""Whether searches of one model on other examples agree more than searches of two models do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import TYPE_CHECKING, Any

import numpy as np

from lottery import files
from lottery.analysis import agreement
from lottery.analysis.good_masks import GoodMasks
from lottery.analysis.stability import disjoint
from lottery.pruning.controls import generator
from lottery.statistics.differences import AVERAGE

if TYPE_CHECKING:
    import pandas as pd

# All agreement is phi, in the mean over pairs of masks. `method` and `other_method` differ only in
# what they search on. same_examples: two seeds of `method`. same_model: one seed, searched by both
# methods. other_model: one seed searched by `method` and another one by `other_method`. difference:
# same_model - other_model. Its one-sided p-values permute the seeds of `other_method` within tasks:
# p of at least this difference, p_below of at most this one. A task is `AVERAGE` for the mean over
# the tasks that enter averages.
SEARCH_NOISE = (
    dict.fromkeys("model method other_method search_on other_search_on".split(), str)
    | {"disjoint": bool, "task": str, "unit": str}
    | dict.fromkeys("same_examples same_model other_model difference".split(), float)
    | dict.fromkeys("p p_below smallest_p".split(), float)
    | dict.fromkeys(("n_tasks", "n_seeds"), int)
)
# All permutations are counted if there are no more than these; otherwise some are drawn.
COUNTED = 50_000


def search_noise_table(
    masks: GoodMasks,
    model: str,
    search_on: Mapping[str, str],
    averaged_tasks: Sequence[str],
    draws: int,
) -> pd.DataFrame:
    """The test for every two methods of a family, in both orders: `SEARCH_NOISE`.

    Args:
        masks: good masks of all methods of the family.
        search_on: method -> the examples it searches on, in the order of the masks.
        averaged_tasks: the tasks that enter averages.
        draws: permutations, where there are too many to count.
    """
    places, methods = masks.places, list(search_on)
    rows = []
    for unit, (shared, n) in masks.shared().items():
        sizes = np.diagonal(shared)
        phis = agreement.phi(shared, sizes[:, None], sizes[None, :], n)
        for a, b in product(range(len(methods)), repeat=2):
            first, second = methods[a], methods[b]
            if search_on[first] == search_on[second]:
                continue
            row: dict[str, Any] = {"model": model, "method": first, "other_method": second}
            row |= {"search_on": search_on[first], "other_search_on": search_on[second]}
            row |= {"disjoint": disjoint(search_on[first], search_on[second]), "unit": unit}
            of_tasks = {
                task: crossed(phis[np.ix_(of_first, of_second)], phis[np.ix_(of_first, of_first)])
                for task, of_first, of_second in zip(masks.tasks, places[a], places[b], strict=True)
            }
            groups = {task: [each] for task, each in of_tasks.items()}
            groups[AVERAGE] = [of_tasks[task] for task in masks.tasks if task in averaged_tasks]
            for task, group in groups.items():
                known = [each for each in group if each.n_seeds > 1]
                rng = generator("search noise", model, first, second, unit, task)
                numbers = compare(known, draws, rng) if known else {}
                rows.append(row | {"task": task, "n_tasks": len(known)} | numbers)
    return files.table(rows, SEARCH_NOISE)


@dataclass(frozen=True, eq=False)
class Crossed:
    """Agreement of two methods' masks of one task.

    Attributes:
        phis: float [seeds, seeds], of a seed of the first method with one of the second.
        same_examples: mean over the pairs of seeds of the first method.
    """

    phis: np.ndarray
    same_examples: float

    @property
    def n_seeds(self) -> int:
        """Number of seeds."""
        return len(self.phis)

    def differences(self, orders: np.ndarray) -> np.ndarray:
        """same_model - other_model, with the second method's seeds in some orders [n, seeds]."""
        n = self.n_seeds
        same = self.phis[np.arange(n), orders].sum(axis=1)
        return same / n - (self.phis.sum() - same) / (n * (n - 1))


def crossed(phis: np.ndarray, of_first: np.ndarray) -> Crossed:
    """Leaves out seeds with a mask that keeps nothing or everything, which has no phi.

    Args:
        phis: float [seeds, seeds], NaN where undefined.
        of_first: the same among the masks of the first method.
    """
    known = np.flatnonzero(~np.isnan(np.diagonal(phis)))
    pairs = of_first[np.triu_indices(len(of_first), k=1)]
    return Crossed(phis[np.ix_(known, known)], float(agreement.mean_of_known(pairs)))


def compare(tasks: Sequence[Crossed], draws: int, rng: np.random.Generator) -> dict[str, float]:
    """The numbers of `SEARCH_NOISE`, means over tasks of at least two seeds each.

    Under the null hypothesis it does not matter for a mask which of the fine-tuned models another
    mask was found in. Then every order of the second method's seeds within a task is equally
    likely.
    """
    observed = np.mean([each.differences(np.arange(each.n_seeds)[None]) for each in tasks])
    if math.prod(math.factorial(each.n_seeds) for each in tasks) <= COUNTED:
        totals = np.zeros(1)
        for each in tasks:
            orders = np.array(list(permutations(range(each.n_seeds))))
            totals = np.add.outer(totals, each.differences(orders)).ravel()
    else:
        totals = np.zeros(draws)
        for each in tasks:
            orders = np.tile(np.arange(each.n_seeds), (draws, 1))
            totals += each.differences(rng.permuted(orders, axis=1))
        totals = np.append(totals, observed * len(tasks))
    beyond = totals / len(tasks) - observed
    same = np.mean([np.diagonal(each.phis).mean() for each in tasks])
    return {
        "same_examples": float(np.mean([each.same_examples for each in tasks])),
        "same_model": float(same),
        "other_model": float(same - observed),
        "difference": float(observed),
        # Equal values may differ in the last bits.
        "p": float((beyond >= -1e-12).mean()),
        "p_below": float((beyond <= 1e-12).mean()),
        "smallest_p": 1 / len(totals),
        "n_seeds": min(each.n_seeds for each in tasks),
    }
