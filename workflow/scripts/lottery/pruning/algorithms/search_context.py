"""What a search is given and what it returns, whatever the algorithm."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from lottery.pruning.algorithms.measurement_cache import Memory
from lottery.pruning.masks import Mask

if TYPE_CHECKING:
    from lottery.data.tokens import Tokens
    from lottery.models.encoder import Encoder

TRAJECTORY_COLUMNS = [
    "step",
    "stage",
    "heads_kept",
    "mlps_kept",
    "kept_fraction",
    "score",
    "threshold",
    "accepted",
]


@dataclass(frozen=True)
class SearchContext:
    """A fine-tuned model, the examples to search on, and how to judge a score.

    Attributes:
        model: whole, on the device to run on.
        tokens: the split that the search looks at.
        options: the method's options, by name.
        score: logits [examples, n_outputs] -> search metric, None where it is undefined.
        threshold: full model's score -> the score that a subnetwork must reach, None if nothing
            may be pruned.
        memory: what the search has measured, over interruptions too.
        rng: for searches that draw; seeded by the cell, so that a search can be repeated.
    """

    model: Encoder
    tokens: Tokens
    options: dict[str, Any]
    score: Callable[[np.ndarray], float | None]
    threshold: Callable[[float | None], float | None]
    memory: Memory = field(default_factory=Memory)
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))


@dataclass(frozen=True)
class Step:
    """One evaluation of a search: a row of search.csv (see docs/files.md)."""

    stage: str
    heads_kept: int | None
    mlps_kept: int | None
    kept_fraction: float
    score: float | None
    threshold: float | None
    accepted: bool
    others_kept: Mapping[str, int] = field(default_factory=dict)  # of further kinds, by array

    def row(self, step: int) -> dict[str, Any]:
        """The row, with its number."""
        row = {"step": step} | vars(self) | {"accepted": str(self.accepted).lower()}
        others = row.pop("others_kept")
        return row | {f"{array}_kept": count for array, count in others.items()}


def trajectory_columns(steps: Sequence[Step]) -> list[str]:
    """The columns of search.csv: those of further kinds of unit are last."""
    others = dict.fromkeys(array for step in steps for array in step.others_kept)
    return [*TRAJECTORY_COLUMNS, *(f"{array}_kept" for array in others)]


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        masks: by subnetwork: good, and with halves good_half and bad_half.
        trajectory: one step per evaluation, the full model first.
        path: the mask of every step of the trajectory, as arrays [steps, ...] of path.npz. Of
            units: uint8 [steps, layers, units] or [steps, layers] by the kind's array. Of weights:
            `counts`, `threshold` and `ties`, see
            `lottery.pruning.algorithms.search_magnitude.mask_of_step`.
        importance: arrays [steps, ...] of importance.npz; empty if the algorithm has none.
        halves: the steps towards the halves, where they are walked apart from the search.
    """

    masks: dict[str, Mask]
    trajectory: list[Step]
    path: dict[str, np.ndarray] = field(default_factory=dict)
    importance: dict[str, np.ndarray] = field(default_factory=dict)
    halves: list[Step] = field(default_factory=list)


def passes(score: float | None, threshold: float | None) -> bool:
    """Whether a score reaches the threshold; an undefined one does not."""
    return score is not None and threshold is not None and score >= threshold
