"""What of the user's own files is looked at before the first job of a run starts.

The jobs that fetch check everything again, but Snakemake removes what an earlier fetch has made
before it starts one, and lets other cells train meanwhile. So what can be seen without weights is
seen first, and only of what is about to be fetched.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from lottery.attention.annotated import read_annotated
from lottery.config import Study
from lottery.data.examples import check_declared, read_task
from lottery.data.sources import HUB_CACHE, local_glue_file
from lottery.data.summary import describe_examples, refuse
from lottery.files import expanded
from lottery.files.errors import StudyError, blaming
from lottery.models.architecture import Architecture
from lottery.models.checks import CONFIG
from lottery.models.model_files import (
    SPECIAL_TOKENS,
    TOKENIZER,
    VOCABULARY,
    architecture_of,
    check_folder,
    source_folder,
)
from lottery.planning.params import import_params
from lottery.pruning.algorithms.imported import read_imported
from lottery.results.baselines import read_baselines
from lottery.tasks.places import files_of
from lottery.tasks.task import Task

# Larger files are checked when they are fetched: a start should not take minutes.
LARGEST = 100_000_000  # bytes
LIGHT_FILES = (CONFIG, TOKENIZER, VOCABULARY, *SPECIAL_TOKENS)

Fetch = tuple[str, dict[str, str]]


def check_inputs(study: Study, jobs: Iterable[Fetch]) -> None:
    """Checks models, tasks, what analyses are given, and imported masks, in this order.

    Args:
        study: the checked config.
        jobs: step and wildcards of the jobs; only those that read the user's files matter.

    Raises:
        StudyError: the first file that cannot be used, with the key of the config that names it.
    """
    jobs = sorted(jobs, key=str)
    fetches = [(step, values) for step, values in jobs if step.startswith("fetch_")]
    fetched = {item: step for step, values in fetches for item in values.items()}
    sizes = {
        name: _sizes(study, name, weights=fetched["model", name] == "fetch_model")
        for name in study.models
        if ("model", name) in fetched
    }
    tasks = [task for name, task in study.tasks.items() if ("task", name) in fetched]
    if study.data_warnings != "error":  # all folds read the same rows
        tasks = [*{task.data_set: task for task in tasks}.values()]
    for task in tasks:
        _check_task(study, task)
    _check_analysis(study, {step for step, _ in jobs})
    for step, cell in jobs:
        if step == "import_masks" or step.startswith("tokenize"):
            of_model = sizes.get(cell["model"]) or _fetched_sizes(cell["model"])
            if of_model is not None:
                (_check_mask if step == "import_masks" else _check_length)(study, cell, of_model)


def _check_analysis(study: Study, steps: set[str]) -> None:
    """Checks what the user gives to the analyses that will run."""
    baselines, annotated = study.analysis["baselines"], study.analysis["annotated_maps"]
    if baselines and steps & {"tabulate_trainability", "check_claims"}:
        with blaming("analysis.baselines"):
            names = dict.fromkeys(study.tasks[task].data_set for task in study.trained_tasks)
            read_baselines(expanded(baselines), names)
    if annotated and "check_pattern_rules" in steps:
        with blaming("analysis.annotated_maps"):
            read_annotated(expanded(annotated))


def _fetched_sizes(model: str) -> Architecture | None:
    folder = Path("resources/models") / model
    return architecture_of(folder) if (folder / CONFIG).is_file() else None


def _sizes(study: Study, name: str, *, weights: bool) -> Architecture:
    """Checks a model's files; of a hub id the small ones, which are downloaded for it."""
    model = study.models[name]
    with blaming(f"models.{name}.source"):
        if model.kind == "hub":
            os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        folder = source_folder(model.source, model.kind, model.revision, LIGHT_FILES)
        if not weights:
            return architecture_of(folder)
        return check_folder(folder, weights=model.init == "pretrained" and model.kind == "folder")


def _check_task(study: Study, task: Task) -> None:
    if task.kind == "files":
        files = [file for source in task.source_files for file in files_of(source)]
        if sum(expanded(file).stat().st_size for file in files) <= LARGEST:
            tables = read_task(task, None)
            if study.data_warnings == "error":
                refuse(describe_examples(tables, task)["warnings"], "error")
    elif task.kind == "hub":
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        check_declared(task, Path("resources/tasks") / HUB_CACHE)
    elif task.kind == "glue" and study.glue_folder is not None:
        with blaming(f"tasks.{task.id}"):
            for split, place in task.splits:
                local_glue_file(expanded(study.glue_folder), task, split, place)


def _check_mask(study: Study, cell: dict[str, str], sizes: Architecture) -> None:
    if study.methods[cell["method"]].reads_authors:  # fetched first
        return
    params = import_params(study, cell["method"], cell["task"])
    with blaming(f"methods.{cell['method']}.masks"):
        read_imported(expanded(params["masks"]), params["task_name"], int(cell["seed"]), sizes)


def _check_length(study: Study, cell: dict[str, str], sizes: Architecture) -> None:
    """Rejects inputs that are longer than the model has positions, or too short for any text."""
    task = study.tasks[cell["task"]]
    trained = task.evaluate_with or task.id
    length = study.training[trained]["max_length"]
    least = 2 * len(task.text) + 1  # [CLS] a [SEP], [CLS] a [SEP] b [SEP]
    if len(task.text) > 1 and sizes.token_types < 2:
        raise StudyError(
            f"tasks.{task.id} has pairs of texts, but models.{cell['model']} has type_vocab_size "
            f"{sizes.token_types}; pairs need 2."
        )
    if not least <= length <= sizes.positions:
        raise StudyError(
            f"training.max_length (or tasks.{trained}.training.max_length) is {length}; task "
            f"{task.id} on models.{cell['model']} takes {least} to {sizes.positions} tokens."
        )
