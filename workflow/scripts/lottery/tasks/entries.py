"""From an entry of the config, which its schema has checked, to a task."""

from __future__ import annotations

import codecs
import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from lottery.files.errors import StudyError
from lottery.files.workflow import RESOLVE
from lottery.tasks.labels import column_name, label_name, template_columns
from lottery.tasks.metrics import always_scored, applicable
from lottery.tasks.task import GENERATED, LARGEST_GENERATED, PRESETS, SPLITS, Task

ORIGINS = ("preset", "generated", "data")
NOT_WITH_FOLDS = {
    "evaluate_with": "nothing is trained",
    "validation_examples": "every example is in one of the validation sets",
}
OF_HUB = ("hub", "config", "revision", "splits")  # keys of data
FILE = "a csv, tsv, jsonl, parquet or arrow file, or a folder of save_to_disk"
# Codecs of Python that decode a word, an escape or nothing, but no file.
NOT_OF_FILES = ("idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape")


def task_from_config(task_id: str, entry: Mapping[str, Any] | None) -> Task:
    """Builds a task from its entry in the config; its key `training` is not read here.

    An entry without `preset`, `generated` and `data` means the preset of the same name. One of
    several folds has the keys that `with_folds` adds.
    """
    entry = {name: value for name, value in (entry or {}).items() if value is not None}
    key = f"tasks.{entry.get('fold_of', task_id)}"
    origins = [name for name in ORIGINS if name in entry]
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
    return replace(
        task,
        **{name: entry[name] for name in ("folds", "fold", "fold_of") if name in entry},
        **_scored(key, task, entry),
        **_sizes(key, task, entry),
        **_evaluation_only(key, task, entry),
        in_average=entry.get("in_average", task.in_average),
    )


