"""Attention of surviving heads and of all heads: scores, classes, and association with survival.

Heads are the units, not maps: the maps of one head are alike, over examples, seeds and, through the
pretrained model, tasks. So p-values come from permuting whole heads, over all tasks and seeds at
once (`lottery.attention.rules`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lottery import files
from lottery.analysis.agreement import mean_of_known
from lottery.analysis.good_masks import GoodMasks
from lottery.analysis.survivors import sample_sd
from lottery.attention.rules import ATTENTION, CLASSES, HETEROGENEOUS, SCORES, TESTED, WEIGHTS
from lottery.files.errors import StudyError
from lottery.models.units import HEAD
from lottery.pruning.controls import generator
from lottery.statistics.differences import AVERAGE
from lottery.statistics.intervals import holm

if TYPE_CHECKING:
    import pandas as pd

ALL, SURVIVORS = "all", "super_survivors"
ASSOCIATION, WITHIN = "association", "association_within"
PER_SEED = "survival_"  # before either: survival in one seed, with that seed's model
DISTANCE, CHANGE = "mix_distance", "mix_change"
# What the claims read, one number a row. quantity:
# association: Pearson's correlation over heads of surviving in all seeds with `score`.
# association_within: the same less the means of each layer.
# survival_association, survival_association_within: the same of one seed, survival and model.
# mix_distance: total variation distance between the classes of all maps, fine-tuned and pretrained.
# mix_change: share of the class `score`, fine-tuned less pretrained.
# chance: mean under permutation (within layers; of mix_distance: the two states swapped by head).
# p: two-sided around chance, of mix_distance one-sided. se: of a correlation its standard deviation
# by chance (association: heads permuted over the model); of mix_distance the standard error over
# seeds. No task or seed: `average`, and all seeds.
CLAIMS = (
    dict.fromkeys(
        ("model", "method", "task", "seed", "quantity", "weights", "attention", "score"), str
    )
    | dict.fromkeys(("value", "se", "chance", "p"), float)
    | dict.fromkeys(("n_tasks", "n_seeds", "n_heads", "n_survivors", "n_maps"), int)
)
# The same correlations for readers: of surviving in all seeds. survivors, others: mean scores.
ASSOCIATIONS = (
    dict.fromkeys(("model", "method", "task", "weights", "attention", "score"), str)
    | dict.fromkeys(
        ("survivors", "others", "correlation", "correlation_p", "within", "within_p", "p_holm"),
        float,
    )
    | dict.fromkeys(("n_tasks", "n_heads", "n_survivors"), int)
)
# share: of maps, mean over seeds. published: by another classifier.
SHARES = (
    dict.fromkeys(("model", "method", "task", "heads", "weights", "attention", "pattern"), str)
    | dict.fromkeys(("share", "sd", "published"), float)
    | dict.fromkeys(("n_seeds", "n_heads", "n_maps"), int)
)
# value: mean over seeds and maps. n_survived: seeds that keep the head. Layers and heads from 0.
HEADS = (
    dict.fromkeys(("model", "method", "task", "weights", "attention", "score"), str)
    | dict.fromkeys(("layer", "head", "n_survived", "n_seeds"), int)
    | {"value": float}
)


@dataclass(frozen=True, eq=False)
class Patterns:
    """The attention of one model and the survivors of one method.

    Attributes:
        tasks: those of whose maps enough have enough tokens, in order.
        seeds: ids.
        counts: int64 [tasks, seeds, weights, attention, heads, classes], number of maps; heads
            layer by layer, the rest in the order of `lottery.attention.rules`.
        scores: float64 [tasks, seeds, weights, attention, heads, scores], mean over maps.
        kept: bool [tasks, seeds, heads].
        layers: the layer of each head, int64 [heads].
        qualifying: task -> examples with enough tokens, and all, of those without any as well.
    """

    tasks: tuple[str, ...]
    seeds: tuple[str, ...]
    counts: np.ndarray
    scores: np.ndarray
    kept: np.ndarray
    layers: np.ndarray
    qualifying: dict[str, tuple[int, int]]

    @property
    def survivors(self) -> np.ndarray:
        """Heads that every seed keeps, bool [tasks, heads]."""
        return np.logical_and.reduce(self.kept, axis=1)

    @property
    def values(self) -> np.ndarray:
        """What is tested: float64 [tasks, seeds, weights, attention, heads, tested]."""
        places = [CLASSES.index(HETEROGENEOUS)]
        return np.concatenate([self.shares[..., places], self.scores], axis=-1)

    @property
    def shares(self) -> np.ndarray:
        """Share of a head's maps in each class, shape as of `counts`."""
        return self.counts / self.counts.sum(axis=-1, keepdims=True)


