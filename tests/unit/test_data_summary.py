"""What a summary of data counts, and what it warns of."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from test_data_tokens import TOKENIZER
from test_progress import lines, record

from lottery.data.summary import describe_examples, describe_tokens
from lottery.files import read_json, read_parquet, write_json, write_parquet
from lottery.files.errors import StudyError
from lottery.report.tables.data import data_table
from lottery.report.tables.render import markdown
from lottery.steps.fetch_task import fetch_task
from lottery.steps.tokenize import tokenize
from lottery.tasks.task import Task

Row = tuple[Any, ...]  # one text or two, then the label

LABELS = ("no", "yes")


def task_of(labels: tuple[str, ...] | None, n_texts: int = 1, **options: Any) -> Task:
    names = ("first", "second")[:n_texts]
    return Task("t", "files", names, labels, "accuracy", ("accuracy",), **options)


def table_of(rows: list[Row], task: Task) -> pa.Table:
    *texts, labels = zip(*rows, strict=True)
    columns = dict(zip(("text_a", "text_b"), texts, strict=False))
    if task.labels is not None:
        labels = [task.labels.index(label) for label in labels]
    return pa.table({"idx": range(len(rows)), **columns, "label": labels})


def described(splits: dict[str, list[Row]], task: Task) -> dict[str, Any]:
    return describe_examples({name: table_of(rows, task) for name, rows in splits.items()}, task)


def rows(n: int, label: str = "no", start: int = 0) -> list[Row]:
    return [(f"text {start + i}", label) for i in range(n)]


# Train, validation, and what is counted of validation.
COUNTED: dict[str, tuple[list[Row], list[Row], dict[str, int]]] = {
    "apart": (
        rows(2) + rows(2, "yes", 2),
        rows(1, "no", 9) + rows(1, "yes", 10),
        {"in_train": 0, "in_train_other_label": 0, "duplicates": 0, "invisible": 0},
    ),
    "the same": (
        rows(2) + rows(2, "yes", 2),
        rows(2) + rows(2, "yes", 2),
        {"in_train": 4, "in_train_other_label": 0, "duplicates": 0},
    ),
    "another label": (
        rows(2) + rows(2, "yes", 2),
        [("text 0", "yes"), ("text 2", "yes"), ("text 9", "no")],
        {"in_train": 2, "in_train_other_label": 1},
    ),
    "both labels": (
        [("a", "no"), ("a", "yes"), ("b", "no")],
        [("a", "no"), ("a", "yes"), ("b", "no")],
        {"in_train": 3, "in_train_other_label": 2, "duplicates": 1},
    ),
    "repeated": (
        rows(2),
        [("a", "no"), ("a", "yes"), ("a", "no"), ("b", "no")],
        {"in_train": 0, "duplicates": 2},
    ),
    "case and spaces differ": (
        [("a b", "no"), ("c", "yes")],
        [("A b", "no"), ("a  b", "no"), ("a b ", "yes")],
        {"in_train": 0, "duplicates": 0},
    ),
    "swapped pairs": (
        [("a", "b", "no"), ("c", "d", "yes")],
        [("b", "a", "no"), ("c", "d", "no"), ("d", "c", "no")],
        {"in_train": 1, "in_train_other_label": 1, "duplicates": 0},
    ),
    "one text of a pair": (
        [("a", "b", "no"), ("c", "d", "yes")],
        [("a", "d", "no"), ("ab", "", "no")],
        {"in_train": 0, "duplicates": 0, "invisible": 1},
    ),
}


@pytest.mark.parametrize("name", COUNTED)
def test_texts_are_compared_as_they_are(name: str) -> None:
    train, validation, expected = COUNTED[name]
    task = task_of(LABELS, len(train[0]) - 1)
    found = described({"train": train, "validation": validation}, task)["splits"]
    assert found["validation"].items() >= expected.items()
    assert found["validation"]["examples"] == len(validation)
    assert "in_train" not in found["train"]


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("a", True),
        ("é", True),
        ("東", True),
        ("🙂", True),
        ("\u200b.\u200b", True),
        ("", False),
        (" \t\n", False),
        ("\u00a0\u2003\u3000", False),
        ("\u200b\u200d\ufeff", False),
        ("\x00\x07\x1b", False),
        ("\u00ad\u2060\u202e", False),
        ("\u3164\u2800\ufe0f", False),
        ("\U000e0100\U000e01ef", False),
        ("\u180b\u180d\u180f", False),
        ("\u2065\U00016fe4", False),
        ("\ufff8\U000e0fff", False),
        ("葛\U000e0100", True),
        ("\u180a", True),
    ],
)
def test_a_text_that_shows_nothing_is_counted(text: str, visible: bool) -> None:
    found = described({"validation": [(text, "no"), ("b", "yes")]}, task_of(LABELS))
    assert found["splits"]["validation"]["invisible"] == (not visible)
    assert any("visible character" in each for each in found["warnings"]) == (not visible)


# The splits, the options of the task, and what is warned of.
WARNINGS: dict[str, tuple[dict[str, list[Row]], dict[str, Any], list[str]]] = {
    "nothing": (
        {"train": [*rows(9), ("a", "yes")], "validation": [*rows(9, "yes", 20), ("b", "no")]},
        {},
        [],
    ),
    "train lacks a class": (
        {"train": rows(9), "validation": [*rows(9, "no", 20), ("b", "yes")]},
        {"train_examples": 9},
        ["train of tasks.t (train_examples 9) has no example of the class 'yes'."],
    ),
    "validation lacks a class": (
        {"train": [*rows(9), ("a", "yes")], "validation": rows(9, "no", 20)},
        {},
        ["train of tasks.t alone has examples of the class 'yes'."],
    ),
    "one of two validation splits lacks a class": (
        {
            "train": [*rows(9), ("a", "yes")],
            "validation": [*rows(9, "no", 20), ("b", "yes")],
            "validation_mismatched": rows(9, "no", 30),
        },
        {},
        [],
    ),
    "no train": ({"validation": rows(9)}, {}, []),
    "no train, two splits": (
        {"validation": rows(9), "validation_mismatched": rows(9, "yes", 20)},
        {},
        [
            "validation of tasks.t alone has examples of the class 'no'.",
            "validation_mismatched of tasks.t alone has examples of the class 'yes'.",
        ],
    ),
    "one in a hundred leaks": (
        {"train": [*rows(9), ("a", "yes")], "validation": [*rows(99, "yes", 20), ("a", "no")]},
        {},
        [
            "1 of 100 examples in validation of tasks.t stand in train too, 1 of them with another"
            " label."
        ],
    ),
    "fewer leak": (
        {"train": [*rows(9), ("a", "yes")], "validation": [*rows(100, "yes", 20), ("a", "no")]},
        {},
        [],
    ),
    "one in ten repeats": (
        {"train": [*rows(9), ("text 0", "yes")], "validation": [*rows(9, "yes", 20), ("a", "no")]},
        {},
        ["1 of 10 examples in train of tasks.t repeat an earlier one's text."],
    ),
    "fewer repeat": (
        {"train": [*rows(10), ("text 0", "yes")], "validation": [*rows(9, "yes", 20), ("a", "no")]},
        {},
        [],
    ),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_what_is_unusual_is_warned_of(name: str) -> None:
    splits, options, expected = WARNINGS[name]
    assert described(splits, task_of(LABELS, **options))["warnings"] == expected


def test_many_classes_are_one_sentence() -> None:
    labels = tuple("abcdefgh")
    train, validation = rows(4, "a"), [(f"new {each}", each) for each in labels]
    (line,) = described({"train": train, "validation": validation}, task_of(labels))["warnings"]
    assert line.endswith("has no example of the classes 'b', 'c', 'd', 'e', 'f' and 2 more.")


def test_a_regression_has_scores_in_place_of_classes() -> None:
    train, validation = [("a", 0.0), ("b", 1.0), ("c", 5.0)], [("a", 0.0), ("b", 1.5)]
    found = described({"train": train, "validation": validation}, task_of(None))["splits"]
    assert found["train"]["scores"] == {"min": 0.0, "mean": 2.0, "max": 5.0}
    assert "classes" not in found["train"]
    assert (found["validation"]["in_train"], found["validation"]["in_train_other_label"]) == (2, 1)


def tokenized(folder: Path, texts: list[Any], max_length: int) -> dict[str, Any]:
    """The summary of a split of single texts or pairs, with the vocabulary of MiniLM."""
    columns = list(zip(*texts, strict=True)) if isinstance(texts[0], tuple) else [texts]
    names = dict(zip(("text_a", "text_b"), columns, strict=False))
    half = pa.array([0] * len(texts), pa.uint8())
    table = pa.table({"idx": range(len(texts)), **names, "label": [0] * len(texts), "half": half})
    note = {"lottery": '{"task": "t"}'}
    write_parquet(folder / "validation.parquet", table.replace_schema_metadata(note))
    (folder / "m").mkdir()
    (folder / "m" / "tokenizer.json").write_bytes(TOKENIZER.read_bytes())
    tokenize(
        path_to_tokenizer=folder / "m" / "tokenizer.json",
        paths_to_splits=[folder / "validation.parquet"],
        paths_to_tokens=[folder / "validation.safetensors"],
        path_to_data_summary=folder / "summary.json",
        max_length=max_length,
    )
    return read_json(folder / "summary.json")


RARE = "\U0001f996"  # no word of the vocabulary
# The texts, max_length, and (examples, cut, tokens, unknown).
TOKENIZED: dict[str, tuple[list[Any], int, tuple[int, int, int, int]]] = {
    "fits to the token": (["the film was good", "bad"], 6, (2, 0, 5, 0)),
    "one token too long": (["the film was good", "bad"], 5, (2, 1, 4, 0)),
    "all cut": (["good " * 9, "bad " * 1000], 8, (2, 2, 12, 0)),
    "pairs": ([("a good film", "yes"), ("a good film", "no no no no")], 8, (2, 1, 9, 0)),
    "unknown": ([RARE, f"good {RARE}", "good"], 8, (3, 0, 4, 2)),
    "all unknown": ([RARE, f"{RARE} {RARE}"], 8, (2, 0, 3, 3)),
    "unknown beyond the cut": ([f"good good {RARE}"], 4, (1, 1, 2, 0)),
    "nothing to see": (["\u200b", "\x00"], 8, (2, 0, 0, 0)),
    "empty": (["", "a"], 8, (2, 0, 1, 0)),
}


@pytest.mark.parametrize("name", TOKENIZED)
def test_cut_examples_and_unknown_tokens_are_counted(name: str, tmp_path: Path) -> None:
    texts, max_length, expected = TOKENIZED[name]
    found = tokenized(tmp_path, texts, max_length)
    counts = ("examples", "cut", "tokens", "unknown")
    assert tuple(found["splits"]["validation"][each] for each in counts) == expected
    assert (found["task"], found["model"], found["max_length"]) == ("t", "m", max_length)


@pytest.mark.parametrize(
    ("cut", "unknown", "expected"),
    [
        (9, 49, []),
        (
            10,
            0,
            [
                "10% of the examples in train of tasks.t are longer than max_length 16 under"
                " models.m and are cut."
            ],
        ),
        (0, 50, ["5% of the tokens in train of tasks.t are unknown to models.m."]),
    ],
)
def test_shares_of_tokens_are_warned_of(cut: int, unknown: int, expected: list[str]) -> None:
    counts = {"examples": 100, "cut": cut, "tokens": 1000, "unknown": unknown}
    assert describe_tokens({"train": counts}, "t", "m", 16)["warnings"] == expected


def fetch(folder: Path, data_warnings: str) -> dict[str, Any]:
    """Fetches a task whose validation example is in train, too; gives its summary."""
    (folder / "train.csv").write_text("first,label\nsecret one,no\nsecret two,yes\n")
    (folder / "validation.csv").write_text("first,label\nsecret one,yes\nanother,no\n")
    splits = tuple((name, str(folder / f"{name}.csv")) for name in ("train", "validation"))
    fetch_task(
        task=task_of(LABELS, splits=splits),
        path_to_train=folder / "out/train.parquet",
        path_to_validation=folder / "out/validation.parquet",
        path_to_data_summary=folder / "out/summary.json",
        data_warnings=data_warnings,
    )
    return read_json(folder / "out/summary.json")


def test_the_step_writes_and_logs_numbers_and_no_text(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        found = fetch(tmp_path, "warn")
    assert found["splits"]["train"]["classes"] == {"no": 1, "yes": 1}
    (warning,) = found["warnings"]
    assert warning in caplog.text and '"in_train": 1' in caplog.text
    assert "secret" not in caplog.text + json.dumps(found)
    assert len(read_parquet(tmp_path / "out/validation.parquet")) == 2


def test_warnings_may_be_errors(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"^data_warnings is error, .* 1 of 2 .* stand in train"):
        fetch(tmp_path, "error")
    assert not (tmp_path / "out").exists()


def test_a_run_shows_the_warnings_of_a_step_that_ends(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    write_json(path, {"warnings": ["It is odd.", "Very odd."]})
    outputs = [str(tmp_path / "train.parquet"), str(path)]
    start = {"rule_name": "fetch_task", "wildcards": {}, "rule_msg": "fetch t"}
    events = [
        record("job_info", jobid=1, output=outputs, **start),
        record("job_finished", job_id=1),
        record("progress", done=1, total=2),
    ]
    assert lines(*events) == [
        "0 s; 1 of 2 done:  fetch t (0 s)",
        "  warning: It is odd.",
        "  warning: Very odd.",
    ]
    path.write_text("cut short")
    assert len(lines(*events)) == 1


def test_the_table_has_a_row_per_split_and_the_largest_shares() -> None:
    own = described(
        {"train": rows(2) + rows(2, "yes", 2), "validation": [*rows(1, "yes"), ("b", "no")]},
        task_of(LABELS),
    )
    scores = described({"validation": [("a", 0.0), ("b", 5.0)]}, task_of(None)) | {"task": "s"}
    tokens = [
        describe_tokens(
            {
                split: {"examples": 4, "cut": cut, "tokens": 40, "unknown": 1}
                for split in own["splits"]
            },
            "t",
            model,
            8,
        )
        for model, cut in (("m", 1), ("n", 3))
    ]
    table = data_table([own, tokens[0], scores, tokens[1]])
    lines = [line for line in markdown(table).splitlines() if line.startswith("| ")]
    assert lines[2:] == [
        "| **t** |  |  |  |  |  |  |  |",
        "| train | 4 | - | 0 | 0 | 75.0 % | 2.5 % | no 2, yes 2 |",
        "| validation | 2 | 1 (1 with another label) | 0 | 0 | 75.0 % | 2.5 % | no 1, yes 1 |",
        "| **s** |  |  |  |  |  |  |  |",
        "| validation | 2 | - | 0 | 0 | - | - | 0.000 to 5.000, mean 2.500 |",
    ]
    assert data_table([]) is None