def with_folds(tasks: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The entries of the tasks, with those of the folds of a task in its place.

    The entry of a fold has the keys fold (its number, from 1) and fold_of (the key of the task) as
    well; its id is {task}_fold{number}.

    Raises:
        StudyError: Another task has the id of a fold, or the folds cannot be used.
    """
    every: dict[str, Mapping[str, Any]] = {}
    for task_id, entry in tasks.items():
        if entry.get("folds") is None:
            every[task_id] = entry
            continue
        if entry.get("data") is None:
            raise StudyError(
                f"tasks.{task_id}.folds is allowed only with data: a preset has its own splits."
            )
        for name, why in NOT_WITH_FOLDS.items():
            if entry.get(name) is not None:
                raise StudyError(f"tasks.{task_id}.{name} is not allowed with folds: {why}.")
        for fold in range(1, entry["folds"] + 1):
            name = f"{task_id}_fold{fold}"
            if name in tasks:
                raise StudyError(f"tasks.{name} has the id of a fold of {task_id}; rename it.")
            every[name] = {**entry, "fold": fold, "fold_of": task_id}
    return every


def _preset(key: str, task_id: str, entry: Mapping[str, Any]) -> Task:
    for name in ("text", "label", "labels", "drop_labels"):
        if name in entry:
            raise StudyError(f"{key}.{name} is allowed only with data: a preset has its own.")
    which, table = ("generated", GENERATED) if "generated" in entry else ("preset", PRESETS)
    name = entry.get(which, task_id)
    if name not in table:
        raise StudyError(
            f"{key}.{which} is {name!r}, allowed are {', '.join(table)}"
            f"{_did_you_mean(name, table)}."
        )
    if table[name].group is not None and "evaluate_with" not in entry:
        raise StudyError(
            f"{key}.evaluate_with is missing: {name} is only evaluated on; name the task whose "
            "models it scores."
        )
    group = entry.get("group")
    if table is GENERATED and "evaluate_with" in entry and group not in (None, table[name].group):
        allowed = table[name].group or "none, its examples have no groups"
        raise StudyError(f"{key}.group is {group!r}; allowed for {name} is {allowed}.")
    return table[name]


def _own_task(key: str, task_id: str, entry: Mapping[str, Any]) -> Task:
    if "text" not in entry:
        raise StudyError(f"{key}.text is missing; give the names of one or two text columns.")
    text = entry["text"]
    text = _names(f"{key}.text", [text] if isinstance(text, str) else text)
    label = column_name(entry.get("label", "label").strip())
    if label in {*text, *(name for each in text for name in template_columns(each))}:
        raise StudyError(f"{key}.label and {key}.text both name the column {label!r}.")
    labels = _labels(f"{key}.labels", entry["labels"]) if "labels" in entry else None
    dropped = tuple(label_name(value) or "" for value in entry.get("drop_labels", ()))
    if both := next((name for name in dropped if name in (labels or ())), None):
        raise StudyError(f"{key}.drop_labels and {key}.labels both name {both!r}.")
    metrics = always_scored(1 if labels is None else len(labels))
    data = {name: value for name, value in entry["data"].items() if value is not None}
    return Task(
        id=task_id,
        **_place(key, data, trains="evaluate_with" not in entry, folds="folds" in entry),
        text=text,
        label=label,
        labels=labels,
        metric=metrics[0],
        metrics=metrics,
        quoting=_of_files(key, data, "quoting", (".csv", ".tsv")),
        encoding=_encoding(key, data),
        drop_labels=tuple(dict.fromkeys(dropped)),
    )


def _place(task_key: str, data: Mapping[str, Any], *, trains: bool, folds: bool) -> dict[str, Any]:
    """Where the examples are: the splits, and the data set of the hub that has them."""
    key, hub = f"{task_key}.data", data.get("hub")
    for name in SPLITS if hub else OF_HUB:
        if name in data:
            where = f"belongs under {key}.splits" if hub else f"goes with {key}.hub"
            raise StudyError(f"{key}.{name} {where} only.")
    if hub and "revision" not in data:
        raise StudyError(
            f"{key}.revision is missing; a data set of the hub needs the 40 hexadecimal digits of "
            f"a commit; `{RESOLVE}` asks the hub for the present one."
        )
    splits, key = (data.get("splits", {}), f"{key}.splits") if hub else (data, key)
    what = f"a split of {hub}" if hub else FILE
    if folds:
        for name in SPLITS[1:]:
            if splits.get(name) is not None:
                raise StudyError(
                    f"{task_key}.folds takes the validation sets from train, but {key}.{name} is "
                    "given; leave one of the two out."
                )
        splits = {**splits, "validation": splits.get("train")}
    for name in SPLITS[0 if trains else 1 : 2]:
        if splits.get(name) is None:
            raise StudyError(f"{key}.{name} is missing; give {what}.")
    if not trains and splits.get("train") is not None:
        raise StudyError(f"{key}.train is not allowed with evaluate_with: nothing is trained.")
    named = {name: splits[name] for name in SPLITS if splits.get(name) is not None}
    if hub and not folds and len({*named.values()}) < len(named):
        raise StudyError(
            f"{key} gives one split of {hub} for several purposes; no example may serve two."
        )
    place = {"kind": "hub" if hub else "files", "splits": tuple(named.items())}
    return place | {name: data.get(name) for name in OF_HUB[:3]}


def _scored(key: str, task: Task, entry: Mapping[str, Any]) -> dict[str, Any]:
    """The metrics; one that the entry asks for comes first."""
    if "metric" not in entry:
        return {}
    metric, allowed = entry["metric"], applicable(task.n_outputs)
    if metric not in allowed:
        raise StudyError(
            f"{key}.metric is {metric!r}, allowed are {', '.join(allowed)} for a task with "
            f"{'scores' if task.labels is None else f'{len(task.labels)} labels'}"
            f"{'; a regression has no labels' if task.labels and metric in applicable(1) else ''}."
        )
    scored = dict.fromkeys((metric, *task.metrics, *always_scored(task.n_outputs)))
    return {"metric": metric, "metrics": tuple(scored)}


def _sizes(key: str, task: Task, entry: Mapping[str, Any]) -> dict[str, Any]:
    for name in ("train_examples", "validation_examples"):
        if task.kind == "generated" and entry.get(name, 0) > LARGEST_GENERATED:
            raise StudyError(
                f"{key}.{name} is {entry[name]}; a generated task has at most {LARGEST_GENERATED}."
            )
    names = ("train_examples", "validation_examples", "data_seed")
    return {name: entry[name] for name in names if name in entry}


def _evaluation_only(key: str, task: Task, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Checks evaluate_with, map and group; the other task's labels are the config's to check."""
    if "evaluate_with" not in entry:
        for name in ("map", "group"):
            if name in entry:
                raise StudyError(f"{key}.{name} is allowed only with evaluate_with.")
        return {}
    if "train_examples" in entry:
        raise StudyError(
            f"{key}.train_examples is not allowed with evaluate_with: nothing is trained."
        )
    label_map = dict(task.label_map or ())
    if "map" in entry:
        sources = _labels(f"{key}.map", [*entry["map"]])
        targets = [label_name(target) or "" for target in entry["map"].values()]
        label_map = dict(zip(sources, targets, strict=True))
    for name, target in label_map.items():
        if target not in (task.labels or ()):
            raise StudyError(
                f"{key}.map turns {name!r} into {target!r}; allowed are the labels of {task.id}: "
                f"{', '.join(task.labels or ('none, it is a regression',))}."
            )
    group = entry.get("group", task.group)
    splits = task.splits or (("validation", "validation"),)  # of a generated task
    return {
        "evaluate_with": entry["evaluate_with"],
        "label_map": tuple(label_map.items()) or None,
        "group": None if group is None else column_name(group),
        "splits": tuple(pair for pair in splits if pair[0] != "train"),
    }


def _of_files(
    key: str, data: Mapping[str, Any], name: str, suffixes: Collection[str]
) -> str | None:
    """A key that says how files are read, if any of them is read by it."""
    files = () if "hub" in data else [data[split] for split in SPLITS if data.get(split)]
    used = {PurePath(file).suffix.lower() for file in files}
    if data.get(name) is not None and not used & {*suffixes}:
        raise StudyError(f"{key}.data.{name} goes with {', '.join(suffixes)} files only.")
    return data.get(name)


def _encoding(key: str, data: Mapping[str, Any]) -> str | None:
    encoding = _of_files(key, data, "encoding", (".csv", ".tsv", ".jsonl"))
    try:
        known = encoding is None or b"a,b\n".decode(encoding) is not None
    except UnicodeDecodeError:  # one of two bytes a character
        known = True
    except (LookupError, ValueError):
        known = False
    if not known or (encoding and codecs.lookup(encoding).name in NOT_OF_FILES):
        raise StudyError(
            f"{key}.data.encoding is {encoding!r}; allowed are Python's names of text encodings, "
            "as utf-8, utf-16-le, latin-1 or cp1252."
        )
    return encoding


def _labels(key: str, values: Sequence[object]) -> tuple[str, ...]:
    """Names of labels, by the one rule for all formats."""
    return _distinct(key, [label_name(value) or "" for value in values])


def _names(key: str, values: Sequence[str]) -> tuple[str, ...]:
    """Names of columns."""
    return _distinct(key, [column_name(value.strip()) for value in values])


def _distinct(key: str, names: Sequence[str]) -> tuple[str, ...]:
    for name in names:
        if not name:
            raise StudyError(f"{key} holds a blank name; each name must be text.")
        if names.count(name) > 1:
            raise StudyError(f"{key} names {name!r} twice.")
    return tuple(names)


def _did_you_mean(name: str, allowed: Collection[str]) -> str:
    close = difflib.get_close_matches(name, allowed, n=1)
    return f"; did you mean {close[0]}?" if close else ""
