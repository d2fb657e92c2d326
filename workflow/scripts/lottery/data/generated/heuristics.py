"""Does the hypothesis follow, where all its words stand in the premise? Shaped like HANS.

For models of the task entailment. A model that trusts shared words says entailment to every pair.
The groups are those of McCoy, Pavlick and Linzen 2019: the hypothesis has the premise's words in
another order (lexical_overlap), or is a run of them that is no part of the premise's structure
(subsequence), or a whole clause of it (constituent). Who did what to whom decides, and whether the
premise says so or leaves it open; both labels are as likely in each group.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from lottery.data.generated.example import Sentence, Spec, Writer
from lottery.data.generated.grammar import with_ed
from lottery.data.generated.lexicon_grammar import PEOPLE
from lottery.data.generated.words import words_of

LABELS = ("entailment", "non-entailment")
ENTAILMENT, NON_ENTAILMENT = range(2)

# What one person does to another. Past and participle are the same word, so that a passive has no
# word that the active lacks but "was" and "by".
DEEDS: tuple[str, ...] = tuple(
    with_ed(base)
    for base in """
    admire attack avoid defend describe embrace follow greet help ignore insult interrupt invite
    mention notice praise protect remember rescue respect reward sketch support surprise thank trust
    visit warn watch welcome
    """.split()
)
NEAR: tuple[str, ...] = tuple("near behind beside opposite".split())
# Before a clause: what says that it holds, and what leaves it open.
HOLDS: tuple[str, ...] = tuple("because although since while".split())
OPEN: tuple[str, ...] = ("if", "unless", "in case")
# Between a person and a clause, likewise.
KNOWS: tuple[str, ...] = tuple("knew forgot discovered regretted".split())
GUESSES: tuple[str, ...] = tuple("doubted hoped claimed pretended".split())


@dataclass(frozen=True)
class Draw:
    """The words of one example: four people, all different, and two deeds."""

    people: tuple[str, str, str, str]
    deeds: tuple[str, str]

    def clause(self) -> str:
        """The first person does the first deed to the second one."""
        return f"the {self.people[0]} {self.deeds[0]} the {self.people[1]}"


Frame = Callable[[Random, Draw, bool], tuple[str, str]]


def open_writer(split: str, words: Random) -> Writer:
    """See `Spec.open_writer`."""
    people = words_of(split, [noun.one for noun in PEOPLE], words)
    deeds = words_of(split, DEEDS, words)

    def write(rng: Random) -> Sentence:
        label = rng.randrange(2)
        group = rng.choice(tuple(FRAMES))
        draw = Draw(tuple(rng.sample(people, 4)), tuple(rng.sample(deeds, 2)))
        premise, hypothesis = rng.choice(FRAMES[group])(rng, draw, label == ENTAILMENT)
        deciding = (*draw.people[:2], draw.deeds[0])
        return Sentence(premise, hypothesis, label, deciding, group)

    return write


def _passive(rng: Random, draw: Draw, follows: bool) -> tuple[str, str]:
    """The king was visited by the poet: the poet visited the king; not: the king the poet."""
    (one, other, *_), deed = draw.people, draw.deeds[0]
    premise = f"the {one} was {deed} by the {other}"
    doer, done_to = (other, one) if follows else (one, other)
    return premise, f"the {doer} {deed} the {done_to}"


def _either_order(rng: Random, draw: Draw, follows: bool) -> tuple[str, str]:
    """The poet who visited the king thanked the judge: he did; not: the judge thanked the poet."""
    (one, other, third, _), (deed, second) = draw.people, draw.deeds
    premise = f"the {one} who {deed} the {other} {second} the {third}"
    doer, done_to = (one, third) if follows else (third, one)
    return premise, f"the {doer} {second} the {done_to}"


def _subject(rng: Random, draw: Draw, follows: bool) -> tuple[str, str]:
    """The judge and the poet visited the king; the judge near the poet visited the king."""
    link = "and" if follows else rng.choice(NEAR)
    return f"the {draw.people[2]} {link} {draw.clause()}", draw.clause()


def _object(rng: Random, draw: Draw, follows: bool) -> tuple[str, str]:
    """The poet visited the king and the judge; the judge who thanked the poet visited the king."""
    judge = f"the {draw.people[2]}"
    if follows:
        return f"{draw.clause()} {rng.choice(('and', *NEAR))} {judge}", draw.clause()
    return f"{judge} who {draw.deeds[1]} {draw.clause()}", draw.clause()


def _adverbial(rng: Random, draw: Draw, follows: bool) -> tuple[str, str]:
    """Because the poet visited the king the judge ...; if the poet visited the king ..."""
    link = rng.choice(HOLDS if follows else OPEN)
    main = f"the {draw.people[2]} {draw.deeds[1]} the {draw.people[3]}"
    return f"{link} {draw.clause()} {main}", draw.clause()


def _reported(rng: Random, draw: Draw, follows: bool) -> tuple[str, str]:
    """The judge knew that the poet visited the king; the judge doubted that the poet ..."""
    verb = rng.choice(KNOWS if follows else GUESSES)
    return f"the {draw.people[2]} {verb} that {draw.clause()}", draw.clause()


FRAMES: dict[str, tuple[Frame, ...]] = {
    "lexical_overlap": (_passive, _either_order),
    "subsequence": (_subject, _object),
    "constituent": (_adverbial, _reported),
}

SPEC = Spec(LABELS, ("premise", "hypothesis"), ("accuracy",), open_writer)
