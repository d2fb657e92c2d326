"""How alike are two sentences, from 0 to 5? Sentence pairs, shaped like STS-B.

Who, does what, to what: each of the three is the same in other words, near, or far apart, and
costs nothing, half or all of its share of the five points. Whole fields of meaning belong to one
split.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from lottery.data.generated.language import Example, words_of
from lottery.data.generated.lexicon import ACTIONS, AGENTS, THINGS, Fields

BEST = 5.0
POINTS = (1.5, 1.5, 2.0)  # of agent, action and thing
FARTHEST = 2


def open_writer(split: str, words: Random) -> Callable[[Random], Example]:
    """Opens a writer of one split."""
    slots = [words_of(split, fields, words) for fields in (AGENTS, ACTIONS, THINGS)]

    def write(rng: Random) -> Example:
        first = second = ()
        while first == second:
            pairs, score = _pairs(slots, rng)
            first, second = zip(*pairs, strict=True)
        texts = ("the {} {} the {}".format(*words) for words in (first, second))
        return Example(*texts, score, (*first, *second))

    return write


def _pairs(slots: list[Fields], rng: Random) -> tuple[list[tuple[str, str]], float]:
    """Draws the words of both sentences, slot by slot, and what they score."""
    score, pairs = BEST, []
    # One tendency for all slots: with independent slots nearly all scores would lie in the middle.
    tendency = rng.random()
    for fields, points in zip(slots, POINTS, strict=True):
        distance = sum(rng.random() < tendency for _ in range(FARTHEST))
        pairs.append(_pair(fields, distance, rng))
        score -= points * distance / FARTHEST
    return pairs, score


def _pair(fields: Fields, distance: int, rng: Random) -> tuple[str, str]:
    """Draws two words of one group (distance 0), of two groups of a field (1), or of two fields."""
    if distance == FARTHEST:
        one, other = rng.sample(fields, 2)
        return rng.choice(rng.choice(one)), rng.choice(rng.choice(other))
    field = rng.choice(fields)
    one, other = rng.sample(field, 2) if distance else [rng.choice(field)] * 2
    return rng.choice(one), rng.choice(other)
