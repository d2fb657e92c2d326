"""The search for a structured subnetwork, step by step as the paper's code does it.

Stages, each removing the least important units until the score falls below the threshold: `both`
(all kinds of unit together), then each kind alone: `heads`, then `mlps`. A search over one kind has
its stage alone. A failing step is undone as a whole. The logic knows nothing of models: it is given
a function that measures a mask.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lottery.models.units import ALWAYS, KINDS, kinds_of
from lottery.pruning.algorithms.search_context import Step, passes
from lottery.pruning.masks import UnitMask

OTHER_STEP = 0.1  # share of the units of a kind without an option of its own
TOGETHER = "both"  # stage that removes units of several kinds


@dataclass(frozen=True)
class Measurement:
    """What is known of a model under a mask.

    Attributes:
        importance: kind -> importance of its units, float64 [layers, units] or [layers]; NaN where
            it is not known.
        score: the search metric; None if undefined.
        kept_fraction: of the body.
    """

    importance: dict[str, np.ndarray]
    score: float | None
    kept_fraction: float


Measure = Callable[[UnitMask], Measurement]
Strides = Mapping[str, int]  # kind -> units that a step removes


def strides_of(full: UnitMask, options: Mapping[str, Any]) -> dict[str, int]:
    """How many units a step removes, of the kinds that a method prunes.

    `mlp_step` is a number of MLPs, `head_step` a share of all heads, rounded down; of other kinds
    it is a tenth. Small models step by at least one unit, where shares would round down to none.
    """
    strides = {}
    for kind in kinds_of(options["units"]):
        share = options["head_step"] if kind == "head" else OTHER_STEP
        count = max(1, int(math.prod(full.units[kind].shape, start=share)))
        strides[kind] = options["mlp_step"] if kind == "mlp" else count
    return strides


class StructuredSearch:
    """One search.

    Args:
        measure: measures a mask; called once per step.
        threshold: the score to reach, from the full model's score; None if nothing may be pruned.
        full: the mask that keeps everything.
        options: of the method.
    """

    def __init__(
        self,
        measure: Measure,
        threshold: Callable[[float | None], float | None],
        full: UnitMask,
        options: Mapping[str, Any],
    ) -> None:
        self._measure = measure
        self._stale = options["stage_start"] == "stale"
        self._strides = strides_of(full, options)
        self.steps: list[Step] = []
        self.measurements: list[Measurement] = []
        self.masks: list[UnitMask] = []
        self._good = full
        self._latest = measure(self._good)
        self._threshold = threshold(self._latest.score)
        self._record(self._good, stage_of(self._strides))

    def run(self) -> UnitMask:
        """Searches; returns the last mask that passed. The trajectory is in `steps`."""
        if self.steps[0].accepted:
            self._stage(self._strides)
            if len(self._strides) > 1:
                for kind, stride in self._strides.items():
                    # As published, heads step by half as many when they are removed alone.
                    several = self._good.units[kind].ndim == 2
                    self._stage({kind: max(1, stride // 2) if several else stride})
        return self._good

    def path(self) -> dict[str, np.ndarray]:
        """The mask of every step: kind's array -> uint8 [steps, ...]."""
        arrays = [mask.arrays() for mask in self.masks]
        return {name: np.stack([each[name] for each in arrays]) for name in arrays[0]}

    def _stage(self, strides: Strides) -> None:
        """Removes units until a step fails or none is left; keeps the last state that passed."""
        stage = stage_of(strides)
        if not self._stale and len(self.steps) > 1:
            self._latest = self._measure(self._good)
            self._record(self._good, stage)
        candidate = self._good
        passed = True
        while passed:
            # As published, each kind's last passing state is kept by itself: when the heads run
            # out, the MLPs fall back to the state before their last removal.
            for kind in strides:
                self._good = self._good.with_units({kind: candidate.units[kind]})
                if not candidate.units[kind].any():
                    return
            candidate = remove(candidate, self._latest, strides)
            self._latest = self._measure(candidate)
            passed = self._record(candidate, stage)

    def _record(self, mask: UnitMask, stage: str) -> bool:
        accepted = passes(self._latest.score, self._threshold)
        self.steps.append(_step(mask, stage, self._latest, self._threshold, accepted))
        self.measurements.append(self._latest)
        self.masks.append(mask)
        return accepted


def stage_of(kinds: Iterable[str]) -> str:
    """The word for a stage that removes units of these kinds."""
    first, *more = kinds
    return TOGETHER if more else KINDS[first].array


def remove(mask: UnitMask, measured: Measurement, strides: Strides) -> UnitMask:
    """Removes the least important kept units, at most as many as are left of each kind."""
    return mask.with_units(
        {
            kind: _without_least(mask.units[kind], measured.importance[kind], count)
            for kind, count in strides.items()
        }
    )


def _without_least(kept: np.ndarray, scores: np.ndarray, count: int) -> np.ndarray:
    """A copy of `kept` without its `count` lowest scores; ties go by position."""
    ranking = np.argsort(np.where(kept, scores, np.inf), axis=None, kind="stable")
    result = kept.copy()
    result.flat[ranking[: min(count, int(kept.sum()))]] = False
    return result


def walk_to_half(
    measure: Measure, full: UnitMask, options: Mapping[str, Any]
) -> tuple[UnitMask, list[Step]]:
    """Follows the first stage whatever the score until half of each kind of unit is left.

    A kind that has arrived at floor(n / 2) stops there, and its last step is clipped.

    Returns:
        The good half, and the steps; their threshold is None.
    """
    strides = strides_of(full, options)
    mask, steps = full, []
    while True:
        measured = measure(mask)
        steps.append(_step(mask, stage_of(strides), measured, None, True))
        missing = {
            kind: int(mask.units[kind].sum()) - full.units[kind].size // 2 for kind in strides
        }
        clipped = {kind: min(stride, missing[kind]) for kind, stride in strides.items()}
        if not any(clipped.values()):
            return mask, steps
        mask = remove(mask, measured, clipped)


def other_half(mask: UnitMask, kinds: Iterable[str]) -> UnitMask:
    """The complement of a half, for the kinds of unit that are pruned; the others are whole."""
    return mask.with_units({kind: ~mask.units[kind] for kind in kinds})


def _step(
    mask: UnitMask,
    stage: str,
    measured: Measurement,
    threshold: float | None,
    accepted: bool,
) -> Step:
    counts = mask.counts()
    heads, mlps = (counts.pop(KINDS[kind].array) for kind in ALWAYS)
    return Step(
        stage=stage,
        heads_kept=heads,
        mlps_kept=mlps,
        kept_fraction=measured.kept_fraction,
        score=measured.score,
        threshold=threshold,
        accepted=accepted,
        others_kept=counts,
    )