def read_patterns(paths: Iterable[Path], masks: GoodMasks) -> Patterns:
    """Reads patterns.npz of the cells that masks belong to.

    Args:
        paths: a file per mask, in the same order.
        masks: good masks of whole units.

    Raises:
        StudyError: a file is damaged, or of a model of another size.
    """
    layers, heads = HEAD.shape(masks.architecture)
    shape = (len(WEIGHTS), len(ATTENTION), layers, heads, len(CLASSES))
    cells = []
    for path in paths:
        arrays = files.read_npz(path)
        if arrays.get("counts", np.empty(0)).shape != shape or "n_long_enough" not in arrays:
            raise StudyError(f"{path} holds no patterns of this model; delete it and run again.")
        cells.append(arrays)
    (places,) = masks.places  # [tasks, seeds]
    long_enough, examples = (
        np.array([int(cell[name]) for cell in cells])[places[:, 0]]
        for name in ("n_long_enough", "n_examples")
    )
    with_maps = np.flatnonzero(long_enough)
    flat = (len(with_maps), len(masks.seeds), len(WEIGHTS), len(ATTENTION), layers * heads, -1)

    def of_cells(name: str, width: int) -> np.ndarray:
        chosen = [cells[place][name] for place in places[with_maps].flatten()]
        return np.reshape(chosen, (*flat[:-1], width))

    return Patterns(
        tasks=tuple(masks.tasks[task] for task in with_maps),
        seeds=masks.seeds,
        counts=of_cells("counts", len(CLASSES)),
        scores=of_cells("scores", len(SCORES)),
        kept=masks.units[HEAD.array][places[with_maps]],
        layers=np.repeat(np.arange(layers), heads),
        qualifying=dict(
            zip(masks.tasks, zip(long_enough.tolist(), examples.tolist(), strict=True), strict=True)
        ),
    )


def qualifying_sentence(found: Patterns, least: int) -> str:
    """How many examples have maps of enough tokens."""
    counts = found.qualifying
    if not found.tasks:
        return f"No attention map is looked at: not one example of any task has {least} tokens."
    if len({*counts.values()}) == 1:
        enough, total = next(iter(counts.values()))
        return f"{enough} of {total} examples of each task have {least} tokens or more."
    of_task = ", ".join(f"{task} {enough} of {total}" for task, (enough, total) in counts.items())
    return f"Examples with {least} tokens or more: {of_task}."


def head_table(found: Patterns, model: str, method: str) -> pd.DataFrame:
    """What is known of every head: `HEADS`."""
    import pandas as pd

    levels: dict[str, Sequence[Any]] = {
        "task": found.tasks,
        "weights": WEIGHTS,
        "attention": ATTENTION,
        "place": range(len(found.layers)),
        "score": TESTED,
    }
    frame = pd.MultiIndex.from_product([*levels.values()], names=[*levels]).to_frame(index=False)
    frame["value"] = found.values.mean(axis=1).ravel()
    place = frame.pop("place").to_numpy(int)
    frame["layer"] = found.layers[place]
    frame["head"] = place - np.searchsorted(found.layers, found.layers)[place]
    survived = found.kept.sum(axis=1)[:, None, None, :, None]
    shape = tuple(map(len, levels.values()))
    frame["n_survived"] = np.broadcast_to(survived, shape).ravel()
    return files.table(frame.assign(model=model, method=method, n_seeds=len(found.seeds)), HEADS)


