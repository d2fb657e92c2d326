"""What was run, in words and tables, and what it was run with.

`facts` are the params of write_report (`lottery.planning.params.report_params`), records
those of the jobs on which the page rests.
"""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

import pandas as pd
import pyarrow.parquet

from lottery.config.sentences import listed
from lottery.report.page.cost import Record, paths_of, step_of
from lottery.report.tables.model import Cell, Group, Scope, Table
from lottery.report.tables.numbers import NOTHING, counted
from lottery.tasks.metrics import METRICS

Facts = Mapping[str, Any]

FIRST = ("python", "torch", "transformers", "snakemake")  # of the versions


def title(facts: Facts) -> str:
    """The title of the page: encoders and tasks of the study."""
    trained = [task["id"] for task in facts["tasks"] if not task["evaluate_with"]]
    models = [model["id"] for model in facts["models"] if model["weights"] == "pretrained"]
    return f"{listed(models) or 'untrained encoders'} on {_few(trained, 'task')}"


def _few(names: Sequence[str], word: str) -> str:
    """Up to three names, or how many there are."""
    return listed(names) if len(names) <= 3 else counted(len(names), word)


def statement(facts: Facts) -> list[str]:
    """The run in a few sentences, a paragraph each."""
    counts, tasks = facts["counts"], facts["tasks"]
    trained = [task["id"] for task in tasks if not task["evaluate_with"]]
    models = [model["id"] for model in facts["models"]]
    methods = [method["id"] for method in facts["methods"]]
    paragraphs = [
        f"This run takes {counted(len(models), 'encoder')} ({listed(models)}) and"
        f" {counted(len(trained), 'task')} ({listed(trained)}), under"
        f" {counted(len(facts['seeds']), 'seed')} ({listed(facts['seeds'])})."
        f" It fine-tunes {counted(counts['finetuned'], 'model')}, finds or imports"
        f" {counted(counts['searched'], 'good subnetwork')} by"
        f" {counted(len(methods), 'method')} ({listed(methods)}), retrains"
        f" {counted(counts['retrained'], 'subnetwork')} from the weights before fine-tuning, and"
        f" scores {counted(counts['evaluated'], 'cell')} of the grid in all."
    ]
    only = [task["id"] for task in tasks if task["evaluate_with"]]
    if only:
        paragraphs.append(f"Scored, but not trained on: {listed(only)}.")
    return paragraphs + [
        f"The model {model['id']} is a sentence encoder (all-MiniLM-L6-v2), trained on sentence"
        " pairs besides its pretraining. Its results illustrate the study; they do not replicate"
        " the paper."
        for model in facts["models"]
        if model["kind"] == "embedded" and model["weights"] == "pretrained"
    ]


def study_tables(facts: Facts, sizes: Mapping[str, Mapping[str, int]]) -> list[Table]:
    """The models, tasks and methods of the study; `sizes`: see `examples_of`."""
    models = [
        (model["id"], model["source"], model["revision"] or NOTHING, model["weights"])
        for model in facts["models"]
    ]
    tasks = [_task(task, sizes.get(task["id"], {})) for task in facts["tasks"]]
    words = range(1, 6)
    return [
        Table(
            "models",
            "Models.",
            ("", "source", "revision", "weights"),
            _rows(models, "model"),
            words,
        ),
        Table(
            "tasks",
            "Tasks, and how many examples they are trained and scored on.",
            ("", "examples", "train", "validation", "metric", "in averages"),
            _rows(tasks, "task"),
            (1, 4, 5),
        ),
        Table(
            "methods",
            "Methods: pruning algorithms under a set of options; options that differ from those of"
            " the preset are named.",
            ("", "algorithm", "preset", "searches on", "other options", "subnetworks"),
            [Group("", [_method(method, facts) for method in facts["methods"]])],
            words,
        ),
    ]


def _rows(texts: Sequence[Sequence[str]], kind: str) -> list[Group]:
    """Rows of text, each about the model or task that it names first."""
    rows = [
        [Cell(name, scope=Scope(**{kind: name})), *map(Cell, others)] for name, *others in texts
    ]
    return [Group("", rows)]


