"""Claims of later studies, judged where a config makes the subnetworks that they speak of.

They read subnetworks of given sizes, starts and sources (`lottery.pruning.subnetworks`), which no
role names. Margins are those of the claims of the paper (docs/claims.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from lottery.pruning.subnetworks import LAYERWISE, UNIFORM, Subnetwork
from lottery.results.connectivity import BOUND, OF_METRIC
from lottery.statistics.claims import simulation
from lottery.statistics.claims.cells import Runs, Worst
from lottery.statistics.claims.evidence import Subject, UnmeasuredError
from lottery.statistics.claims.quantities import largest_error, mean_scores, runs_of
from lottery.statistics.claims.table import ABOUT, EQUAL, ONE_SHOT, Claim, Part
from lottery.statistics.claims.verdicts import (
    ABOVE,
    BELOW,
    FEWEST_SEEDS,
    NOT_RUN,
    UNDECIDED,
    Criterion,
    sorting_seeds,
)
from lottery.statistics.runs import FULL, difference

if TYPE_CHECKING:
    import pandas as pd

Draws = tuple[str, ...]
Pair = tuple[Draws, Draws]  # the subnetworks of the first and of the second system
# What a single pruning step removes at no cost in Jaiswal et al. (2023), as shares kept.
FREE = (0.5, 0.7)
LIGHT = 0.7  # the least that light pruning keeps
HALF = 0.5  # above it a control shares most of its mask with good
# The largest shares of the weights that iterative pruning removes within one standard deviation of
# the full model, by GLUE preset (Chen et al. 2020, Table 2).
PRUNED = {
    "qqp": 0.9,
    "mnli": 0.7,
    "qnli": 0.7,
    "rte": 0.6,
    "sst2": 0.6,
    "cola": 0.5,
    "mrpc": 0.5,
    "stsb": 0.5,
}


def _named(subject: Subject) -> dict[str, Subnetwork]:
    """The subnetworks of the method by name."""
    own = subject.scores[subject.scores["method"] == subject.method.id]
    return {name: Subnetwork.parse(name) for name in dict.fromkeys(own["subnetwork"])}


def _alike(named: dict[str, Subnetwork], wanted: Subnetwork) -> Draws:
    """All draws of a subnetwork."""
    return tuple(name for name, each in named.items() if replace(each, draw=1) == wanted)


def difference_of(subject: Subject, pairs: Iterable[Pair]) -> Runs:
    """Mean over pairs, tasks and seeds of first - second, retrained.

    Args:
        subject: a method on a model.
        pairs: where there are several, a run counts with the mean of those that it has.

    Raises:
        UnmeasuredError: no run has both sides of a pair.
    """
    return _difference(
        subject, [(_runs(subject, first), _runs(subject, second)) for first, second in pairs]
    )


def _runs(subject: Subject, draws: Draws, task: str | None = None) -> pd.DataFrame:
    """The runs of a system, retrained; of one task alone if it is given."""
    found = subject.by_seed(subject.method, "retrained", draws)
    return found if task is None else found[found.index.get_level_values("task") == task]


def _difference(subject: Subject, pairs: list[tuple[pd.DataFrame, pd.DataFrame]]) -> Runs:
    """As `difference_of`, of pairs of runs."""
    import pandas as pd

    if not pairs:
        raise UnmeasuredError(NOT_RUN, "The config makes no subnetworks of this kind.")
    found = [difference(*both) for both in pairs]
    sides = [[mean_scores(subject, side) for side in both] for both in pairs]
    grouped = pd.concat(found).groupby(level=["task", "seed"], sort=False)
    runs = runs_of(grouped["value"].mean().to_frame().join(grouped["degenerate"].any()))
    errors = {
        task: max(largest_error(a[task], b[task]) for a, b in sides if task in a and task in b)
        for task in runs.values
    }
    return replace(runs, se_examples=errors)


def one_shot(subject: Subject) -> Worst:
    """good - full, retrained, at each size that keeps 50 to 70 %."""
    sizes = [
        each for each in _named(subject).values() if each == Subnetwork("good", kept=each.kept)
    ]
    within = [each for each in sizes if each.kept and FREE[0] <= each.kept <= FREE[1]]
    return _at_sizes(subject, {str(each): ((str(each),), FULL) for each in within})


def light(subject: Subject) -> Worst:
    """good - full, retrained, at the largest size that keeps at least 70 %."""
    sizes = [each.kept for each in _named(subject).values() if each.kind == "good" and each.kept]
    largest = max((kept for kept in sizes if kept >= LIGHT), default=None)
    if largest is None:
        raise UnmeasuredError(NOT_RUN, "The config makes no good subnetwork of 70 % or more.")
    name = str(Subnetwork("good", kept=largest))
    return _at_sizes(subject, {name: ((name,), FULL)})


def layerwise(subject: Subject) -> Worst:
    """random_layerwise - good, retrained, at each size of at most a half."""
    named, pairs = _named(subject), dict[str, Pair]()
    for each in named.values():
        if each == Subnetwork(LAYERWISE, kept=each.kept) and each.kept and each.kept <= HALF:
            good = str(Subnetwork("good", kept=each.kept))
            if good in named:
                pairs[f"kept {each.kept:g}"] = _alike(named, each), (good,)
    return _at_sizes(subject, pairs)


def _at_sizes(subject: Subject, pairs: Mapping[str, Pair]) -> Worst:
    if not pairs:
        raise UnmeasuredError(NOT_RUN, "The config makes no subnetworks of such a size.")
    found = {name: difference_of(subject, [pair]) for name, pair in pairs.items()}
    if len(found) == 1:
        found = {name: replace(runs, note=f"of {name} alone") for name, runs in found.items()}
    return Worst(found)


def matching(subject: Subject) -> Runs:
    """good - full, retrained, on each GLUE task at its own size (`PRUNED`); the note has each."""
    named, pairs, sizes = _named(subject), [], {}
    for task in subject.evidence.layout.tasks:
        pruned = PRUNED.get(task.published or "")
        if pruned is not None:
            name = str(Subnetwork("good", kept=round(1 - pruned, 10)))
            if name in named:
                pairs.append((_runs(subject, (name,), task.id), _runs(subject, FULL)))
                sizes[task.id] = pruned
    found = _difference(subject, pairs)
    each = (
        f"{task} {values.mean():.3f} at {sizes[task]:.0%}" for task, values in found.values.items()
    )
    return replace(found, note=f"pruned: {', '.join(each)}")


def connected(subject: Subject, *, stable: bool) -> Runs:
    """Subnetworks - full, retrained, of those whose two trainings are connected, or are not.

    Some seeds say by their barriers which these are, the others are compared: a training that has
    come out badly moves its own barrier too. A run counts with the mean of those that it has. The
    full model itself is none of them.

    Raises:
        UnmeasuredError: no subnetwork was trained twice, too few seeds were, or none of the
            subnetworks is of this kind.
    """
    rows = subject.rows("barriers", metric=OF_METRIC)
    rows = rows[(rows["subnetwork"] != FULL[0]) & rows["barrier"].notna()]
    if rows.empty:
        raise UnmeasuredError(NOT_RUN, "No subnetwork was trained twice on a task with accuracy.")
    seeds = list(dict.fromkeys(rows["seed"]))
    sorting = seeds[: sorting_seeds(len(seeds))]
    if not sorting:
        few = f"{FEWEST_SEEDS + 1} seeds, since some sort and {FEWEST_SEEDS} are compared"
        raise UnmeasuredError(UNDECIDED, f"It takes {few}; this run has {len(seeds)}.")
    barriers = rows[rows["seed"].isin(sorting)].groupby(["task", "subnetwork"], sort=False)
    means = barriers["barrier"].mean()
    chosen = means[(means < BOUND) == stable]
    if chosen.empty:
        kind = "stable" if stable else "unstable"
        raise UnmeasuredError(UNDECIDED, f"None of the {len(means)} subnetworks is {kind}.")

    def compared(runs: pd.DataFrame) -> pd.DataFrame:
        return runs[~runs.index.get_level_values("seed").isin(sorting)]

    full = compared(_runs(subject, FULL))
    pairs = [(compared(_runs(subject, (name,), task)), full) for task, name in chosen.index]
    note = (
        f"{len(chosen)} of {len(means)} subnetworks, sorted by {len(sorting)} of {len(seeds)} seeds"
    )
    return replace(_difference(subject, pairs), note=note)


def transfer(subject: Subject) -> Runs:
    """good-from_A - random_uniform of the same size, retrained on B; all A of a task averaged."""
    named = _named(subject)

    def pairs() -> Iterator[Pair]:
        for name, each in named.items():
            if each == Subnetwork("good", source=each.source) and each.source:
                of_same_size = _alike(named, Subnetwork(UNIFORM, source=each.source))
                if of_same_size:
                    yield (name,), of_same_size

    return difference_of(subject, pairs())


def pretrained_start(subject: Subject) -> Runs:
    """The good mask on pretrained weights - on re-drawn ones, retrained."""
    named = _named(subject)

    def pairs() -> Iterator[Pair]:
        for name, each in named.items():
            if each.kind == "good" and each.start == "reinitialised":
                plain = str(each.mask)
                if plain in named:
                    yield (plain,), (name,)

    return difference_of(subject, pairs())


def _part(
    words: str,
    bound: float,
    measure: Callable[[Subject], Runs | Worst],
    say: str,
    kind: str = ABOVE,
    simulated: Callable[..., Runs] = simulation.runs,
) -> Part:
    return Part(
        words=words,
        criterion=Criterion(kind, bound),
        measure=measure,
        null=f"the true mean difference is {bound:g}",
        say=say,
        boundary=partial(simulated, truth=bound),
        effect=partial(simulated, truth=bound + (0.05 if kind == ABOVE else -0.05)),
    )


ONE_SHOT_FREE = _part(
    "good of 50 to 70 % - full, retrained",
    -EQUAL,
    one_shot,
    "good of 50 to 70 % is {size:.3f} {side} full, retrained",
)
LIGHT_IMPROVES = _part(
    "good of the largest size from 70 % - full, retrained",
    0.0,
    light,
    "the lightly pruned good subnetwork is {size:.3f} {side} full, retrained",
)
LAYERWISE_AS_GOOD = _part(
    "random_layerwise - good of the same size, at most 50 %, retrained",
    -ABOUT,
    layerwise,
    "random_layerwise is {size:.3f} {side} good of its size, retrained",
)
TRANSFERS = _part(
    "good mask of another cell - random mask of its size, retrained",
    0.0,
    transfer,
    "the good mask of another cell is {size:.3f} {side} a random one of its size, retrained",
)
NEEDS_WEIGHTS = _part(
    "good on pretrained weights - on re-drawn ones, retrained",
    0.0,
    pretrained_start,
    "the good mask on pretrained weights is {size:.3f} {side} the same on re-drawn ones",
)
MATCHES = _part(
    "good of the task's size in Chen et al. - full, retrained",
    -EQUAL,
    matching,
    "good of the sizes in Chen et al. is {size:.3f} {side} full, retrained",
)
STABLE_MATCHES = _part(
    "stable subnetworks - full, retrained",
    -EQUAL,
    partial(connected, stable=True),
    "stable subnetworks are {size:.3f} {side} full, retrained",
    simulated=simulation.stable,
)
UNSTABLE_FAILS = _part(
    "unstable subnetworks - full, retrained",
    -EQUAL,
    partial(connected, stable=False),
    "unstable subnetworks are {size:.3f} {side} full, retrained",
    kind=BELOW,
    simulated=simulation.unstable,
)
GO_TOGETHER = (STABLE_MATCHES, UNSTABLE_FAILS)

FOLLOW_UPS = (
    Claim(
        "F1",
        "In one shot, 30 to 50 % of the weights can be pruned by magnitude for nothing (Jaiswal et "
        "al. 2023).",
        "30 to 50 % can go for nothing",
        weights=(ONE_SHOT_FREE,),
        needs=(ONE_SHOT,),
    ),
    Claim(
        "F2",
        "Layer-wise random tickets are as good as found ones (Su et al. 2020).",
        "layer-wise random as good as found",
        units=(LAYERWISE_AS_GOOD,),
        weights=(LAYERWISE_AS_GOOD,),
    ),
    Claim(
        "F3",
        "Light pruning improves the full model (Liang et al. 2021).",
        "light pruning improves",
        units=(LIGHT_IMPROVES,),
        weights=(LIGHT_IMPROVES,),
    ),
    Claim(
        "F4",
        "Good masks transfer: found elsewhere, they do better than random ones of their size (Chen "
        "et al. 2020).",
        "good masks transfer",
        units=(TRANSFERS,),
        weights=(TRANSFERS,),
    ),
    Claim(
        "F5",
        "A good mask is worth less on re-drawn weights (Frankle and Carbin 2019; Chen et al. "
        "2020).",
        "a good mask needs its pretrained weights",
        units=(NEEDS_WEIGHTS,),
        weights=(NEEDS_WEIGHTS,),
    ),
    Claim(
        "F6",
        "Pruned by magnitude to the sizes that were found for them, GLUE tasks match the full "
        "model (Chen et al. 2020).",
        "tickets match at the published sizes",
        weights=(MATCHES,),
    ),
    Claim(
        "F7",
        "Stability and matching go together: subnetworks whose two trainings are linearly "
        "connected match the full model, and the others do not (Frankle et al. 2020).",
        "stable subnetworks match, others do not",
        units=GO_TOGETHER,
        weights=GO_TOGETHER,
    ),
)
