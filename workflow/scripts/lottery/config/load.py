"""Reading a config, and checking it: from YAML to a study with nothing left to default."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from lottery.config.axes import check_places, check_rewinding, swept
from lottery.config.exports import exports_of
from lottery.config.methods import check_authors, method_from_config
from lottery.config.schema import check_schema, defaults
from lottery.config.sentences import allowed_are, did_you_mean, listed
from lottery.config.sources import model_from_config, tasks_from_config
from lottery.config.study import RESERVED_MODELS, RESERVED_WORDS, Method, Study
from lottery.files import expanded
from lottery.files.errors import StudyError
from lottery.pruning.algorithms import PRESETS, Plugin, declared, plugins
from lottery.pruning.subnetworks import base_name
from lottery.tasks.entries import with_folds

HALF_A_PAIR = re.compile("[\ud800-\udfff]")
DEEPEST, MOST = 30, 100_000  # levels and entries of a config
# Keys by which Snakemake runs Python in a config file (YTE).
TEMPLATE = re.compile(r"__(use_yte|definitions|variables)__|\?(if|elif|for) .*|\?else")
PLAIN_TAGS = {
    f"tag:yaml.org,2002:{kind}"
    for kind in ("str", "int", "float", "bool", "null", "timestamp", "seq", "map", "merge")
}


class _Misread(yaml.MarkedYAMLError):
    """Valid YAML that does not mean what it looks like."""

    def __init__(self, problem: str, node: yaml.Node) -> None:
        super().__init__(problem=problem, problem_mark=node.start_mark)


class _Loader(yaml.SafeLoader):
    """Rejects what YAML would drop or change in silence, and what is no plain value.

    The first are a key's first value, 1:30 and 010, the second are tags and Snakemake's templates.
    """

    def compose_node(self, parent: Any, index: Any) -> yaml.Node | None:
        node = super().compose_node(parent, index)
        if node is not None and node.tag not in PLAIN_TAGS:
            tag = node.tag.replace("tag:yaml.org,2002:", "!!")
            raise _Misread(f"a config has plain values and no tags such as {tag}", node)
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _Misread("a list or map is no key", key)
            if TEMPLATE.fullmatch(key.value):
                raise _Misread(
                    f"the key {key.value!r} would run Python in the config; code of your own is "
                    "named under plugins",
                    key,
                )
            if key.value in lines:
                raise _Misread(
                    f"the key {key.value!r} is there a second time, after line {lines[key.value]}",
                    key,
                )
            lines[key.value] = key.start_mark.line + 1
        return node

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        node = super().compose_scalar_node(anchor)
        number = node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
        if number and re.fullmatch(r"[-+]?(0[\d_]+|.+:.+)", node.value):
            raise _Misread(
                f"YAML reads {node.value} as the number {yaml.safe_load(node.value)}; write that "
                f'number, or "{node.value}" if it is text',
                node,
            )
        return node


def read_config(path: Path) -> dict[str, Any]:
    """Reads a config file in YAML or JSON; rejects what Snakemake would drop or change in silence.

    Raises:
        StudyError: no such file, no valid YAML, a repeated key, an odd number, or no mapping.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        config = yaml.load(text, Loader=_Loader)
    except OSError as error:
        where = "" if Path(path).is_absolute() else f" in {Path.cwd()}"
        raise StudyError(
            f"The config {path} cannot be read{where}: {error.strerror}; --configfile names"
            " another."
        ) from error
    except RecursionError as error:
        raise StudyError(f"The config {path} is nested too deeply.") from error
    except UnicodeDecodeError as error:
        raise StudyError(f"The config {path} is no text in UTF-8.") from error
    except _Misread as error:
        raise StudyError(_invalid(path, error)) from error
    except yaml.YAMLError as error:
        try:  # JSON knows tabs and escapes that YAML does not
            config = json.loads(text)
        except ValueError:
            raise StudyError(_invalid(path, error)) from error
    if not isinstance(config, dict):
        raise StudyError(f"{path} must hold a mapping with the keys of a config.")
    _count(config, path, 0, 0)
    return config


def _count(value: Any, path: Path, depth: int, count: int) -> int:
    """Counts entries, with what aliases repeat; rejects what could not be walked through."""
    if depth > DEEPEST:
        raise StudyError(f"The config {path} is nested too deeply, or has an alias of itself.")
    count += 1
    if count > MOST:
        raise StudyError(f"The config {path} has over {MOST} entries, with those of its aliases.")
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            count = _count(each, path, depth + 1, count)
    return count


def _invalid(path: Path, error: Any) -> str:
    """The sentence for a file that is no YAML; for an open bracket also the line of that."""
    mark, begin = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    line = f", line {mark.line + 1}" if mark else ""
    valid = "" if isinstance(error, _Misread) else " is no valid YAML"
    problem = getattr(error, "problem", None) or "it cannot be parsed"
    inside = f", {error.context} that begins in line {begin.line + 1}" if begin else ""
    return f"The config {path}{line}{valid}: {problem}{inside}."


def typed(value: Any) -> Any:
    """A value of --config, in which Snakemake leaves everything in lists and mappings as text.

    It becomes what a config file would give. Of words only true, false and null are read: `no` may
    be the name of a label; a text that looks like a number needs a config file.
    """
    if isinstance(value, Mapping):
        return {key: typed(below) for key, below in value.items()}
    if isinstance(value, list):
        return [typed(below) for below in value]
    plain = r"true|false|null|[-+]?(0|[1-9]\d*)(\.\d*(e[-+]\d+)?)?"
    if isinstance(value, str) and re.fullmatch(plain, value):
        return yaml.safe_load(value)
    return value


