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
NO_MODEL = "|".join((*RESERVED_MODELS, *RESERVED_WORDS, "majority"))
WILDCARDS = {
    "model": rf"(?!(?:{NO_MODEL})/){ID}",
    "task": ID,
    "seed": r"\d+",
    "method": ID,
    "subnetwork": CONSTRAINT,
    "phase": ID,
    "step": r"\d+",
    "eval_task": ID,
}
# What a folder must hold to be one of the workflow's, where users may have folders too.
FETCHED = re.compile(r"(config\.)?provenance\.json")
OF_CELLS = re.compile(r"tokens|super|seed_\d+")


def unnamed(study: Study, root: Path) -> list[Path]:
    """The folders and masks in `root` that the study does not name: sorted, none below another.

    Symbolic links are listed and never followed; the folder of results and `resources` themselves
    may be links.
    """
    rows = _rows(study)
    named = {path for template, each in rows.items() for path in grid.targets(template, each)}
    named |= {str(parent) for path in named for parent in Path(path).parents}
    above = (str(path) for template in rows for path in Path(template).parents)
    listed = [*rows, *(path for path in above if path.endswith("}") and "{task}" in path)]
    ours = re.compile("|".join(map(_pattern, listed)))
    of_task = re.compile(_pattern(f"{study.results}/{{model}}/{{task}}"))
    read = [(root / expanded(source)).resolve() for source in _sources(study)]

    def below(folder: Path) -> Iterator[Path]:
        for entry in os.scandir(root / folder):
            path = folder / entry.name
            if ours.fullmatch(str(path)) and str(path) not in named:
                marks = OF_CELLS if of_task.fullmatch(str(path)) else None
                marks = FETCHED if path.parts[0] == "resources" else marks
                is_read = any(each.is_relative_to((root / path).resolve()) for each in read)
                if _is_ours(entry, marks) and not is_read:
                    yield path
            elif entry.is_dir(follow_symlinks=False):
                yield from below(path)

    tops = map(Path, ("resources/models", "resources/tasks", study.results))
    return sorted(path for top in tops if (root / top).is_dir() for path in below(top))


def _is_ours(entry: os.DirEntry[str], marks: re.Pattern[str] | None) -> bool:
    """Whether the workflow has made what is there; what a link leads to is not looked at."""
    if marks is None:
        return entry.is_symlink() or entry.is_dir() != bool(Path(entry.name).suffix)
    is_folder = entry.is_dir(follow_symlinks=False)
    return is_folder and any(map(marks.fullmatch, os.listdir(entry.path)))


def _sources(study: Study) -> list[str]:
    """What the study reads, as a user's data or model."""
    files = [file for task in study.tasks.values() for file in task.source_files]
    files += [model.source for model in study.models.values() if model.kind == "folder"]
    files += [str(m.options["masks"]) for m in study.methods.values() if m.declared.imported]
    return files + ([study.glue_folder] if study.glue_folder else [])


def _rows(study: Study) -> dict[str, list[grid.Row]]:
    """Templates of what the workflow makes, each with what the study names of it."""
    paths = grid.Paths(study.results)
    masks, retrained = grid.mask_rows(study), grid.retrain_rows(study)
    # The search makes its masks whether the method lists them or not.
    drawn: list[grid.Row] = [{**row, "subnetwork": name} for row in masks for name in SEARCHED]
    drawn += grid.made_mask_rows(study)
    ranked = [row for row in masks if study.methods[row["method"]].declared.search_ranks]
    drawn += [{**row, "subnetwork": "ranking"} for row in ranked]
    return {
        "resources/models/{model}": [{"model": model} for model in study.models],
        "resources/tasks/{task}": grid.fetch_rows(study),
        paths.majority: grid.fetch_rows(study),
        paths.tokens: grid.tokenize_rows(study),
        paths.finetuned: grid.finetune_rows(study),
        paths.super_masks: grid.super_rows(study),
        paths.latency: grid.latency_rows(study),
        paths.logged: grid.logged_rows(study),
        paths.masks: [*masks, *retrained],
        f"{paths.masks}/{{subnetwork}}.safetensors": drawn,
        f"{paths.masks}/{{subnetwork}}.provenance.json": drawn,
        paths.rewound: grid.rewind_rows(study),
        paths.ranked: grid.ranking_rows(study),
        paths.retrained: retrained,
        paths.connected: grid.connect_rows(study),
        paths.evaluated: grid.evaluate_rows(study),
        paths.evaluated_on: grid.evaluate_on_rows(study),
        paths.exported: grid.export_rows(study),
        f"{paths.exported}.provenance.json": grid.export_rows(study),
        f"{paths.exported}.onnx.provenance.json": grid.export_rows(study, onnx=True),
        f"{paths.exported}.card.provenance.json": grid.export_rows(study),
        paths.tables_of_method: [*masks, *retrained],
        paths.figures: [*masks, *retrained],
    }


def _pattern(template: str) -> str:
    return re.sub(r"\\{(\w+)\\}", lambda name: WILDCARDS[name[1]], re.escape(template))
