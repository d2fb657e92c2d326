"""Masks of whole units made elsewhere: read and checked (formats: docs/files.md), not searched.

Their controls are drawn as those of `structured`. `masks: authors` are those of the paper, which
are fetched from the authors' repository.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from lottery.files import expanded, npz_names, read_csv, read_npy, read_npz
from lottery.files.errors import StudyError
from lottery.files.reading import GIVEN
from lottery.files.workflow import WORKFLOW
from lottery.models.architecture import Architecture
from lottery.models.units import ALWAYS, KINDS
from lottery.pruning.algorithms.declaration import (
    SHARED,
    SUBNETWORKS,
    SUPER,
    UNITS,
    Algorithm,
)
from lottery.pruning.algorithms.structured import sample
from lottery.pruning.masks import UnitMask, times

NUMBERS = "biuf"  # numpy's kinds of boolean, signed, unsigned and real numbers

# The word for the masks of the paper; a folder of that name is ./authors.
AUTHORS = "authors"
# The authors' repository at a commit.
AUTHORS_ADDRESS = (
    "https://raw.githubusercontent.com/sai-prasanna/bert-experiments/"
    "f02280f0c0fe2429f031331f2db81d044a265f00"
)
AUTHORS_TABLE = WORKFLOW / "resources/paper/masks.csv"
AUTHORS_FOLDER = Path("resources/masks")  # where they are kept, under our names of the tasks


@dataclass(frozen=True)
class AuthorsFile:
    """One file of the authors' masks.

    Attributes:
        address: where it is fetched from.
        path: where it is kept.
        sha256: digest of its content, 64 hexadecimal digits.
    """

    address: str
    path: str
    sha256: str


@cache
def authors_files() -> dict[tuple[str, int], tuple[AuthorsFile, ...]]:
    """The files of the authors' masks, heads then MLPs, by GLUE preset and seed."""
    rows = {(row["task"], int(row["seed"]), row["unit"]): row for row in read_csv(AUTHORS_TABLE)}
    cells = dict.fromkeys((task, seed) for task, seed, _ in rows)
    found = {}
    for task, seed in cells:
        kept = mask_files(AUTHORS_FOLDER, task, seed)
        named = (rows[task, seed, KINDS[kind].array] for kind in ALWAYS)
        found[task, seed] = tuple(
            AuthorsFile(f"{AUTHORS_ADDRESS}/{row['path']}", str(path), row["sha256"])
            for row, path in zip(named, kept, strict=True)
        )
    return found


def check(options: Mapping[str, Any], root: Path) -> str | None:
    """Rejects masks that are not there, or are no folder and no npz."""
    if options["masks"] == AUTHORS:
        return None
    path = root / expanded(options["masks"])
    if path.is_dir() or (path.is_file() and path.suffix == ".npz"):
        return None
    found = "neither a folder nor an npz file" if path.exists() else "which does not exist"
    return f"masks is {options['masks']!r}, {found}"


ALGORITHM = Algorithm(
    name="imported",
    summary="Structured masks made elsewhere.",
    granularity=UNITS,
    version=1,
    options={name: SHARED[name] for name in ("masks", "emptied_attention")},
    subnetworks={
        "published": (*SUBNETWORKS["published"], *SUPER),
        "strict": ("good", "super_good"),
    },
    default_subnetworks={"published": (), "strict": ()},
    sources={"random": "good", "bad": "good"},
    sample=sample,
    check=check,
    units=("head", "mlp"),
    imported=True,
)


def mask_files(folder: Path, task: str, seed: int) -> list[Path]:
    """The two files of one mask in a folder: {task}/seed_{seed}/head_mask.npy and mlp_mask.npy."""
    return [folder / task / f"seed_{seed}" / f"{kind}_mask.npy" for kind in ALWAYS]


def read_imported(
    path: Path,
    task: str,
    seed: int,
    architecture: Architecture,
    emptied_attention: str = "keep_bias",
) -> UnitMask:
    """Reads one mask of heads and MLPs from a folder or an npz file."""
    named = (_of_folder if path.is_dir() else _of_npz)(path, task, seed)
    units = {}
    for kind, (name, array) in zip(ALWAYS, named, strict=True):
        _check(name, array, KINDS[kind].shape(architecture))
        units[kind] = array.astype(bool)
    return UnitMask(units, emptied_attention)


def _of_folder(folder: Path, task: str, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """The name for messages and the array of heads, then of MLPs."""
    for path in mask_files(folder, task, seed):
        if not path.is_file():
            seeds = sorted(p.name.removeprefix("seed_") for p in (folder / task).glob("seed_*"))
            tasks = (each.name for each in folder.iterdir() if each.is_dir())
            raise StudyError(
                f"{path} does not exist, so there is no mask of {task} with seed {seed}; "
                f"{_content(task, seeds, tasks)}."
            )
        yield str(path), read_npy(path, GIVEN)


def _of_npz(path: Path, task: str, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """The same from an npz file; only the two arrays of the mask are read."""
    keys = [f"{task}/{seed}/{KINDS[kind].array}" for kind in ALWAYS]
    names = npz_names(path, GIVEN)
    for key in keys:
        if key not in names:
            parts = [part for name in names if len(part := name.split("/")) == 3]
            seeds = dict.fromkeys(part[1] for part in parts if part[0] == task)
            content = _content(task, seeds, (part[0] for part in parts))
            raise StudyError(f"{path} lacks the key {key}; {content}.")
    arrays = read_npz(path, keys, GIVEN)
    return ((f"{path}, {key}", arrays[key]) for key in keys)


def _content(task: str, seeds: Iterable[str], tasks: Iterable[str]) -> str:
    """What there is instead of a missing mask."""
    if seeds:
        return f"of {task} it holds the seeds {', '.join(seeds)}"
    tasks = sorted(set(tasks))
    return f"it holds the tasks {', '.join(tasks)}" if tasks else "it holds no masks"


def _check(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if array.dtype.kind not in NUMBERS:
        raise StudyError(f"{name} holds {array.dtype} where a mask holds numbers, each 0 or 1.")
    if array.shape != shape:
        raise StudyError(
            f"{name} has the shape {times(array.shape)}; the model's is {times(shape)}."
        )
    odd = array[~np.isin(array, (0, 1))]
    if odd.size:
        raise StudyError(f"{name} holds {odd.flat[0]}; a mask holds 0 and 1 alone.")
