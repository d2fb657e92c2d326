"""Generated tasks: what their examples promise, their words, and what decides a label."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lottery
from lottery.data.examples import long_examples
from lottery.data.generated import OPENERS, generate, long_texts
from lottery.data.generated.lexicon import (
    ACTIONS,
    AGENTS,
    ASPECTS,
    BLAME,
    DEEDS,
    FAMILIES,
    GUESSES,
    HOLDS,
    KNOWS,
    NEAR,
    NEUTRAL,
    OBJECTS,
    OPEN,
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
from lottery.data.generated.writers import DENIED_REVIEWS
from lottery.data.tokens import load_tokenizer, tokens_of
from lottery.models.model_files import source_folder
from lottery.tasks.task import GENERATED, LARGEST_GENERATED

NAMES = sorted(OPENERS)
SEEDS = (0, 1, 7)
# A word of each denial of sentiment and reviews.
DENIALS = {"not", "never", "hardly", "anything", "far", "no", "neither"}


def texts(examples):
    return [(example.text_a, example.text_b) for example in examples]


def vocabulary(examples):
    return {word for example in examples for word in example.deciding}


@pytest.fixture(params=[(name, seed) for name in NAMES for seed in SEEDS], ids=str, scope="module")
def made(request):
    name, seed = request.param
    return name, generate(name, 600, 300, seed)


def test_there_are_the_four_shapes_of_glue_and_that_of_hans():
    assert set(GENERATED) == set(OPENERS)
    assert {
        name: (task.labels, len(task.text), task.metric) for name, task in GENERATED.items()
    } == {
        "sentiment": (("negative", "positive"), 1, "accuracy"),
        "reviews": (("negative", "positive"), 1, "accuracy"),
        "acceptability": (("unacceptable", "acceptable"), 1, "matthews"),
        "entailment": (("entailment", "neutral", "contradiction"), 2, "accuracy"),
        "similarity": (None, 2, "pearson"),
        "heuristics": (("entailment", "non-entailment"), 2, "accuracy"),
    }
    assert GENERATED["similarity"].metrics == ("pearson", "spearman")


def test_sizes_are_as_asked(made):
    _, splits = made
    assert {split: len(examples) for split, examples in splits.items()} == {
        "train": 600,
        "validation": 300,
    }


def test_no_example_occurs_twice(made):
    _, splits = made
    every = texts(splits["train"]) + texts(splits["validation"])
    assert len(set(every)) == len(every)


def test_validation_is_decided_by_words_that_training_lacks(made):
    _, splits = made
    known = {
        word
        for example in splits["train"]
        for text in (example.text_a, example.text_b or "")
        for word in text.split()
    }
    words = [word for example in splits["validation"] for word in example.deciding]
    unseen = sum(word not in known for word in words) / len(words)
    assert unseen >= 0.9
    assert not vocabulary(splits["train"]) & vocabulary(splits["validation"])


def test_deciding_words_stand_in_the_example(made):
    _, splits = made
    for example in splits["train"]:
        assert example.deciding
        present = f"{example.text_a} {example.text_b or ''}".split()
        assert set(example.deciding) <= set(present)


def test_labels_are_balanced_but_not_exactly(made):
    name, splits = made
    labels = GENERATED[name].labels
    for examples in splits.values():
        if labels is None:
            assert all(0 <= example.label <= 5 for example in examples)
            continue
        counts = Counter(example.label for example in examples)
        assert set(counts) == set(range(len(labels)))
        for count in counts.values():
            assert abs(count / len(examples) - 1 / len(labels)) < 0.08


def test_scores_fill_their_range():
    scores = [example.label for example in generate("similarity", 600, 1, 0)["train"]]
    fifths = Counter(min(int(score), 4) for score in scores)
    assert min(fifths[fifth] for fifth in range(5)) >= 0.08 * len(scores)
    assert len(set(scores)) >= 10


def test_texts_fit_the_shape(made):
    name, splits = made
    is_pair = len(GENERATED[name].text) == 2
    for examples in splits.values():
        for example in examples:
            assert (example.text_b is not None) == is_pair
            for text in (example.text_a, example.text_b or example.text_a):
                assert 3 <= len(text.split()) <= (16 if name == "reviews" else 12)
                assert text == " ".join(text.lower().split())


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_decides_everything(name):
    assert generate(name, 50, 50, 3) == generate(name, 50, 50, 3)
    assert texts(generate(name, 50, 50, 3)["train"]) != texts(generate(name, 50, 50, 4)["train"])


@pytest.mark.parametrize("name", NAMES)
def test_more_examples_begin_with_the_fewer(name):
    few, many = generate(name, 40, 30, 0), generate(name, 90, 80, 0)
    assert many["train"][:40] == few["train"]
    assert many["validation"][:30] == few["validation"]


def test_nothing_depends_on_the_hash_seed():
    code = (
        "import hashlib; from lottery.data.generated import *;"
        "print(hashlib.sha256(repr([generate(n, 60, 40, 0) for n in sorted(OPENERS)])"
        ".encode()).hexdigest())"
    )
    folder = str(Path(lottery.__file__).parents[1])
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": folder},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


@pytest.mark.parametrize("name", NAMES)
def test_the_largest_size_can_be_had(name):
    made = generate(name, LARGEST_GENERATED, LARGEST_GENERATED, 0)
    every = texts(made["train"]) + texts(made["validation"])
    assert len(set(every)) == 2 * LARGEST_GENERATED


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
    # A repeated word could turn up in both splits, or on both sides of a label.
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
    train, validation = (
        words_of(split, entries, Random(seed)) for split in ("train", "validation")
    )
    assert sorted(train + validation) == entries
    assert 0.5 < len(train) / len(entries) < 0.7


def test_sentiment_is_the_pole_turned_round_by_a_denial():
    poles = [{word for words in table.values() for word in words} for table in (BLAME, PRAISE)]
    denied = Counter()
    for example in generate("sentiment", 2000, 1, 0)["train"]:
        turned = bool(DENIALS & set(example.text_a.split()))
        assert set(example.deciding) <= poles[example.label ^ turned]
        denied[example.label] += turned
    assert min(denied.values()) >= 200


def test_a_denied_judgement_of_a_review_agrees_with_the_other():
    poles = [{word for words in table.values() for word in words} for table in (BLAME, PRAISE)]
    shares = Counter()
    for example in generate("reviews", 2000, 1, 0)["train"]:
        against = [word for word in example.deciding if word in poles[1 - example.label]]
        found = [word for word in example.text_a.split() if word in poles[0] | poles[1]]
        assert sorted(found) == sorted(example.deciding) and 2 <= len(found) <= 4
        denials = sum(word in DENIALS for word in example.text_a.split())
        # The denied words are the only ones of the other pole.
        assert denials == bool(against) and len(against) < len(found)
        shares[example.label, bool(against)] += 1
    for label in (0, 1):
        denied = shares[label, True] / (shares[label, True] + shares[label, False])
        assert abs(denied - DENIED_REVIEWS) < 0.05


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
        # All else is the same, so nothing but the two nouns decides the label.
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
    """Good and bad sentences use the same function words, and a rule of English decides."""
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


# The task shaped like HANS: its labels follow from what the premise states.
PERSON = r"the (\w+)"
CLAUSE = rf"{PERSON} (\w+ed) {PERSON}"
LEFT_OPEN = (
    rf"(?:{'|'.join(OPEN)}) {CLAUSE} {CLAUSE}|{PERSON} (?:{'|'.join(GUESSES)}) that {CLAUSE}"
)


def events(premise: str) -> set[tuple[str, str, str]]:
    """Who did what to whom, as far as the premise states it: an independent reader."""
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


@pytest.mark.parametrize("name", sorted(OPENERS))
def test_long_texts_are_long_and_of_no_split(name):
    """Words are fewer than tokens: 2 or 3 special ones come with them."""
    written = long_texts(name, 3)
    texts = [(each.text_a, each.text_b) for each in written]
    assert len({*texts}) == len(texts) == 200
    assert texts == [(each.text_a, each.text_b) for each in long_texts(name, 3)]
    assert texts != [(each.text_a, each.text_b) for each in long_texts(name, 4)]
    lengths = [len(f"{a} {b or ''}".split()) for a, b in texts]
    assert min(lengths) >= 18 and max(lengths) <= 30
    made = generate(name, None if name == "heuristics" else 500, 500, 3)
    known = {(each.text_a, each.text_b) for split in made.values() for each in split}
    assert not known & {*texts}


@pytest.mark.parametrize("name", sorted(OPENERS))
def test_long_texts_have_20_to_40_tokens_for_the_bundled_model(name):
    task = GENERATED[name]
    path = source_folder("embedded", "embedded", None, ()) / "tokenizer.json"
    tokenizer = load_tokenizer(path, 128, pairs=len(task.text) > 1)
    table = long_examples(task)
    lengths = tokens_of(table, tokenizer)[0].lengths
    assert lengths.min() >= 20 and lengths.max() <= 40
