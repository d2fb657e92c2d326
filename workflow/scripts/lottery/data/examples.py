"""Checked examples: what a source's rows must be to enter the study, and their parquet file."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lottery.data.labels import class_labels, score_labels
from lottery.data.readers import RawTable, shown
from lottery.files.errors import StudyError
from lottery.tasks import Task

if TYPE_CHECKING:
    import pyarrow as pa

INDEX_COLUMN = "idx"
OTHER_SEPARATORS = (";", "\t", "|", ",")


@dataclass(frozen=True, eq=False)
class Examples:
    """The examples of one split.

    Attributes:
        idx: The examples' numbers, int64 [n], distinct.
        text_a: First texts, n strings.
        text_b: Second texts, None for single sentences.
        labels: Classes int64 [n] in the order of the task's labels, or scores float64 [n].
        groups: The group of each example, None but for evaluation-only tasks that name a column.
    """

    idx: np.ndarray
    text_a: list[str]
    text_b: list[str] | None
    labels: np.ndarray
    groups: list[str] | None = None

    def __len__(self) -> int:
        return len(self.idx)

    def select(self, rows: np.ndarray) -> Examples:
        """Picks rows, in the order given."""
        chosen = rows.tolist()
        return Examples(
            self.idx[rows],
            [self.text_a[i] for i in chosen],
            None if self.text_b is None else [self.text_b[i] for i in chosen],
            self.labels[rows],
            None if self.groups is None else [self.groups[i] for i in chosen],
        )

    def strata(self) -> np.ndarray:
        """What a subset keeps the shares of: labels, within groups where there are any, [n]."""
        if self.groups is None or self.labels.dtype.kind == "f":
            return self.labels
        _, group = np.unique(self.groups, return_inverse=True)
        return group * (self.labels.max() + 1) + self.labels

    def to_arrow(self, metadata: Mapping[str, Any], half: np.ndarray | None) -> pa.Table:
        """Makes the table of a split's file.

        Args:
            metadata: Plain values for the schema's key "lottery".
            half: uint8 [n] for a validation split, else None.
        """
        import pyarrow as pa

        columns: dict[str, pa.Array] = {
            "idx": pa.array(self.idx),
            "text_a": pa.array(self.text_a, pa.string()),
        }
        if self.text_b is not None:
            columns["text_b"] = pa.array(self.text_b, pa.string())
        columns["label"] = pa.array(self.labels)
        if self.groups is not None:
            columns["group"] = pa.array(self.groups, pa.string())
        if half is not None:
            columns["half"] = pa.array(half)
        note = json.dumps(dict(metadata), sort_keys=True)
        return pa.table(columns).replace_schema_metadata({"lottery": note})


def wanted_columns(task: Task) -> tuple[str, ...]:
    """Names the source columns a task reads; `idx` only where the source has it."""
    group = () if task.group is None else (task.group,)
    return (*task.text, task.label, *group, INDEX_COLUMN)


def checked_examples(raw: RawTable, task: Task, split: str) -> Examples:
    """Turns a source's rows into examples.

    Args:
        raw: At least the columns `wanted_columns` names.
        task: Says what they mean.
        split: "train", "validation" or "validation_mismatched".

    Raises:
        StudyError: A column is missing, or a value is not what the study can use; one sentence
            with the source, the row and the column.
    """
    _check_columns(raw, task)
    # GLUE holds a few pairs with an empty question; in one's own files an empty text is a slip.
    may_be_empty = task.kind == "glue"
    texts = [_texts(raw, name, may_be_empty=may_be_empty) for name in task.text]
    for name in task.text:
        _check_not_numbers(raw, name)
    if task.labels is None:
        labels = score_labels(raw, task.label)
    else:
        labels = class_labels(raw, task.label, task.labels, complete=split == task.split_names[0])
    examples = Examples(
        _numbers(raw),
        texts[0],
        texts[1] if len(texts) == 2 else None,
        labels,
        None if task.group is None else _texts(raw, task.group, may_be_empty=False),
    )
    check_variety(examples, task, split, raw.source)
    return examples


def _check_columns(raw: RawTable, task: Task) -> None:
    """Refuses a source without the columns that the task's keys name."""
    named = {"text": task.text, "label": (task.label,), "group": (task.group,)}
    for key, columns in named.items():
        for name in columns:
            if name is None or name in raw.columns:
                continue
            near = difflib.get_close_matches(name, raw.available, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            only = raw.available[0] if len(raw.available) == 1 else ""
            other = next((mark for mark in OTHER_SEPARATORS if mark in only), None)
            if other:
                hint = f" (are they separated by {other!r}? Then save it as csv or tsv)"
            why = f"tasks.{task.id}.{key} names" if task.kind == "files" else f"{task.id} needs"
            raise StudyError(
                f"{raw.source} has no column {name!r}, which {why}; its columns are "
                f"{', '.join(raw.available) or 'none'}{hint}."
            )


def check_variety(examples: Examples, task: Task, split: str, source: str) -> None:
    """Refuses what can be read but not learnt from or halved.

    Raises:
        StudyError: Fewer than two examples, or training examples that all have the same label.
    """
    if len(examples) < 2:
        raise StudyError(
            f"{source} has one row of data for {split} of task {task.id}; at least two are needed."
        )
    if split == "train" and (examples.labels == examples.labels[0]).all():
        only = examples.labels[0]
        what = f"score {only:g}" if task.labels is None else f"label {task.labels[only]!r}"
        raise StudyError(
            f"{source}: all {len(examples)} training examples of task {task.id} have the {what}; "
            "there is nothing to learn."
        )


def _texts(raw: RawTable, name: str, *, may_be_empty: bool) -> list[str]:
    values = raw.column(name)
    for row, value in enumerate(values):
        if not isinstance(value, str):
            missing = value is None or (isinstance(value, float) and math.isnan(value))
            what = "is missing" if missing else f"holds {shown(value)}, which is no text"
            raise StudyError(f"{raw.at(row, name)} {what}; every example needs its text.")
        if not may_be_empty and not value.strip():
            raise StudyError(f"{raw.at(row, name)} is empty; every example needs its text.")
        if not value.isascii() and not _is_unicode(value):
            raise StudyError(f"{raw.at(row, name)} holds half a surrogate pair, which is no text.")
    return values


def _check_not_numbers(raw: RawTable, name: str) -> None:
    """Refuses a text column of csv or tsv that holds nothing but numbers: the wrong column."""
    values = raw.column(name)
    if not raw.typed and all(_is_number(value) for value in values):
        raise StudyError(
            f"{raw.at(0, name)} holds {shown(values[0])} and every other row a number too; "
            "name a column that holds text."
        )


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _numbers(raw: RawTable) -> np.ndarray:
    """Reads the column idx; without one, rows are numbered from 0."""
    if INDEX_COLUMN not in raw.columns:
        return np.arange(len(raw), dtype=np.int64)
    values = raw.column(INDEX_COLUMN)
    numbers = [_whole_number(value) for value in values]
    for row, number in enumerate(numbers):
        if number is None:
            raise StudyError(
                f"{raw.at(row, INDEX_COLUMN)} holds {shown(values[row])}, no whole number; "
                "rename the column and rows are numbered from 0."
            )
    _check_distinct(raw, numbers)
    return np.array(numbers, np.int64)


def _whole_number(value: object) -> int | None:
    if isinstance(value, str):
        digits = value.strip()
        # int() reads 20 digits at once and refuses thousands.
        is_whole = digits.removeprefix("-").isdecimal() and len(digits) <= 20
        number = int(digits) if is_whole else None
    else:
        number = value if isinstance(value, int) and not isinstance(value, bool) else None
    return number if number is not None and -(2**63) <= number < 2**63 else None


def _check_distinct(raw: RawTable, numbers: Sequence[int | None]) -> None:
    first: dict[int | None, int] = {}
    for row, number in enumerate(numbers):
        if first.setdefault(number, row) != row:
            raise StudyError(
                f"{raw.at(row, INDEX_COLUMN)} holds {number} again "
                f"(first in {raw.unit} {raw.numbers[first[number]]}); each number may stand once."
            )
