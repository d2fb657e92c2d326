"""Masks made elsewhere: reading and checking what a user hands over (formats: docs/files.md)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from lottery.files.arrays import NPZ_DAMAGE
from lottery.files.errors import StudyError
from lottery.files.reading import GIVEN, reading
from lottery.models.architecture import Architecture
from lottery.models.units import ALWAYS, KINDS
from lottery.pruning.masks import UnitMask

# Names of the arrays of a mask: in an npz, and of its file in a folder.
FILES = {KINDS[kind].array: f"{kind}_mask.npy" for kind in ALWAYS}
NUMBERS = "biuf"  # numpy's kinds of boolean, signed, unsigned and real numbers


def mask_files(folder: Path, task: str, seed: int) -> list[Path]:
    """The two files of one mask in a folder: {task}/seed_{seed}/head_mask.npy and mlp_mask.npy."""
    return [folder / task / f"seed_{seed}" / name for name in FILES.values()]


def read_imported(
    path: Path,
    task: str,
    seed: int,
    architecture: Architecture,
    emptied_attention: str = "keep_bias",
) -> UnitMask:
    """Reads one mask of heads and MLPs from a folder or an npz file.

    Args:
        path: the folder, or the npz file with the keys {task}/{seed}/heads and {task}/{seed}/mlps;
            other files and keys are ignored.
        task: the task's name in there.
        seed: the seed.
        architecture: sizes of the model.
        emptied_attention: see `UnitMask`.

    Raises:
        StudyError: the mask is not there, is damaged, holds anything but zeros and ones, or does
            not fit the model.
    """
    read = _from_folder if path.is_dir() else _from_npz
    arrays = read(path, task, seed)
    units = {}
    for kind in ALWAYS:
        name, array = arrays[KINDS[kind].array]
        _check(name, array, KINDS[kind].shape(architecture))
        units[kind] = array.astype(bool)
    return UnitMask(units, emptied_attention)


def _from_folder(folder: Path, task: str, seed: int) -> dict[str, tuple[str, np.ndarray]]:
    """Kind of unit -> (name for messages, array)."""
    arrays = {}
    for kind, path in zip(FILES, mask_files(folder, task, seed), strict=True):
        if not path.is_file():
            raise StudyError(
                f"{path} does not exist, so there is no mask of {task} with seed {seed}; "
                f"{_found_in_folder(folder, task)}."
            )
        with reading(path, "npy", advice=GIVEN), _no_objects(str(path)):
            array = np.load(path, allow_pickle=False)
            if not isinstance(array, np.ndarray):
                raise ValueError("it is an archive")
        arrays[kind] = (str(path), array)
    return arrays


def _found_in_folder(folder: Path, task: str) -> str:
    seeds = sorted(path.name.removeprefix("seed_") for path in (folder / task).glob("seed_*"))
    if seeds:
        return f"of {task} it holds the seeds {', '.join(seeds)}"
    return _tasks_found(path.name for path in folder.iterdir() if path.is_dir())


def _from_npz(path: Path, task: str, seed: int) -> dict[str, tuple[str, np.ndarray]]:
    """Kind of unit -> (name for messages, array); only the two arrays of the mask are read."""
    arrays = {}
    with reading(path, "npz", *NPZ_DAMAGE, advice=GIVEN):
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it is a single array")
        with archive:
            for kind in FILES:
                key = f"{task}/{seed}/{kind}"
                if key not in archive.files:
                    raise StudyError(
                        f"{path} lacks the key {key}; {_found_in_npz(archive.files, task)}."
                    )
                with _no_objects(f"{path}, {key}"):
                    arrays[kind] = (f"{path}, {key}", archive[key])
    return arrays


def _found_in_npz(keys: list[str], task: str) -> str:
    parts = [key.split("/") for key in keys]
    seeds = dict.fromkeys(part[1] for part in parts if part[0] == task and len(part) == 3)
    if seeds:
        return f"of {task} it holds the seeds {', '.join(seeds)}"
    return _tasks_found(part[0] for part in parts if len(part) == 3)


def _tasks_found(names: Iterable[str]) -> str:
    tasks = sorted(set(names))
    return f"it holds the tasks {', '.join(tasks)}" if tasks else "it holds no masks"


@contextmanager
def _no_objects(name: str) -> Iterator[None]:
    """Tells an array of Python objects, which numpy refuses to unpickle, from a damaged file."""
    try:
        yield
    except ValueError as error:
        if "Object arrays" not in str(error):
            raise
        raise StudyError(
            f"{name} is an array of Python objects; save it as numbers, each 0 or 1."
        ) from error


def _check(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if array.dtype.kind not in NUMBERS:
        raise StudyError(f"{name} holds {array.dtype} where a mask holds numbers, each 0 or 1.")
    if array.shape != shape:
        raise StudyError(
            f"{name} has the shape {_times(array.shape)}; the model's is {_times(shape)}."
        )
    odd = array[~np.isin(array, (0, 1))]
    if odd.size:
        raise StudyError(f"{name} holds {odd.flat[0]}; a mask holds 0 and 1 alone.")


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "that of a single number"