def share_table(
    found: Patterns, model: str, method: str, published: Mapping[tuple[str, ...], float]
) -> pd.DataFrame:
    """The share of every class, of all heads and of super-survivors: `SHARES`.

    Args:
        published: (task, heads, weights, attention, pattern) -> the paper's share.
    """
    rows = []
    for (t, task), heads, (w, weights), (a, attention) in product(
        enumerate(found.tasks), (ALL, SURVIVORS), enumerate(WEIGHTS), enumerate(ATTENTION)
    ):
        chosen = found.survivors[t] | (heads == ALL)
        maps = found.counts[t][:, w, a, chosen].sum(axis=1)  # [seeds, classes]
        place = {"task": task, "heads": heads, "weights": weights, "attention": attention}
        row = {"model": model, "method": method, **place, "n_seeds": len(maps)}
        row |= {"n_heads": int(chosen.sum()), "n_maps": int(maps.sum())}
        shares = np.full(maps.shape, np.nan)
        if chosen.any():
            shares = maps / maps.sum(axis=1, keepdims=True)
        numbers = zip(CLASSES, shares.mean(axis=0), sample_sd(shares), strict=True)
        for pattern, share, sd in numbers:
            known = published.get((*place.values(), pattern))
            rows.append(row | {"pattern": pattern, "share": share, "sd": sd, "published": known})
    return files.table(rows, SHARES)


def claim_table(
    found: Patterns, model: str, method: str, averaged: Sequence[str], draws: int
) -> pd.DataFrame:
    """What the claims read: `CLAIMS`.

    Args:
        averaged: the tasks that enter averages.
        draws: permutations of the heads, the same in all tasks and seeds.
    """
    if not found.tasks:
        return files.table([], CLAIMS)
    names = {"model": model, "method": method, "n_heads": len(found.layers)}
    rng = generator("pattern association", model, method)
    rows = [*_associations(found, averaged, draws, rng), *_mixes(found, averaged, draws, rng)]
    return files.table([names | row for row in rows], CLAIMS)


def _groups(found: Patterns, averaged: Sequence[str]) -> dict[str, list[int]]:
    """Each task's place, and those of the tasks behind the average."""
    groups = {task: [place] for place, task in enumerate(found.tasks)}
    of_average = [found.tasks.index(task) for task in averaged if task in found.tasks]
    return groups | ({AVERAGE: of_average} if of_average else {})


def _associations(
    found: Patterns, averaged: Sequence[str], draws: int, rng: np.random.Generator
) -> Iterator[dict[str, Any]]:
    """Rows of the four correlations: of all seeds together, then of single ones."""
    heads = np.tile(np.arange(len(found.layers)), (draws, 1))
    # Sorting random numbers layer by layer permutes the heads of each layer among themselves.
    within = np.lexsort((rng.random(heads.shape), np.broadcast_to(found.layers, heads.shape)))
    anywhere = rng.permuted(heads, axis=1)
    n_maps = found.counts[:, :, 0, 0].sum(axis=(2, 3))  # [tasks, seeds]
    # Survival and values of every task, then of every task and seed.
    kept = np.concatenate([found.survivors, *found.kept])
    maps = np.concatenate([n_maps.sum(axis=1), n_maps.ravel()])
    rows = {(task, ""): members for task, members in _groups(found, averaged).items()}
    cells = product(found.tasks, found.seeds)
    rows |= {cell: [place] for place, cell in enumerate(cells, start=len(found.tasks))}
    for (w, weights), (a, attention) in product(enumerate(WEIGHTS), enumerate(ATTENTION)):
        of_seeds = found.values[:, :, w, a]  # [tasks, seeds, heads, tested]
        values = np.concatenate([of_seeds.mean(axis=1), *of_seeds])
        observed, permuted = correlate(kept, values, within)
        measured = {ASSOCIATION: (observed, permuted, correlate(kept, values, anywhere)[1])}
        survival = less_layer_means(kept[..., None], found.layers)[..., 0]
        observed, permuted = correlate(survival, less_layer_means(values, found.layers), within)
        measured[WITHIN] = observed, permuted, permuted
        for (quantity, numbers), ((task, seed), members) in product(measured.items(), rows.items()):
            of_row = [_mean_of_cells(each, members) for each in numbers]
            row = {"task": task, "seed": seed, "weights": weights, "attention": attention}
            row |= {"quantity": f"{PER_SEED if seed else ''}{quantity}", "n_tasks": len(members)}
            row |= {"n_seeds": 1 if seed else len(found.seeds), "n_maps": maps[members].sum()}
            row |= {"n_survivors": kept[members].sum()}
            for score, value, drawn, free in zip(TESTED, *of_row, strict=True):
                chance, se = drawn.mean(), free.std()
                p = p_value(np.abs(drawn - chance), abs(value - chance))
                yield row | {"score": score, "value": value, "chance": chance, "se": se, "p": p}