def load_study(config: Mapping[str, Any], root: Path) -> Study:
    """Checks a config and fills in every default; relative paths in it start from `root`.

    The algorithms of its plugins take the place of those of any study loaded before.

    Raises:
        StudyError: one sentence about the first problem: of the plugins, of the schema in the order
            of the document, then of ids, models, tasks and methods.
    """
    root = Path(root)
    _check_text(config, "")
    loaded = plugins.load_all(config.get("plugins"), root)
    config = swept(config)
    check_schema(config)
    config = _with_folds(config)
    _check_ids(config)
    try:
        return _study(config, root, loaded)
    except OSError as error:  # as of a name that is too long
        raise StudyError(f"The config names a file that cannot be used: {error}.") from error


def _with_folds(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config with the folds of a task in its place, also where methods choose their tasks."""
    tasks = with_folds(config["tasks"])
    folds: dict[str, list[str]] = {}
    for name, entry in tasks.items():
        folds.setdefault(entry.get("fold_of", name), []).append(name)
    methods = {}
    for name, entry in config["methods"].items():
        chosen = [fold for task in entry.get("only_tasks", ()) for fold in folds.get(task, [task])]
        methods[name] = {**entry, "only_tasks": chosen} if chosen else entry
    return {**config, "tasks": tasks, "methods": methods}


def _check_text(value: Any, key: str) -> None:
    """Rejects halves of surrogate pairs (of escapes, of the command line): no file holds them."""
    if isinstance(value, Mapping):
        for name, below in value.items():
            _check_text(name, key)
            _check_text(below, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for below in value:
            _check_text(below, key)
    elif isinstance(value, str) and HALF_A_PAIR.search(value):
        raise StudyError(
            f"{key or 'The config'} holds {value!r}, which is no text but half a surrogate pair."
        )


def _check_ids(config: Mapping[str, Any]) -> None:
    """Rejects ids that the workflow uses itself: they become folder names and wildcards."""
    kinds = [name for each in declared() for preset in PRESETS for name in each.subnetworks[preset]]
    for section in ("models", "tasks", "methods"):
        taken = (*RESERVED_WORDS, *kinds, *RESERVED_MODELS * (section == "models"))
        for name in config[section]:
            if name in taken or base_name(name) in taken:
                raise StudyError(
                    f"{section} has the id {name!r}, which is reserved; allowed is any word but "
                    f"{listed(dict.fromkeys(taken))}."
                )


def _study(config: Mapping[str, Any], root: Path, loaded: tuple[Plugin, ...]) -> Study:
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
    for method in methods.values():
        if method.reads_authors:
            check_authors(method, tasks, config["seeds"])
    sections = {
        name: defaults(name) | config.get(name, {})
        for name in ("evaluation", "compute", "analysis")
    }
    for name, kind, exists in (
        ("annotated_maps", "folder", Path.is_dir),
        ("baselines", "file", Path.is_file),
    ):
        path = sections["analysis"][name]
        if path is not None and not exists(root / expanded(path)):
            raise StudyError(f"analysis.{name} is {path!r}, which is no {kind}.")
    sections["analysis"]["latency"] = _timed(sections["analysis"]["latency"], methods)
    study = Study(
        models=models,
        tasks=tasks,
        training=_training(config, trained),
        seeds=tuple(config["seeds"]),
        methods=methods,
        **sections,
        glue_folder=config.get("glue_folder"),
        results=_results(config, root),
        keep_retrained=config.get("keep_retrained", True),
        logging=tuple(config.get("logging", ())),
        plugins=loaded,
        data_warnings=config.get("data_warnings", "warn"),
    )
    check_places(study)
    check_rewinding(study)
    return replace(study, exports=exports_of(config, study))


def _timed(asked: bool | Sequence[str], methods: Mapping[str, Method]) -> tuple[str, ...]:
    """The methods whose subnetworks are timed."""
    scored = [name for name, method in methods.items() if method.subnetworks]
    if isinstance(asked, bool):
        return tuple(scored) * asked
    for name in asked:
        if name not in scored:
            what = "has no subnetworks" if name in methods else "is no method of the study"
            raise StudyError(
                f"analysis.latency names {name!r}, which {what}{did_you_mean(name, scored)}; "
                f"{allowed_are(scored)}."
            )
    return tuple(asked)


def _results(config: Mapping[str, Any], root: Path) -> str:
    """The folder of the results, without a slash at its end; what is there must be a folder."""
    results = config.get("results", "results").rstrip("/")
    for place in [Path(results), *Path(results).parents]:
        if os.path.lexists(root / place) and not (root / place).is_dir():
            raise StudyError(f"results is {results!r}, but {place} is no folder.")
    return results


def _training(config: Mapping[str, Any], tasks: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """The recipe of each task: the schema's defaults, the common options, the task's own."""
    common = config.get("training", {})
    given = {f"tasks.{task}.training": config["tasks"][task].get("training", {}) for task in tasks}
    for key, options in {"training": common, **given}.items():
        steps = options.get("warmup_steps", 0)
        if steps >= 1 and int(steps) != steps:
            raise StudyError(
                f"{key}.warmup_steps is {steps}; it must be a whole number of steps or a share"
                " below 1."
            )
    usual = defaults("training") | common
    return {task: usual | options for task, options in zip(tasks, given.values(), strict=True)}
