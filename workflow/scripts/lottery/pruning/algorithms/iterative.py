"""Iterative magnitude pruning with rewinding: train, prune, rewind, again and again.

Frankle and Carbin 2019; with rewinding to an early step of training Frankle et al. 2020; of
pretrained encoders Chen et al. 2020. The first training is the fine-tuning of the full model, which
the study has. Each round removes a share of the weights that are left, the smallest of the weights
that were trained last, sets the others back, and trains them with the recipe of the task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lottery.models.architecture import read_architecture
from lottery.pruning.algorithms.declaration import (
    DEFAULT_SUBNETWORKS,
    SEARCH_OPTIONS,
    SOURCES,
    SUBNETWORKS,
    WEIGHTS,
    Algorithm,
    Integer,
    Number,
    Option,
)
from lottery.pruning.algorithms.magnitude import body_of, kept_counts, sample
from lottery.pruning.algorithms.search import SECONDS, SearchContext, SearchResult, Step, passes
from lottery.pruning.masks import WeightMask, body_shapes, cut_vector
from lottery.runtime.resume import Part, State, parted

if TYPE_CHECKING:
    from lottery.models.encoder import Encoder

OPTIONS: dict[str, Option] = SEARCH_OPTIONS | {
    "share": Option(
        0.2, 0.2, Number(above=0, below=1), "Share of the remaining weights removed per round."
    ),
    "rounds": Option(
        10, 10, Integer(at_least=1, at_most=100), "Rounds; each trains the model once."
    ),
}
# Of the state between two rounds: the order in which the entries have gone.
ORDER = "order"


def search(context: SearchContext) -> SearchResult:
    """Runs all rounds, whatever their scores; good is the smallest that reaches the threshold.

    A step of the trajectory is the full model, then the trained model of each round.
    """
    options, shapes = context.options, body_shapes(context.model.architecture)
    size = sum(int(np.prod(shape)) for shape in shapes.values())
    counts = [size, *kept_counts(size, options["share"], options["rounds"])]
    order, scores = train_rounds(context, counts)
    threshold = context.threshold(scores[0])
    steps = [
        Step("weights", None, None, count / size, score, threshold, passes(score, threshold))
        for count, score in zip(counts, scores, strict=True)
    ]
    passed = [count for count, step in zip(counts, steps, strict=True) if step.accepted]

    def mask(count: int) -> WeightMask:
        return WeightMask.from_vector(order >= size - count, shapes)

    masks = {"good": mask(min(passed, default=size))}
    if options["halves"]:
        masks["good_half"] = mask(size // 2)
        masks["bad_half"] = masks["good_half"].complement()
    path = {"counts": np.array(counts, np.int64)}
    return SearchResult(masks, steps, path, ranking=cut_vector(order, shapes))


def train_rounds(
    context: SearchContext, counts: Sequence[int]
) -> tuple[np.ndarray, list[float | None]]:
    """Trains and prunes, round after round; goes on after the last round that is kept.

    Args:
        counts: how many entries the full model has, then how many each round keeps.

    Returns:
        The order in which all entries go (see `remove_smallest`), those of the last round by the
        weights that it has trained; and the scores of the full model and of each round.
    """
    from lottery.evaluation.predict import predict
    from lottery.pruning.shrink import check_under, zero_weights
    from lottery.training.loop import train

    training, batch_size = context.training, context.options["search_batch_size"]
    assert training is not None  # of an algorithm that declares that it trains
    shapes, size = body_shapes(context.model.architecture), counts[0]
    to_go = [before - after for before, after in pairwise([*counts, 0])]

    def measure(model: Encoder) -> float | None:
        score = context.score(predict(model, context.tokens, batch_size))
        return None if score is None else float(score)

    state, begun = parted(training.checkpoint.load())
    if state is None:
        order = np.full(size, size, np.uint32)
        remove_smallest(order, body_vector(context.model), to_go[0])
        state = State(0, {ORDER: order}, {"scores": [measure(context.model)]})
    elif begun is None:
        training.checkpoint.resumed(state, f"round {state.step} of {len(counts) - 1}")
    for number in range(state.step + 1, len(counts)):
        order = state.arrays[ORDER].copy()
        mask = WeightMask.from_vector(order == size, shapes)
        model = training.start()
        train(
            model,
            training.tokens,
            training.recipe,
            training.seed,
            zero_weights(model, mask),
            Part(training.checkpoint, state, begun),
            training.first_step,
        )
        check_under(model, mask)
        # A signal waits until the round is kept: a training is worth more than its evaluation.
        with training.checkpoint.delay_signals():
            remove_smallest(order, body_vector(model), to_go[number])
            scores = [*state.facts["scores"], measure(model)]
            finished = partial(State, number, {ORDER: order}, {"scores": scores})
            training.checkpoint.save_if_due(finished, every=SECONDS)
        state, begun = finished(), None
    return state.arrays[ORDER], state.facts["scores"]


def remove_smallest(order: np.ndarray, weights: np.ndarray, count: int) -> None:
    """Lets the smallest of the entries that are left go next, in place; ties by position.

    Args:
        order: uint32 [size], the place of each entry in the order in which entries go; `size` of
            those that are left.
        weights: [size].
        count: how many of them go.
    """
    left = np.flatnonzero(order == len(order))
    smallest = left[np.argsort(np.abs(weights[left]), kind="stable")[:count]]
    first = len(order) - len(left)
    order[smallest] = np.arange(first, first + count, dtype=order.dtype)


def body_vector(model: Encoder) -> np.ndarray:
    """The weights that may be pruned as one vector, in the order of `body_shapes`."""
    return np.concatenate([w.detach().cpu().numpy().ravel() for w in body_of(model).values()])


def cut(
    ranking: Mapping[str, np.ndarray], path_to_model: Path, share: float, options: Mapping[str, Any]
) -> WeightMask:
    """Keeps what goes last: at the size of a round its mask, between rounds the larger weights."""
    shapes = body_shapes(read_architecture(path_to_model))
    size = sum(array.size for array in ranking.values())
    return WeightMask({name: ranking[name] >= size - round(share * size) for name in shapes})


ALGORITHM = Algorithm(
    name="iterative",
    summary="Trains, removes the smallest weights of the body and rewinds the others, in rounds.",
    granularity=WEIGHTS,
    version=1,
    options=OPTIONS,
    subnetworks=SUBNETWORKS,
    default_subnetworks=DEFAULT_SUBNETWORKS,
    sources=SOURCES,
    search=search,
    # Controls are those of magnitude pruning: bad has the smallest weights of the full model.
    sample=sample,
    search_ranks=True,
    trains=True,
    cut=cut,
    to_threshold=True,
)
