"""Spelling rules of English that the lexicon leaves to be worked out."""

from __future__ import annotations

VOWELS = "aeiou"
# Written with a vowel, spoken with a consonant ("a useless plan").
SPOKEN_WITH_CONSONANT = ("use", "uni", "eu")


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
