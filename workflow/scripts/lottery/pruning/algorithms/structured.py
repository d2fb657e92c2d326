"""Structured pruning: whole units of the encoder, by their importances.

Stages, each removing the least important units until the score falls below the threshold: `both`
(all kinds of unit together), then each kind alone: `heads`, then `mlps`. A search over one kind has
its stage alone. A failing step is undone as a whole. `StructuredSearch` has no model: it is given
a function that measures a mask.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lottery.models.architecture import Architecture, read_architecture
from lottery.models.units import ALWAYS, KINDS, body_size, count_kept, kinds_of
from lottery.pruning import controls
from lottery.pruning.algorithms.declaration import (
    DEFAULT_SUBNETWORKS,
    EMPTIED_ATTENTION,
    SEARCH_OPTIONS,
    SHARED,
    SOURCES,
    SUBNETWORKS,
    SUPER,
    UNITS,
    Algorithm,
    Choice,
    Integer,
    Number,
    Option,
)
from lottery.pruning.algorithms.search import RAW, SearchContext, SearchResult, Step, passes
from lottery.pruning.criteria import BATCH, CRITERIA, ORDERED, REMOVAL, Criterion
from lottery.pruning.masks import UnitMask

OTHER_STEP = 0.1  # share of the units of a kind without an option of its own
TOGETHER = "both"  # stage that removes units of several kinds

OPTIONS: dict[str, Option] = SEARCH_OPTIONS | {
    "importance": Option(
        "running_sum",
        "per_example",
        Choice(*CRITERIA),
        "What the importance of a unit is; of gradients (those of the unit's gate) it is the sum - "
        + "; ".join(f"{name} {criterion.help}" for name, criterion in CRITERIA.items())
        + f". {' and '.join(ORDERED)} depend on the order of the data.",
    ),
    "units": SHARED["units"],
    "normalisation": Option(
        "all",
        "kept",
        Choice("all", "kept"),
        "Whether removed units take part when importances are normalised (all) or not (kept).",
    ),
    "layer_norm": Option(
        "l2",
        "l2",
        Choice("l2", "none"),
        "Whether the importances of a layer's heads (neurons) are divided by their L2 norm before "
        "the min-max over all heads (neurons).",
    ),
    "ranking": Option(
        "per_kind",
        "per_kind",
        Choice("per_kind", "global"),
        "How several kinds of units are compared - per_kind removes some of each kind in a step; "
        "global compares importances per parameter over all kinds, without normalising them, and "
        "removes as many parameters.",
        added=True,
    ),
    "stage_start": Option(
        "stale",
        "recompute",
        Choice("stale", "recompute"),
        "Importances at the first step of the stages heads and mlps - stale keeps those of the "
        "state that failed, recompute takes those of the kept one.",
    ),
    "head_step": Option(
        0.1,
        0.1,
        Number(above=0, at_most=1),
        "Heads removed per step as a share of all heads, rounded down; half as many in the stage "
        "of heads alone that follows the stage of both.",
    ),
    "mlp_step": Option(1, 1, Integer(at_least=1), "MLPs removed per step."),
    "emptied_attention": EMPTIED_ATTENTION,
}


def search(context: SearchContext, criterion: Criterion | None = None) -> SearchResult:
    """Searches for the good subnetwork, and with `halves` goes on to the good and the bad half.

    Args:
        context: what is searched.
        criterion: ranks the units; None for the one that the option `importance` names.
    """
    options, full = context.options, _full(context)
    measure = _measure_with(context, full, criterion)
    found = StructuredSearch(measure, context.threshold, full, options, _sizes(context))
    masks = {"good": found.run()}
    steps: list[Step] = []
    if options["halves"]:
        masks["good_half"], steps = prune_to_half(measure, full, options)
        masks["bad_half"] = other_half(masks["good_half"], kinds_of(options["units"]))
    importance = {
        before + KINDS[kind].array: np.stack(
            [getattr(each, name)[kind] for each in found.measurements], dtype=np.float32
        )
        for before, name in (("", "importance"), (RAW, "raw"))
        for kind in full.units
    }
    return SearchResult(masks, found.steps, found.path(), importance, steps)


def _sizes(context: SearchContext) -> Sizes | None:
    """Parameters of a unit of each kind that is pruned, where kinds are compared by them."""
    if context.options["ranking"] == "per_kind":
        return None
    architecture = context.model.architecture
    return {kind: KINDS[kind].parameters(architecture) for kind in _full(context).units}


def _full(context: SearchContext) -> UnitMask:
    """The mask that keeps everything, of the kinds that the options name."""
    options = context.options
    kinds, emptied = kinds_of(options["units"]), options["emptied_attention"]
    return UnitMask.full(context.model.architecture, kinds, emptied)


def sample(kind: str, source: UnitMask, path_to_model: Path, rng: np.random.Generator) -> UnitMask:
    """Draws a control of one seed from its source: random, bad or random_half."""
    if kind == "random":
        return controls.random_structured(source, rng)
    if kind == "bad":
        return controls.bad_structured(source, rng)
    return controls.random_units(source, rng)


def sample_counts(
    kind: str, source: UnitMask, path_to_model: Path, rng: np.random.Generator
) -> UnitMask:
    """The same with the counts of the source in every control, also in random."""
    return sample("random_half" if kind == "random" else kind, source, path_to_model, rng)


def rank(context: SearchContext, criterion: Criterion | None = None) -> dict[str, np.ndarray]:
    """Ranks the units by when they are removed, see `removal_order`; arguments as of `search`."""
    full = _full(context)
    measure = _measure_with(context, full, criterion)
    return removal_order(measure, full, context.options, _sizes(context))


def removal_order(
    measure: Measure, full: UnitMask, options: Mapping[str, Any], sizes: Sizes | None = None
) -> dict[str, np.ndarray]:
    """Follows the first stage of the search, whatever the score, until no unit is left.

    Returns:
        By the kind's array, int32 of its shape: when a unit is removed, counted from 0 over all
        kinds; -1 for kinds that are not pruned. Units of one step go by their importance.
    """
    strides = strides_of(full, options)
    order = {kind: np.full(kept.shape, -1, np.int32) for kind, kept in full.units.items()}
    mask, removed = full, 0
    while any(mask.units[kind].any() for kind in strides):
        measured = measure(mask)
        after = remove(mask, measured, strides, sizes)
        going = [
            (measured.importance[kind].flat[place], number, kind, place)
            for number, kind in enumerate(strides)
            for place in np.flatnonzero(mask.units[kind] & ~after.units[kind])
        ]
        for *_, kind, place in sorted(going):
            order[kind].flat[place] = removed
            removed += 1
        mask = after
    return {KINDS[kind].array: array for kind, array in order.items()}


def cut(
    ranking: Mapping[str, np.ndarray], path_to_model: Path, share: float, options: Mapping[str, Any]
) -> UnitMask:
    """The mask whose kept share of parameters is nearest to `share`, by the order of `rank`.

    Follows the path to the last mask that is large enough, and to the next one. Between them may
    lie a large unit. From the first, later units of the same search step are removed in their
    order while enough is left. To the other, units of the step are put back, the last first, while
    it is not too large. The nearer of the two is taken, of equally near ones the larger. So it
    misses `share` by less than any unit that the step could still remove, or put back.

    Masks of sizes that lie in different steps nest.
    """
    architecture = read_architecture(path_to_model)
    order = {name: ranking[kind.array] for name, kind in KINDS.items() if kind.array in ranking}
    end = 1 + max(int(array.max()) for array in order.values())
    drop_bias = options["emptied_attention"] == "drop_bias"

    def size(units: Mapping[str, np.ndarray]) -> float:
        kept = count_kept(units, architecture, drop_bias=drop_bias)
        return int(kept) / body_size(architecture)

    def after(removed: int) -> dict[str, np.ndarray]:
        return {kind: (array < 0) | (array >= removed) for kind, array in order.items()}

    # The kept share only falls along the path: the last mask that is large enough, or the next.
    low, high = 0, end
    while low < high:
        middle = (low + high + 1) // 2
        if size(after(middle)) >= share:
            low = middle
        else:
            high = middle - 1
    larger, smaller = after(low), after(min(low + 1, end))
    if low < end:
        first, last = _step_around(low, order, options, architecture)
        _change(larger, order, range(low + 1, last), False, lambda: size(larger) >= share)
        _change(smaller, order, range(low, first - 1, -1), True, lambda: size(smaller) <= share)
    nearest = min(larger, smaller, key=lambda units: round(abs(size(units) - share), 12))
    return UnitMask(nearest, options["emptied_attention"])


def _step_around(
    place: int,
    order: Mapping[str, np.ndarray],
    options: Mapping[str, Any],
    architecture: Architecture,
) -> tuple[int, int]:
    """The first place of the step that removes the unit at `place`, and the first after it.

    Where kinds are compared, a ranking does not tell where a step ended. There it is cut from the
    start into stretches with as many parameters as a step removes, or one unit.
    """
    strides = strides_of(UnitMask({kind: array >= 0 for kind, array in order.items()}), options)
    counts = {kind: int((order[kind] >= 0).sum()) for kind in strides}
    ends = [0]
    if options["ranking"] == "per_kind":
        while ends[-1] <= place:
            number = len(ends)
            ends.append(sum(min(number * stride, counts[k]) for k, stride in strides.items()))
        return ends[-2], ends[-1]
    sizes = {kind: KINDS[kind].parameters(architecture) for kind in strides}
    step = sum(count * sizes[kind] for kind, count in strides.items())
    kinds = np.empty(sum(counts.values()), object)
    for kind in strides:
        kinds[order[kind][order[kind] >= 0]] = kind
    budget = step
    for number, kind in enumerate(kinds):
        budget -= sizes[kind]
        if number > ends[-1] and budget < 0:
            if number > place:
                return ends[-1], number
            ends.append(number)
            budget = step - sizes[kind]
    return ends[-1], len(kinds)


def _change(
    units: dict[str, np.ndarray],
    order: Mapping[str, np.ndarray],
    places: Iterable[int],
    kept: bool,
    allowed: Callable[[], bool],
) -> None:
    """Removes or puts back the units at these places of the order, as far as it is allowed.

    Units of one kind and layer are alike until another unit of the layer is changed.
    """
    where = {
        int(rank): (kind, tuple(index))
        for kind, array in order.items()
        for index, rank in zip(np.argwhere(array >= 0), array[array >= 0], strict=True)
    }
    left, changed = list(places), True
    while changed:
        refused: set[tuple[str, int]] = set()
        changed, waiting = False, []
        for place in left:
            kind, index = where[place]
            if (kind, index[0]) in refused:
                waiting.append(place)
                continue
            units[kind][index] = kept
            if allowed():
                changed = True
                refused = {(kind, layer) for kind, layer in refused if layer != index[0]}
            else:
                units[kind][index] = not kept
                refused.add((kind, index[0]))
                waiting.append(place)
        left = waiting


def check(
    options: Mapping[str, Any], root: Path, own: tuple[str, Criterion] | None = None
) -> str | None:
    """Rejects what makes no sense with a criterion of units.

    Args:
        options: of the method.
        root: folder that relative paths start from.
        own: name and criterion of an algorithm made by `with_criterion`.
    """
    key, name = ("algorithm", own[0]) if own else ("importance", options["importance"])
    criterion = own[1] if own else CRITERIA[name]
    if criterion.needs == BATCH and options["search_order"] != "file":
        return (
            f"{key} is {name}, which depends on the order of the examples, "
            f"and search_order is {options['search_order']}; it must be file"
        )
    if options["ranking"] == "global" and options["halves"]:
        return (
            "ranking is global, and the halves are halves of each kind of units; set halves to "
            "false, or ranking to per_kind"
        )
    many = [kind for kind in kinds_of(options["units"]) if KINDS[kind].many]
    if criterion.needs == REMOVAL and many:
        few = ", ".join(kind.name for kind in KINDS.values() if not kind.many)
        return (
            f"{key} is {name}, which runs the model once without each unit, and units holds "
            f"{many[0]}, of which there are too many; allowed are {few}"
        )
    return None


ALGORITHM = Algorithm(
    name="structured",
    summary="Removes attention heads, MLPs, neurons of MLPs and layers by their importances.",
    granularity=UNITS,
    version=4,
    options=OPTIONS,
    subnetworks={
        "published": (*SUBNETWORKS["published"], *SUPER),
        "strict": (*SUBNETWORKS["strict"], "super_good"),
    },
    default_subnetworks=DEFAULT_SUBNETWORKS,
    sources=SOURCES,
    search=search,
    sample=sample,
    rank=rank,
    cut=cut,
    check=check,
    to_threshold=True,
    importance=True,
    prunes_to_half=True,
    units=tuple(KINDS),
    paper="structured",
)


def with_criterion(name: str, summary: str, criterion: Criterion, *, version: int = 1) -> Algorithm:
    """Declares structured pruning by another criterion, for plugins (docs/extending.md).

    Args:
        name: as in an `Algorithm`.
        summary: as in an `Algorithm`.
        version: as in an `Algorithm`.
        criterion: what units are ranked by, instead of the option `importance`.
    """
    return replace(
        ALGORITHM,
        name=name,
        summary=summary,
        version=version,
        options={key: option for key, option in OPTIONS.items() if key != "importance"},
        search=partial(search, criterion=criterion),
        sample=sample_counts,
        rank=partial(rank, criterion=criterion),
        check=partial(check, own=(name, criterion)),
        paper=None,
    )


@dataclass(frozen=True)
class Measurement:
    """What is known of a model under a mask.

    Attributes:
        importance: kind -> importance of its units, float64 [layers, units] or [layers]; NaN where
            it is not known.
        score: the search metric; None if undefined.
        kept_fraction: of the body.
        raw: the importances before they were normalised.
    """

    importance: dict[str, np.ndarray]
    score: float | None
    kept_fraction: float
    raw: dict[str, np.ndarray] = field(default_factory=dict)


Measure = Callable[[UnitMask], Measurement]
Strides = Mapping[str, int]  # kind -> units that a step removes
Sizes = Mapping[str, int]  # kind -> parameters of a unit


def _measure_with(
    context: SearchContext, full: UnitMask, criterion: Criterion | None = None
) -> Measure:
    """A function that measures a mask with the context's model, each mask once."""
    from lottery.pruning.importance import logits_under, measure, normalise, rank_once

    options, architecture = context.options, context.model.architecture
    criterion = criterion or CRITERIA[options["importance"]]
    batch_size, over = options["search_batch_size"], options["normalisation"]
    sizes = _sizes(context)

    def logits_of(mask: UnitMask) -> np.ndarray:
        return logits_under(context.model, context.tokens, mask, batch_size)

    def ranking() -> dict[str, np.ndarray]:
        def score(mask: UnitMask) -> float | None:
            return context.score(logits_of(mask))

        return rank_once(context.model, full, criterion, score, context.rng)

    def of_model(mask: UnitMask) -> dict[str, object]:
        if criterion.once:
            # No other layer's norm may change the order of the units that are left.
            units, state = context.cache.get("ranked once", ranking), full
            logits = logits_of(mask)
        else:
            order, pruned = options["search_order"], over == "all"
            passed = measure(
                context.model, context.tokens, mask, criterion, batch_size, order, pruned=pruned
            )
            units, logits, state = passed.units, passed.logits, mask
        if sizes is None:
            scores = normalise(units, state, over, options["layer_norm"])
        else:
            shares = dict.fromkeys(sizes, 1) if criterion.per_parameter else sizes
            scores = {kind: array / shares[kind] for kind, array in units.items()}
        arrays = {KINDS[kind].array: array for kind, array in scores.items()}
        arrays |= {RAW + KINDS[kind].array: array for kind, array in units.items()}
        return arrays | {"score": context.score(logits)}

    def measured(mask: UnitMask) -> Measurement:
        bits = np.concatenate([kept.ravel() for kept in mask.units.values()])
        known = context.cache.get(np.packbits(bits).tobytes().hex(), lambda: of_model(mask))
        importance, raw = (
            {kind: known[before + KINDS[kind].array] for kind in mask.units} for before in ("", RAW)
        )
        return Measurement(importance, known["score"], mask.kept_fraction(architecture), raw)

    return measured


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
    """One search from the full mask; `threshold` gives the score to reach (`SearchContext`)."""

    def __init__(
        self,
        measure: Measure,
        threshold: Callable[[float | None], float | None],
        full: UnitMask,
        options: Mapping[str, Any],
        sizes: Sizes | None = None,
    ) -> None:
        self._measure = measure
        self._sizes = sizes
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
            if len(self._strides) > 1 and self._sizes is None:
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
                if not candidate.units[kind].any() and self._sizes is None:
                    return
            if not any(candidate.units[kind].any() for kind in strides):
                return
            candidate = remove(candidate, self._latest, strides, self._sizes)
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


