"""Which folders of results and resources belong to cells that a study does not name (any more).

A folder is told by its place alone, and only places that the workflow itself makes are looked at:
what else lies there is left alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from lottery.config.study import RESERVED_MODELS, RESERVED_WORDS, Study
from lottery.files import expanded
from lottery.planning import grid
from lottery.pruning.algorithms.declaration import SEARCHED
from lottery.pruning.subnetworks import CONSTRAINT

ID = r"[a-z0-9_]{1,64}"
WILDCARDS = {"seed": r"\d+", "subnetwork": CONSTRAINT}  # the others are ids
NO_MODELS = (*RESERVED_MODELS, *RESERVED_WORDS)
# What a folder must hold to be one of the workflow's, where users may have folders of their own.
FETCHED = re.compile(r"(config\.)?provenance\.json")
MARKS = {
    "resources/models/{model}": FETCHED,
    "resources/tasks/{task}": FETCHED,
}
OF_CELLS = re.compile(r"tokens|super|seed_\d+")  # what the folder of a model and task holds


def unnamed(study: Study, root: Path) -> list[Path]:
    """The folders and masks of cells that the study does not name.

    Args:
        study: the study.
        root: the working directory of the study.

    Returns:
        Paths relative to `root`, sorted, none below another. Symbolic links are listed and never
        followed; the folder of results and `resources` themselves may be links.
    """
    found: set[Path] = set()
    for template, named in _named(study).items():
        known = set(named)
        found |= {
            path
            for path in _matches(root, template)
            if str(path) not in known and _is_ours(study, root, path, template)
        }
    found = {path for path in found if not _holds_sources(study, root, path)}
    return sorted(path for path in found if not found.intersection(path.parents))


def _holds_sources(study: Study, root: Path, path: Path) -> bool:
    """Whether the study reads something from there, as a user's own data or model."""
    sources = [file for task in study.tasks.values() for file in task.source_files]
    sources += [model.source for model in study.models.values() if model.kind == "folder"]
    sources += [str(m.options["masks"]) for m in study.methods.values() if m.declared.imported]
    sources += [study.glue_folder] if study.glue_folder else []
    places = [(root / expanded(source)).resolve() for source in sources]
    return any(place.is_relative_to((root / path).resolve()) for place in places)


def _named(study: Study) -> dict[str, Iterable[str]]:
    """Templates of the places that are looked at, each with the paths that the study names."""
    models = [{"model": model} for model in study.models]
    tasks = [{"task": task} for task in study.tasks]
    cells = [model | task for model in models for task in tasks]
    evaluated = grid.evaluate_rows(study)
    retrained = grid.retrain_rows(study)
    masks = grid.mask_rows(study)
    # The search makes its own masks whether the method lists them or not.
    drawn = [{**row, "subnetwork": name} for row in masks for name in SEARCHED]
    drawn += grid.sample_rows(study)
    pairs = [*masks, *retrained]
    results = study.results
    cell = f"{results}/{{model}}/{{task}}/seed_{{seed}}"
    rows = {
        "resources/models/{model}": models,
        "resources/tasks/{task}": tasks,
        f"{results}/majority/{{task}}": tasks,
        f"{results}/{{model}}/{{task}}": cells,
        cell: grid.finetune_rows(study),
        f"{results}/{{model}}/{{task}}/super/{{method}}": grid.super_rows(study),
        cell + "/mask/{method}": pairs,
        cell + "/mask/{method}/{subnetwork}.safetensors": drawn,
        cell + "/mask/{method}/{subnetwork}.provenance.json": drawn,
        cell + "/retrain/{method}": retrained,
        cell + "/retrain/{method}/{subnetwork}": retrained,
        cell + "/evaluate/{method}": evaluated,
        cell + "/evaluate/{method}/{subnetwork}": evaluated,
        cell + "/evaluate/{method}/{subnetwork}/{phase}/on_{eval_task}": grid.evaluate_on_rows(
            study
        ),
        f"{results}/tables/{{model}}/{{method}}": pairs,
        f"{results}/figures/{{model}}/{{method}}": pairs,
    }
    return {template: grid.targets(template, each) for template, each in rows.items()}


def _matches(root: Path, template: str) -> Iterator[Path]:
    """The paths below `root` that a template fits, relative to it; no link is followed."""
    parts = template.split("/")
    fixed = next(number for number, part in enumerate(parts) if "{" in part)
    first = Path(*parts[:fixed])
    if (root / first).is_dir():
        yield from _below(root, first, parts[fixed:])


def _below(root: Path, folder: Path, parts: list[str]) -> Iterator[Path]:
    pattern = re.compile(re.sub(r"\\{(\w+)\\}", _group, re.escape(parts[0])))
    with os.scandir(root / folder) as entries:
        for entry in entries:
            if not pattern.fullmatch(entry.name):
                continue
            if len(parts) == 1:
                yield folder / entry.name
            elif entry.is_dir(follow_symlinks=False):
                yield from _below(root, folder / entry.name, parts[1:])


def _group(wildcard: re.Match[str]) -> str:
    return WILDCARDS.get(wildcard[1], ID)


def _is_ours(study: Study, root: Path, path: Path, template: str) -> bool:
    """Whether the place shows that the workflow has made what is there."""
    place = root / path
    of_model = f"{study.results}/{{model}}"
    if template.startswith(of_model) and path.relative_to(study.results).parts[0] in NO_MODELS:
        return False
    marks = OF_CELLS if template == of_model + "/{task}" else MARKS.get(template)
    if marks is None:
        return place.is_symlink() or place.is_dir() != bool(place.suffix)
    # What a link leads to is not looked at, so it is nobody's.
    if place.is_symlink() or not place.is_dir():
        return False
    return any(marks.fullmatch(entry.name) for entry in place.iterdir())
