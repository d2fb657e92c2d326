"""What a search is given and what it returns, whatever the algorithm; no torch here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from lottery.pruning.masks import Mask
from lottery.runtime.resume import Checkpoint, State

if TYPE_CHECKING:
    from lottery.data.tokens import Tokens
    from lottery.models.encoder import Encoder
    from lottery.training.loop import Recipe

# All measurements of a search take less than a megabyte, so each step that took time is kept.
SECONDS = 1.0
# Before the name of an array in importance.npz: importances before they were normalised.
RAW = "raw_"

logger = logging.getLogger(__name__)


class MeasurementCache:
    """What a search has measured, so that nothing is measured twice, also after an interruption.

    A search decides by its measurements alone. One that was interrupted therefore starts again, is
    given the answers it had, and gets to where it was in no time.
    """

    def __init__(self, checkpoint: Checkpoint | None = None) -> None:
        self._checkpoint = checkpoint or Checkpoint()
        self._known: dict[str, dict[str, np.ndarray]] = {}
        state = self._checkpoint.load()
        if state is not None:
            for name, array in state.arrays.items():
                key, _, what = name.rpartition(":")
                self._known.setdefault(key, {})[what] = array
            self._checkpoint.resumed(state, "measurements of the search")

    def get(self, key: str, measure: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """What was measured under a key; measured now if nothing was.

        Args:
            key: identifies what is measured.
            measure: gives numbers (None where undefined) and arrays of numbers by name, no name
                with a colon.

        Returns:
            The numbers, and float64 arrays, by name.
        """
        if key not in self._known:
            measured = measure()
            self._known[key] = {name: np.asarray(v, np.float64) for name, v in measured.items()}
            logger.info("measurement %d: score %s", len(self._known), measured.get("score"))
            self._checkpoint.save_if_due(self._state, every=SECONDS)
        return {
            name: array if array.ndim else _number(array)
            for name, array in self._known[key].items()
        }

    @contextmanager
    def saved_when_interrupted(self) -> Iterator[None]:
        """Saves the finished measurements when the job is ended in the midst of one."""
        try:
            yield
        except (SystemExit, KeyboardInterrupt):
            if self._known:
                self._checkpoint.save(self._state())
            raise

    def _state(self) -> State:
        arrays = {
            f"{key}:{what}": array
            for key, measured in self._known.items()
            for what, array in measured.items()
        }
        return State(len(self._known), arrays)


def _number(array: np.ndarray) -> float | None:
    return None if np.isnan(array) else float(array)


@dataclass(frozen=True)
class Training:
    """What a search needs that trains models (`Algorithm.trains`).

    Attributes:
        tokens: the training split.
        recipe: of fine-tuning the full model.
        seed: of the order of the data and of dropout.
        start: gives the weights that a training starts from, on the device: the pretrained ones
            with the seed's classifier, or those of the full model after `first_step` steps.
        first_step: steps of the recipe that these weights have behind them.
        checkpoint: where the search keeps what it has trained; `cache` is not kept then.
    """

    tokens: Tokens
    recipe: Recipe
    seed: int
    start: Callable[[], Encoder]
    first_step: int = 0
    checkpoint: Checkpoint = field(default_factory=Checkpoint)


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
        cache: what the search has measured, over interruptions too.
        rng: for searches that draw; seeded by the cell, so that a search can be repeated.
        pretrained: gives the model before its fine-tuning, with the seed's classifier; None where
            the step does not read it.
        training: how to train, for algorithms that declare that they do.
    """

    model: Encoder
    tokens: Tokens
    options: dict[str, Any]
    score: Callable[[np.ndarray], float | None]
    threshold: Callable[[float | None], float | None]
    cache: MeasurementCache = field(default_factory=MeasurementCache)
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    pretrained: Callable[[], Encoder] | None = None
    training: Training | None = None


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


TRAJECTORY_COLUMNS = ["step", *(each.name for each in fields(Step) if each.name != "others_kept")]


def trajectory_columns(steps: Sequence[Step]) -> list[str]:
    """The columns of search.csv: those of further kinds of unit are last."""
    others = dict.fromkeys(array for step in steps for array in step.others_kept)
    return [*TRAJECTORY_COLUMNS, *(f"{array}_kept" for array in others)]


@dataclass(frozen=True)
class SearchResult:
    """The result of a search.

    Attributes:
        masks: by subnetwork: good, and with halves good_half and bad_half.
        trajectory: one step per evaluation, the full model first.
        path: the mask of every step of the trajectory, as arrays [steps, ...] of path.npz. Of
            units: uint8 [steps, layers, units] or [steps, layers] by the kind's array. Of weights:
            `counts`, `threshold` and `ties`, see
            `lottery.pruning.algorithms.magnitude.mask_of_step`; of a search that ranks, `counts`.
        importance: arrays [steps, ...] of importance.npz; empty if the algorithm has none. Those
            before normalisation, if there is one, have the same names after `raw_`.
        halves: the steps towards the halves, where these are not steps of the search.
        ranking: arrays that `Algorithm.cut` takes, if the search ranks.
    """

    masks: Mapping[str, Mask]
    trajectory: list[Step]
    path: dict[str, np.ndarray] = field(default_factory=dict)
    importance: dict[str, np.ndarray] = field(default_factory=dict)
    halves: list[Step] = field(default_factory=list)
    ranking: Mapping[str, np.ndarray] = field(default_factory=dict)


def passes(score: float | None, threshold: float | None) -> bool:
    """Whether a score reaches the threshold; an undefined one does not."""
    return score is not None and threshold is not None and score >= threshold
