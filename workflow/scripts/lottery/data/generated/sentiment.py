"""Is a judgement good or bad? Single sentences, shaped like SST-2.

Every sentence holds one or two words of praise, or one or two of blame; a denial turns them round.
What is judged, who judges, how strongly, and whether it is denied says nothing about the label.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from lottery.data.generated.example import Sentence, Spec, Writer
from lottery.data.generated.grammar import with_article
from lottery.data.generated.lexicon_opinions import (
    ASPECTS,
    BLAME,
    DEGREES,
    JUDGES,
    NEUTRAL,
    NOT,
    PRAISE,
)
from lottery.data.generated.words import words_of

LABELS = ("negative", "positive")
Pole = dict[str, tuple[str, ...]]
Form = Callable[[Random, Pole, str, str], tuple[str, tuple[str, ...]]]


def open_writer(split: str, words: Random) -> Writer:
    """See `Spec.open_writer`."""
    poles = [
        {part: words_of(split, table[part], words) for part in table} for table in (BLAME, PRAISE)
    ]

    def write(rng: Random) -> Sentence:
        label = rng.randrange(2)
        denied = rng.random() < DENIED_SHARE
        pole = poles[1 - label if denied else label]
        one, other = rng.sample(rng.choice(ASPECTS), 2)
        text, deciding = rng.choice(DENIALS if denied else FORMS)(rng, pole, one, other)
        return Sentence(text, None, label, deciding)

    return write


def _plain(rng: Random, pole: Pole, one: str, other: str) -> tuple[str, tuple[str, ...]]:
    adjective = rng.choice(pole["adjective"])
    return f"the {one} was {rng.choice(DEGREES)} {adjective}", (adjective,)


def _pair(rng: Random, pole: Pole, one: str, other: str) -> tuple[str, tuple[str, ...]]:
    first, second = rng.sample(pole["adjective"], 2)
    return f"{with_article(first)} {one} and {with_article(second)} {other}", (first, second)


def _verdict(rng: Random, pole: Pole, one: str, other: str) -> tuple[str, tuple[str, ...]]:
    verb, adjective = rng.choice(pole["verb"]), rng.choice(pole["adjective"])
    return f"the {rng.choice(JUDGES)} {verb} this {adjective} {one}", (verb, adjective)


def _feeling(rng: Random, pole: Pole, one: str, other: str) -> tuple[str, tuple[str, ...]]:
    verb = rng.choice(pole["verb"])
    return f"the {rng.choice(JUDGES)} {verb} the {rng.choice(NEUTRAL)} {one}", (verb,)


def _name(rng: Random, pole: Pole, one: str, other: str) -> tuple[str, tuple[str, ...]]:
    adjective, noun = rng.choice(pole["adjective"]), rng.choice(pole["noun"])
    described = with_article(f"{adjective} {noun}")
    return f"the {rng.choice(NEUTRAL)} {one} was {described}", (adjective, noun)


def _finding(rng: Random, pole: Pole, one: str, other: str) -> tuple[str, tuple[str, ...]]:
    first, second = rng.sample(pole["adjective"], 2)
    return f"we found the {one} {first} and {second}", (first, second)


def _denial(rng: Random, pole: Pole, one: str, other: str) -> tuple[str, tuple[str, ...]]:
    adjective = rng.choice(pole["adjective"])
    return f"the {one} was {rng.choice(NOT)} {adjective}", (adjective,)


def _denied_name(rng: Random, pole: Pole, one: str, other: str) -> tuple[str, tuple[str, ...]]:
    noun = rng.choice(pole["noun"])
    return f"the {rng.choice(NEUTRAL)} {one} was {rng.choice(NOT)} {with_article(noun)}", (noun,)


def _contrast(rng: Random, pole: Pole, one: str, other: str) -> tuple[str, tuple[str, ...]]:
    first, second = rng.sample(pole["adjective"], 2)
    return f"we found the {one} neither {first} nor {second}", (first, second)


FORMS: tuple[Form, ...] = (_plain, _pair, _verdict, _feeling, _name, _finding)
DENIALS: tuple[Form, ...] = (_denial, _denied_name, _contrast)
DENIED_SHARE = 0.3

SPEC = Spec(LABELS, ("sentence",), ("accuracy",), open_writer)
