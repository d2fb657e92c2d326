"""Where a task's examples come from: files, a local folder of GLUE, the hub, or an address."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lottery.data.readers import SUFFIXES, RawTable, read_data_file, read_hub_split
from lottery.data.typed import HubSplit
from lottery.files import expanded, read_json, write_json
from lottery.files.errors import StudyError
from lottery.tasks.labels import column_name, label_name
from lottery.tasks.places import files_of, glue_place, is_saved
from lottery.tasks.task import DOWNLOADS, GLUE_REPOSITORY, GLUE_REVISION, Task

if TYPE_CHECKING:
    import numpy as np

INDEX_COLUMN = "idx"
HUB_CACHE = ".hub"  # among the folders of the tasks, which share what they download


def read_split(
    task: Task,
    split: str,
    wanted: Collection[str],
    glue_folder: str | None,
    cache: Path | None,
    rows: np.ndarray | None = None,
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
        rows: Of a data set of the hub the rows to keep, from 0 and ascending; None for all.
    """
    place = dict(task.splits)[split]
    if task.kind == "hub":
        return _of_a_data_set(task, place, wanted, cache, rows)
    if task.kind == "files":
        raw = read_data_file(expanded(place), wanted, quoting=task.quoting, encoding=task.encoding)
        return replace(raw, name=place)
    if task.kind == "web":
        return _of_the_web(task, split, place, wanted, glue_folder)
    if glue_folder is not None:
        return _of_folder(local_glue_file(expanded(glue_folder), task, split, place), task, wanted)
    file = f"{task.glue}/{place}-00000-of-00001.parquet"
    advice = "or set glue_folder to a local copy"
    raw = read_data_file(_of_the_hub(GLUE_REPOSITORY, file, GLUE_REVISION, cache, advice), wanted)
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


def _of_the_hub(
    repository: str, file: str, revision: str, cache: Path | None, advice: str = ""
) -> Path:
    """Gives the local copy of a file at the pinned revision, downloaded if need be.

    Not `datasets.load_dataset`: it downloads into the user's home whatever its cache_dir, and
    prepares every split, the unlabelled one for tests too.
    """
    if cache is not None:
        os.environ.setdefault("HF_XET_CACHE", str(cache / "xet"))
    from lottery.files import hub

    return hub.fetch_file(repository, file, revision, cache, advice)


def _of_a_data_set(
    task: Task, split: str, wanted: Collection[str], cache: Path | None, rows: np.ndarray | None
) -> RawTable:
    """Reads a split of a data set of the hub; its rows are numbered from 0."""
    import pyarrow as pa

    repository, revision = str(task.hub), str(task.revision)
    facts = _facts(task, cache)
    files = tuple(
        _of_the_hub(repository, file, revision, cache) for file in _files(task, split, facts)
    )
    how = {name: facts[name] for name in ("module", "options", "features")}
    raw = read_hub_split(HubSplit(f"{repository}, split {split}", files, **how), wanted, rows)
    numbers = pa.array(raw.numbers, pa.int64())
    columns = raw.columns | {INDEX_COLUMN: [pa.compute.subtract(numbers, 1)]}
    return replace(raw, columns=columns, name=repository, revision=revision)


def declared_splits(task: Task, cache: Path) -> Iterator[RawTable]:
    """The splits of a task of the hub without rows; without columns where its card names none."""
    facts = _facts(task, cache)
    features = facts["features"] or {}
    available: dict[str, list[Any]] = {column_name(name): [] for name in features}
    classes = {
        column_name(name): [*map(label_name, each["names"])]
        for name, each in features.items()
        if isinstance(each, dict) and each.get("_type") == "ClassLabel"
    }
    for _, split in task.splits:
        _files(task, split, facts)
        yield RawTable(f"{task.hub}, split {split}", available, tuple(features), classes)


def _files(task: Task, split: str, facts: Any) -> list[str]:
    """The paths of a split in the repository."""
    if split not in facts["splits"]:
        raise StudyError(
            f"{task.hub} has no split {split!r}; allowed are {', '.join(facts['splits'])}."
        )
    return facts["splits"][split]


def _facts(task: Task, cache: Path | None) -> Any:
    """What the hub says of a data set at a commit, which never changes: asked once."""
    from lottery.files import hub

    repository, config, revision = str(task.hub), task.config, str(task.revision)
    if cache is None:
        return hub.describe_data_set(repository, config, revision)
    name = f"{sha256(config.encode()).hexdigest()[:16] if config else 'default'}.json"
    path = cache / "described" / repository.replace("/", "--") / revision / name
    if not path.exists():
        write_json(path, hub.describe_data_set(repository, config, revision))
    return read_json(path)


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
