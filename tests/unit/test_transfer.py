"""Scores on another task: argmax over the trained classes, then the map of names, by group."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lottery import files
from lottery.data.tokens import Tokens
from lottery.evaluation.out_of_domain import Transfer, read_groups
from lottery.evaluation.scoring import Scored
from lottery.files.errors import StudyError

# In the order of the model's outputs, which is not that of the other task's labels.
MAP = [["entailment", "entailment"], ["neutral", "no"], ["contradiction", "no"]]
LABELS = ["no", "entailment"]


def tokens_of(labels: np.ndarray) -> Tokens:
    n = len(labels)
    empty = np.zeros(n, np.int32), np.zeros(n, np.uint8), np.arange(n + 1)
    return Tokens(*empty, labels, np.arange(n) + 5, np.zeros(n, np.uint8))


def transfer(
    logits: np.ndarray,
    labels: np.ndarray,
    groups: list[str] | None = None,
    metrics: tuple[str, ...] = ("accuracy",),
) -> Transfer:
    scored = Scored({"validation": tokens_of(labels)}, {"validation": logits}, list(metrics))
    of_split = {"validation": None if groups is None else np.array(groups)}
    if logits.shape[1] == 1:
        return Transfer(scored, of_split, None, None)
    return Transfer(scored, of_split, LABELS, MAP)


def slow(logits: list[list[float]]) -> list[str]:
    """What each row says: the first largest logit's class by name, then its name elsewhere."""
    names = []
    for row in logits:
        best = 0
        for place, value in enumerate(row):
            if value > row[best]:
                best = place
        names.append({"entailment": "entailment"}.get(MAP[best][0], "no"))
    return names


@given(st.lists(st.lists(st.integers(-3, 3), min_size=3, max_size=3), min_size=1, max_size=20))
def test_three_classes_become_two_as_a_slow_reader_says(rows):
    logits = np.array(rows, np.float32)
    made = transfer(logits, np.zeros(len(rows), np.int64))
    assert [LABELS[i] for i in made.predictions("validation")] == slow(rows)


def test_the_map_comes_after_the_argmax_and_adds_no_probabilities_up():
    # neutral and contradiction together outweigh entailment, each alone does not.
    made = transfer(np.array([[1.0, 0.9, 0.9]], np.float32), np.zeros(1, np.int64))
    assert LABELS[made.predictions("validation")[0]] == "entailment"


def test_scores_by_group_and_gold_label_are_those_of_a_slow_count():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(60, 3)).astype(np.float32)
    labels = rng.integers(2, size=60)
    groups = [("a", "b", "b")[i % 3] for i in range(60)]
    made = transfer(logits, labels, groups)
    said = slow(logits.tolist())
    for entry in made.scores():
        rows = [
            i
            for i in range(60)
            if entry["group"] in ("", groups[i]) and entry["label"] in ("", LABELS[labels[i]])
        ]
        right = sum(said[i] == LABELS[labels[i]] for i in rows)
        assert entry["n_examples"] == len(rows)
        assert entry["value"] == pytest.approx(right / len(rows))
        assert entry["constant_prediction"] is False
    places = [(entry["group"], entry["label"]) for entry in made.scores()]
    assert places == [(group, label) for group in ("", "a", "b") for label in ("", *LABELS)]


def test_a_constant_group_is_flagged_and_its_gold_labels_with_it():
    # Group a gets one answer; in b every gold label gets one answer, which is right.
    logits = np.array([[1, 0, 0]] * 4 + [[1, 0, 0], [0, 1, 0]] * 2, np.float32)
    labels = np.array([0, 1] * 2 + [1, 0] * 2)
    flags = {
        (entry["group"], entry["label"]): entry["constant_prediction"]
        for entry in transfer(logits, labels, ["a"] * 4 + ["b"] * 4).scores()
    }
    assert {place for place, flag in flags.items() if flag} == {
        ("a", ""),
        ("a", "no"),
        ("a", "entailment"),
    }


def test_a_group_with_one_gold_label_is_not_split():
    logits = np.eye(3, dtype=np.float32)
    entries = transfer(logits, np.array([0, 1, 1]), ["a", "b", "b"]).scores()
    assert [entry["label"] for entry in entries if entry["group"] == "b"] == [""]


def test_without_groups_there_is_one_part():
    made = transfer(np.eye(3, dtype=np.float32), np.array([0, 1, 1]), metrics=("matthews",))
    assert [(e["group"], e["label"], e["metric"]) for e in made.scores()] == [
        ("", "", "matthews"),
        ("", "no", "accuracy"),
        ("", "entailment", "accuracy"),
    ]
    assert made.predictions_table()["group"].to_pylist() == [""] * 3


def test_scores_of_a_regression_are_kept_as_they_are():
    logits = np.array([[0.5], [1.0], [3.0]], np.float32)
    made = transfer(logits, np.array([1.0, 2.0, 3.0], np.float32), ["x"] * 3, ("pearson",))
    assert made.predictions("validation").tolist() == [0.5, 1.0, 3.0]
    assert [(e["group"], e["label"]) for e in made.scores()] == [("", ""), ("x", "")]


def test_predictions_keep_the_logits_and_the_groups():
    logits = np.array([[0, 1, 2], [3, 0, 0]], np.float32)
    table = transfer(logits, np.array([1, 1]), ["b", "a"]).predictions_table()
    assert table["logits"].to_pylist() == logits.tolist()
    assert table["prediction"].to_pylist() == [0, 1]
    assert table["label"].to_pylist() == [1, 1] and table["idx"].to_pylist() == [5, 6]
    assert table["group"].to_pylist() == ["b", "a"]


def test_groups_are_matched_by_number(tmp_path: Path):
    path = tmp_path / "validation.parquet"
    files.write_parquet(path, pa.table({"idx": [7, 5, 6], "group": ["c", "a", "b"]}))
    assert read_groups(path, tokens_of(np.zeros(3, np.int64))).tolist() == ["a", "b", "c"]
    with pytest.raises(StudyError, match="hold other examples"):
        read_groups(path, tokens_of(np.zeros(2, np.int64)))
    files.write_parquet(path, pa.table({"idx": [5, 6]}))
    assert read_groups(path, tokens_of(np.zeros(2, np.int64))) is None
