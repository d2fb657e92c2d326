"""Generated tasks: what their examples promise."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import lottery
from lottery.data.generated import OPENERS, generate
from lottery.tasks import GENERATED, LARGEST_GENERATED

NAMES = sorted(OPENERS)
SEEDS = (0, 1, 7)


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
                assert 3 <= len(text.split()) <= 12
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