def _mean_of_cells(values: np.ndarray, members: list[int]) -> np.ndarray:
    """Mean over cells that have a value: [..., cells, tested] -> [tested, ...]."""
    return np.moveaxis(mean_of_known(values[..., members, :], axis=-2), -1, 0)


def p_value(drawn: np.ndarray, observed: float) -> float:
    """The share of draws, what was observed among them, that are at least as large; or NaN."""
    if np.isnan(observed):
        return np.nan
    # Equal values may differ in the last bit.
    return float((1 + (drawn >= observed - 1e-12).sum()) / (1 + len(drawn)))


def less_layer_means(values: np.ndarray, layers: np.ndarray) -> np.ndarray:
    """Values less their mean in the layer, float [..., heads, any]."""
    centred = values.astype(float)
    for layer in np.unique(layers):
        of_layer = layers == layer
        centred[..., of_layer, :] -= centred[..., of_layer, :].mean(axis=-2, keepdims=True)
    return centred


def correlate(
    survivors: np.ndarray, values: np.ndarray, orders: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pearson's correlation over heads; NaN: undefined.

    A permutation gives every head another head's survival in all tasks at once: heads are the
    clusters, so tasks that agree because they share a pretrained model count once.

    Args:
        survivors: [tasks, heads].
        values: [tasks, heads, scores].
        orders: permutations of the heads, int64 [draws, heads].

    Returns:
        float [tasks, scores], and with the heads permuted float [draws, tasks, scores].
    """
    kept = _standardised(survivors.astype(float))
    shown = _standardised(np.swapaxes(values, 1, 2).astype(float))  # [tasks, scores, heads]
    observed = np.einsum("th,tsh->ts", kept, shown)
    # One matrix product per task: numpy's einsum over three axes would not use BLAS.
    permuted = [each[orders] @ of_task.T for each, of_task in zip(kept, shown, strict=True)]
    return observed, np.stack(permuted, axis=1)


def _standardised(values: np.ndarray) -> np.ndarray:
    """Mean 0 and length 1 along the last axis; NaN where all are equal."""
    centred = values - values.mean(axis=-1, keepdims=True)
    length = np.linalg.norm(centred, axis=-1, keepdims=True)
    return centred / np.where(length > 1e-9, length, np.nan)


def _mixes(
    found: Patterns, averaged: Sequence[str], draws: int, rng: np.random.Generator
) -> Iterator[dict[str, Any]]:
    """Rows of the change of the mix of classes, from pretrained to fine-tuned."""
    signs = rng.choice((-1.0, 1.0), size=(draws, len(found.layers)))
    shares = found.shares
    n_maps = found.counts[:, :, 0, 0].sum(axis=(2, 3))  # [tasks, seeds]
    for a, attention in enumerate(ATTENTION):
        # [tasks, seeds, heads, classes]
        change = shares[:, :, WEIGHTS.index("fine_tuned"), a] - shares[:, :, -1, a]
        mix = change.mean(axis=2)
        distances = total_variation(mix)  # [tasks, seeds]
        swapped = np.tensordot(signs, change, (1, 2)) / len(found.layers)
        drawn = total_variation(swapped)  # [draws, tasks, seeds]
        for task, members in _groups(found, averaged).items():
            of_seeds = distances[members].mean(axis=0)
            nulls = drawn[:, members].mean(axis=1)  # [draws, seeds]
            row = {"task": task, "attention": attention, "n_tasks": len(members)}
            row |= {"n_survivors": found.survivors[members].sum(), "quantity": DISTANCE}
            maps = n_maps[members].sum(axis=0)
            se = sample_sd(of_seeds) / len(of_seeds) ** 0.5
            yield (
                row
                | _distance(of_seeds.mean(), nulls.mean(axis=1))
                | {"se": se, "n_seeds": len(of_seeds), "n_maps": maps.sum()}
            )
            if task == AVERAGE:
                continue
            for s, seed in enumerate(found.seeds):
                own = row | {"seed": seed, "n_seeds": 1, "n_maps": maps[s]}
                own["n_survivors"] = found.kept[members[0], s].sum()
                yield own | _distance(of_seeds[s], nulls[:, s])
                for c, pattern in enumerate(CLASSES):
                    value = mix[members[0], s, c]
                    yield own | {"quantity": CHANGE, "score": pattern, "value": value}


def total_variation(change: np.ndarray) -> np.ndarray:
    """Half the sum of absolute differences of shares, over the last axis."""
    return np.abs(change).sum(axis=-1) / 2


def _distance(value: float, drawn: np.ndarray) -> dict[str, float]:
    return {"value": value, "chance": drawn.mean(), "p": p_value(drawn, value)}


def association_table(
    claims: pd.DataFrame, found: Patterns, averaged: Sequence[str]
) -> pd.DataFrame:
    """The correlations of surviving in all seeds, for readers: `ASSOCIATIONS`.

    Args:
        claims: of `claim_table`.
        averaged: the tasks that enter averages.
    """
    rows, groups = [], _groups(found, averaged)
    of_group = ["task", "weights", "attention"]
    wanted = claims[claims["quantity"].isin((ASSOCIATION, WITHIN))]
    for key, own in wanted.groupby(of_group, sort=False):
        of_kind = {kind: own[own["quantity"] == kind] for kind in (ASSOCIATION, WITHIN)}
        task, weights, attention = key
        w, a = WEIGHTS.index(weights), ATTENTION.index(attention)
        values = found.values[groups[task], :, w, a].mean(axis=1)  # [tasks, heads, tested]
        survivors = found.survivors[groups[task]]
        means = [_mean_of(values, chosen) for chosen in (survivors, ~survivors)]
        corrected = holm(of_kind[WITHIN]["p"].to_numpy())
        numbers = zip(*(each.to_dict("records") for each in of_kind.values()), strict=True)
        for place, (overall, within) in enumerate(numbers):
            s = TESTED.index(overall["score"])
            row = {name: overall[name] for name in ASSOCIATIONS if name in overall}
            row |= {"survivors": means[0][s], "others": means[1][s], "p_holm": corrected[place]}
            row |= {"correlation": overall["value"], "correlation_p": overall["p"]}
            rows.append(row | {"within": within["value"], "within_p": within["p"]})
    return files.table(rows, ASSOCIATIONS)


def _mean_of(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Mean over the chosen heads of each task, then over tasks that have any: [tested]."""
    known = np.where(chosen[..., None], values, np.nan)
    return mean_of_known(mean_of_known(known, axis=1), axis=0)


def sampled_maps(paths: Iterable[Path], tasks: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The maps that were kept of each cell, drawn at random.

    Args:
        paths: patterns.npz of the cells.
        tasks: the task of each.

    Yields:
        map (float32 [tokens, tokens]), attention, weights, task, layer, head, example, pattern.
    """
    for path, task in zip(paths, tasks, strict=True):
        arrays = files.read_npz(path)
        of_cell = (arrays[f"sampled_{name}"] for name in ("maps", "classes", "places"))
        for maps, classes, place in zip(*of_cell, strict=True):
            example, layer, head, length = place.tolist()
            for (w, weights), (a, attention) in product(enumerate(WEIGHTS), enumerate(ATTENTION)):
                yield {
                    "map": maps[w, a, :length, :length],
                    "attention": attention,
                    "weights": weights,
                    "task": task,
                    "layer": layer,
                    "head": head,
                    "example": example,
                    "pattern": CLASSES[classes[w, a]],
                }
