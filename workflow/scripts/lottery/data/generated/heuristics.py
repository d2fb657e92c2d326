"""Does the hypothesis follow, where all its words occur in the premise? Shaped like HANS.

For models of the task entailment. A model that trusts shared words answers entailment to every
pair. The groups are those of McCoy, Pavlick and Linzen 2019: the hypothesis has the premise's words
in another order (lexical_overlap), or is a run of them that is no part of the premise's structure
(subsequence), or a whole clause of it (constituent). Who did what to whom decides, and whether the
premise states it or leaves it open; both labels are as likely in each group.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from lottery.data.generated.language import Example, with_ed, words_of
from lottery.data.generated.lexicon import PEOPLE

# What one person does to another. Past and participle are the same word, so that a passive has no
# word that the active lacks but "was" and "by".
DEEDS = tuple(
    with_ed(base)
    for base in """
    admire attack avoid defend describe embrace follow greet help ignore insult interrupt invite
    mention notice praise protect remember rescue respect reward sketch support surprise thank trust
    visit warn watch welcome
    """.split()
)
NEAR = ("near", "behind", "beside", "opposite")
# Before a clause: what states that it holds, and what leaves it open.
HOLDS = ("because", "although", "since", "while")
OPEN = ("if", "unless", "in case")
# Between a person and a clause, likewise.
KNOWS = ("knew", "forgot", "discovered", "regretted")
GUESSES = ("doubted", "hoped", "claimed", "pretended")
LINKS = {
    "near": NEAR,
    "with": ("and", *NEAR),
    "holds": HOLDS,
    "open": OPEN,
    "knows": KNOWS,
    "guesses": GUESSES,
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


def open_writer(split: str, words: Random) -> Callable[[Random], Example]:
    """Opens a writer of one split."""
    people = words_of(split, [noun.one for noun in PEOPLE], words)
    deeds = words_of(split, DEEDS, words)

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
