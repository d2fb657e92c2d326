"""Is a sentence good English? Single sentences, shaped like CoLA.

A bad sentence has one mistake: a verb that does not agree with its subject, the wrong form after an
auxiliary, a number that does not fit the determiner, or two neighbouring words in the wrong order.
The function words are the same in good and bad sentences, so they do not reveal the label; the
forms of verbs and nouns do, and those of validation are not met in training.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from lottery.data.generated import lexicon
from lottery.data.generated.language import Example, words_of


class Words(NamedTuple):
    """The words of one split."""

    verbs: tuple[lexicon.Verb, ...]
    people: tuple[lexicon.Noun, ...]
    objects: tuple[lexicon.Noun, ...]
    qualities: tuple[str, ...]


def open_writer(split: str, words: Random) -> Callable[[Random], Example]:
    """Opens a writer of one split."""
    tables = (lexicon.VERBS, lexicon.PEOPLE, lexicon.OBJECTS, lexicon.QUALITIES)
    known = Words(*(words_of(split, entries, words) for entries in tables))

    def write(rng: Random) -> Example:
        label = rng.randrange(2)
        frame = rng.choices(FRAMES, WEIGHTS)[0]
        text, deciding = frame(rng, known, bool(label))
        return Example(text, None, label, deciding)

    return write


def _agreement(rng: Random, words: Words, good: bool) -> tuple[str, tuple[str, ...]]:
    """The doctors open the letter; *the doctors opens the letter."""
    verb, several = rng.choice(words.verbs), rng.random() < 0.5
    noun = rng.choice(words.people).form(several)
    form = verb.base if several == good else verb.third
    text = f"{rng.choice(lexicon.OWNERS)} {noun} {form} the {_thing(rng, words)}"
    return text, (noun, form)


def _auxiliary(rng: Random, words: Words, good: bool) -> tuple[str, tuple[str, ...]]:
    """The doctor will open the letter; *the doctor will opening the letter."""
    verb = rng.choice(words.verbs)
    auxiliaries, right, wrong = rng.choice(
        (
            (lexicon.AFTER_MODAL, verb.base, (verb.third, verb.past, verb.ing)),
            (lexicon.AFTER_HAVE, verb.perfect, (verb.base, verb.third, verb.ing)),
            (lexicon.AFTER_BE, verb.ing, (verb.base, verb.third)),
        )
    )
    form = right if good else rng.choice(wrong)
    person = rng.choice(words.people).one
    text = f"{rng.choice(lexicon.OWNERS)} {person} {rng.choice(auxiliaries)} {form}"
    return f"{text} the {_thing(rng, words)}", (form,)


def _number(rng: Random, words: Words, good: bool) -> tuple[str, tuple[str, ...]]:
    """The doctor opened these letters; *the doctor opened these letter."""
    several = rng.random() < 0.5
    noun = rng.choice(words.objects).form(several == good)
    determiner = rng.choice(lexicon.FOR_SEVERAL if several else lexicon.FOR_ONE)
    person, verb = rng.choice(words.people).one, rng.choice(words.verbs)
    return f"{rng.choice(lexicon.OWNERS)} {person} {verb.past} {determiner} {noun}", (noun,)


def _order(rng: Random, words: Words, good: bool) -> tuple[str, tuple[str, ...]]:
    """The old doctor opened the letter; *the doctor old opened the letter."""
    quality = rng.choice(words.qualities)
    person, verb = rng.choice(words.people).one, rng.choice(words.verbs).past
    thing = _thing(rng, words)
    text, pair = rng.choice(
        (
            (f"{{}} {verb} the {thing}", (quality, person)),
            (f"{{}} the {thing}", (person, verb)),
            (f"{person} {verb} the {{}}", (quality, thing)),
        )
    )
    placed = " ".join(pair if good else pair[::-1])
    return f"{rng.choice(lexicon.OWNERS)} {text.format(placed)}", pair


def _thing(rng: Random, words: Words) -> str:
    return rng.choice(words.objects).form(rng.random() < 0.5)


FRAMES = (_agreement, _auxiliary, _number, _order)
WEIGHTS = (2, 3, 2, 3)  # the first and the third are the harder ones to learn
