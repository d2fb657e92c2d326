"""Magnitude pruning: single weights of the body, the smallest first.

Pruning the smallest share of what is left, again and again, always removes a prefix of the weights
sorted by magnitude. So the weights are ranked once, and a step is a number of weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lottery import files
from lottery.files.errors import StudyError
from lottery.models.architecture import read_architecture
from lottery.pruning import controls
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
from lottery.pruning.algorithms.search import SearchContext, SearchResult, Step, passes
from lottery.pruning.masks import WeightMask, body_shapes

if TYPE_CHECKING:
    from torch import Tensor

    from lottery.models.architecture import Architecture
    from lottery.models.encoder import Encoder

OPTIONS: dict[str, Option] = SEARCH_OPTIONS | {
    "step": Option(
        0.05, 0.05, Number(above=0, below=1), "Share of the remaining weights removed per step."
    ),
    "max_steps": Option(30, 30, Integer(at_least=1), "Steps after which the search ends."),
}


def search(context: SearchContext) -> SearchResult:
    """Removes the smallest weights step by step until the score falls below the threshold.

    The weights are not retrained on the way. After the last step that may be taken the mask is
    kept as it was before it, as published: N steps keep N - 1 removals.
    """
    from lottery.evaluation.predict import predict
    from lottery.pruning.shrink import zero_weights

    options = context.options
    weights = {name: w.detach().cpu().numpy() for name, w in body_of(context.model).items()}
    size = sum(array.size for array in weights.values())
    counts = list(kept_counts(size, options["step"], options["max_steps"] - 1))
    ranking = MagnitudeRanking(weights, {size, *counts, size // 2})

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


def sample(
    kind: str, source: WeightMask, path_to_model: Path, rng: np.random.Generator
) -> WeightMask:
    """Draws a control of the size of its source: random, bad or random_half."""
    if kind == "bad":
        weights, _ = files.read_arrays(path_to_model)
        others = source.size - source.kept
        ranking = MagnitudeRanking({name: weights[name] for name in source.shapes}, [others])
        return ranking.keep_largest(others).complement()
    return controls.random_weights(source, rng)


def rank(context: SearchContext) -> dict[str, np.ndarray]:
    """Nothing: the magnitudes are those of the model, which `cut` reads."""
    return {}


def cut(
    ranking: Mapping[str, np.ndarray], path_to_model: Path, share: float, options: Mapping[str, Any]
) -> WeightMask:
    """Keeps the largest weights, `share` of all, rounded to the nearest weight."""
    weights, _ = files.read_arrays(path_to_model)
    body = {name: weights[name] for name in body_shapes(read_architecture(path_to_model))}
    count = round(share * sum(array.size for array in body.values()))
    return MagnitudeRanking(body, [count]).keep_largest(count)


ALGORITHM = Algorithm(
    name="magnitude",
    summary="Removes single weights of the body, the smallest of the fine-tuned model first.",
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
    to_threshold=True,
    # The ranking that the search cuts gives the halves at once: prunes_to_half is false.
    paper="magnitude",
)


class MagnitudeRanking:
    """Weights, smallest magnitude first; ties by position.

    Sorting magnitudes takes half the memory of sorting positions, and is faster. A cut is then a
    magnitude, and how many of the weights that have exactly this one are pruned.

    Args:
        weights: of the body, by checkpoint name.
        counts: how many weights the cuts keep.
    """

    def __init__(self, weights: Mapping[str, np.ndarray], counts: Iterable[int]) -> None:
        self._magnitudes = {name: np.abs(array) for name, array in weights.items()}
        ordered = np.concatenate([array.ravel() for array in self._magnitudes.values()])
        ordered.sort()
        self._cuts = {count: _cut(ordered, len(ordered) - count) for count in counts}

    def keep_largest(self, count: int) -> WeightMask:
        """The mask that keeps the `count` weights of largest magnitude; one of the counts given."""
        return _keep(self._magnitudes, *self._cuts[count])

    def path(self, counts: Sequence[int]) -> dict[str, np.ndarray]:
        """The cuts of some counts, from which `mask_of_step` derives their masks.

        Returns:
            `counts` int64 [steps], `threshold` float32 [steps], the smallest kept magnitude, and
            `ties` int64 [steps], how many entries of this magnitude are pruned.
        """
        cuts = [self._cuts[count] for count in counts]
        return {
            "counts": np.array(counts, np.int64),
            "threshold": np.array([magnitude for magnitude, _ in cuts], np.float32),
            "ties": np.array([ties for _, ties in cuts], np.int64),
        }


def mask_of_step(
    weights: Mapping[str, np.ndarray],
    architecture: Architecture,
    path: Mapping[str, np.ndarray],
    step: int,
) -> WeightMask:
    """The mask of one step of a magnitude search, bit for bit as the search had it.

    Args:
        weights: of the fine-tuned model that was searched, float32 by checkpoint name.
        architecture: sizes of the model.
        path: the arrays of path.npz, see `MagnitudeRanking.path`.
        step: row of search.csv.

    Raises:
        StudyError: the path is that of another model's search.
    """
    magnitudes = {name: np.abs(weights[name]) for name in body_shapes(architecture)}
    mask = _keep(magnitudes, path["threshold"][step], int(path["ties"][step]))
    if mask.kept != path["counts"][step]:
        raise StudyError(
            f"Step {step} of the search kept {path['counts'][step]} weights, but its threshold "
            f"keeps {mask.kept} weights of this model; the search is of another model."
        )
    return mask


def _keep(magnitudes: Mapping[str, np.ndarray], threshold: float, ties: int) -> WeightMask:
    """Keeps what reaches the threshold, less the first `ties` entries that equal it."""
    kept = {}
    for name, array in magnitudes.items():
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
    """The smallest magnitude of which some are kept, and how many of it are pruned."""
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
