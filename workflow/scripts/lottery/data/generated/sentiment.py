"""Is a judgement good or bad? Single sentences, shaped like SST-2.

Every sentence holds one or two words of praise, or one or two of blame; a denial turns them round.
What is judged, who judges, how strongly, and whether it is denied reveals nothing about the label.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from lottery.data.generated import lexicon
from lottery.data.generated.language import Example, with_article, words_of

# Each form with the parts of speech of the words that decide; {one} and {other} are what is judged.
FORMS = (
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
DENIED_SHARE = 0.3
OTHER_WORDS = {
    "judge": lexicon.JUDGES,
    "neutral": lexicon.NEUTRAL,
    "degree": lexicon.DEGREES,
    "denial": lexicon.NOT,
}


def open_writer(split: str, words: Random) -> Callable[[Random], Example]:
    """Opens a writer of one split."""
    poles = [
        {part: words_of(split, table[part], words) for part in table}
        for table in (lexicon.BLAME, lexicon.PRAISE)
    ]

    def write(rng: Random) -> Example:
        label = rng.randrange(2)
        denied = rng.random() < DENIED_SHARE
        pole = poles[1 - label if denied else label]
        one, other = rng.sample(rng.choice(lexicon.ASPECTS), 2)
        form, parts = rng.choice(DENIALS if denied else FORMS)
        if "second" in parts:
            deciding = tuple(rng.sample(pole["adjective"], 2))
        else:
            deciding = tuple(rng.choice(pole[part]) for part in parts)
        values = dict(zip(parts, deciding, strict=True)) | {"one": one, "other": other}
        values |= {
            name: rng.choice(choices) for name, choices in OTHER_WORDS.items() if name in form
        }
        text = re.sub(r"a\(n\) (\w+)", lambda match: with_article(match[1]), form.format(**values))
        return Example(text, None, label, deciding)

    return write
