"""The classes of attention maps, and how far the classifier can be trusted, in words. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# The classes of Kovaleva et al. 2019, Revealing the Dark Secrets of BERT: attention to neighbours,
# to a few tokens from everywhere, to both, within a segment, and all that is none of these.
# The order is that of every array, also of what follows.
CLASSES = ("heterogeneous", "block", "diagonal", "vertical", "vertical_diagonal")
HETEROGENEOUS = "heterogeneous"
WORDS = {name: name.replace("_", " + ") for name in CLASSES}
# Attention probabilities, and these times the norms of the vectors that they weigh (Kobayashi et
# al. 2020, Attention is Not Only a Weight).
ATTENTION = ("raw", "normed")
WEIGHTS = ("fine_tuned", "pretrained")

# What is known of a classifier. annotated: whether it has learned from annotated maps; n_train,
# n_select, n_test: maps in each part; epoch: the one that was kept, counted from 1;
# select_accuracy: on the maps that chose it; accuracy: on the test maps, annotated ones that chose
# nothing, or generated ones of settings that were held out; class_accuracy: class -> share of its
# test maps that were classified correctly.
Facts = Mapping[str, Any]
TESTED = {True: "annotated maps", False: "generated maps of held-out settings"}


def short_sentence(facts: Mapping[str, Facts]) -> str:
    """On which maps the classifier was right how often."""
    raw, normed = (
        f"{facts[kind]['accuracy']:.0%} of {facts[kind]['n_test']} "
        f"{TESTED[facts[kind]['annotated']]} classified correctly"
        for kind in ATTENTION
    )
    return f"classifier: {raw}" if raw == normed else f"classifiers: raw, {raw}; normed, {normed}"


def long_note(facts: Mapping[str, Facts]) -> str:
    """What the captions include: also per class, and what the classifier has learned from."""
    kinds = {kind: facts[kind] for kind in ATTENTION}
    if facts["raw"] == facts["normed"]:  # one classifier for both
        kinds = {" and ".join(ATTENTION): facts["raw"]}
    sentences = []
    for kind, each in kinds.items():
        by_class = ", ".join(f"{WORDS[c]} {each['class_accuracy'][c]:.0%}" for c in CLASSES)
        learned = "annotated maps" if each["annotated"] else "generated maps"
        test = "annotated maps that chose nothing" if each["annotated"] else TESTED[False]
        sentences.append(
            f"The classifier of {kind} maps has learned from {each['n_train']} {learned} and was "
            f"right on {each['accuracy']:.0%} of {each['n_test']} {test} ({by_class}); on the "
            f"{each['n_select']} maps that chose its epoch, on {each['select_accuracy']:.0%}."
        )
    return " ".join(sentences)
