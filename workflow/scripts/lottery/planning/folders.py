"""Which folders of results and resources belong to cells that a study does not name (any more).

A folder is recognised by its path alone, and only paths that the workflow itself makes are looked
at: everything else is left alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from lottery.config.study import RESERVED_MODELS, RESERVED_WORDS, Study
from lottery.files import expanded
from lottery.planning import grid
from lottery.pruning.algorithms.declaration import SEARCHED
from lottery.pruning.subnetworks import CONSTRAINT

ID = r"[a-z0-9_]{1,64}"
CELL = (
    rf"(?!(?:{'|'.join(RESERVED_MODELS + RESERVED_WORDS)})/){ID}/{ID}"
    rf"(?:/super/{ID}|/seed_\d+(?:/mask/{ID}(?:/{CONSTRAINT}\.(?:safetensors|provenance\.json))?"
    rf"|/retrain/{ID}(?:/{CONSTRAINT})?"
    rf"|/evaluate/{ID}(?:/{CONSTRAINT}(?:/(?:finetuned|pruned|retrained)/on_{ID})?)?)?)?"
)
SHAPE = re.compile(
    rf"resources/(?:models|tasks)/{ID}|results/(?:majority/{ID}|(?:tables|figures)/{ID}/{ID}|{CELL})"
)
# What a folder must hold to be one of the workflow's, where users may have folders too.
FETCHED = re.compile(r"(config\.)?provenance\.json")
OF_CELLS = re.compile(r"tokens|super|seed_\d+")


def unnamed(study: Study, root: Path) -> list[Path]:
    """The folders and masks of cells that the study does not name.

    Args:
        study: the study.
        root: the working directory of the study.

    Returns:
        Paths relative to `root`, sorted, none below another. Symbolic links are listed and never
        followed; the folder of results and `resources` themselves may be links.
    """
    named = {parent for path in _named(study) for parent in (path, *path.parents)}
    read = [(root / expanded(source)).resolve() for source in _sources(study)]

    def below(folder: Path, shape: str) -> Iterator[Path]:
        for entry in sorted(os.scandir(root / folder), key=lambda entry: entry.name):
            path, place = folder / entry.name, f"{shape}/{entry.name}"
            if SHAPE.fullmatch(place) and path not in named:
                is_read = any(each.is_relative_to((root / path).resolve()) for each in read)
                if _is_ours(entry, place) and not is_read:
                    yield path
            elif entry.is_dir(follow_symlinks=False):
                yield from below(path, place)

    found: list[Path] = []
    for top in ("resources/models", "resources/tasks", study.results):
        if (root / top).is_dir():
            found += below(Path(top), "results" if top == study.results else top)
    return sorted(found)


def _is_ours(entry: os.DirEntry[str], place: str) -> bool:
    """Whether the workflow has made what is there, to judge by what the folder holds."""
    if place.startswith("resources/"):
        marks = FETCHED
    elif re.fullmatch(rf"results/(?!majority/){ID}/{ID}", place):
        marks = OF_CELLS
    else:
        return entry.is_symlink() or entry.is_dir() != bool(Path(entry.name).suffix)
    if not entry.is_dir(follow_symlinks=False):
        return False
    return any(marks.fullmatch(name) for name in os.listdir(entry.path))


def _sources(study: Study) -> list[str]:
    """What the study reads, as a user's data or model."""
    files = [file for task in study.tasks.values() for file in task.source_files]
    files += [model.source for model in study.models.values() if model.kind == "folder"]
    files += [str(m.options["masks"]) for m in study.methods.values() if m.declared.imported]
    return files + ([study.glue_folder] if study.glue_folder else [])


def _named(study: Study) -> Iterator[Path]:
    """The paths that the study names; those above them are named too."""
    paths, masks, retrained = (
        grid.Paths(study.results),
        grid.mask_rows(study),
        grid.retrain_rows(study),
    )
    # The search makes its masks whether the method lists them or not.
    drawn = [{**row, "subnetwork": name} for row in masks for name in SEARCHED]
    drawn += grid.sample_rows(study)
    rows = {
        "resources/models/{model}": grid.tokenize_rows(study),
        "resources/tasks/{task}": grid.fetch_rows(study),
        paths.majority: grid.fetch_rows(study),
        paths.tokens: grid.tokenize_rows(study),
        paths.finetuned: grid.finetune_rows(study),
        paths.super_masks: grid.super_rows(study),
        paths.masks: [*masks, *retrained],
        f"{paths.masks}/{{subnetwork}}.safetensors": drawn,
        f"{paths.masks}/{{subnetwork}}.provenance.json": drawn,
        paths.retrained: retrained,
        paths.evaluated: grid.evaluate_rows(study),
        paths.evaluated_on: grid.evaluate_on_rows(study),
        paths.tables_of_method: [*masks, *retrained],
        paths.figures: [*masks, *retrained],
    }
    for template, each in rows.items():
        yield from map(Path, grid.targets(template, each))
