"""Is a sentence good English? Single sentences, shaped like CoLA.

A bad sentence has one mistake: a verb that does not agree with its subject, the wrong form after an
auxiliary, a number that does not fit the determiner, or two neighbouring words in the wrong order.
The function words are the same in good and bad sentences, so they do not tell the label; the forms
of verbs and nouns do, and those of validation are not met in training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from lottery.data.generated.example import Sentence, Spec, Writer
from lottery.data.generated.lexicon_grammar import (
    AFTER_BE,
    AFTER_HAVE,
    AFTER_MODAL,
    FOR_ONE,
    FOR_SEVERAL,
    OBJECTS,
    OWNERS,
    PEOPLE,
    QUALITIES,
    Noun,
)
from lottery.data.generated.lexicon_verbs import VERBS, Verb
from lottery.data.generated.words import words_of

LABELS = ("unacceptable", "acceptable")


@dataclass(frozen=True)
class Lexicon:
    """The words of one split."""

    verbs: tuple[Verb, ...]
    people: tuple[Noun, ...]
    objects: tuple[Noun, ...]
    qualities: tuple[str, ...]


Frame = Callable[[Random, Lexicon, bool], tuple[str, tuple[str, ...]]]


def open_writer(split: str, words: Random) -> Writer:
    """See `Spec.open_writer`."""
    lexicon = Lexicon(
        *(words_of(split, entries, words) for entries in (VERBS, PEOPLE, OBJECTS, QUALITIES))
    )

    def write(rng: Random) -> Sentence:
        label = rng.randrange(2)
        frame = rng.choices(FRAMES, WEIGHTS)[0]
        text, deciding = frame(rng, lexicon, bool(label))
        return Sentence(text, None, label, deciding)

    return write


def _agreement(rng: Random, lexicon: Lexicon, good: bool) -> tuple[str, tuple[str, ...]]:
    """The doctors open the letter; *the doctors opens the letter."""
    verb, several = rng.choice(lexicon.verbs), rng.random() < 0.5
    noun = rng.choice(lexicon.people).form(several)
    form = verb.base if several == good else verb.third
    text = f"{rng.choice(OWNERS)} {noun} {form} the {_thing(rng, lexicon)}"
    return text, (noun, form)


def _auxiliary(rng: Random, lexicon: Lexicon, good: bool) -> tuple[str, tuple[str, ...]]:
    """The doctor will open the letter; *the doctor will opening the letter."""
    verb = rng.choice(lexicon.verbs)
    auxiliaries, right, wrong = rng.choice(
        (
            (AFTER_MODAL, verb.base, (verb.third, verb.past, verb.ing)),
            (AFTER_HAVE, verb.perfect, (verb.base, verb.third, verb.ing)),
            (AFTER_BE, verb.ing, (verb.base, verb.third)),
        )
    )
    form = right if good else rng.choice(wrong)
    person = rng.choice(lexicon.people).one
    text = f"{rng.choice(OWNERS)} {person} {rng.choice(auxiliaries)} {form}"
    return f"{text} the {_thing(rng, lexicon)}", (form,)


def _number(rng: Random, lexicon: Lexicon, good: bool) -> tuple[str, tuple[str, ...]]:
    """The doctor opened these letters; *the doctor opened these letter."""
    several = rng.random() < 0.5
    noun = rng.choice(lexicon.objects).form(several == good)
    determiner = rng.choice(FOR_SEVERAL if several else FOR_ONE)
    person, verb = rng.choice(lexicon.people).one, rng.choice(lexicon.verbs)
    return f"{rng.choice(OWNERS)} {person} {verb.past} {determiner} {noun}", (noun,)


def _order(rng: Random, lexicon: Lexicon, good: bool) -> tuple[str, tuple[str, ...]]:
    """The old doctor opened the letter; *the doctor old opened the letter."""
    quality = rng.choice(lexicon.qualities)
    person, verb = rng.choice(lexicon.people).one, rng.choice(lexicon.verbs).past
    thing = _thing(rng, lexicon)
    text, pair = rng.choice(
        (
            (f"{{}} {verb} the {thing}", (quality, person)),
            (f"{{}} the {thing}", (person, verb)),
            (f"{person} {verb} the {{}}", (quality, thing)),
        )
    )
    placed = " ".join(pair if good else pair[::-1])
    return f"{rng.choice(OWNERS)} {text.format(placed)}", pair


def _thing(rng: Random, lexicon: Lexicon) -> str:
    return rng.choice(lexicon.objects).form(rng.random() < 0.5)


FRAMES: tuple[Frame, ...] = (_agreement, _auxiliary, _number, _order)
WEIGHTS = (2, 3, 2, 3)  # the first and the third are the harder ones to learn

SPEC = Spec(LABELS, ("sentence",), ("matthews", "accuracy"), open_writer)
