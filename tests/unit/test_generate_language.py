"""The lexicon and the grammar of the generated tasks: words, spelling, and what decides a label."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lottery.data.generated import generate
from lottery.data.generated.lexicon import (
    ACTIONS,
    AGENTS,
    ASPECTS,
    BLAME,
    FAMILIES,
    NEUTRAL,
    OBJECTS,
    PEOPLE,
    PRAISE,
    QUALITIES,
    THINGS,
    VERBS,
    with_article,
    with_ed,
    with_ing,
    with_s,
    words_of,
)

SEEDS = (0, 1, 7)
SPLITS = ("train", "validation")


def test_the_lexicon_has_several_hundred_words_and_no_overlaps():
    opinions = [word for table in (PRAISE, BLAME) for words in table.values() for word in words]
    kinds = [word for name, members in FAMILIES.items() for word in (name, *members)]
    verbs = [form for verb in VERBS for form in set(verb)]
    nouns = [form for noun in PEOPLE + OBJECTS for form in noun]
    scenes = [
        word
        for fields in (AGENTS, ACTIONS, THINGS)
        for field in fields
        for group in field
        for word in group
    ]
    # A word that stood twice could turn up in both splits, or on both sides of a label.
    for words in (opinions, kinds, [*verbs, *nouns, *QUALITIES], scenes):
        assert [word for word, count in Counter(words).items() if count > 1] == []
    scenery = [word for scene in ASPECTS for word in scene]
    every = {*opinions, *kinds, *verbs, *nouns, *scenes, *scenery, *QUALITIES}
    assert len(every) >= 900
    assert not set(opinions) & {*scenery, *NEUTRAL}


@pytest.mark.parametrize("entries", [FAMILIES, VERBS, AGENTS, PRAISE["adjective"], BLAME["noun"]])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_lexicon_is_shared_out_whole(entries, seed):
    entries = sorted(entries)
    train, validation = (words_of(split, entries, Random(seed)) for split in SPLITS)
    assert sorted(train + validation) == entries
    assert 0.5 < len(train) / len(entries) < 0.7


def test_sentiment_is_the_pole_turned_round_by_a_denial():
    poles = [{word for words in table.values() for word in words} for table in (BLAME, PRAISE)]
    denials = {"not", "never", "hardly", "anything", "far", "no", "neither"}
    denied = Counter()
    for example in generate("sentiment", 2000, 1, 0)["train"]:
        turned = bool(denials & set(example.text_a.split()))
        assert set(example.deciding) <= poles[example.label ^ turned]
        denied[example.label] += turned
    assert min(denied.values()) >= 200


def test_entailment_follows_from_the_families():
    family = {member: name for name, members in FAMILIES.items() for member in members}
    directions = Counter()
    for example in generate("entailment", 2000, 1, 0)["train"]:
        first, second = example.deciding
        assert (first in family) != (second in family)
        up = first in family
        same = family[first] == second if up else family[second] == first
        assert example.label == (2 if not same else 0 if up else 1)
        directions[example.label, up] += 1
        # All else is the same, so nothing but the two nouns tells the label.
        rest_a, rest_b = (
            text.replace(with_article(noun), "")
            for text, noun in ((example.text_a, first), (example.text_b, second))
        )
        assert rest_a == rest_b
    assert abs(directions[2, True] - directions[2, False]) < 120


def test_similarity_counts_what_is_near_and_what_is_far():
    def distance(fields, one, other):
        place = {
            word: (number, group)
            for number, field in enumerate(fields)
            for group in field
            for word in group
        }
        (field, group), (other_field, other_group) = place[one], place[other]
        return 1.0 if field != other_field else 0.5 * (group != other_group)

    for example in generate("similarity", 1000, 1, 0)["train"]:
        pairs = zip(example.deciding[:3], example.deciding[3:], strict=True)
        lost = sum(
            points * distance(fields, *pair)
            for points, fields, pair in zip(
                (1.5, 1.5, 2.0), (AGENTS, ACTIONS, THINGS), pairs, strict=True
            )
        )
        assert example.label == pytest.approx(5 - lost)
        assert example.text_a != example.text_b


def test_acceptability_depends_on_forms_and_order_only():
    """Good and bad sentences use the same function words, and each is told by a rule of English."""
    examples = generate("acceptability", 3000, 1, 0)["train"]
    content = {form for verb in VERBS for form in verb} | set(QUALITIES)
    content |= {form for noun in PEOPLE + OBJECTS for form in noun}
    frames = {0: Counter(), 1: Counter()}
    for example in examples:
        words = example.text_a.split()
        frames[example.label][" ".join(w if w not in content else "_" for w in words[1:])] += 1
    common = {frame for counts in frames.values() for frame, n in counts.items() if n >= 10}
    for frame in common:
        good, bad = frames[1][frame], frames[0][frame]
        assert 0.3 < good / (good + bad) < 0.7, frame


@pytest.mark.parametrize(("determiner", "number"), [("many", "many"), ("this", "one")])
def test_acceptability_knows_number(determiner, number):
    form = dict([(noun.one, "one") for noun in OBJECTS] + [(noun.many, "many") for noun in OBJECTS])
    found = 0
    for example in generate("acceptability", 3000, 1, 0)["train"]:
        words = example.text_a.split()
        if len(words) > 2 and words[-2] == determiner:
            assert (form[words[-1]] == number) == bool(example.label)
            found += 1
    assert found > 20


@given(st.sampled_from([verb for verb in VERBS if verb.past == verb.perfect]))
def test_verbs_have_distinct_forms(verb):
    assert len({verb.base, verb.third, verb.past, verb.ing}) == 4
    assert verb.third == with_s(verb.base)
    assert verb.ing.endswith("ing")


@pytest.mark.parametrize(
    ("rule", "word", "expected"),
    [
        (with_s, "box", "boxes"),
        (with_s, "story", "stories"),
        (with_s, "boy", "boys"),
        (with_s, "watch", "watches"),
        (with_ed, "carry", "carried"),
        (with_ed, "love", "loved"),
        (with_ed, "destroy", "destroyed"),
        (with_ing, "love", "loving"),
        (with_ing, "carry", "carrying"),
        (with_article, "useless plan", "a useless plan"),
        (with_article, "uncle", "an uncle"),
        (with_article, "awful day", "an awful day"),
        (with_article, "dull day", "a dull day"),
    ],
)
def test_spelling(rule, word, expected):
    assert rule(word) == expected
