"""What generated tasks are written with: examples, shares of the words, English spelling."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple, TypeVar

Entry = TypeVar("Entry")

TRAIN_SHARE = 0.6
VOWELS = "aeiou"
# Written with a vowel, spoken with a consonant ("a useless plan").
SPOKEN_WITH_CONSONANT = ("use", "uni", "eu")


class Example(NamedTuple):
    """One example as a grammar writes it.

    Attributes:
        text_a: The only text, or the first of a pair.
        text_b: The second of a pair, else None.
        label: Index of the label's name, or a score.
        deciding: The words that the label depends on.
        group: The kind of example, for tasks that are scored by kind.
    """

    text_a: str
    text_b: str | None
    label: int | float
    deciding: tuple[str, ...]
    group: str = ""


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


def with_article(phrase: str) -> str:
    """Puts "a" or "an" before a phrase, as its first word sounds."""
    vowel = phrase[0] in VOWELS and not phrase.startswith(SPOKEN_WITH_CONSONANT)
    return f"{'an' if vowel else 'a'} {phrase}"


def with_s(word: str) -> str:
    """The plural of a regular noun, or the third person of a verb."""
    if word.endswith(("s", "x", "ch", "sh")):
        return f"{word}es"
    if word.endswith("y") and word[-2] not in VOWELS:
        return f"{word[:-1]}ies"
    return f"{word}s"


def with_ed(base: str) -> str:
    """The past of a regular verb that doubles no consonant."""
    if base.endswith("e"):
        return f"{base}d"
    if base.endswith("y") and base[-2] not in VOWELS:
        return f"{base[:-1]}ied"
    return f"{base}ed"


def with_ing(base: str) -> str:
    """The -ing form of a verb that doubles no consonant."""
    return f"{base[:-1]}ing" if base.endswith("e") else f"{base}ing"
