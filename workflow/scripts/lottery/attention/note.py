"""How far the classes can be trusted, in words for figures and captions. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lottery.attention.classes import ATTENTION, CLASSES

Facts = Mapping[str, Mapping[str, Any]]
TESTED = {True: "annotated maps", False: "generated maps of held-out settings"}
WORDS = {name: name.replace("_", " + ") for name in CLASSES}


def short_sentence(facts: Facts) -> str:
    """On which maps the classifier was right how often.

    Args:
        facts: raw and normed -> `lottery.attention.learned.Facts` as a mapping.
    """
    said = [
        f"{each['accuracy']:.0%} of {each['n_test']} {TESTED[each['annotated']]} "
        "classified correctly"
        for each in (facts[kind] for kind in ATTENTION)
    ]
    if said[0] == said[1]:
        return f"classifier: {said[0]}"
    return f"classifiers: raw, {said[0]}; normed, {said[1]}"


def long_note(facts: Facts) -> str:
    """What the captions include: also per class, and what the classifier has learned from."""
    sentences = []
    for kinds in _alike(facts):
        each = facts[kinds[0]]
        by_class = ", ".join(f"{WORDS[c]} {each['class_accuracy'][c]:.0%}" for c in CLASSES)
        learned = "annotated maps" if each["annotated"] else "generated maps"
        test = "annotated maps that chose nothing" if each["annotated"] else TESTED[False]
        sentences.append(
            f"The classifier of {' and '.join(kinds)} maps has learned from {each['n_train']} "
            f"{learned} and was right on {each['accuracy']:.0%} of {each['n_test']} {test} "
            f"({by_class}); on the {each['n_select']} maps that chose its epoch, on "
            f"{each['select_accuracy']:.0%}."
        )
    return " ".join(sentences)


def _alike(facts: Facts) -> list[list[str]]:
    """Kinds of attention, together where they share a classifier."""
    first, second = ATTENTION
    return [[first, second]] if facts[first] == facts[second] else [[first], [second]]