def remove(
    mask: UnitMask, measured: Measurement, strides: Strides, sizes: Sizes | None = None
) -> UnitMask:
    """Removes the least important kept units, at most as many as are left of each kind.

    With `sizes` the units of all kinds are compared, and about as many parameters are removed as
    the strides hold together: the least important ones that fit, at least one unit.
    """
    if sizes is not None:
        return _remove_globally(mask, measured, strides, sizes)
    units = {}
    for kind, count in strides.items():
        kept, scores = mask.units[kind], measured.importance[kind]
        # Ties go by position.
        ranking = np.argsort(np.where(kept, scores, np.inf), axis=None, kind="stable")
        units[kind] = kept.copy()
        units[kind].flat[ranking[: min(count, int(kept.sum()))]] = False
    return mask.with_units(units)


def _remove_globally(
    mask: UnitMask, measured: Measurement, strides: Strides, sizes: Sizes
) -> UnitMask:
    budget = sum(count * sizes[kind] for kind, count in strides.items())
    # Ties go by kind, then by position.
    least_first = sorted(
        (measured.importance[kind].flat[place], number, kind, place)
        for number, kind in enumerate(strides)
        for place in np.flatnonzero(mask.units[kind])
    )
    units = {kind: mask.units[kind].copy() for kind in strides}
    for removed, (*_, kind, place) in enumerate(least_first):
        budget -= sizes[kind]
        if removed and budget < 0:
            break
        units[kind].flat[place] = False
    return mask.with_units(units)


def prune_to_half(
    measure: Measure, full: UnitMask, options: Mapping[str, Any]
) -> tuple[UnitMask, list[Step]]:
    """Follows the first stage whatever the score until half of each kind of unit is left.

    A kind that has arrived at half of its units, rounded down, stops there; its last step is
    clipped.

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
    mask: UnitMask, stage: str, measured: Measurement, threshold: float | None, accepted: bool
) -> Step:
    counts = mask.counts()
    heads, mlps = (counts.pop(KINDS[kind].array) for kind in ALWAYS)
    kept, score = measured.kept_fraction, measured.score
    return Step(stage, heads, mlps, kept, score, threshold, accepted, counts)
