"""From an entry of the config to a task, with a sentence for every way an entry can be wrong."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from lottery.files.errors import StudyError
from lottery.tasks.metrics import always_scored, applicable
from lottery.tasks.presets import GENERATED, PRESETS
from lottery.tasks.task import LARGEST_GENERATED, SPLITS, Task

FILE_TYPES = (".csv", ".tsv", ".jsonl", ".parquet")
ORIGINS = ("preset", "generated", "data")


def task_from_config(task_id: str, entry: Mapping[str, Any] | None) -> Task:
    """Builds a task from its entry in the config.

    An entry without `preset`, `generated` and `data` means the preset of the same name.

    Args:
        task_id: The key of the entry.
        entry: The entry; of its keys `training` is not read here.

    Raises:
        StudyError: The entry contradicts itself, or names what does not exist.
    """
    entry = entry or {}
    key = f"tasks.{task_id}"
    origins = [name for name in ORIGINS if entry.get(name) is not None]
    if len(origins) > 1:
        raise StudyError(
            f"{key} has both {origins[0]} and {origins[1]}; give one of {', '.join(ORIGINS)}."
        )
    if not origins and task_id not in PRESETS:
        raise StudyError(
            f"{key} is no preset ({', '.join(PRESETS)}){_did_you_mean(task_id, PRESETS)}; "
            "give it one of preset, generated, data."
        )
    if origins == ["data"]:
        task = _own_task(key, task_id, entry)
    else:
        task = replace(_preset(key, task_id, entry), id=task_id)
    return _with_options(key, task, entry)


def _preset(key: str, task_id: str, entry: Mapping[str, Any]) -> Task:
    for name in ("text", "label", "labels"):
        if entry.get(name) is not None:
            raise StudyError(f"{key}.{name} is allowed only beside data: a preset has its own.")
    which, table = ("generated", GENERATED) if entry.get("generated") else ("preset", PRESETS)
    name = entry.get(which) or task_id
    if not isinstance(name, str) or name not in table:
        raise StudyError(
            f"{key}.{which} is {name!r}, allowed are {', '.join(table)}"
            f"{_did_you_mean(name, table)}."
        )
    if table[name].group is not None and entry.get("evaluate_with") is None:
        raise StudyError(
            f"{key}.evaluate_with is missing: {name} is only evaluated on; name the task whose "
            "models it scores."
        )
    group = entry.get("group")
    if table is GENERATED and entry.get("evaluate_with") and group not in (None, table[name].group):
        allowed = table[name].group or "none, its examples have no groups"
        raise StudyError(f"{key}.group is {group!r}; allowed for {name} is {allowed}.")
    return table[name]


def _own_task(key: str, task_id: str, entry: Mapping[str, Any]) -> Task:
    labels = None if entry.get("labels") is None else _names(f"{key}.labels", entry["labels"])
    if labels is not None and len(labels) < 2:
        raise StudyError(f"{key}.labels names one label only; at least two are needed.")
    text = entry.get("text")
    if text is None:
        raise StudyError(f"{key}.text is missing; give the names of one or two text columns.")
    text = _names(f"{key}.text", [text] if isinstance(text, str) else text)
    if len(text) > 2:
        raise StudyError(f"{key}.text names {len(text)} columns; one or two are allowed.")
    label = _names(f"{key}.label", [entry.get("label", "label")])[0]
    if label in text:
        raise StudyError(f"{key}.label and {key}.text both name the column {label!r}.")
    metrics = always_scored(1 if labels is None else len(labels))
    return Task(
        id=task_id,
        kind="files",
        text=text,
        label=label,
        labels=labels,
        metric=metrics[0],
        metrics=metrics,
        splits=_own_files(key, entry["data"], trains=entry.get("evaluate_with") is None),
    )


def _own_files(key: str, data: Any, *, trains: bool) -> tuple[tuple[str, str], ...]:
    if not isinstance(data, Mapping):
        raise StudyError(f"{key}.data is {data!r}; give train: and validation: with a file each.")
    for name in data:
        if name not in SPLITS:
            raise StudyError(f"{key}.data.{name} is no split; allowed are {', '.join(SPLITS)}.")
    for name in SPLITS[0 if trains else 1 : 2]:
        if data.get(name) is None:
            raise StudyError(
                f"{key}.data.{name} is missing; give a csv, tsv, jsonl or parquet file."
            )
    if not trains and data.get("train") is not None:
        raise StudyError(
            f"{key}.data.train is not allowed beside evaluate_with: nothing is trained."
        )
    files = tuple((name, str(data[name])) for name in SPLITS if data.get(name) is not None)
    for name, path in files:
        if PurePath(path).suffix.lower() not in FILE_TYPES:
            raise StudyError(f"{key}.data.{name} is {path!r}; allowed are {', '.join(FILE_TYPES)}.")
    return files


def _with_options(key: str, task: Task, entry: Mapping[str, Any]) -> Task:
    """Applies the options that any kind of task may have."""
    if entry.get("metric") is not None:
        metric = entry["metric"]
        allowed = applicable(task.n_outputs)
        if metric not in allowed:
            raise StudyError(
                f"{key}.metric is {metric!r}, allowed are {', '.join(allowed)} for a task with "
                f"{'scores' if task.labels is None else f'{len(task.labels)} labels'}"
                f"{_did_you_mean(metric, allowed)}."
            )
        # Keeps the order, drops doubles.
        scored = dict.fromkeys((metric, *task.metrics, *always_scored(task.n_outputs)))
        task = replace(task, metric=metric, metrics=tuple(scored))
    sizes = {}
    for name, least in (("train_examples", 2), ("validation_examples", 2), ("data_seed", 0)):
        if entry.get(name) is not None:
            if not isinstance(entry[name], int) or isinstance(entry[name], bool):
                raise StudyError(f"{key}.{name} is {entry[name]!r}; give a whole number.")
            if entry[name] < least:
                raise StudyError(f"{key}.{name} is {entry[name]}; it must be at least {least}.")
            sizes[name] = entry[name]
            if task.kind == "generated" and name != "data_seed" and entry[name] > LARGEST_GENERATED:
                raise StudyError(
                    f"{key}.{name} is {entry[name]}; a generated task has at most "
                    f"{LARGEST_GENERATED}."
                )
    in_average = entry.get("in_average")
    return replace(
        task,
        **sizes,
        in_average=task.in_average if in_average is None else bool(in_average),
        **_evaluation_only(key, task, entry),
    )


def _evaluation_only(key: str, task: Task, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Checks evaluate_with, map and group; the other task's labels are the config's to check."""
    if entry.get("evaluate_with") is None:
        for name in ("map", "group"):
            if entry.get(name) is not None:
                raise StudyError(f"{key}.{name} is allowed only beside evaluate_with.")
        return {}
    if entry.get("train_examples") is not None:
        raise StudyError(
            f"{key}.train_examples is not allowed beside evaluate_with: nothing is trained."
        )
    label_map = entry.get("map") or dict(task.label_map or ())
    for name, target in label_map.items():
        if not isinstance(name, str) or target not in (task.labels or ()):
            raise StudyError(
                f"{key}.map turns {name!r} into {target!r}; allowed are the labels of {task.id}: "
                f"{', '.join(task.labels or ('none, it is a regression',))}."
            )
    return {
        "evaluate_with": entry["evaluate_with"],
        "label_map": tuple(label_map.items()) or None,
        "group": entry.get("group") or task.group,
        "splits": tuple(
            pair
            for pair in task.splits or (("validation", "validation"),)  # of a generated task
            if pair[0] != "train"
        ),
    }


def _names(key: str, values: Any) -> tuple[str, ...]:
    """Checks a list of names; whole numbers are taken as their digits."""
    if not isinstance(values, Sequence) or isinstance(values, str) or not values:
        raise StudyError(f"{key} is {values!r}; give a list of names.")
    for value in values:
        if isinstance(value, bool):
            raise StudyError(
                f"{key} holds {str(value).lower()}: YAML reads an unquoted yes, no, on, off, true "
                f'or false as a boolean; put it in quotes, as in "{"yes" if value else "no"}".'
            )
        if not isinstance(value, str | int) or not str(value).strip():
            raise StudyError(f"{key} holds {value!r}; each name must be text, in quotes.")
    names = tuple(str(value).strip() for value in values)
    for name in names:
        if names.count(name) > 1:
            raise StudyError(f"{key} names {name!r} twice.")
    return names


def _did_you_mean(name: object, allowed: Collection[str]) -> str:
    close = difflib.get_close_matches(str(name), allowed, n=1)
    return f"; did you mean {close[0]}?" if close else ""
