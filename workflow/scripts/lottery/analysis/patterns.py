"""Attention patterns of surviving heads and of all heads: shares, and association with survival.

Heads are the units, not maps: the maps of one head are alike, over examples, seeds and, through the
pretrained model, tasks. So a head has one class per task, that of most of its maps, and p-values
come from permuting whole heads, over all tasks at once where tasks are pooled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lottery import files
from lottery.analysis.agreement import mean_of_known
from lottery.analysis.good_masks import GoodMasks
from lottery.analysis.survivors import sample_sd
from lottery.attention.classes import ATTENTION, CLASSES, HETEROGENEOUS, WEIGHTS
from lottery.files.errors import StudyError
from lottery.models.units import HEAD
from lottery.pruning.controls import generator

if TYPE_CHECKING:
    import pandas as pd

ALL, SURVIVORS = "all", "super_survivors"
AVERAGE = "average"  # of the tasks that enter averages
# What the claims read. quantity: `association`, phi over heads of surviving in all seeds with the
# heterogeneous class; `association_share`, correlation over heads with the share of heterogeneous
# maps; `change`, share of heterogeneous maps of all heads, fine-tuned - pretrained, of each seed.
CLAIMS = dict.fromkeys(("model", "method", "task", "seed", "quantity", "attention"), str) | (
    {"annotated": bool, "value": float, "p": float, "n_heads": int, "n_maps": int}
)
# share: of maps, mean over seeds; probability: the classifier's, of the classes it chose.
SHARES = (
    dict.fromkeys(("model", "method", "task", "heads", "weights", "attention", "pattern"), str)
    | dict.fromkeys(("share", "sd", "published", "probability"), float)
    | dict.fromkeys(("n_seeds", "n_heads", "n_maps"), int)
)
# phi: with the class of most of a head's maps, `n_pattern` heads; correlation: with the share of
# its maps. p-values are two-sided. Rows of the task `average` hold the mean over the tasks that
# enter averages and have a value; their counts are sums over tasks.
ASSOCIATIONS = (
    dict.fromkeys(("model", "method", "task", "weights", "attention", "pattern"), str)
    | dict.fromkeys(("phi", "phi_p", "correlation", "correlation_p"), float)
    | dict.fromkeys(("n_tasks", "n_heads", "n_survivors", "n_pattern"), int)
)


@dataclass(frozen=True, eq=False)
class PatternCounts:
    """Patterns of one model and the survivors of one method.

    Attributes:
        tasks, seeds: ids.
        counts: int64 [tasks, seeds, weights, attention, heads, classes], number of maps; heads
            layer by layer, the rest in the order of `lottery.attention.classes`.
        probability: float [tasks, seeds, weights, attention, heads], mean over maps.
        survivors: bool [tasks, heads], kept by every seed.
    """

    tasks: tuple[str, ...]
    seeds: tuple[str, ...]
    counts: np.ndarray
    probability: np.ndarray
    survivors: np.ndarray


def read_pattern_counts(paths: Iterable[Path], masks: GoodMasks) -> PatternCounts:
    """Reads patterns.npz of the cells that masks belong to.

    Args:
        paths: a file per mask, in the same order.
        masks: good masks of whole units.

    Raises:
        StudyError: a file is damaged, or of a model of another size.
    """
    heads = HEAD.shape(masks.architecture)
    shape = (len(WEIGHTS), len(ATTENTION), *heads, len(CLASSES))
    counts, probability = [], []
    for path in paths:
        arrays = files.read_npz(path)
        if arrays.get("counts", np.empty(0)).shape != shape:
            raise StudyError(f"{path} holds no patterns of this model; delete it and run again.")
        counts.append(arrays["counts"])
        probability.append(arrays["probability"])
    flat = (len(masks.tasks), len(masks.seeds), len(WEIGHTS), len(ATTENTION), -1)
    return PatternCounts(
        tasks=masks.tasks,
        seeds=masks.seeds,
        counts=np.stack(counts).reshape(*flat, len(CLASSES)),
        probability=np.stack(probability).reshape(flat),
        survivors=masks.units[HEAD.array][masks.places[0]].all(axis=1),
    )


def share_table(
    found: PatternCounts, model: str, method: str, published: Mapping[tuple[str, ...], float]
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
            row["probability"] = found.probability[t][:, w, a, chosen].mean()
        numbers = zip(CLASSES, shares.mean(axis=0), sample_sd(shares), strict=True)
        for pattern, share, sd in numbers:
            known = published.get((*place.values(), pattern))
            rows.append(row | {"pattern": pattern, "share": share, "sd": sd, "published": known})
    return files.table(rows, SHARES)


def association_table(
    found: PatternCounts, model: str, method: str, averaged: Sequence[str], draws: int
) -> pd.DataFrame:
    """Association of surviving in all seeds with every class: `ASSOCIATIONS`.

    Args:
        averaged: the tasks that enter averages.
        draws: permutations of the heads, the same in all tasks.
    """
    survivors = found.survivors
    rng = generator("pattern association", model, method)
    orders = rng.permuted(np.tile(np.arange(survivors.shape[1]), (draws, 1)), axis=1)
    groups = {task: [number] for number, task in enumerate(found.tasks)}
    if averaged:
        groups[AVERAGE] = [found.tasks.index(task) for task in averaged]
    rows = []
    for (w, weights), (a, attention) in product(enumerate(WEIGHTS), enumerate(ATTENTION)):
        maps = found.counts[:, :, w, a].sum(axis=1)  # [tasks, heads, classes]
        main = maps.argmax(axis=2)[..., None] == np.arange(len(CLASSES))
        values = {"phi": main, "correlation": maps / maps.sum(axis=2, keepdims=True)}
        measured = {name: correlate(survivors, each, orders) for name, each in values.items()}
        for task, members in groups.items():
            kept = survivors[members]
            row: dict[str, Any] = {"model": model, "method": method, "task": task}
            row |= {"weights": weights, "attention": attention, "n_tasks": len(members)}
            row |= {"n_heads": kept.size, "n_survivors": int(kept.sum())}
            columns = {"n_pattern": main[members].sum(axis=(0, 1))}  # [classes] each
            for name, (observed, permuted) in measured.items():
                mean = mean_of_known(observed[members], axis=0)
                drawn = mean_of_known(permuted[:, members], axis=1)
                # Equal counts may differ in the last bit.
                extreme = (np.abs(drawn) >= np.abs(mean) - 1e-12).sum(axis=0)
                p = np.where(np.isnan(mean), np.nan, (1 + extreme) / (1 + draws))
                columns |= {name: mean, f"{name}_p": p}
            rows += [
                row | {"pattern": pattern} | {name: each[c] for name, each in columns.items()}
                for c, pattern in enumerate(CLASSES)
            ]
    return files.table(rows, ASSOCIATIONS)


def correlate(
    survivors: np.ndarray, values: np.ndarray, orders: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pearson's correlation over heads, which is phi where the values are 0 and 1; NaN: undefined.

    A permutation gives every head another head's survival in all tasks at once: heads are the
    clusters, so tasks that agree because they share a pretrained model count once.

    Args:
        survivors: bool [tasks, heads].
        values: [tasks, heads, classes].
        orders: permutations of the heads, int64 [draws, heads].

    Returns:
        float [tasks, classes], and with the heads permuted float [draws, tasks, classes].
    """
    kept = _standardised(survivors.astype(float))
    shown = _standardised(np.swapaxes(values, 1, 2).astype(float))  # [tasks, classes, heads]
    observed = np.einsum("th,tch->tc", kept, shown)
    # One matrix product per task: numpy's einsum over three axes would not use BLAS.
    permuted = [each[orders] @ of_task.T for each, of_task in zip(kept, shown, strict=True)]
    return observed, np.stack(permuted, axis=1)


