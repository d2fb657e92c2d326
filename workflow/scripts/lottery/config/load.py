"""Reading and checking a config."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from lottery.config.ids import check_ids
from lottery.config.methods import method_from_config
from lottery.config.schema import check_schema, defaults
from lottery.config.sentences import dotted
from lottery.config.sources import model_from_config, tasks_from_config
from lottery.config.study import Study
from lottery.files import expanded
from lottery.files.errors import StudyError
from lottery.pruning.algorithms import plugins

# What YAML was reading when it found something else -> the brackets.
OPEN = {"while parsing a flow sequence": "[]", "while parsing a flow mapping": "{}"}
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
# To YAML 1.1 the number 1:30 is 90, and 010 is 8.
BASE_60_OR_8 = re.compile(r"[-+]?(0[\d_]+|.+:.+)")


def load_study(config: Mapping[str, Any], root: Path) -> Study:
    """Checks a config and fills in every default.

    The algorithms of its plugins take the place of those of any study loaded before.

    Args:
        config: the parsed config, as Snakemake hands it over; not changed.
        root: folder that relative paths in the config start from (the working directory).

    Raises:
        StudyError: one sentence about the first problem: of the plugins, of the schema in the order
            of the document, then of ids, models, tasks and methods.
    """
    loaded = plugins.load_all(config.get("plugins"), Path(root))
    check_schema(config)
    check_ids(config)
    try:
        return replace(_checked(config, Path(root)), plugins=loaded)
    except OSError as error:  # as of a name that is too long
        name = str(error.filename)
        shown = name if len(name) <= 80 else f"{name[:80]}..."
        raise StudyError(
            f"The config names {shown}, which cannot be looked at ({error.strerror})."
        ) from error


def _checked(config: Mapping[str, Any], root: Path) -> Study:
    models = {name: model_from_config(name, each, root) for name, each in config["models"].items()}
    tasks = tasks_from_config(config, root)
    trained = tuple(task.id for task in tasks.values() if task.evaluate_with is None)
    methods = {
        name: method_from_config(
            name,
            entry,
            models=tuple(models),
            tasks=trained,
            n_seeds=len(config["seeds"]),
            root=root,
        )
        for name, entry in config["methods"].items()
    }
    return Study(
        models=models,
        tasks=tasks,
        training=_training(config, trained),
        seeds=tuple(config["seeds"]),
        methods=methods,
        evaluation=defaults("evaluation") | config.get("evaluation", {}),
        compute=defaults("compute") | config.get("compute", {}),
        analysis=_analysis(config, root),
        glue_folder=config.get("glue_folder"),
        results=_results(config, root),
        keep_retrained=config.get("keep_retrained", True),
    )


def _results(config: Mapping[str, Any], root: Path) -> str:
    """The folder of the results, without a slash at its end; what is there must be a folder."""
    results = config.get("results", "results").rstrip("/")
    for place in [Path(results), *Path(results).parents]:
        there = os.path.lexists(root / place)
        if there and not (root / place).is_dir():
            raise StudyError(f"results is {results!r}, but {place} is no folder.")
    return results


def _analysis(config: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Sizes of the analyses, and the user's own maps and baselines, which must be there."""
    analysis = defaults("analysis") | config.get("analysis", {})
    for name, kind, exists in (
        ("annotated_maps", "folder", Path.is_dir),
        ("baselines", "file", Path.is_file),
    ):
        if analysis[name] is not None and not exists(root / expanded(analysis[name])):
            raise StudyError(f"analysis.{name} is {analysis[name]!r}, which is no {kind}.")
    return analysis


