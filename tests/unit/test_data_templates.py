"""Texts that a template makes of several columns."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lottery.data.examples import read_task
from lottery.files.errors import StudyError
from lottery.tasks.entries import task_from_config
from lottery.tasks.task import Task

ROWS = [
    {"title": "One", "body": "first", "place": "here", "label": "x"},
    {"title": "", "body": "a {title} of its own", "place": "there", "label": "y"},
    {"title": "Three", "body": "", "place": "", "label": "x"},
]


def own_task(folder: Path, text: Any, rows: list[dict[str, Any]], suffix: str = ".jsonl") -> Task:
    for split in ("train", "validation"):
        path = folder / f"{split}{suffix}"
        if suffix == ".parquet":
            pq.write_table(pa.Table.from_pylist(rows), path)
        elif suffix == ".csv":
            header = ",".join(rows[0])
            body = [",".join(f'"{value}"' for value in row.values()) for row in rows]
            path.write_text("\n".join([header, *body]) + "\n")
        else:
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = {split: str(folder / f"{split}{suffix}") for split in ("train", "validation")}
    return task_from_config("mine", {"data": data, "text": text, "labels": ["x", "y"]})


def texts(task: Task) -> list[list[str]]:
    table = read_task(task, None)["train"]
    return [table[name].to_pylist() for name in table.column_names if name.startswith("text_")]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
@pytest.mark.parametrize("template", ["{title}. {body}", "{ body }{title}, {body}", "in {title}"])
def test_a_template_is_filled_as_a_reader_would(tmp_path: Path, suffix: str, template: str) -> None:
    rows = ROWS if "body" in template else [ROWS[0], ROWS[2], {**ROWS[0], "label": "y"}]
    expected = []
    for row in rows:
        # By way of marks that no text holds, so that braces of a text are not filled.
        marked = re.sub(r"\{\s*(\w+)\s*\}", lambda found: f"\0{found[1]}\0", template)
        parts = marked.split("\0")
        expected.append("".join(row.get(p, p) if i % 2 else p for i, p in enumerate(parts)))
    assert texts(own_task(tmp_path, template, rows, suffix)) == [expected]


def test_one_text_of_a_pair_may_be_a_template(tmp_path: Path) -> None:
    made = own_task(
        tmp_path, ["{title}: {body}", "label_of"], [{**r, "label_of": "z"} for r in ROWS]
    )
    assert texts(made) == [["One: first", ": a {title} of its own", "Three: "], ["z"] * 3]


@pytest.mark.parametrize("name", ["{title}", "{title}. {body}", "a{b", "{}", "{ }"])
def test_a_column_of_that_very_name_counts_first(tmp_path: Path, name: str) -> None:
    rows = [{**row, name: f"row {i}"} for i, row in enumerate(ROWS)]
    assert texts(own_task(tmp_path, name, rows)) == [["row 0", "row 1", "row 2"]]


def with_value(row: int, **changes: Any) -> list[dict[str, Any]]:
    return [{**each, **changes} if i == row else each for i, each in enumerate(ROWS)]


@pytest.mark.parametrize(
    ("template", "rows", "words"),
    [
        (
            "{titel} {body}",
            ROWS,
            ["no column 'titel', which tasks.mine.text", "did you mean"],
        ),
        ("{title} {body}", with_value(1, body=" "), ["line 2, column 'title'", "are empty"]),
        ("{title} {body}", with_value(2, body=None), ["line 3, column 'body' is missing"]),
        (
            "{title} {body}",
            with_value(0, body=3),
            ["line 1, column 'body' holds 3"],
        ),
    ],
)
def test_a_bad_template_or_row_is_one_sentence(
    tmp_path: Path, template: str, rows: list[dict[str, Any]], words: list[str]
) -> None:
    with pytest.raises(StudyError) as refusal:
        read_task(own_task(tmp_path, template, rows), None)
    sentence = str(refusal.value)
    assert sentence.startswith("tasks.mine.data.train: ") and "\n" not in sentence
    assert all(word in sentence for word in words), sentence


def test_the_label_is_no_part_of_the_text(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"mine.label and tasks.mine.text both name .* 'label'"):
        own_task(tmp_path, "{title} ({label})", ROWS)
