"""The places that tasks are read from, looked at without reading them."""

from __future__ import annotations

import os
from pathlib import Path

from lottery.files import expanded
from lottery.files.reading import require_file, require_no_device
from lottery.tasks.task import DOWNLOADS, Task


def is_saved(path: Path) -> bool:
    """Whether a path is a folder, as `Dataset.save_to_disk` makes it."""
    return path.is_dir() and not path.suffix


def files_of(source: str) -> list[str]:
    """The files that a source is read from: itself, or what a folder of `save_to_disk` holds."""
    folder = expanded(source)
    if not is_saved(folder):
        return [source]
    return sorted(str(file) for file in folder.iterdir() if file.is_file())


def require_files(path: Path) -> None:
    """Rejects a source that cannot be read to its end.

    Raises:
        StudyError: It is missing, a pipe, a device or a socket, or a folder that holds one.
    """
    if not is_saved(path):
        require_file(path)
    for file in path.iterdir() if is_saved(path) else ():
        require_no_device(file)


def glue_place(folder: Path, task: Task) -> Path | None:
    """The folder of a GLUE task in `glue_folder`: ours, or that of the original download."""
    present = os.listdir(folder)  # where case does not matter, CoLA is there under both names
    names = (str(task.glue), DOWNLOADS[str(task.glue)].folder)
    places = [folder / name for name in names if name in present]
    return next((place for place in places if place.is_dir()), None)
