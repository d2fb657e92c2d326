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
from lottery.files.errors import StudyError, blaming
from lottery.tasks.entries import RESOLVE, task_from_config
from lottery.tasks.metrics import applicable
from lottery.tasks.places import glue_place, require_files
from lottery.tasks.task import GLUE, Task

# As the hub's own rules have it.
_NAME = r"\w(?:[\w.-]{0,94}\w)?"
_HUB_ID = re.compile(rf"(?!.*(?:--|\.\.)|.*\.git$){_NAME}(?:/{_NAME})?", re.ASCII)


def unpinned(config: Mapping[str, Any], root: Path) -> dict[str, tuple[str, str]]:
    """The hub ids without a revision of a config, checked or not.

    Returns:
        `models.{model}.source` or `tasks.{task}.data.hub` -> hub id, and "model" or "dataset".
    """
    found = {}
    for name, entry in _entries(config, "models"):
        source = entry.get("source")
        if not isinstance(source, str) or source == "embedded" or entry.get("revision"):
            continue
        if _HUB_ID.fullmatch(source) and not (root / expanded(source)).is_dir():
            found[f"models.{name}.source"] = source, "model"
    for name, entry in _entries(config, "tasks"):
        data = entry.get("data")
        hub = data.get("hub") if isinstance(data, dict) and not data.get("revision") else None
        if isinstance(hub, str) and _HUB_ID.fullmatch(hub):
            found[f"tasks.{name}.data.hub"] = hub, "dataset"
    return found


def _entries(config: Mapping[str, Any], section: str) -> list[tuple[str, dict[str, Any]]]:
    entries = config.get(section)
    given = entries.items() if isinstance(entries, dict) else ()
    return [(str(name), entry) for name, entry in given if isinstance(entry, dict)]


def model_from_config(model_id: str, entry: Mapping[str, Any], root: Path) -> Model:
    """Builds a model from its entry in the config; relative paths start from `root`.

    Raises:
        StudyError: the source is neither a hub id with a revision, nor a folder with config.json.
    """
    key, source = f"models.{model_id}", entry["source"]
    init, revision = entry.get("init", "pretrained"), entry.get("revision")
    folder = root / expanded(source)
    if init != "random" and "init_seed" in entry:
        raise StudyError(f"{key}.init_seed is set, but only init: random draws weights.")
    if source == "embedded":
        kind = "embedded"
    elif revision is not None and _HUB_ID.fullmatch(source):
        kind = "hub"
    elif not folder.is_dir():
        lacks = resolve = ""
        if _HUB_ID.fullmatch(source):
            lacks = " and, as a hub id, lacks a revision"
            resolve = f"; `{RESOLVE}` asks the hub for the present revision"
        raise StudyError(
            f"{key}.source is {source!r}{did_you_mean(source, ['embedded'])}, which is no folder"
            f"{lacks}; allowed are a folder with config.json, a hub id (owner/name) with a "
            f"revision (the 40 hexadecimal digits of a commit), and embedded{resolve}."
        )
    else:
        kind, source = "folder", str(expanded(source))
        if not (folder / "config.json").is_file():
            raise StudyError(f"{key}.source is the folder {source!r}, which lacks config.json.")
    if revision is not None and kind != "hub":
        raise StudyError(
            f"{key}.revision goes with a hub id only, and source is {entry['source']!r}."
        )
    return Model(model_id, source, kind, revision, init, entry.get("init_seed", 0))


def tasks_from_config(config: Mapping[str, Any], root: Path) -> dict[str, Task]:
    """Builds the tasks of the config, in its order; relative paths start from `root`.

    Args:
        config: With the folds of tasks in their place (`lottery.tasks.entries.with_folds`).
        root: See above.

    Raises:
        StudyError: an entry contradicts itself or another one, or a file is missing.
    """
    tasks = {}
    for task_id, entry in config["tasks"].items():
        key = f"tasks.{entry.get('fold_of', task_id)}"
        _check_entry(key, task_id, entry)
        tasks[task_id] = task_from_config(task_id, entry)
        _check_files(key, tasks[task_id], root)
    trained = {name: task for name, task in tasks.items() if task.evaluate_with is None}
    if not trained:
        raise StudyError("tasks holds evaluation-only tasks alone; at least one must be trained.")
    for name in tasks:
        if name not in trained:
            tasks[name] = _evaluation_only(tasks[name], trained, config["tasks"])
    _check_glue_folder(config.get("glue_folder"), tasks, root)
    return tasks


def _check_entry(key: str, task_id: str, entry: Mapping[str, Any]) -> None:
    elsewhere = "data" in entry or "generated" in entry or entry.get("preset", task_id) != task_id
    if task_id in GLUE and elsewhere:
        raise StudyError(f"{key} is the name of a GLUE preset; other data need another id.")
    if "data" in entry and "labels" not in entry and entry.get("metric") not in applicable(1):
        raise StudyError(
            f"{key}.labels is missing: a classification needs the names of its labels, a "
            f"regression the metric {' or '.join(applicable(1))}."
        )


def _check_files(key: str, task: Task, root: Path) -> None:
    seen: dict[Path, str] = {}
    for split, path in task.splits if task.kind == "files" else ():
        file = root / expanded(path)
        if not file.exists():
            raise StudyError(f"{key}.data.{split} is {path!r}, which does not exist.")
        with blaming(f"{key}.data.{split}"):
            require_files(file)
        if (other := seen.setdefault(file.resolve(), split)) != split and not task.folds:
            raise StudyError(
                f"{key}.data gives {path!r} as {other} and as {split}; no example may be in both."
            )


def _evaluation_only(
    task: Task, trained: Mapping[str, Task], entries: Mapping[str, Mapping[str, Any]]
) -> Task:
    """Checks a task that models of a trained one are only evaluated on, and fits its label map."""
    key, name = f"tasks.{task.id}", task.evaluate_with
    if name is None or name not in trained:
        what = ", on which no model is trained" if name in entries else ""
        raise StudyError(
            f"{key}.evaluate_with is {name!r}{what}{did_you_mean(name, trained)}; "
            f"{allowed_are(trained)}."
        )
    if "training" in entries[task.id]:
        raise StudyError(f"{key}.training is not allowed with evaluate_with: nothing is trained.")
    source = trained[name]
    if source.is_regression != task.is_regression:
        raise StudyError(
            f"{key}.evaluate_with is {name}; one of the two is a regression, the other has labels."
        )
    if source.labels is None or task.labels is None:
        return task
    mapped = dict(task.label_map or ())
    if "map" not in entries[task.id]:  # a preset's map may name labels that the source lacks
        mapped = {label: ours for label, ours in mapped.items() if label in source.labels}
    for label in mapped:
        if label not in source.labels:
            raise StudyError(
                f"{key}.map has {label!r}{did_you_mean(label, source.labels)}; the labels of "
                f"{name} are {listed(source.labels)}."
            )
    for label in source.labels:
        if mapped.get(label, label) not in task.labels:
            raise StudyError(
                f"{key}.map lacks {label!r}, a label of {name} that is none of this task's: "
                f"{listed(task.labels)}."
            )
    return replace(task, label_map=tuple(mapped.items()) or None)


def _check_glue_folder(folder: str | None, tasks: Mapping[str, Task], root: Path) -> None:
    if folder is None:
        return
    path = root / expanded(folder)
    if not path.is_dir():
        raise StudyError(f"glue_folder is {folder!r}, which is no folder.")
    for task in tasks.values():
        if task.glue is not None and glue_place(path, task) is None:
            raise StudyError(
                f"glue_folder {folder!r} has no folder {task.glue}, which tasks.{task.id} needs."
            )
