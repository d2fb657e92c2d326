"""Where a task's examples come from: files, a local folder of GLUE, the hub, or an address."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from lottery.data.readers import SUFFIXES, RawTable, read_data_file
from lottery.files import expanded
from lottery.files.errors import StudyError
from lottery.tasks.places import files_of, glue_place, is_saved
from lottery.tasks.task import DOWNLOADS, GLUE_REPOSITORY, GLUE_REVISION, Task

INDEX_COLUMN = "idx"


def read_split(
    task: Task, split: str, wanted: Collection[str], glue_folder: str | None, cache: Path | None
) -> RawTable:
    """Reads the wanted columns of a split of a task of any kind but "generated".

    Args:
        task: The task.
        split: One of its split names.
        wanted: The columns to keep where they exist.
        glue_folder: A folder `<task>/<split>.parquet` (or another type of file), or the original
            GLUE download, that takes the hub's place for GLUE tasks, and the address's for a task
            of the web that it has; None for the network.
        cache: Folder for downloads from the hub; None takes huggingface_hub's own.
    """
    place = dict(task.splits)[split]
    if task.kind == "files":
        raw = read_data_file(expanded(place), wanted, quoting=task.quoting, encoding=task.encoding)
        return replace(raw, name=place)
    if task.kind == "web":
        return _of_the_web(task, split, place, wanted, glue_folder)
    if glue_folder is not None:
        return _of_folder(local_glue_file(expanded(glue_folder), task, split, place), task, wanted)
    file = f"{task.glue}/{place}-00000-of-00001.parquet"
    raw = read_data_file(_of_the_hub(file, cache), wanted)
    return replace(
        raw, source=f"{GLUE_REPOSITORY}/{file}", name=GLUE_REPOSITORY, revision=GLUE_REVISION
    )


def local_glue_file(folder: Path, task: Task, split: str, hub_split: str) -> Path:
    """Finds a split under our name or the hub's, as in mnli/validation_matched.parquet.

    In the folders of the original download it is called as there: MNLI/dev_matched.tsv.
    """
    place = glue_place(folder, task) or folder / str(task.glue)
    if place.name != task.glue:
        name = f"{hub_split.replace('validation', 'dev')}.tsv"
        if (place / name).is_file():
            return place / name
        raise StudyError(
            f"glue_folder {folder} has no file {place.name}/{name}, which task {task.id} needs."
        )
    for name in dict.fromkeys((hub_split, split)):
        path = _existing(place / name, SUFFIXES)
        if path is not None:
            return path
    raise StudyError(
        f"glue_folder {folder} has no file {task.glue}/{hub_split} with the ending "
        f"{', '.join(SUFFIXES)}, and no such folder of save_to_disk, which task {task.id} needs."
    )


def _of_folder(path: Path, task: Task, wanted: Collection[str]) -> RawTable:
    """Reads a file of `glue_folder`; of the original download under the hub's column names."""
    download = DOWNLOADS[str(task.glue)]
    if path.parent.name != download.folder:
        return read_data_file(path, wanted)
    theirs = {download.columns.get(name, name): name for name in wanted}
    raw = read_data_file(
        path,
        theirs,
        quoting="none",
        header=download.header,
        skip_short=download.has_short_rows,
    )
    columns = {theirs[name]: column for name, column in raw.columns.items()}
    if raw.cut_short:  # the hub numbers rows with those that it leaves out, too
        columns[INDEX_COLUMN] = [[number - 2 for number in raw.numbers]]
    return replace(raw, columns=columns)


def _existing(stem: Path, suffixes: Collection[str]) -> Path | None:
    """The file with that stem, those that hold label names first, or the folder of that name."""
    files = (stem.with_name(stem.name + suffix) for suffix in reversed([*suffixes]))
    return next((file for file in files if file.is_file()), stem if is_saved(stem) else None)


def local_files(task: Task, glue_folder: str | None) -> list[str]:
    """The user's files that a task is read from; none where the hub or a generator is its source.

    Raises:
        StudyError: glue_folder lacks a split of the task.
    """
    places = list(task.source_files)
    if glue_folder is not None and task.kind == "glue":
        folder = expanded(glue_folder)
        places = [str(local_glue_file(folder, task, *split)) for split in task.splits]
    elif glue_folder is not None and task.kind == "web":
        copies = (_local_copy(task, split, glue_folder) for split in task.split_names)
        places = [str(path) for path in copies if path is not None]
    return [file for place in places for file in files_of(place)]


def _of_the_hub(file: str, cache: Path | None) -> Path:
    """Gives the local copy of a file at the pinned revision, downloaded if need be.

    Not `datasets.load_dataset`: it downloads into the user's home whatever its cache_dir, asks the
    hub for a list of files first, and prepares every split, the unlabelled one for tests too.
    """
    if cache is not None:
        os.environ.setdefault("HF_XET_CACHE", str(cache / "xet"))
    from lottery.files import hub

    advice = "or set glue_folder to a local copy"
    return hub.fetch_file(GLUE_REPOSITORY, file, GLUE_REVISION, cache, advice)


def _of_the_web(
    task: Task, split: str, address: str, wanted: Collection[str], folder: str | None
) -> RawTable:
    """Reads a tab-separated file without quoting from an address, or a local copy of it.

    Without `datasets`, which needs aiohttp to read from an address.
    """
    from tempfile import TemporaryDirectory

    if folder is not None and (path := _local_copy(task, split, folder)) is not None:
        is_copy = path.suffix == ".txt"
        suffix, quoting = (".tsv", "none") if is_copy else (None, None)
        return read_data_file(path, wanted, suffix, quoting)
    with TemporaryDirectory() as temporary:
        path = Path(temporary) / f"{split}.tsv"
        path.write_bytes(_downloaded(task, split, address))
        raw = read_data_file(path, wanted, quoting="none")
        return replace(raw, source=address, name=address)


def _local_copy(task: Task, split: str, folder: str) -> Path | None:
    """The copy in glue_folder of a file that would be read from an address."""
    return _existing(expanded(folder) / str(task.web) / split, [".txt", *SUFFIXES])


def _downloaded(task: Task, split: str, address: str) -> bytes:
    from lottery.files import hub

    copy = f"{task.web}/{split}.txt"
    return hub.fetch_address(address, f"or set glue_folder to a folder with a copy as {copy}")
