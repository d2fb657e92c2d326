"""The generated task shaped like HANS: its labels follow from what the premise says."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lottery.data.generated import generate
from lottery.data.generated.lexicon import (
    DEEDS,
    GUESSES,
    HOLDS,
    KNOWS,
    NEAR,
    OPEN,
    PEOPLE,
    VERBS,
)

PERSON = r"the (\w+)"
CLAUSE = rf"{PERSON} (\w+ed) {PERSON}"
LEFT_OPEN = (
    rf"(?:{'|'.join(OPEN)}) {CLAUSE} {CLAUSE}|{PERSON} (?:{'|'.join(GUESSES)}) that {CLAUSE}"
)


def events(premise: str) -> set[tuple[str, str, str]]:
    """Who did what to whom, as far as the premise says that it happened: a reader of its own."""
    found = set()
    if match := re.fullmatch(rf"{PERSON} was (\w+ed) by {PERSON}", premise):
        found.add((match[3], match[2], match[1]))
    elif match := re.fullmatch(rf"{PERSON} who (\w+ed) {PERSON} (\w+ed) {PERSON}", premise):
        one, deed, other, second, third = match.groups()
        found |= {(one, deed, other), (one, second, third)}
    elif match := re.fullmatch(rf"{PERSON} and {CLAUSE}", premise):
        both, other, deed, third = match.groups()
        found |= {(both, deed, third), (other, deed, third)}
    elif match := re.fullmatch(rf"{PERSON} (?:{'|'.join(NEAR)}) {CLAUSE}", premise):
        found.add((match[1], match[3], match[4]))
    elif match := re.fullmatch(rf"{CLAUSE} and {PERSON}", premise):
        one, deed, other, third = match.groups()
        found |= {(one, deed, other), (one, deed, third)}
    elif match := re.fullmatch(rf"{CLAUSE} (?:{'|'.join(NEAR)}) {PERSON}", premise):
        found.add(match.groups()[:3])
    elif match := re.fullmatch(rf"(?:{'|'.join(HOLDS)}) {CLAUSE} {CLAUSE}", premise):
        found |= {match.groups()[:3], match.groups()[3:]}
    elif match := re.fullmatch(rf"{PERSON} (?:{'|'.join(KNOWS)}) that {CLAUSE}", premise):
        found.add(match.groups()[1:])
    else:
        assert re.fullmatch(LEFT_OPEN, premise), premise
    return found


@given(st.integers(0, 10**6))
def test_labels_follow_from_what_the_premise_says(seed):
    for example in generate("heuristics", None, 40, seed)["validation"]:
        claimed = re.fullmatch(CLAUSE, example.text_b).groups()
        assert example.label == (claimed not in events(example.text_a)), example


def test_each_group_is_what_its_name_says_and_has_both_labels_alike():
    counts = Counter()
    for example in generate("heuristics", None, 3000, 0)["validation"]:
        counts[example.group, example.label] += 1
        premise, hypothesis = example.text_a, example.text_b
        assert set(hypothesis.split()) <= set(premise.split())
        assert (f" {hypothesis} " in f" {premise} ") == (example.group != "lexical_overlap")
        clause = re.search(rf"(?:that|{'|'.join(HOLDS + OPEN)}) {hypothesis}", premise)
        assert bool(clause) == (example.group == "constituent")
    assert {group for group, _ in counts} == {"lexical_overlap", "subsequence", "constituent"}
    assert all(abs(count - 500) < 80 for count in counts.values())


def test_neither_text_alone_tells_the_label():
    """Every word is about as frequent in the hypotheses of both labels."""
    examples = generate("heuristics", None, 4000, 0)["validation"]
    words = [Counter(w for e in examples if e.label == x for w in e.text_b.split()) for x in (0, 1)]
    for word in words[0] | words[1]:
        both = words[0][word] + words[1][word]
        assert both < 100 or 0.35 < words[0][word] / both < 0.65, word


def test_deeds_are_regular_pasts_that_no_other_list_spells_otherwise():
    known = {verb.base: verb.past for verb in VERBS}
    assert len(set(DEEDS)) == len(DEEDS)
    assert all(deed.endswith("ed") for deed in DEEDS)
    assert not {noun.one for noun in PEOPLE} & set(DEEDS)
    for base, past in known.items():
        assert (f"{base}ed" not in DEEDS) or past == f"{base}ed"


def test_the_training_split_can_be_left_out():
    both, alone = generate("heuristics", 30, 20, 1), generate("heuristics", None, 20, 1)
    assert set(alone) == {"validation"} and alone["validation"] == both["validation"]


@pytest.mark.parametrize("words", [NEAR, HOLDS, OPEN, KNOWS, GUESSES])
def test_function_words_decide_in_one_way_only(words):
    every = [*NEAR, *HOLDS, *OPEN, *KNOWS, *GUESSES]
    assert all(every.count(word) == 1 for word in words)
