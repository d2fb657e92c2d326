"""Magnitude pruning: single weights of the body, the smallest first, or by another criterion.

Pruning the smallest share of what is left, again and again, always removes a prefix of the weights
sorted by their scores. So the weights are ranked once, and a step is a number of weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lottery.files.errors import StudyError
from lottery.models.architecture import read_architecture, read_parameters
from lottery.pruning import controls
from lottery.pruning.algorithms.declaration import (
    DEFAULT_SUBNETWORKS,
    SEARCH_OPTIONS,
    SOURCES,
    SUBNETWORKS,
    WEIGHTS,
    Algorithm,
    Choice,
    Integer,
    Number,
    Option,
)
from lottery.pruning.algorithms.search import SearchContext, SearchResult, Step, passes
from lottery.pruning.criteria import PRETRAINED, SCOPES, WEIGHT_CRITERIA
from lottery.pruning.masks import WeightMask, body_parts, body_shapes, parameter_name

if TYPE_CHECKING:
    from torch import Tensor

    from lottery.models.architecture import Architecture
    from lottery.models.encoder import Encoder

OPTIONS: dict[str, Option] = SEARCH_OPTIONS | {
    "step": Option(
        0.05, 0.05, Number(above=0, below=1), "Share of the remaining weights removed per step."
    ),
    "max_steps": Option(30, 30, Integer(at_least=1), "Steps after which the search ends."),
    "importance": Option(
        "magnitude",
        "magnitude",
        Choice(*WEIGHT_CRITERIA),
        "The score of a weight w; the lowest are removed first - "
        + "; ".join(f"{name} {criterion.help}" for name, criterion in WEIGHT_CRITERIA.items())
        + ". Gradients are those of the mean loss over the examples of the search.",
        added=True,
    ),
    "scope": Option(
        "global",
        "global",
        Choice(*SCOPES),
        "Which weights are compared - all of the body (global), those of an encoder layer (layer), "
        "or those that lead to one output of a linear layer, its bias included (output); layers "
        "and outputs keep equal shares of their weights.",
        added=True,
    ),
}


def search(context: SearchContext) -> SearchResult:
    """Removes the lowest weights step by step until the score falls below the threshold.

    The weights are not retrained on the way. After the last step that may be taken the mask is
    kept as it was before it, as published: N steps keep N - 1 removals.
    """
    from lottery.evaluation.predict import predict
    from lottery.pruning.shrink import zero_weights

    options, architecture = context.options, context.model.architecture
    scores = within(scores_of(context), options["scope"], architecture)
    size = sum(array.size for array in scores.values())
    counts = list(kept_counts(size, options["step"], options["max_steps"] - 1))
    ranking = Ranking(scores, {size, *counts, size // 2})

    def measure(mask: WeightMask) -> dict[str, float | None]:
        # Later masks keep a part of what earlier ones keep, so zeros may simply accumulate.
        zero_weights(context.model, mask)
        logits = predict(context.model, context.tokens, options["search_batch_size"])
        return {"score": context.score(logits)}

    steps: list[Step] = []
    good, threshold = size, None
    for count in (size, *counts):
        mask = ranking.keep_largest(count)
        score = context.cache.get(str(count), partial(measure, mask))["score"]
        threshold = threshold if steps else context.threshold(score)
        accepted = passes(score, threshold)
        kept = mask.kept_fraction()
        steps.append(Step("weights", None, None, kept, score, threshold, accepted))
        if not accepted:
            break
        good = count
    masks = {"good": ranking.keep_largest(good)}
    if options["halves"]:
        masks["good_half"] = ranking.keep_largest(size // 2)
        masks["bad_half"] = masks["good_half"].complement()
    return SearchResult(masks, steps, ranking.path([size, *counts][: len(steps)]))


def scores_of(context: SearchContext) -> dict[str, np.ndarray]:
    """The scores of the body's weights by the criterion that the options name."""
    from lottery.pruning.saliency import weight_scores

    return weight_scores(context, WEIGHT_CRITERIA[context.options["importance"]])


def sample(
    kind: str, source: WeightMask, path_to_model: Path, rng: np.random.Generator
) -> WeightMask:
    """Draws a control of the size of its source: random, bad or random_half.

    bad has the smallest weights, whatever the criterion of the search.
    """
    if kind == "bad":
        weights = read_parameters(path_to_model)
        others = source.size - source.kept
        ranking = MagnitudeRanking({name: weights[name] for name in source.shapes}, [others])
        return ranking.keep_largest(others).complement()
    return controls.random_weights(source, rng)


