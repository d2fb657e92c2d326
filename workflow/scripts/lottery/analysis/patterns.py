"""Attention patterns of surviving heads and of all heads: shares, and association with survival.

Heads are the units, not maps: the maps of one head are alike, over examples, seeds and, through the
pretrained model, tasks. So a head has one class per task, that of most of its maps, and p-values
come from permuting whole heads, over all tasks at once where tasks are pooled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from lottery import files
from lottery.analysis.good_masks import GoodMasks, super_survivors
from lottery.attention.classes import ATTENTION, CLASSES, HETEROGENEOUS, WEIGHTS
from lottery.files.errors import StudyError
from lottery.models.architecture import Architecture
from lottery.models.units import HEAD

ALL, SURVIVORS = "all", "super_survivors"
AVERAGE = "average"  # of the tasks that enter averages
# What the claims read. quantity: `association`, phi over heads of surviving in all seeds with the
# heterogeneous class; `association_share`, correlation over heads with the share of heterogeneous
# maps; `change`, share of heterogeneous maps of all heads, fine-tuned - pretrained, of each seed.
COLUMNS = [
    "model",
    "method",
    "task",
    "seed",
    "quantity",
    "attention",
    "annotated",
    "value",
    "p",
    "n_heads",
    "n_maps",
]
# share: of maps, mean over seeds; probability: the classifier's, of the classes it chose.
SHARE_COLUMNS = [
    "model",
    "method",
    "task",
    "heads",
    "weights",
    "attention",
    "pattern",
    "share",
    "sd",
    "published",
    "probability",
    "n_seeds",
    "n_heads",
    "n_maps",
]
Row = dict[str, Any]
PublishedShares = Mapping[tuple[str, str, str, str, str], float]


@dataclass(frozen=True, eq=False)
class PatternCounts:
    """Patterns of one model beside the masks of one method.

    Attributes:
        counts: task -> int64 [seeds, weights, attention, heads, classes], number of maps; heads
            layer by layer, the rest in the order of `lottery.attention.classes`.
        probability: task -> float [seeds, weights, attention, heads], mean over maps.
        survivors: task -> bool [heads], kept by every seed.
        seeds: the seeds.
    """

    counts: Mapping[str, np.ndarray]
    probability: Mapping[str, np.ndarray]
    survivors: Mapping[str, np.ndarray]
    seeds: tuple[str, ...]


def read_pattern_counts(
    paths: Sequence[Path], masks: GoodMasks, architecture: Architecture
) -> PatternCounts:
    """Reads patterns.npz of the cells that masks belong to.

    Args:
        paths: a file per mask, in the same order.
        masks: good masks of whole units.
        architecture: of the model.

    Raises:
        StudyError: a file is damaged, or of a model of another size.
    """
    shape = (len(WEIGHTS), len(ATTENTION), architecture.layers, architecture.heads, len(CLASSES))
    read = []
    for path in paths:
        arrays = files.read_npz(path)
        if arrays.get("counts", np.empty(0)).shape != shape:
            raise StudyError(f"{path} holds no patterns of this model; delete it and run again.")
        read.append(arrays)
    flat = (len(WEIGHTS), len(ATTENTION), -1)
    counts, probability, survivors = {}, {}, {}
    for task in masks.tasks:
        cells = masks.cells(task=task)
        counts[task] = np.stack([read[c]["counts"].reshape(*flat, len(CLASSES)) for c in cells])
        probability[task] = np.stack([read[c]["probability"].reshape(flat) for c in cells])
        survivors[task] = super_survivors(masks.units[HEAD.array][cells])
    seeds = tuple(masks.seeds(masks.cells(task=masks.tasks[0])))
    return PatternCounts(counts, probability, survivors, seeds)


def share_rows(
    found: PatternCounts, model: str, method: str, published: PublishedShares
) -> list[Row]:
    """The share of every class, of all heads and of super-survivors: keys `SHARE_COLUMNS`.

    Args:
        found: patterns and survivors.
        model, method: ids.
        published: (task, heads, weights, attention, pattern) -> the paper's share.
    """
    rows = []
    for task, heads, (w, weights), (a, attention) in product(
        found.counts, (ALL, SURVIVORS), enumerate(WEIGHTS), enumerate(ATTENTION)
    ):
        kept = found.survivors[task]
        chosen = kept if heads == SURVIVORS else np.ones_like(kept)
        sure = found.probability[task][:, w, a, chosen]
        place = {"model": model, "method": method, "task": task, "heads": heads}
        place |= {"weights": weights, "attention": attention, "n_heads": int(chosen.sum())}
        place["probability"] = float(sure.mean()) if chosen.any() else None
        for row in _shares(found.counts[task][:, w, a, chosen]):
            key = (task, heads, weights, attention, row["pattern"])
            rows.append(place | row | {"published": published.get(key)})
    return rows


def _shares(counts: np.ndarray) -> list[Row]:
    """Shares of the classes: int64 [seeds, heads, classes] -> a row per class."""
    maps = counts.sum(axis=1)  # [seeds, classes]
    facts = {"n_seeds": len(maps), "n_maps": int(maps.sum())}
    if not maps.sum():
        return [facts | {"pattern": name, "share": None, "sd": None} for name in CLASSES]
    shares = maps / maps.sum(axis=1, keepdims=True)
    sd = shares.std(axis=0, ddof=1) if len(maps) > 1 else np.full(len(CLASSES), np.nan)
    return [
        facts | {"pattern": name, "share": float(shares[:, c].mean()), "sd": float(sd[c])}
        for c, name in enumerate(CLASSES)
    ]


def claim_rows(
    found: PatternCounts, associations: Sequence[Row], annotated: Mapping[str, bool]
) -> list[Row]:
    """What the claims read: rows with the keys `COLUMNS`.

    Args:
        found: patterns and survivors.
        associations: of `lottery.analysis.pattern_association`.
        annotated: raw and normed -> whether annotated maps taught the classifier.
    """
    rows = []
    for row in associations:
        if (row["weights"], row["pattern"]) != ("fine_tuned", HETEROGENEOUS):
            continue
        if row["task"] == AVERAGE:
            continue
        maps = found.counts[row["task"]][:, 0, ATTENTION.index(row["attention"])]
        place = {name: row[name] for name in ("model", "method", "task", "attention", "n_heads")}
        place |= {"annotated": annotated[row["attention"]], "n_maps": int(maps.sum())}
        for quantity, name in (("association", "phi"), ("association_share", "correlation")):
            rows.append(place | {"quantity": quantity, "value": row[name], "p": row[f"{name}_p"]})
    names = {name: associations[0][name] for name in ("model", "method")}
    return rows + [names | row for row in _changes(found, annotated)]


def _changes(found: PatternCounts, annotated: Mapping[str, bool]) -> Iterator[Row]:
    """Share of heterogeneous maps of all heads, fine-tuned - pretrained, of every task and seed."""
    for task, counts in found.counts.items():
        maps = counts.sum(axis=3)  # [seeds, weights, attention, classes]
        shares = maps[..., CLASSES.index(HETEROGENEOUS)] / maps.sum(axis=3)
        for (s, seed), (a, attention) in product(enumerate(found.seeds), enumerate(ATTENTION)):
            yield {
                "task": task,
                "seed": seed,
                "quantity": "change",
                "attention": attention,
                "annotated": annotated[attention],
                "value": float(shares[s, 0, a] - shares[s, 1, a]),
                "n_heads": counts.shape[3],
                "n_maps": int(maps[s, :, a].sum()),
            }