def _standardised(values: np.ndarray) -> np.ndarray:
    """Mean 0 and length 1 along the last axis; NaN where all are equal."""
    centred = values - values.mean(axis=-1, keepdims=True)
    length = np.linalg.norm(centred, axis=-1, keepdims=True)
    return centred / np.where(length > 1e-9, length, np.nan)


def claim_table(
    found: PatternCounts, associations: pd.DataFrame, annotated: Mapping[str, bool]
) -> pd.DataFrame:
    """What the claims read: `CLAIMS`.

    Args:
        associations: of `association_table`.
        annotated: raw and normed -> whether the classifier was trained on annotated maps.
    """
    maps = found.counts.sum(axis=4)  # [tasks, seeds, weights, attention, classes]
    n_maps = maps.sum(axis=4)
    shares = maps[..., CLASSES.index(HETEROGENEOUS)] / n_maps
    (names,) = associations[["model", "method"]].drop_duplicates().to_dict("records")
    names["n_heads"] = found.counts.shape[4]
    of_class = associations.set_index(["weights", "pattern", "attention", "task"])
    rows = []
    for (a, attention), (t, task) in product(enumerate(ATTENTION), enumerate(found.tasks)):
        row = of_class.loc["fine_tuned", HETEROGENEOUS, attention, task]
        place = {**names, "task": task, "attention": attention, "n_maps": n_maps[t, :, 0, a].sum()}
        for quantity, name in (("association", "phi"), ("association_share", "correlation")):
            rows.append(place | {"quantity": quantity, "value": row[name], "p": row[f"{name}_p"]})
    for (t, task), (s, seed), (a, attention) in product(
        *map(enumerate, (found.tasks, found.seeds, ATTENTION))
    ):
        fine_tuned, pretrained = shares[t, s, :, a]
        row = {**names, "task": task, "seed": seed, "quantity": "change", "attention": attention}
        rows.append(row | {"value": fine_tuned - pretrained, "n_maps": n_maps[t, s, :, a].sum()})
    return files.table([row | {"annotated": annotated[row["attention"]]} for row in rows], CLAIMS)


def surest_examples(
    paths: Iterable[Path], tasks: Iterable[str]
) -> dict[tuple[str, str], dict[str, Any]]:
    """Picks, of every class, the fine-tuned map that the classifier is surest of.

    Args:
        paths: patterns.npz of the cells.
        tasks: the task of each.

    Returns:
        (attention, class) -> map (float [tokens, tokens]), task, layer, head, probability; of
        equally sure maps the first. A class that was never found is missing.
    """
    best: dict[tuple[str, str], dict[str, Any]] = {}
    for path, task in zip(paths, tasks, strict=True):
        arrays = files.read_npz(path)
        for number, place in enumerate(arrays["example_places"].tolist()):
            kind, label, layer, head, length = place
            key = (ATTENTION[kind], CLASSES[label])
            probability = float(arrays["example_probabilities"][number])
            if key not in best or probability > best[key]["probability"]:
                example = arrays["example_maps"][number, :length, :length]
                best[key] = {"task": task, "layer": layer, "head": head}
                best[key] |= {"map": example, "probability": probability}
    return best