def rank(context: SearchContext) -> dict[str, np.ndarray]:
    """The scores of the body's weights; none for magnitudes, which `cut` reads from the model."""
    return {} if context.options["importance"] == "magnitude" else scores_of(context)


def cut(
    ranking: Mapping[str, np.ndarray], path_to_model: Path, share: float, options: Mapping[str, Any]
) -> WeightMask:
    """Keeps the weights of the highest scores, `share` of all, rounded to the nearest weight."""
    architecture = read_architecture(path_to_model)
    scores = ranking or magnitudes(read_parameters(path_to_model), architecture)
    scores = within(scores, options["scope"], architecture)
    count = round(share * sum(array.size for array in scores.values()))
    return Ranking(scores, [count]).keep_largest(count)


def check(options: Mapping[str, Any], root: Path) -> str | None:
    """Rejects a scope in which a criterion makes no sense."""
    name, scope = options["importance"], options["scope"]
    wanted = WEIGHT_CRITERIA[name].scope
    if wanted not in (None, scope):
        return f"importance is {name}, and scope is {scope}; with {name} it must be {wanted}"
    return None


def reads_pretrained(options: Mapping[str, Any]) -> bool:
    """Whether the scores are those of the pretrained model."""
    return WEIGHT_CRITERIA[options["importance"]].needs == PRETRAINED


ALGORITHM = Algorithm(
    name="magnitude",
    summary="Removes single weights of the body, the smallest of the fine-tuned model first, or by "
    "another criterion.",
    granularity=WEIGHTS,
    version=3,
    options=OPTIONS,
    subnetworks=SUBNETWORKS,
    default_subnetworks=DEFAULT_SUBNETWORKS,
    sources=SOURCES,
    search=search,
    sample=sample,
    rank=rank,
    cut=cut,
    check=check,
    reads_pretrained=reads_pretrained,
    to_threshold=True,
    # The ranking that the search cuts gives the halves at once: prunes_to_half is false.
    paper="magnitude",
)


class Ranking:
    """Weights by their scores, the lowest first; ties by position.

    Sorting scores takes half the memory of sorting positions, and is faster. A cut is then a score,
    and how many of the weights that have exactly this one are pruned.

    Args:
        scores: of the body, float arrays by checkpoint name.
        counts: how many weights the cuts keep.
    """

    def __init__(self, scores: Mapping[str, np.ndarray], counts: Iterable[int]) -> None:
        self._scores = scores
        ordered = np.concatenate([array.ravel() for array in scores.values()])
        ordered.sort()
        self._kind = ordered.dtype
        self._cuts = {count: _cut(ordered, len(ordered) - count) for count in counts}

    def keep_largest(self, count: int) -> WeightMask:
        """The mask that keeps the `count` weights of largest score; one of the counts given."""
        return _keep(self._scores, *self._cuts[count])

    def path(self, counts: Sequence[int]) -> dict[str, np.ndarray]:
        """The cuts of some counts, from which `mask_of_step` derives their masks.

        Returns:
            `counts` int64 [steps], `threshold` of the scores' type [steps], the lowest kept score,
            and `ties` int64 [steps], how many entries of this score are pruned.
        """
        cuts = [self._cuts[count] for count in counts]
        return {
            "counts": np.array(counts, np.int64),
            "threshold": np.array([score for score, _ in cuts], self._kind),
            "ties": np.array([ties for _, ties in cuts], np.int64),
        }


class MagnitudeRanking(Ranking):
    """Weights by their magnitudes."""

    def __init__(self, weights: Mapping[str, np.ndarray], counts: Iterable[int]) -> None:
        super().__init__({name: np.abs(array) for name, array in weights.items()}, counts)


def magnitudes(
    weights: Mapping[str, np.ndarray], architecture: Architecture
) -> dict[str, np.ndarray]:
    """|w| of the body's weights, from all weights of a model by checkpoint name."""
    return {name: np.abs(weights[name]) for name in body_shapes(architecture)}