def _task(task: Facts, sizes: Mapping[str, int]) -> tuple[str, ...]:
    trained = f"; models of {task['evaluate_with']}" if task["evaluate_with"] else ""
    counts = [f"{sizes[s]:,}" if s in sizes else NOTHING for s in ("train", "validation")]
    metric, averaged = METRICS[task["metric"]].short, "yes" if task["in_average"] else "no"
    return (task["id"], task["source"] + trained, *counts, metric, averaged)


def _method(method: Facts, facts: Facts) -> list[Cell]:
    """A method's line, with the models and tasks it runs on where these are not all."""
    every = {
        "models": {model["id"] for model in facts["models"]},
        "tasks": {task["id"] for task in facts["tasks"] if not task["evaluate_with"]},
    }
    limits = [
        f"on {', '.join(method[kind])}" for kind, ids in every.items() if {*method[kind]} != ids
    ]
    options = ", ".join(f"{name}: {value}" for name, value in method["options"].items())
    texts = [method["algorithm"], method["preset"], method["search_on"] or NOTHING]
    texts += [options or NOTHING, ", ".join(method["subnetworks"]) or "none: search alone"]
    name = Cell(method["id"], tuple(limits), scope=Scope(method=method["id"]))
    return [name, *map(Cell, texts)]


def examples_of(records: Sequence[Record]) -> dict[str, dict[str, int]]:
    """The number of examples in what was fetched: task -> split -> number.

    A file that is gone or no parquet any more has none.
    """
    sizes: dict[str, dict[str, int]] = {}
    for record in (each for each in records if step_of(each, {}) == "fetch_task"):
        for path in paths_of(record["outputs"]):
            try:
                count = pyarrow.parquet.read_metadata(path).num_rows
            except (OSError, pyarrow.ArrowException):
                continue
            sizes.setdefault(record["wildcards"]["task"], {})[Path(path).stem] = count
    return sizes


def making(records: Sequence[Record], facts: Facts, repository: Path) -> list[tuple[str, str]]:
    """How the run was made: (what, which); `repository` is the folder of this program."""
    versions = pd.DataFrame([record.get("versions", {}) for record in records])
    rest = sorted({*versions.columns} - {*FIRST})
    packages = [name for name in (*FIRST, *rest) if name in versions.columns]
    sources = [
        (f"{kind[:-1]} {entry['id']}", f"{entry['source']} at {entry['revision']}")
        for kind in ("models", "tasks")
        for entry in facts[kind]
        if entry["revision"]
    ]
    on = {
        "CPU" if record["device"] == "cpu" else record.get("device_name") or record["device"]
        for record in records
        if record.get("device")
    }
    started = sorted(_all(records, "started"))
    times = f"from {_time(started[0])} to {_time(started[-1])}" if started else ""
    steps = {record.get("params", {}).get("step") for record in records}
    pairs = [
        ("this program", _program(repository)),
        *((name, _joined(versions[name].dropna())) for name in packages),
        ("seeds", ", ".join(str(seed) for seed in facts["seeds"])),
        *sources,
        ("computed on", _joined(on)),
        ("platform", _joined(_all(records, "platform"))),
        ("jobs started", times),
        ("versions of the stages", _joined(step for step in steps if step is not None)),
    ]
    return [(what, which) for what, which in pairs if which]


def _all(records: Sequence[Record], name: str) -> list[str]:
    return [str(record[name]) for record in records if record.get(name)]


def _joined(values: Any) -> str:
    """Each value once, sorted."""
    return ", ".join(sorted({str(value) for value in values} - {""}))


def _time(text: str) -> str:
    """An ISO time to the minute."""
    return text[:16].replace("T", " ") + (" UTC" if text.endswith("+00:00") else "")


def _program(repository: Path) -> str:
    """Name and version of this program, and the commit of its clone if it runs from one."""
    try:
        project = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))["project"]
        name = f"{project['name']} {project['version']}"
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        name = "unknown version"
    if not (repository / ".git").exists():
        return name
    git = partial(subprocess.check_output, cwd=repository, text=True, timeout=20, stderr=DEVNULL)
    try:
        commit = git(["git", "rev-parse", "HEAD"]).strip()
        changed = git(["git", "status", "--porcelain", "--untracked-files=no"]).strip()
    except (OSError, subprocess.SubprocessError):
        return name
    return f"{name}, commit {commit}" + (" with local changes" if changed else "")
