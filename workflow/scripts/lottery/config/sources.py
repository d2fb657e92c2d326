"""Checks of the entries under models and tasks: what they name must be there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lottery.config.sentences import allowed_are, did_you_mean, listed
from lottery.config.study import Model
from lottery.files import expanded
from lottery.files.errors import StudyError
from lottery.tasks import GLUE, Task, task_from_config
from lottery.tasks.metrics import applicable

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def model_from_config(model_id: str, entry: Mapping[str, Any], root: Path) -> Model:
    """Builds a model from its entry in the config.

    Args:
        model_id: key of the entry.
        entry: the entry, after the check of the schema.
        root: folder that relative paths start from.

    Raises:
        StudyError: the source is neither a hub id with a revision, nor a folder with config.json.
    """
    key, source = f"models.{model_id}", entry["source"]
    init = entry.get("init", "pretrained")
    if init != "random" and "init_seed" in entry:
        raise StudyError(f"{key}.init_seed is set, but only init: random draws weights.")
    revision = entry.get("revision")
    folder = root / expanded(source)
    if source == "embedded":
        kind = "embedded"
    elif revision is not None and _HUB_ID.fullmatch(source):
        kind = "hub"
    elif folder.is_dir():
        kind, source = "folder", str(expanded(source))
        if not (folder / "config.json").is_file():
            raise StudyError(f"{key}.source is the folder {source!r}, which lacks config.json.")
    else:
        raise StudyError(_no_model(key, source, folder))
    if revision is not None and kind != "hub":
        raise StudyError(
            f"{key}.revision goes with a hub id only, and source is {entry['source']!r}."
        )
    return Model(model_id, source, kind, revision, init, entry.get("init_seed", 0))


def _no_model(key: str, source: str, folder: Path) -> str:
    if folder.exists():
        return f"{key}.source is {source!r}, a file; give the folder that holds config.json."
    if "embeded" in source.lower() or did_you_mean(source, ["embedded"]):
        return f"{key}.source is {source!r} (did you mean embedded?)."
    if _HUB_ID.fullmatch(source):
        return (
            f"{key}.source is {source!r}, where no folder is, and as a hub id it lacks a revision: "
            "the 40 hexadecimal digits of a commit."
        )
    return (
        f"{key}.source is {source!r}, which is no folder; allowed are a folder, a hub id "
        "(owner/name) and embedded."
    )


def tasks_from_config(config: Mapping[str, Any], root: Path) -> dict[str, Task]:
    """Builds the tasks of the config, in its order.

    Args:
        config: the whole config, after the check of the schema.
        root: folder that relative paths start from.

    Raises:
        StudyError: an entry contradicts itself or another one, or a file is missing.
    """
    tasks = {}
    for task_id, entry in config["tasks"].items():
        _check_own_task(f"tasks.{task_id}", task_id, entry)
        tasks[task_id] = task_from_config(task_id, entry)
        _check_files(f"tasks.{task_id}", tasks[task_id], root)
    if all(task.evaluate_with is not None for task in tasks.values()):
        raise StudyError("tasks holds evaluation-only tasks alone; at least one must be trained.")
    for task in tuple(tasks.values()):
        if task.evaluate_with is not None:
            entry = config["tasks"][task.id]
            tasks[task.id] = _with_known_labels(task, tasks, entry)
            _check_evaluation_only(tasks[task.id], tasks)
            if "training" in entry:
                raise StudyError(
                    f"tasks.{task.id}.training is not allowed beside evaluate_with: nothing is "
                    "trained."
                )
    _check_glue_folder(config.get("glue_folder"), tasks, root)
    return tasks


def _with_known_labels(task: Task, tasks: Mapping[str, Task], entry: Mapping[str, Any]) -> Task:
    """Leaves out what the map of a preset says of labels that the trained task does not have."""
    source = tasks.get(task.evaluate_with)
    if source is None or source.labels is None or "map" in entry:
        return task
    pairs = tuple(pair for pair in task.label_map or () if pair[0] in source.labels)
    return replace(task, label_map=pairs or None)


def _check_own_task(key: str, task_id: str, entry: Mapping[str, Any]) -> None:
    if task_id in GLUE and entry.get("preset", task_id) != task_id:
        raise StudyError(
            f"{key}.preset is {entry['preset']}, but {task_id} is the name of another preset; "
            "give the entry an id of its own."
        )
    if task_id in GLUE and ("data" in entry or "generated" in entry):
        raise StudyError(f"{key} is the name of a GLUE preset; give a task of your own another id.")
    if "data" not in entry:
        return
    metric, labels = entry.get("metric"), entry.get("labels")
    if labels is None and metric is None:
        raise StudyError(
            f"{key} has neither labels nor metric: a classification needs the names of its labels, "
            f"a regression metric: {' or '.join(applicable(1))}."
        )
    if labels is None and metric not in applicable(1):
        raise StudyError(f"{key}.labels is missing; {metric} needs the names of the labels.")


def _check_files(key: str, task: Task, root: Path) -> None:
    if task.kind != "files":
        return
    seen: dict[Path, str] = {}
    for split, path in task.splits:
        file = root / expanded(path)
        if not file.exists():
            raise StudyError(f"{key}.data.{split} is {path!r}, which does not exist.")
        if file.resolve() in seen:
            raise StudyError(
                f"{key}.data gives {path!r} as {seen[file.resolve()]} and as {split}; "
                "no example may stand in both."
            )
        seen[file.resolve()] = split


def _check_evaluation_only(task: Task, tasks: Mapping[str, Task]) -> None:
    key = f"tasks.{task.id}"
    trained = [other.id for other in tasks.values() if other.evaluate_with is None]
    if task.evaluate_with not in trained:
        what = ", on which no model is trained" if task.evaluate_with in tasks else ""
        raise StudyError(
            f"{key}.evaluate_with is {task.evaluate_with!r}{what}"
            f"{did_you_mean(task.evaluate_with, trained)}; {allowed_are(trained)}."
        )
    source = tasks[task.evaluate_with]
    if source.is_regression != task.is_regression:
        raise StudyError(
            f"{key}.evaluate_with is {source.id}; one of the two is a regression, the other has "
            "labels."
        )
    if source.labels is None or task.labels is None:
        return
    mapped = dict(task.label_map or ())
    for label in mapped:
        if label not in source.labels:
            raise StudyError(
                f"{key}.map has {label!r}{did_you_mean(label, source.labels)}; the labels of "
                f"{source.id} are {listed(source.labels)}."
            )
    for label in source.labels:
        if mapped.get(label, label) not in task.labels:
            raise StudyError(
                f"{key}.map lacks {label!r}, a label of {source.id} that is none of this task's: "
                f"{listed(task.labels)}."
            )


def _check_glue_folder(folder: str | None, tasks: Mapping[str, Task], root: Path) -> None:
    if folder is None:
        return
    path = root / expanded(folder)
    if not path.is_dir():
        raise StudyError(f"glue_folder is {folder!r}, which is no folder.")
    for task in tasks.values():
        if task.glue is not None and not (path / task.glue).is_dir():
            raise StudyError(
                f"glue_folder {folder!r} has no folder {task.glue}, which tasks.{task.id} needs."
            )
