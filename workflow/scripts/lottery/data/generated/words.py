"""Shares a lexicon out between training and validation."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

Entry = TypeVar("Entry")

TRAIN_SHARE = 0.6


def words_of(split: str, entries: Sequence[Entry], rng: Random) -> tuple[Entry, ...]:
    """Picks the entries that one split may use; the other split has the rest.

    Args:
        split: "train" or "validation".
        entries: Words, or whatever must not be met in both splits. Their order counts.
        rng: In the same state for both splits.
    """
    shuffled = list(entries)
    rng.shuffle(shuffled)
    cut = round(TRAIN_SHARE * len(shuffled))
    return tuple(shuffled[:cut] if split == "train" else shuffled[cut:])