def _training(config: Mapping[str, Any], tasks: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """The recipe of each task: the schema's defaults, the common options, the task's own."""
    common = config.get("training", {})
    _check_warmup("training", common)
    recipes = {}
    for task in tasks:
        own = config["tasks"][task].get("training", {})
        _check_warmup(f"tasks.{task}.training", own)
        recipes[task] = defaults("training") | common | own
    return recipes


def _check_warmup(key: str, options: Mapping[str, Any]) -> None:
    steps = options.get("warmup_steps", 0)
    if steps >= 1 and int(steps) != steps:
        raise StudyError(
            f"{key}.warmup_steps is {steps}; it must be a whole number of steps or a share below 1."
        )


def read_config(path: Path) -> dict[str, Any]:
    """Reads a config file as Snakemake does, and refuses what Snakemake would silently drop.

    Raises:
        StudyError: no such file, no valid YAML, a key that stands twice, or no mapping.
    """
    refuse_misread(path)
    try:
        with path.open(encoding="utf-8") as file:
            config = yaml.safe_load(file)
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        raise StudyError(f"The config {path} cannot be read: {problem}.") from error
    if not isinstance(config, dict):
        raise StudyError(f"{path} must hold a mapping with the keys of a config.")
    return config


def refuse_misread(path: Path) -> None:
    """Refuses a config file in which YAML would drop a key or change a number in silence.

    Of a key that stands twice it keeps the last; 1:30 it reads as 90, and 010 as 8.

    Args:
        path: a file in YAML or JSON.

    Raises:
        StudyError: no such file, no valid YAML, a repeated key, or such a number.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        json_text = text.lstrip().startswith("{") and _is_json(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except OSError as error:
        where = "" if Path(path).is_absolute() else f" in {Path.cwd()}"
        raise StudyError(
            f"The config {path} cannot be read{where}: {error.strerror}; --configfile names"
            " another."
        ) from error
    except UnicodeDecodeError as error:
        raise StudyError(f"The config {path} is no text in UTF-8.") from error
    except yaml.YAMLError as error:
        if json_text:  # a tab or an escape that JSON knows and YAML does not
            return
        raise StudyError(_no_yaml(path, error)) from error
    try:
        _refuse_repeated(node, (), path)
    except RecursionError as error:
        raise StudyError(f"The config {path} has an alias that contains itself.") from error


def _no_yaml(path: Path, error: yaml.YAMLError) -> str:
    """The sentence for a file that is no YAML; of an open bracket the line where it stands."""
    mark = getattr(error, "problem_mark", None)
    line = f", line {mark.line + 1}" if mark else ""
    problem = getattr(error, "problem", None) or "it cannot be parsed"
    told = f"The config {path}{line} is no valid YAML: {problem}"
    context = getattr(error, "context", None)
    if context not in OPEN:
        return f"{told}."
    first, last = OPEN[context]
    begin = error.context_mark.line + 1
    return f"{told}; is the {first} of line {begin} closed by {last}, with commas in between?"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _refuse_repeated(node: yaml.Node | None, place: tuple[str | int, ...], path: Path) -> None:
    if isinstance(node, yaml.SequenceNode):
        for position, below in enumerate(node.value):
            _refuse_repeated(below, (*place, position), path)
    elif isinstance(node, yaml.ScalarNode):
        _refuse_odd_number(node, place, path)
    elif isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, below in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise StudyError(f"{path}, line {line}: {dotted(place)} has a list or map as key.")
            if key.value in seen:
                raise StudyError(
                    f"{path}, line {line}: {dotted(place)} has the key {key.value!r} a second "
                    f"time, after line {seen[key.value]}."
                )
            seen[str(key.value)] = line
            _refuse_repeated(below, (*place, str(key.value)), path)


def _refuse_odd_number(node: yaml.ScalarNode, place: tuple[str | int, ...], path: Path) -> None:
    if node.tag in NUMBERS and BASE_60_OR_8.fullmatch(node.value):
        raise StudyError(
            f"{path}, line {node.start_mark.line + 1}: {dotted(place)} is {node.value}, which YAML "
            f"reads as the number {yaml.safe_load(node.value)}; write that number, or "
            f'"{node.value}" if it is text.'
        )
