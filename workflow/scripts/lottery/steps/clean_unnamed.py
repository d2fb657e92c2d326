"""Step clean_unnamed: frees the disk of what list_unnamed has listed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from lottery.files.errors import StudyError
from lottery.steps.list_unnamed import LIST

VERSION = 1


def clean_unnamed(*, unnamed: list[str], results: str, say: Callable[[str], None] = print) -> None:
    """Removes what unnamed.txt lists, if the config still does not name it.

    Args:
        unnamed: the paths that the config does not name now.
        results: the folder of the study's results, which holds the list.
        say: prints a line.

    Raises:
        StudyError: nothing has been listed.
    """
    path = Path(results) / LIST
    if not path.is_file():
        raise StudyError(f"{path} is not there; run list_unnamed first and read what it lists.")
    for name in path.read_text(encoding="utf-8").splitlines():
        if name in unnamed:
            _remove(Path(name))
            say(f"removed  {name}")
        elif name and not name.startswith("#"):
            say(f"kept     {name}, which the config names again or list_unnamed did not list")
    path.unlink()


def _remove(path: Path) -> None:
    """Removes a file, link or folder, following no link, and then the folders left empty above."""
    if path.is_symlink() or not path.is_dir():
        path.unlink()
    else:
        shutil.rmtree(path)
    for parent in list(path.parents)[:-2]:  # results and resources themselves stay
        if parent.is_symlink() or any(parent.iterdir()):
            return
        parent.rmdir()