def within(
    scores: Mapping[str, np.ndarray], scope: str, architecture: Architecture
) -> Mapping[str, np.ndarray]:
    """The scores, or with a scope other than global each weight's place among those of its group.

    The place is (number of lower weights + 1/2) / size of the group, as in the method of Webster
    and Sainte-Lague. Cut at one place, all groups keep the same share of their weights, to the
    nearest weight: as many as by largest remainders where they are of one size. But cuts nest,
    which with largest remainders they need not.

    Args:
        scores: of the body, float arrays by checkpoint name.
        scope: "global", "layer", or "output" for the weights of one output of a linear layer, which
            is a row of its matrix with the bias, if that is in the body.
        architecture: of the model.

    Returns:
        Float arrays of the same shapes, float64 unless global. Equal scores go by position.
    """
    if scope == "global":
        return scores
    found = {}
    for layer in range(architecture.layers):
        names = {
            part: parameter_name(architecture, layer, part) for part in body_parts(architecture)
        }
        groups = [list(names)]
        if scope == "output":
            modules = dict.fromkeys(part.split(".")[0] for part in names)
            groups = [[part for part in names if part.split(".")[0] == name] for name in modules]
        for parts in groups:
            arrays = [scores[names[part]] for part in parts]
            rows = len(arrays[0]) if scope == "output" else 1
            columns = [array.reshape(rows, -1) for array in arrays]
            places = _places(np.concatenate(columns, axis=1))
            ends = np.cumsum([each.shape[1] for each in columns])[:-1]
            for part, array, cut_out in zip(
                parts, arrays, np.split(places, ends, axis=1), strict=True
            ):
                found[names[part]] = cut_out.reshape(array.shape)
    return found


def _places(scores: np.ndarray) -> np.ndarray:
    """The places of scores [groups, size] in their group, float64 between 0 and 1."""
    order = np.argsort(scores, axis=1, kind="stable")
    places = np.empty(scores.shape)
    values = (np.arange(scores.shape[1]) + 0.5) / scores.shape[1]
    np.put_along_axis(places, order, np.broadcast_to(values, scores.shape), axis=1)
    return places


def mask_of_step(
    weights: Mapping[str, np.ndarray],
    architecture: Architecture,
    path: Mapping[str, np.ndarray],
    step: int,
) -> WeightMask:
    """The mask of one step of a search by magnitude among all weights, bit for bit.

    Args:
        weights: of the fine-tuned model that was searched, float32 by checkpoint name.
        architecture: sizes of the model.
        path: the arrays of path.npz, see `Ranking.path`.
        step: row of search.csv.

    Raises:
        StudyError: the path is that of another model's search.
    """
    scores = magnitudes(weights, architecture)
    mask = _keep(scores, path["threshold"][step], int(path["ties"][step]))
    if mask.kept != path["counts"][step]:
        raise StudyError(
            f"Step {step} of the search kept {path['counts'][step]} weights, but its threshold "
            f"keeps {mask.kept} weights of this model; the search is of another model."
        )
    return mask


def _keep(scores: Mapping[str, np.ndarray], threshold: float, ties: int) -> WeightMask:
    """Keeps what reaches the threshold, less the first `ties` entries that equal it."""
    kept = {}
    for name, array in scores.items():
        kept[name] = array >= threshold
        places = np.flatnonzero(array == threshold)[:ties]
        kept[name].flat[places] = False
        ties -= len(places)
    return WeightMask(kept)


def body_of(model: Encoder) -> dict[str, Tensor]:
    """The parameters that magnitude pruning may prune, by checkpoint name."""
    parameters = model.checkpoint_parameters()
    return {name: parameters[name] for name in body_shapes(model.architecture)}


def _cut(ordered: np.ndarray, pruned: int) -> tuple[float, int]:
    """The lowest score of which some are kept, and how many of it are pruned."""
    if pruned == len(ordered):
        return np.inf, 0
    return ordered[pruned], pruned - int(np.searchsorted(ordered, ordered[pruned]))


def kept_counts(size: int, step: float, max_steps: int) -> Iterator[int]:
    """Yields how many weights are left after each step, at most `max_steps` times.

    A step prunes `step` of what is left, rounded to the nearest weight, as repeated calls of
    torch.nn.utils.prune.global_unstructured do.
    """
    left = size
    for _ in range(max_steps):
        left -= round(step * left)
        yield left
