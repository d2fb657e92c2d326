"""Does the hypothesis follow from the premise? Sentence pairs, shaped like MNLI.

The two sentences differ in one noun, and as in MNLI both speak of the same event. From a member of
a family to the family's name is entailment (a robin: a bird), from the name to a member is neutral
(a bird: maybe a robin), and nothing is of two families (a robin: a fish, a fish: a robin). So
neither sentence alone reveals the label, nor does any word but the two nouns. Whole families belong
to one split.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from lottery.data.generated.language import Example, with_article, words_of
from lottery.data.generated.lexicon import FAMILIES, SEEN, WATCHERS, WHERE

NEUTRAL, CONTRADICTION = 1, 2


def open_writer(split: str, words: Random) -> Callable[[Random], Example]:
    """Opens a writer of one split."""
    names = words_of(split, sorted(FAMILIES), words)

    def write(rng: Random) -> Example:
        label = rng.randrange(3)
        name, strange_name = rng.sample(names, 2)
        member = rng.choice(FAMILIES[name])
        general = strange_name if label == CONTRADICTION else name
        pair = (member, general)
        if label == NEUTRAL or (label == CONTRADICTION and rng.random() < 0.5):
            pair = (general, member)
        scene = f"{rng.choice(WATCHERS)} {rng.choice(SEEN)} {{}} {rng.choice(WHERE)}"
        premise, hypothesis = (scene.format(with_article(noun)) for noun in pair)
        return Example(premise, hypothesis, label, pair)

    return write
