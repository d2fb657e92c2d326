"""From a source's rows to checked examples: the table of a split, as its parquet file holds it."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from lottery.data.generated import Example, generate, long_texts
from lottery.data.readers import CHUNK, RawTable
from lottery.data.sources import INDEX_COLUMN, declared_splits, read_split
from lottery.data.splits import folds, subset
from lottery.data.text import OTHER_DELIMITERS, shown
from lottery.files.errors import StudyError, blaming
from lottery.tasks.labels import filled, label_name, template_columns
from lottery.tasks.task import Task

if TYPE_CHECKING:
    import pyarrow as pa

MOST_SHOWN = 20  # columns in a sentence
HALF_A_PAIR = re.compile("[\ud800-\udfff]")  # of surrogates, as broken JSON escapes leave it


def read_task(
    task: Task, glue_folder: str | None, cache: Path | None = None
) -> dict[str, pa.Table]:
    """Reads a task's source and checks every row.

    Args:
        task: The task.
        glue_folder: A local folder of GLUE files that takes the hub's place.
        cache: Folder for downloads from the hub; None takes huggingface_hub's own.

    Returns:
        The wanted examples of each split: idx int64 (distinct), text_a, text_b (of pairs), label
        (int64 in the order of the task's labels, or float64) and group (of tasks that name one).
        The note in the schema's metadata (key lottery, JSON) has the task, its labels, n, the
        source, and, where rows were left out, left_out: reason -> how many.

    Raises:
        StudyError: One sentence that begins with the key of the config.
    """
    if task.kind == "generated":
        return _generated(task)
    tables: dict[str, pa.Table] = {}
    numbered: bool | None = None
    for split in task.split_names[:1] if task.folds else task.split_names:
        place = {"files": f".data.{split}", "hub": ".data"}.get(task.kind, "")
        with blaming(f"tasks.{task.data_set}{place}"):
            rows, noted = _drawn_rows(task, split, cache, numbered)
            raw = read_split(task, split, wanted_columns(task), glue_folder, cache, rows)
            raw, left_out = with_gold_label(raw, task)
            left_out = noted or left_out
            examples = checked_examples(raw, task, split, numbered, drawn=rows is not None)
            if numbered is None and task.labels is not None:
                numbered = are_positions(raw, task.label, task.labels)
            parts = _fold(examples, task, raw) if task.folds else {split: examples}
            for part, table in parts.items():
                wanted = _wanted_part(table, task, part, raw)
                tables[part] = _noted(wanted, task, raw.name, raw.revision, left_out)
    return tables


def _fold(table: pa.Table, task: Task, raw: RawTable) -> dict[str, pa.Table]:
    """The examples of one fold's training and validation sets.

    Raises:
        StudyError: A class has fewer examples than there are folds.
    """
    import pyarrow as pa

    labels, k = table["label"].to_numpy(), cast(int, task.folds)
    sizes = np.bincount(labels) if task.labels else np.array([len(labels) // 2])
    if sizes.min() < k:
        what = f"there are {len(labels)} examples; every fold needs two"
        if task.labels:
            least = int(sizes.argmin())
            what = f"label {task.labels[least]!r} has {sizes[least]} of its examples"
            what += "; every label needs one for each fold"
        raise StudyError(f"tasks.{task.data_set}.folds is {k}, but of {raw.source} {what}.")
    fold = folds(labels, table["idx"].to_numpy(), k, task.data_seed)
    is_validation = fold == task.fold
    parts = {"train": ~is_validation, "validation": is_validation}
    tables = {split: table.filter(pa.array(rows)) for split, rows in parts.items()}
    for split, part in tables.items():
        check_variety(part, task, split, f"fold {task.fold} of {raw.source}")
    return tables


def _drawn_rows(
    task: Task, split: str, cache: Path | None, numbered: bool | None
) -> tuple[np.ndarray | None, dict[str, int]]:
    """The rows of a data set of the hub that a subset keeps, chosen by the labels alone.

    So what is in memory of a large set are its labels and the subset.

    Returns:
        The rows, None for all; and what `drop_labels` leaves out.
    """
    size = getattr(task, _size_key(split))
    if task.kind != "hub" or size is None or task.folds:
        return None, {}
    group = () if task.group is None else (task.group,)
    raw = read_split(task, split, (task.label, *group), None, cache)
    if not {task.label, *group} <= {*raw.columns}:  # said with all columns
        return None, {}
    raw, left_out = with_gold_label(raw, task)
    labels = _labels(raw, task, numbered, complete=split == task.split_names[0])
    groups = None if task.group is None else _texts(raw, task.group, may_be_empty=False)
    rows = np.asarray(raw.numbers) - 1
    return rows[_subset(labels, groups, rows, size, task)], left_out


def _generated(task: Task) -> dict[str, pa.Table]:
    name = cast(str, task.generated)
    source = f"generated task {name}"
    train_examples = task.train_examples if "train" in task.split_names else None
    made = generate(name, train_examples, task.validation_examples, task.data_seed)
    tables = {}
    for split, written in made.items():
        table = _written_table(written, task)
        check_variety(table, task, split, f"{source}, {split}")
        tables[split] = _noted(table, task, source)
    return tables


def long_examples(task: Task) -> pa.Table:
    """The longer texts of a generated task (`lottery.data.generated.long_texts`), as a split."""
    name = cast(str, task.generated)
    written = _written_table(long_texts(name, task.data_seed), task)
    return _noted(written, task, f"generated task {name}, long")


def _written_table(written: Sequence[Example], task: Task) -> pa.Table:
    import pyarrow as pa

    *texts, targets, _, groups = zip(*written, strict=True)
    labels = np.array(targets, float if task.is_regression else np.int64)
    texts = [pa.chunked_array([text], pa.string()) for text in texts[: len(task.text)]]
    groups = pa.chunked_array([groups], pa.string())
    return _table(np.arange(len(written)), texts, labels, groups, task)


def _table(
    idx: np.ndarray,
    texts: Sequence[pa.ChunkedArray],
    labels: np.ndarray,
    groups: pa.ChunkedArray | None,
    task: Task,
) -> pa.Table:
    import pyarrow as pa

    names = ("text_a", "text_b")
    columns = {"idx": pa.array(idx)}
    columns |= dict(zip(names, texts, strict=False))
    columns["label"] = pa.array(labels)
    if task.group is not None:
        columns["group"] = groups
    return pa.table(columns).combine_chunks()


def _noted(
    table: pa.Table,
    task: Task,
    source: str,
    revision: str = "",
    left_out: Mapping[str, int] | None = None,
) -> pa.Table:
    """The table with a note of its origin in the metadata."""
    labels = None if task.labels is None else list(task.labels)
    note = {"task": task.id, "labels": labels, "n": len(table), "source": source}
    more = {"left_out": dict(left_out)} if left_out else {}
    text = json.dumps(note | {"revision": revision} | more, sort_keys=True)
    return table.replace_schema_metadata({"lottery": text})


def _wanted_part(table: pa.Table, task: Task, split: str, raw: RawTable) -> pa.Table:
    """The subset that `train_examples` or `validation_examples` asks for."""
    key = _size_key(split)
    size = getattr(task, key)
    if size is None:
        return table
    if size > len(table):
        raise StudyError(
            f"{raw.source} has {len(table)} examples, but tasks.{task.data_set}.{key} is "
            f"{size}; allowed are 2 to {len(table)}, or no such key for all of them."
        )
    group = None if task.group is None else table["group"]
    table = table.take(
        _subset(table["label"].to_numpy(), group, table["idx"].to_numpy(), size, task)
    )
    check_variety(table, task, split, f"the subset of {raw.source}")
    return table


def _size_key(split: str) -> str:
    return "train_examples" if split == "train" else "validation_examples"


def _subset(
    labels: np.ndarray, group: pa.ChunkedArray | None, idx: np.ndarray, size: int, task: Task
) -> np.ndarray:
    """Row numbers of a subset that is stratified by label, within groups where there are some."""
    strata = labels
    if group is not None and task.labels is not None:
        _, of_group = np.unique(group.to_pylist(), return_inverse=True)
        strata = of_group * (strata.max() + 1) + strata
    return subset(strata, idx, size, task.data_seed)


def with_gold_label(raw: RawTable, task: Task) -> tuple[RawTable, dict[str, int]]:
    """Leaves out the rows whose label `drop_labels` names; the others keep their numbers.

    Returns:
        The rest, and why rows are left out with how many: `label -` -> 12, or `no label` -> 3.
    """
    left_out = {"fewer fields than the header": raw.cut_short} if raw.cut_short else {}
    if task.label not in raw.columns or not task.drop_labels:
        return raw, left_out
    names = [name or "" for name in _label_names(raw, task.label)]
    counts = Counter(names)
    for name in task.drop_labels:
        if counts[name]:
            left_out[f"label {name}" if name else "no label"] = counts[name]
    keep = [name not in task.drop_labels for name in names]
    if not any(keep):
        raise StudyError(f"{raw.source} holds no other labels than those of drop_labels.")
    if INDEX_COLUMN not in raw.columns:
        raw = replace(raw, columns=raw.columns | {INDEX_COLUMN: [[*range(len(raw))]]})
    return raw.kept(keep), left_out


def wanted_columns(task: Task) -> tuple[str, ...]:
    """Names the source columns a task reads; `idx` only where the source has it."""
    group = () if task.group is None else (task.group,)
    joined = tuple(name for text in task.text for name in template_columns(text))
    return (*task.text, *joined, task.label, *group, INDEX_COLUMN)


def checked_examples(
    raw: RawTable, task: Task, split: str, numbered: bool | None = None, *, drawn: bool = False
) -> pa.Table:
    """Turns a source's rows into examples.

    Args:
        raw: The rows.
        task: Whose examples they are.
        split: Which split they are.
        numbered: See `class_labels`.
        drawn: Whether the rows are a subset, which may lack a class.

    Raises:
        StudyError: A column is missing, or a value is not what the study can use; one sentence
            with the source, the row and the column.
    """
    _check_columns(raw, task)
    # GLUE holds a few pairs with an empty question; in files of the user an empty text is a slip.
    texts = [_texts(raw, name, may_be_empty=task.kind == "glue") for name in task.text]
    for name in task.text:
        is_column = name in raw.columns
        if (
            is_column
            and not raw.typed
            and all(_number(value) is not None for value in raw.values(name))
        ):
            raise StudyError(
                f"{raw.at(0, name)} holds {shown(next(raw.values(name)))} and every other row a "
                "number too; name a column that holds text."
            )
    complete = split == task.split_names[0] and not drawn
    labels = _labels(raw, task, numbered, complete=complete)
    groups = None if task.group is None else _texts(raw, task.group, may_be_empty=False)
    table = _table(_numbers(raw), texts, labels, groups, task)
    check_variety(table, task, split, raw.source)
    return table


def _labels(raw: RawTable, task: Task, numbered: bool | None, *, complete: bool) -> np.ndarray:
    """The labels of a task's rows as numbers; see `class_labels`."""
    if task.labels is None:
        return score_labels(raw, task.label)
    return class_labels(raw, task.label, task.labels, numbered, complete=complete)


def check_declared(task: Task, cache: Path) -> None:
    """Checks a data set of the hub by what its card says, before its files are downloaded.

    Raises:
        StudyError: Config, split, column or class is not there; begins with the key of the config.
    """
    with blaming(f"tasks.{task.data_set}.data"):
        for raw in declared_splits(task, cache):
            if raw.available:
                _check_columns(raw, task)


def _check_columns(raw: RawTable, task: Task) -> None:
    """Rejects a source without the columns and classes that the task's keys name."""
    is_own = task.kind in ("files", "hub")
    texts = [
        column
        for text in task.text
        for column in ((text,) if text in raw.columns else template_columns(text) or (text,))
    ]
    named = {"text": texts, "label": (task.label,), "group": (task.group,)}
    for key, columns in named.items():
        for name in columns:
            if name is None or name in raw.columns:
                continue
            near = difflib.get_close_matches(name, raw.available[:1000], n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            only = raw.available[0] if len(raw.available) == 1 else ""
            other = next((mark for mark in OTHER_DELIMITERS if mark in only), None)
            if other:
                hint = f" (are they separated by {other!r}? Then save it as csv or tsv)"
            more = ", ..." if len(raw.available) > MOST_SHOWN else ""
            why = f"tasks.{task.data_set}.{key} names" if is_own else f"{task.id} needs"
            raise StudyError(
                f"{raw.source} has no column {name!r}, which {why}; its columns are "
                f"{', '.join(raw.available[:MOST_SHOWN]) or 'none'}{more}{hint}."
            )
    names = raw.label_names.get(task.label, ())
    lacking = [name for name in task.labels or () if name not in names]
    if task.kind == "hub" and names and lacking:
        raise StudyError(
            f"{raw.source}, column {task.label!r} has the classes {', '.join(map(str, names))}, "
            f"but tasks.{task.data_set}.labels names {lacking[0]!r}."
        )


def check_variety(table: pa.Table, task: Task, split: str, source: str) -> None:
    """Rejects fewer than two examples, and training examples that all have the same label."""
    labels = table["label"].to_numpy()
    if len(labels) < 2:
        raise StudyError(
            f"{source} has one row of data for {split} of task {task.id}; at least two are needed."
        )
    if split == "train" and (labels == labels[0]).all():
        only = labels[0]
        what = f"score {only:g}" if task.labels is None else f"label {task.labels[only]!r}"
        raise StudyError(
            f"{source}: all {len(labels)} training examples of task {task.id} have the {what}; "
            "there is nothing to learn."
        )


def _texts(raw: RawTable, name: str, *, may_be_empty: bool) -> pa.ChunkedArray:
    """A column of texts, or what a template makes of several; of these not all may be empty."""
    import pyarrow as pa

    is_column = name in raw.columns
    columns = (name,) if is_column else template_columns(name)
    for column in columns:
        for row, value in enumerate(raw.values(column)):
            _check_text(raw, row, column, value, may_be_empty=may_be_empty or not is_column)
    if is_column:
        return pa.chunked_array(raw.columns[name], pa.string())

    def joined() -> Iterator[str]:
        rows = zip(*map(raw.values, columns), strict=True)
        for row, values in enumerate(rows):
            if not may_be_empty and not any(value.strip() for value in values):
                raise StudyError(
                    f"{raw.at(row, columns[0])} and the other columns of {name!r} are empty; "
                    "every example needs its text."
                )
            yield filled(name, dict(zip(columns, values, strict=True)))

    texts, chunks = joined(), []
    while chunk := [*islice(texts, CHUNK)]:
        chunks.append(pa.array(chunk, pa.string()))
    return pa.chunked_array(chunks, pa.string())


def _check_text(raw: RawTable, row: int, name: str, value: object, *, may_be_empty: bool) -> None:
    if not isinstance(value, str):
        missing = value is None or (isinstance(value, float) and math.isnan(value))
        what = "is missing" if missing else f"holds {shown(value)}, which is no text"
        raise StudyError(f"{raw.at(row, name)} {what}; every example needs its text.")
    if not may_be_empty and not value.strip():
        raise StudyError(f"{raw.at(row, name)} is empty; every example needs its text.")
    if HALF_A_PAIR.search(value):
        raise StudyError(f"{raw.at(row, name)} holds half a surrogate pair, which is no text.")


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and "_" in value:  # 1_000 is a number to Python alone
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _numbers(raw: RawTable) -> np.ndarray:
    """Reads the column idx; without one, rows are numbered from 0."""
    if INDEX_COLUMN not in raw.columns:
        return np.arange(len(raw), dtype=np.int64)
    first: dict[int, int] = {}
    for row, value in enumerate(raw.values(INDEX_COLUMN)):
        try:
            number = int(value) if isinstance(value, int | str) and "_" not in str(value) else None
        except ValueError:
            number = None
        if isinstance(value, bool) or number is None or not -(2**63) <= number < 2**63:
            raise StudyError(
                f"{raw.at(row, INDEX_COLUMN)} holds {shown(value)}, no whole number; "
                "rename the column and rows are numbered from 0."
            )
        if first.setdefault(number, row) != row:
            raise StudyError(
                f"{raw.at(row, INDEX_COLUMN)} holds {number} again "
                f"(first in {raw.unit} {raw.numbers[first[number]]}); each number may occur once."
            )
    return np.array([*first], np.int64)


def are_positions(raw: RawTable, column: str, labels: Sequence[str]) -> bool:
    """Whether the labels of a column are numbers that stand for positions in `labels`."""
    counts = Counter(_label_names(raw, column))
    by_name = sum(counts[name] for name in labels)
    by_number = sum(counts[name] for name in _positions(labels))
    return by_number > by_name and _may_be_positions(raw, column, labels)


def _positions(labels: Sequence[str]) -> dict[str | None, int]:
    return {str(i): i for i in range(len(labels))}


def _may_be_positions(raw: RawTable, column: str, labels: Sequence[str]) -> bool:
    # 0 is neither the first of the labels 1 and 0 nor of true and false.
    return not {*labels} & {*_positions(labels), "true", "false"} and not raw.label_names.get(
        column
    )


def class_labels(
    raw: RawTable,
    column: str,
    labels: Sequence[str],
    numbered: bool | None = None,
    *,
    complete: bool,
) -> np.ndarray:
    """Maps a label column onto the positions of `labels`, by name.

    A source whose numbers have names (ClassLabel) is read by those names. Numbers without names
    are taken as positions, but only if they are exactly 0 to k-1 and no label is named so: anything
    else could be shifted.

    Args:
        raw: The source.
        column: Its label column.
        labels: The task's label names, in the order of the model's outputs.
        numbered: Whether the split read first holds positions; if not, numbers in a further one
            are none. None for the first.
        complete: Whether bare numbers must cover all of 0 to k-1 (the split read first), or may
            lack some (a further split, which may be small).

    Returns:
        int64 [n].
    """
    positions: dict[str | None, int] = {name: i for i, name in enumerate(labels)}
    hint = ""
    if _may_be_positions(raw, column, labels):
        hint = f" (or all of 0 to {len(labels) - 1}, in that order)"
        if numbered is False:
            hint = " (numbers stand for them only if the first split holds numbers too)"
    allowed = f"allowed labels are {', '.join(map(repr, labels))}"
    is_bare = numbered is not False and are_positions(raw, column, labels)
    names = [*_label_names(raw, column)]
    if is_bare:
        positions = _positions(labels)
    for row, name in enumerate(names):
        if name is None:
            raise StudyError(f"{raw.at(row, column)} is missing; {allowed}.")
        if name not in positions:
            hint = hint if name.removeprefix("-").isdecimal() else ""
            raise StudyError(f"{raw.at(row, column)} holds {shown(name)}; {allowed}{hint}.")
    if is_bare and complete and (lacking := positions.keys() - {*names}):
        raise StudyError(
            f"{raw.source}, column {column!r} holds numbers, but no {min(map(str, lacking))}; "
            f"{allowed}{hint}."
        )
    return np.array([positions[name] for name in names], np.int64)


def _label_names(raw: RawTable, column: str) -> Iterator[str | None]:
    """The names of a column's labels, those that the source gives to numbers in their place."""
    given = {str(i): name for i, name in enumerate(raw.label_names.get(column, ()))}
    names = map(label_name, raw.label_values(column))
    return (None if name is None else given.get(name, name) for name in names)


def score_labels(raw: RawTable, column: str) -> np.ndarray:
    """Reads the scores of a regression, float64 [n]; each must be a finite number."""
    scores = []
    for row, value in enumerate(raw.values(column)):
        score = _number(value)
        if score is None or not math.isfinite(score):
            empty = value is None or (isinstance(value, str) and not value.strip())
            what = "is missing" if empty else f"holds {shown(value)}"
            raise StudyError(f"{raw.at(row, column)} {what}; a score must be a finite number.")
        scores.append(score)
    return np.array(scores, np.float64)
