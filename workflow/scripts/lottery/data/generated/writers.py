"""The grammars of the generated tasks: functions that open a writer of examples.

An opener takes a split and the generator that shares the words out between the splits, and gives a
function that writes one example after another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from lottery.data.generated import lexicon
from lottery.data.generated.lexicon import Fields, Noun, Verb, with_article, words_of


class Example(NamedTuple):
    """One example as a grammar writes it."""

    text_a: str
    text_b: str | None  # None for single sentences
    label: int | float  # index of the label's name, or a score
    deciding: tuple[str, ...]  # the words that the label depends on
    group: str = ""  # of tasks that are scored by kind of example


Writer = Callable[[Random], Example]

# Sentences of sentiment, each with the parts of speech of the words that decide; {one} and {other}
# are what is judged.
JUDGEMENTS = (
    ("the {one} was {degree} {adjective}", ("adjective",)),
    ("a(n) {adjective} {one} and a(n) {second} {other}", ("adjective", "second")),
    ("the {judge} {verb} this {adjective} {one}", ("verb", "adjective")),
    ("the {judge} {verb} the {neutral} {one}", ("verb",)),
    ("the {neutral} {one} was a(n) {adjective} {noun}", ("adjective", "noun")),
    ("we found the {one} {adjective} and {second}", ("adjective", "second")),
)
DENIALS = (
    ("the {one} was {denial} {adjective}", ("adjective",)),
    ("the {neutral} {one} was {denial} a(n) {noun}", ("noun",)),
    ("we found the {one} neither {adjective} nor {second}", ("adjective", "second")),
)
DENIED_SHARE = 0.3  # of the sentences of sentiment
DENIED_REVIEWS = 0.5  # reviews with a denial
FILLERS = {
    "judge": lexicon.JUDGES,
    "neutral": lexicon.NEUTRAL,
    "degree": lexicon.DEGREES,
    "denial": lexicon.NOT,
}


def sentiment(split: str, words: Random) -> Writer:
    """Is a judgement good or bad? Single sentences, shaped like SST-2.

    Every sentence holds one or two words of praise, or one or two of blame; a denial turns them
    round. What is judged, who judges, how strongly, and whether it is denied reveals nothing about
    the label.
    """
    poles = _poles(split, words)

    def write(rng: Random) -> Example:
        label = rng.randrange(2)
        denied = rng.random() < DENIED_SHARE
        pole = poles[1 - label if denied else label]
        things = rng.sample(rng.choice(lexicon.ASPECTS), 2)
        text, deciding = _judgement(rng, DENIALS if denied else JUDGEMENTS, pole, things)
        return Example(text, None, label, deciding)

    return write


def reviews(split: str, words: Random) -> Writer:
    """Is a review good or bad? Single sentences, shaped like SST-2, and easier than sentiment.

    Two judgements of one scene agree, and at most one of them is denied. So most words give the
    label away, and training is soon done. Yet a model that only adds them up is lost wherever a
    denied word weighs against the others: it does not come near nine tenths of the score.
    """
    poles = _poles(split, words)

    def write(rng: Random) -> Example:
        label = rng.randrange(2)
        things = rng.sample(rng.choice(lexicon.ASPECTS), 4)
        denied = rng.randrange(2) if rng.random() < DENIED_REVIEWS else None
        texts: list[str] = []
        deciding: list[str] = []
        for place, pair in enumerate((things[:2], things[2:])):
            forms, pole = (DENIALS, 1 - label) if place == denied else (JUDGEMENTS, label)
            text, found = _judgement(rng, forms, poles[pole], pair)
            texts.append(text)
            deciding += found
        return Example(" and ".join(texts), None, label, tuple(deciding))

    return write


Pole = dict[str, tuple[str, ...]]


def _poles(split: str, words: Random) -> list[Pole]:
    """The words of blame, then of praise, that a split may use, by part of speech."""
    return [
        {part: words_of(split, table[part], words) for part in table}
        for table in (lexicon.BLAME, lexicon.PRAISE)
    ]


def _judgement(
    rng: Random, forms: Sequence[tuple[str, tuple[str, ...]]], pole: Pole, things: Sequence[str]
) -> tuple[str, tuple[str, ...]]:
    """Judges one or two things by words of a pole; the text, and these words."""
    form, parts = rng.choice(forms)
    if "second" in parts:
        deciding = tuple(rng.sample(pole["adjective"], 2))
    else:
        deciding = tuple(rng.choice(pole[part]) for part in parts)
    values = dict(zip(parts, deciding, strict=True)) | dict(
        zip(("one", "other"), things, strict=True)
    )
    values |= {name: rng.choice(choices) for name, choices in FILLERS.items() if name in form}
    text = re.sub(r"a\(n\) (\w+)", lambda match: with_article(match[1]), form.format(**values))
    return text, deciding


class Words(NamedTuple):
    """The words of one split for acceptability."""

    verbs: tuple[Verb, ...]
    people: tuple[Noun, ...]
    objects: tuple[Noun, ...]
    qualities: tuple[str, ...]


def acceptability(split: str, words: Random) -> Writer:
    """Is a sentence good English? Single sentences, shaped like CoLA.

    A bad sentence has one mistake: a verb that does not agree with its subject, the wrong form
    after an auxiliary, a number that does not fit the determiner, or two neighbouring words in the
    wrong order. The function words are the same in good and bad sentences, so they do not reveal
    the label; the forms of verbs and nouns do, and those of validation are not met in training.
    """
    tables = (lexicon.VERBS, lexicon.PEOPLE, lexicon.OBJECTS, lexicon.QUALITIES)
    known = Words._make(words_of(split, entries, words) for entries in tables)
    frames = (_agreement, _auxiliary, _number, _order)

    def write(rng: Random) -> Example:
        label = rng.randrange(2)
        # The first and the third are the harder ones to learn.
        frame = rng.choices(frames, (2, 3, 2, 3))[0]
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


NEUTRAL, CONTRADICTION = 1, 2


def entailment(split: str, words: Random) -> Writer:
    """Does the hypothesis follow from the premise? Sentence pairs, shaped like MNLI.

    The two sentences differ in one noun, and as in MNLI both speak of the same event. From a member
    of a family to the family's name is entailment (a robin: a bird), from the name to a member is
    neutral (a bird: maybe a robin), and nothing is of two families (a robin: a fish, a fish: a
    robin). So neither sentence alone reveals the label, nor does any word but the two nouns. Whole
    families belong to one split.
    """
    names = words_of(split, sorted(lexicon.FAMILIES), words)

    def write(rng: Random) -> Example:
        label = rng.randrange(3)
        name, strange_name = rng.sample(names, 2)
        member = rng.choice(lexicon.FAMILIES[name])
        general = strange_name if label == CONTRADICTION else name
        pair = (member, general)
        if label == NEUTRAL or (label == CONTRADICTION and rng.random() < 0.5):
            pair = (general, member)
        watcher, seen = rng.choice(lexicon.WATCHERS), rng.choice(lexicon.SEEN)
        scene = f"{watcher} {seen} {{}} {rng.choice(lexicon.WHERE)}"
        premise, hypothesis = (scene.format(with_article(noun)) for noun in pair)
        return Example(premise, hypothesis, label, pair)

    return write


BEST = 5.0
POINTS = (1.5, 1.5, 2.0)  # of agent, action and thing
FARTHEST = 2


def similarity(split: str, words: Random) -> Writer:
    """How alike are two sentences, from 0 to 5? Sentence pairs, shaped like STS-B.

    Who, does what, to what: each of the three is the same in other words, near, or far apart, and
    costs nothing, half or all of its share of the five points. Whole fields of meaning belong to
    one split.
    """
    tables = (lexicon.AGENTS, lexicon.ACTIONS, lexicon.THINGS)
    slots = [words_of(split, fields, words) for fields in tables]

    def write(rng: Random) -> Example:
        first = second = ()
        while first == second:
            pairs, score = _pairs(slots, rng)
            first, second = zip(*pairs, strict=True)
        one, other = ("the {} {} the {}".format(*words) for words in (first, second))
        return Example(one, other, score, (*first, *second))

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
        field, strange = rng.sample(fields, 2)
        return rng.choice(rng.choice(field)), rng.choice(rng.choice(strange))
    field = rng.choice(fields)
    one, other = rng.sample(field, 2) if distance else [rng.choice(field)] * 2
    return rng.choice(one), rng.choice(other)


LINKS = {
    "near": lexicon.NEAR,
    "with": ("and", *lexicon.NEAR),
    "holds": lexicon.HOLDS,
    "open": lexicon.OPEN,
    "knows": lexicon.KNOWS,
    "guesses": lexicon.GUESSES,
}
# The frames of each group, each as premise and hypothesis where it follows and where it does not.
# {clause} is "{one} {did} {other}".
FRAMES = {
    "lexical_overlap": (
        (
            ("{one} was {did} by {other}", "{other} {did} {one}"),
            ("{one} was {did} by {other}", "{clause}"),
        ),
        (
            ("{one} who {did} {other} {also} {third}", "{one} {also} {third}"),
            ("{one} who {did} {other} {also} {third}", "{third} {also} {one}"),
        ),
    ),
    "subsequence": (
        (("{third} and {clause}", "{clause}"), ("{third} {near} {clause}", "{clause}")),
        (("{clause} {with} {third}", "{clause}"), ("{third} who {also} {clause}", "{clause}")),
    ),
    "constituent": (
        (
            ("{holds} {clause} {third} {also} {fourth}", "{clause}"),
            ("{open} {clause} {third} {also} {fourth}", "{clause}"),
        ),
        (
            ("{third} {knows} that {clause}", "{clause}"),
            ("{third} {guesses} that {clause}", "{clause}"),
        ),
    ),
}


def heuristics(split: str, words: Random) -> Writer:
    """Does the hypothesis follow, where all its words occur in the premise? Shaped like HANS.

    For models of the task entailment. A model that trusts shared words answers entailment to every
    pair. The groups are those of McCoy, Pavlick and Linzen 2019: the hypothesis has the premise's
    words in another order (lexical_overlap), or is a run of them that is no part of the premise's
    structure (subsequence), or a whole clause of it (constituent). Who did what to whom decides,
    and whether the premise states it or leaves it open; both labels are as likely in each group.
    """
    people = words_of(split, [noun.one for noun in lexicon.PEOPLE], words)
    deeds = words_of(split, lexicon.DEEDS, words)

    def write(rng: Random) -> Example:
        label = rng.randrange(2)
        group = rng.choice(tuple(FRAMES))
        persons, (did, also) = rng.sample(people, 4), rng.sample(deeds, 2)
        premise, hypothesis = rng.choice(FRAMES[group])[label]
        one, other, third, fourth = (f"the {person}" for person in persons)
        link = {name: rng.choice(LINKS[name]) for name in LINKS if f"{{{name}}}" in premise}
        values = {"one": one, "other": other, "third": third, "fourth": fourth}
        values |= {"did": did, "also": also, "clause": f"{one} {did} {other}"} | link
        texts = premise.format(**values), hypothesis.format(**values)
        return Example(*texts, label, (*persons[:2], did), group)

    return write


OPENERS = {
    "sentiment": sentiment,
    "reviews": reviews,
    "acceptability": acceptability,
    "entailment": entailment,
    "similarity": similarity,
    "heuristics": heuristics,
}
