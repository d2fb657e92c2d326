"""The search for a structured subnetwork, step by step as the paper's code does it.

Three stages, each removing the least important units until the score falls below the threshold:
`both` (heads and MLPs together), then `heads`, then `mlps`. A failing step is undone as a whole.
The logic knows nothing of models: it is given a function that measures a mask.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lottery.algorithms.search_context import Step, passes
from lottery.masks import StructuredMask
from lottery.units import word_of


@dataclass(frozen=True)
class Measurement:
    """What is known of a model under a mask.

    Attributes:
        heads: importance of heads, float64 [layers, heads]; NaN where it is not known.
        mlps: importance of MLPs, float64 [layers].
        score: the search metric; None if undefined.
        kept_fraction: of the body.
    """

    heads: np.ndarray
    mlps: np.ndarray
    score: float | None
    kept_fraction: float


Measure = Callable[[StructuredMask], Measurement]


@dataclass(frozen=True)
class Stride:
    """How many units a step removes: `heads` in stage both, half of them in stage heads.

    Small models step by at least one unit, where the published shares would round down to none.
    """

    heads: int
    mlps: int

    @classmethod
    def of(cls, shape: tuple[int, int], options: dict[str, Any]) -> Stride:
        """Reads `head_step`, a share of all heads rounded down, and `mlp_step`."""
        heads = int(options["head_step"] * shape[0] * shape[1])
        return cls(heads=max(1, heads), mlps=options["mlp_step"])


class StructuredSearch:
    """One search.

    Args:
        measure: measures a mask; called once per step.
        threshold: the score to reach, from the full model's score; None if nothing may be pruned.
        shape: layers and heads per layer.
        options: of the method.
    """

    def __init__(
        self,
        measure: Measure,
        threshold: Callable[[float | None], float | None],
        shape: tuple[int, int],
        options: dict[str, Any],
    ) -> None:
        self._measure = measure
        self._stale = options["stage_start"] == "stale"
        self._units = word_of(options["units"])
        self._stride = Stride.of(shape, options)
        self.steps: list[Step] = []
        self.measurements: list[Measurement] = []
        self._good = StructuredMask.full(*shape)
        self._latest = measure(self._good)
        self._threshold = threshold(self._latest.score)
        stage = self._units if self._units != "both" else "both"
        self._record(self._good, stage)

    def run(self) -> StructuredMask:
        """Searches; returns the last mask that passed. The trajectory stands in `steps`."""
        if not self.steps[0].accepted:
            return self._good
        stride = self._stride
        if self._units == "heads":
            self._stage("heads", Stride(stride.heads, 0))
        elif self._units == "mlps":
            self._stage("mlps", Stride(0, stride.mlps))
        else:
            self._stage("both", stride)
            self._stage("heads", Stride(max(1, stride.heads // 2), 0))
            self._stage("mlps", Stride(0, stride.mlps))
        return self._good

    def _stage(self, stage: str, stride: Stride) -> None:
        """Removes units until a step fails or none is left; keeps the last state that passed."""
        if not self._stale and len(self.steps) > 1:
            self._latest = self._measure(self._good)
            self._record(self._good, stage)
        candidate = self._good
        passed = True
        while passed:
            # As published, each kind's last passing state is kept by itself: when the heads run
            # out, the MLPs fall back to the state before their last removal.
            if stride.heads:
                self._good = StructuredMask(candidate.heads, self._good.mlps)
                if not candidate.heads.any():
                    return
            if stride.mlps:
                self._good = StructuredMask(self._good.heads, candidate.mlps)
                if not candidate.mlps.any():
                    return
            candidate = remove(candidate, self._latest, stride)
            self._latest = self._measure(candidate)
            passed = self._record(candidate, stage)

    def _record(self, mask: StructuredMask, stage: str) -> bool:
        accepted = passes(self._latest.score, self._threshold)
        self.steps.append(_step(mask, stage, self._latest, self._threshold, accepted))
        self.measurements.append(self._latest)
        return accepted


def remove(mask: StructuredMask, measured: Measurement, stride: Stride) -> StructuredMask:
    """Removes the least important kept units, at most as many as are left of each kind."""
    return StructuredMask(
        _without_least(mask.heads, measured.heads, stride.heads),
        _without_least(mask.mlps, measured.mlps, stride.mlps),
    )


def _without_least(kept: np.ndarray, scores: np.ndarray, count: int) -> np.ndarray:
    """A copy of `kept` without its `count` lowest scores; ties go by position."""
    ranking = np.argsort(np.where(kept, scores, np.inf), axis=None, kind="stable")
    result = kept.copy()
    result.flat[ranking[: min(count, int(kept.sum()))]] = False
    return result


def walk_to_half(
    measure: Measure, shape: tuple[int, int], options: dict[str, Any]
) -> tuple[StructuredMask, list[Step]]:
    """Follows stage `both` whatever the score until half of each kind of unit is left.

    A kind that has arrived at floor(n / 2) stops there, and its last step is clipped.

    Returns:
        The good half, and the steps; their threshold is None.
    """
    stride, units = Stride.of(shape, options), word_of(options["units"])
    head_goal = shape[0] * shape[1] // 2 if units in ("both", "heads") else shape[0] * shape[1]
    mlp_goal = shape[0] // 2 if units in ("both", "mlps") else shape[0]
    mask = StructuredMask.full(*shape)
    steps = []
    while True:
        measured = measure(mask)
        steps.append(_step(mask, "both" if units == "both" else units, measured, None, True))
        clipped = Stride(
            min(stride.heads, mask.heads_kept - head_goal),
            min(stride.mlps, mask.mlps_kept - mlp_goal),
        )
        if clipped == Stride(0, 0):
            return mask, steps
        mask = remove(mask, measured, clipped)


def other_half(mask: StructuredMask, units: str | Sequence[str]) -> StructuredMask:
    """The complement of a half, for the kinds of unit that are pruned; the other kind is whole."""
    units = word_of(units)
    other = mask.complement()
    return StructuredMask(
        other.heads if units in ("both", "heads") else mask.heads,
        other.mlps if units in ("both", "mlps") else mask.mlps,
    )


def _step(
    mask: StructuredMask,
    stage: str,
    measured: Measurement,
    threshold: float | None,
    accepted: bool,
) -> Step:
    return Step(
        stage=stage,
        heads_kept=mask.heads_kept,
        mlps_kept=mask.mlps_kept,
        kept_fraction=measured.kept_fraction,
        score=measured.score,
        threshold=threshold,
        accepted=accepted,
    )
