"""The user's own files that jobs read, by content: `params.sources` of the rules.

Each function gives path -> SHA-256 of what is there. What is missing is said by the check of the
config or before the first job, with what a step needs. A file that cannot be read is a `StudyError`
with the key that names it.
"""

from __future__ import annotations

from pathlib import Path

from lottery.attention.annotated import LIST
from lottery.config.study import Study
from lottery.data.sources import local_files
from lottery.files import expanded
from lottery.files.errors import blaming
from lottery.models.checks import CONFIG, FILES, TOKENIZER_FILES
from lottery.planning.params import import_params
from lottery.pruning.algorithms.imported import mask_files
from lottery.runtime.digests import digests

Digests = dict[str, str]


def of_model(study: Study, model: str) -> Digests:
    """Of fetch_model: the files of a checkpoint in the user's folder."""
    return _of_model(study, model, FILES)


def of_config(study: Study, model: str) -> Digests:
    """Of fetch_config."""
    return _of_model(study, model, (CONFIG,))


def of_tokenizer(study: Study, model: str) -> Digests:
    """Of fetch_tokenizer."""
    return _of_model(study, model, (CONFIG, *TOKENIZER_FILES))


def _of_model(study: Study, model: str, patterns: tuple[str, ...]) -> Digests:
    entry = study.models[model]
    if entry.kind != "folder":
        return {}
    found = (path for pattern in patterns for path in expanded(entry.source).glob(pattern))
    with blaming(f"models.{model}.source"):
        return digests(str(path) for path in found if not path.is_dir())


def of_task(study: Study, task: str) -> Digests:
    """Of fetch_task: data files, or those of glue_folder."""
    with blaming(f"tasks.{task}"):
        return digests(local_files(study.tasks[task], study.glue_folder))


def of_mask(study: Study, method: str, task: str, seed: str) -> Digests:
    """Of import_masks: the npz, or the two files of one mask; none where they are fetched."""
    if study.methods[method].reads_authors:
        return {}
    settings = import_params(study, method, task)
    place = expanded(settings["masks"])
    paths = [place]
    if place.is_dir():
        paths = [p for p in mask_files(place, settings["task_name"], int(seed)) if p.exists()]
    with blaming(f"methods.{method}.masks"):
        return digests(map(str, paths))


def of_baselines(study: Study) -> Digests:
    """Of what reads the scores of other systems."""
    path = study.analysis["baselines"]
    with blaming("analysis.baselines"):
        return digests([path] if path else [])


def of_annotated_maps(study: Study) -> Digests:
    """Of check_pattern_rules: the list, and all maps below its folder."""
    folder = study.analysis["annotated_maps"]
    found: list[Path] = []
    if folder:
        found = [*expanded(folder).rglob("*.npy"), expanded(folder) / LIST]
    with blaming("analysis.annotated_maps"):
        return digests(map(str, found))
