"""Where a task's rows come from: the hub, an address, a local folder, own files, a generator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import urlopen

from lottery.data.examples import wanted_columns
from lottery.data.readers import RawTable, read_table
from lottery.files import expanded
from lottery.files.errors import StudyError
from lottery.tasks import FILE_TYPES, GLUE_REPOSITORY, GLUE_REVISION, Task

GROUP_COLUMN = "heuristic"  # of generated tasks that have groups
TIMEOUT = 60  # seconds without an answer
WEB_TYPES = {".txt": ".tsv"}  # endings that are read as another one


@dataclass(frozen=True)
class Source:
    """One split as its source gives it, and the source's name for the record.

    Attributes:
        raw: The rows.
        name: Repository, file or generator.
        revision: Commit of the hub's repository; empty for the other kinds.
    """

    raw: RawTable
    name: str
    revision: str = ""


def read_split(task: Task, split: str, glue_folder: str | None) -> Source:
    """Reads one split of a GLUE task, of a task of the web, or of one's own files.

    Args:
        task: A task of kind "glue", "web" or "files".
        split: One of the task's split names.
        glue_folder: A folder `<task>/<split>.parquet|csv|tsv|jsonl` that takes the hub's place for
            GLUE tasks, and the address's for a task of the web that it has; None for the network.

    Raises:
        StudyError: The source is not there, or cannot be read.
    """
    place = dict(task.splits)[split]
    wanted = wanted_columns(task)
    if task.kind == "files":
        return Source(read_table(expanded(place), wanted), place)
    if task.kind == "web":
        return _of_the_web(task, split, place, glue_folder)
    if glue_folder is not None:
        path = local_glue_file(expanded(glue_folder), task, split, place)
        return Source(read_table(path, wanted), str(path))
    path = _hub_file(task, place)
    return Source(read_table(path, wanted), GLUE_REPOSITORY, GLUE_REVISION)


def generate_splits(task: Task) -> dict[str, Source]:
    """Makes the splits of a generated task."""
    from lottery.data.generated import GENERATED, generate

    made = generate(task.generated, task.train_examples, task.validation_examples, task.data_seed)
    names = GENERATED[task.generated].labels
    name = f"generated task {task.generated}"
    return {
        split: Source(_raw_table(f"{name}, {split}", task, made[split], names), name)
        for split in task.split_names
    }


def _raw_table(
    source: str, task: Task, examples: Sequence[Any], names: tuple[str, ...] | None
) -> RawTable:
    columns = {
        "idx": [example.idx for example in examples],
        task.text[0]: [example.text_a for example in examples],
        task.label: [example.label for example in examples],
    }
    if len(task.text) == 2:
        columns[task.text[1]] = [example.text_b for example in examples]
    if any(example.group for example in examples):
        columns[GROUP_COLUMN] = [example.group for example in examples]
    label_names = {} if names is None else {task.label: names}
    return RawTable(
        source, columns, tuple(columns), label_names, "row", range(1, len(examples) + 1)
    )


def _of_the_web(task: Task, split: str, address: str, folder: str | None) -> Source:
    """Reads a tab-separated file without quoting from an address, or a local copy of it."""
    wanted = wanted_columns(task)
    if folder is not None:
        for suffix in (*FILE_TYPES[::-1], ".txt"):
            path = expanded(folder) / str(task.web) / f"{split}{suffix}"
            if path.is_file():
                return Source(read_table(path, wanted, like=WEB_TYPES.get(suffix)), str(path))
    with TemporaryDirectory() as temporary:
        path = Path(temporary) / f"{split}.tsv"
        path.write_bytes(_downloaded(task, split, address))
        raw = read_table(path, wanted)
    return Source(replace(raw, source=address), address)


def _downloaded(task: Task, split: str, address: str) -> bytes:
    from huggingface_hub import constants

    try:
        if constants.HF_HUB_OFFLINE:
            raise OSError("HF_HUB_OFFLINE forbids it")
        with urlopen(address, timeout=TIMEOUT) as response:
            return response.read()
    except (OSError, HTTPException) as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise StudyError(
            f"{address} could not be fetched for task {task.id} ({reason}); check the network, or "
            f"set glue_folder to a folder with a copy as {task.web}/{split}.txt."
        ) from error


def local_glue_file(folder: Path, task: Task, split: str, hub_split: str) -> Path:
    """Finds a split under our name or the hub's, as in mnli/validation_matched.parquet."""
    for name in dict.fromkeys((hub_split, split)):
        for suffix in FILE_TYPES[::-1]:  # parquet first: it carries the label names
            path = folder / str(task.glue) / f"{name}{suffix}"
            if path.is_file():
                return path
    raise StudyError(
        f"glue_folder {folder} has no file {task.glue}/{hub_split} with the ending "
        f"{', '.join(FILE_TYPES)}, which task {task.id} needs."
    )


def _hub_file(task: Task, hub_split: str) -> Path:
    """Gives the local copy of a split's parquet file at the pinned revision, fetched if need be."""
    from huggingface_hub import hf_hub_download

    name = f"{task.glue}/{hub_split}-00000-of-00001.parquet"
    try:
        return Path(
            hf_hub_download(GLUE_REPOSITORY, name, repo_type="dataset", revision=GLUE_REVISION)
        )
    except Exception as error:  # a dozen classes of three libraries; to the user one thing
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise StudyError(
            f"{name} of {GLUE_REPOSITORY} could not be fetched for task {task.id} ({reason}); "
            "check the network, or set glue_folder to a local copy."
        ) from error
