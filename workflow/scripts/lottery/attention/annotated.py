"""Annotated attention maps, and how they are split. No torch.

The folder holds `{attention}/{class}/*.npy`: attention is raw or normed (either may be missing),
the classes are those of `lottery.attention.classes`, and each file is one square map of numbers,
row i the attention of token i, of the map's own tokens alone. No pickle is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from lottery.attention.classes import ATTENTION, CLASSES
from lottery.files import read_npy
from lottery.files.errors import StudyError
from lottery.files.reading import GIVEN

# One map in five tests, one in five of the rest selects: a class needs this many for each part.
FEWEST = 5
TEST = SELECT = 5


def read_annotated(folder: Path) -> dict[str, tuple[list[np.ndarray], np.ndarray]]:
    """Reads annotated maps.

    Returns:
        raw, normed or both -> the maps, float32 [T, T] each, class by class and by file name, and
        their classes, int64 [maps].

    Raises:
        StudyError: a folder has another name or is missing, a class has too few maps, or a file is
            no map.
    """
    kinds = _folders(folder, ATTENTION)
    if not kinds:
        raise StudyError(f"{folder} holds no annotated maps; it needs a folder raw or normed.")
    found = {}
    for kind in kinds:
        _folders(folder / kind, CLASSES)
        classes = [_read_class(folder / kind / name) for name in CLASSES]
        labels = np.repeat(np.arange(len(CLASSES)), [len(maps) for maps in classes])
        found[kind] = (list(chain(*classes)), labels)
    return found


def _read_class(folder: Path) -> list[np.ndarray]:
    paths = sorted(path for path in folder.glob("*") if path.name[0] != ".")
    if odd := [path for path in paths if path.suffix != ".npy"]:
        raise StudyError(f"{odd[0]} is no npy file, and annotated maps are nothing else.")
    if len(paths) < FEWEST:
        raise StudyError(f"{folder} holds {len(paths)} maps (*.npy); each class needs {FEWEST}.")
    return [read_map(path) for path in paths]


def _folders(folder: Path, known: Sequence[str]) -> list[str]:
    """The folders in a folder, in the order of their known names; hidden ones are passed over."""
    names = {path.name for path in folder.iterdir() if path.is_dir() and path.name[0] != "."}
    if odd := sorted(names - {*known}):
        raise StudyError(f"{folder} holds the folder {odd[0]}; allowed are {', '.join(known)}.")
    return [name for name in known if name in names]


def read_map(path: Path) -> np.ndarray:
    """Reads one map, float32 [T, T].

    Raises:
        StudyError: it is no array, not square, smaller than 2 x 2, all zeros, or holds what is no
            number from 0 up.
    """
    values = read_npy(path, GIVEN)
    if values.dtype.kind not in "fiub":
        raise StudyError(f"{path} is no array of numbers; an attention map is one of floats.")
    if values.ndim != 2 or values.shape[0] != values.shape[1] or not values.size:
        shape = " x ".join(map(str, values.shape))
        raise StudyError(f"{path} has the shape {shape}; an attention map is square.")
    if len(values) == 1:
        raise StudyError(f"{path} is the map of a single token; a pattern needs two or more.")
    values = values.astype(np.float32)
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise StudyError(f"{path} holds a negative or undefined number; attention is 0 or more.")
    if not values.any():
        raise StudyError(f"{path} holds zeros alone; a map shows where attention goes.")
    return values


def split(labels: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Splits maps by class into those to learn from, to select by, and to test on.

    Args:
        labels: int64 [maps], at least `FEWEST` of each class.
        rng: seeded generator.

    Returns:
        Three arrays of places, about 64, 16 and 20 % of each class, at least one of each.
    """
    parts = []
    for label in np.unique(labels):
        places = rng.permutation(np.flatnonzero(labels == label))
        n_test = max(1, len(places) // TEST)
        n_select = max(1, (len(places) - n_test) // SELECT)
        test, select, train = np.split(places, [n_test, n_test + n_select])
        parts.append((train, select, test))
    return tuple(np.sort(np.concatenate(part)) for part in zip(*parts, strict=True))
