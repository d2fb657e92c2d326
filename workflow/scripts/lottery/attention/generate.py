"""Generated attention maps of the five classes, where there are no annotated ones.

A map is the pattern of its class, diluted with even attention, under multiplicative noise, every
row summed to one. Length, noise, contrast, and what a class leaves open (offsets, number of
columns, number of segments) are drawn for each map.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lottery.attention.classes import CLASSES

Ranges = tuple[tuple[float, float], ...]


class Settings(NamedTuple):
    """Where the generator draws from: ranges, each as likely.

    Attributes:
        lengths: numbers of tokens, both ends included.
        contrast: share of a row's attention that follows the pattern; the rest is even.
        noise: standard deviation of the logarithm of a random factor on every entry.
    """

    lengths: tuple[tuple[int, int], ...]
    contrast: Ranges
    noise: Ranges


# What the classifier learns from, and settings that it never sees: other lengths, longer ones too,
# and values of contrast and noise between those it knows. Its reported accuracy is on the latter.
TRAINING = Settings(
    lengths=((6, 20), (28, 40), (48, 64)),
    contrast=((0.35, 0.5), (0.65, 0.95)),
    noise=((0.0, 0.3), (0.5, 0.7)),
)
HELD_OUT = Settings(
    lengths=((21, 27), (41, 47), (65, 96)), contrast=((0.5, 0.65),), noise=((0.3, 0.5),)
)


def generate(
    count: int, settings: Settings, rng: np.random.Generator
) -> tuple[list[np.ndarray], np.ndarray]:
    """Draws maps, the classes in turn: float32 [T, T] each, and their classes, int64 [count]."""
    labels = np.arange(count) % len(CLASSES)
    return [draw_map(CLASSES[label], settings, rng) for label in labels], labels


def draw_map(pattern: str, settings: Settings, rng: np.random.Generator) -> np.ndarray:
    """Draws one map of a class, float32 [T, T] with rows that sum to one."""
    low, high = _one_of(settings.lengths, rng)
    length = int(rng.integers(low, high + 1))
    contrast = rng.uniform(*_one_of(settings.contrast, rng))
    noise = rng.uniform(*_one_of(settings.noise, rng))
    drawn = contrast * _FORMS[pattern](length, rng) + (1 - contrast) / length
    drawn *= np.exp(noise * rng.standard_normal(drawn.shape))
    return _rows(drawn).astype(np.float32)


def _diagonal(length: int, rng: np.random.Generator) -> np.ndarray:
    """A token attends to the one at some offset, or around it."""
    offset, width = rng.integers(-2, 3), rng.uniform(0.3, 1.0)
    places = np.arange(length)
    # At the edges, where there is no such token, to the one nearest to it.
    centres = np.clip(places + offset, 0, length - 1)
    return _rows(np.exp(-0.5 * ((places - centres[:, None]) / width) ** 2))


def _vertical(length: int, rng: np.random.Generator) -> np.ndarray:
    """All tokens attend to the same few, often the first or the last."""
    count = int(rng.integers(1, 4))
    columns = rng.choice(length, size=min(count, length), replace=False)
    special = rng.random()
    if special < 0.6:
        columns[0] = 0 if special < 0.3 else length - 1
    strengths = np.zeros(length)
    strengths[columns] = rng.uniform(0.3, 1.0, len(columns))
    unlike = np.exp(0.3 * rng.standard_normal((length, length)))
    return _rows(strengths * unlike)


def _vertical_diagonal(length: int, rng: np.random.Generator) -> np.ndarray:
    share = rng.uniform(0.35, 0.65)
    return share * _vertical(length, rng) + (1 - share) * _diagonal(length, rng)


def _block(length: int, rng: np.random.Generator) -> np.ndarray:
    """Tokens attend to their own segment, one of two or three."""
    count = int(rng.integers(2, 4)) if length >= 9 else 2
    # No segment is shorter than half of an even part.
    shares = 0.5 / count + 0.5 * rng.dirichlet(np.ones(count))
    ends = np.round(np.cumsum(shares) * length)
    segment = np.searchsorted(ends[:-1], np.arange(length), side="right")
    return _rows((segment[:, None] == segment).astype(float))


def _heterogeneous(length: int, rng: np.random.Generator) -> np.ndarray:
    """Every token attends to others of its own, few or many."""
    concentration = rng.uniform(0.05, 0.5)
    return rng.dirichlet(np.full(length, concentration), size=length)


def _one_of(ranges: tuple, rng: np.random.Generator) -> tuple:
    return ranges[rng.integers(len(ranges))]


def _rows(values: np.ndarray) -> np.ndarray:
    return values / values.sum(axis=1, keepdims=True)


_FORMS: dict[str, Callable[[int, np.random.Generator], np.ndarray]] = {
    "heterogeneous": _heterogeneous,
    "block": _block,
    "diagonal": _diagonal,
    "vertical": _vertical,
    "vertical_diagonal": _vertical_diagonal,
}
