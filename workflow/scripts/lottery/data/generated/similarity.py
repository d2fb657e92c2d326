"""How alike are two sentences, from 0 to 5? Sentence pairs, shaped like STS-B.

Who, does what, to what: each of the three is the same in other words, near, or far apart, and
costs nothing, half or all of its share of the five points. Whole fields of meaning belong to one
split.
"""

from __future__ import annotations

from random import Random

from lottery.data.generated.example import Sentence, Spec, Writer
from lottery.data.generated.lexicon_scenes import ACTIONS, AGENTS, OBJECTS, Fields
from lottery.data.generated.words import words_of

BEST = 5.0
POINTS = (1.5, 1.5, 2.0)  # of agent, action and object
FARTHEST = 2
TEXT = "the {} {} the {}"


def open_writer(split: str, words: Random) -> Writer:
    """See `Spec.open_writer`."""
    slots = [words_of(split, fields, words) for fields in (AGENTS, ACTIONS, OBJECTS)]

    def write(rng: Random) -> Sentence:
        pairs, score = _pairs(slots, rng)
        while all(first == second for first, second in pairs):
            pairs, score = _pairs(slots, rng)
        first, second = zip(*pairs, strict=True)
        return Sentence(TEXT.format(*first), TEXT.format(*second), score, (*first, *second))

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
    """Draws two words.

    Args:
        fields: Fields of groups of synonyms.
        distance: 0 for two words of a group, or twice the same, 1 for two groups
            of a field, 2 for two fields.
        rng: Generator of the draws.
    """
    if distance == FARTHEST:
        one, other = rng.sample(fields, 2)
        return rng.choice(rng.choice(one)), rng.choice(rng.choice(other))
    field = rng.choice(fields)
    if distance:
        one, other = rng.sample(field, 2)
        return rng.choice(one), rng.choice(other)
    group = rng.choice(field)
    return rng.choice(group), rng.choice(group)


SPEC = Spec(None, ("sentence1", "sentence2"), ("pearson", "spearman"), open_writer)
