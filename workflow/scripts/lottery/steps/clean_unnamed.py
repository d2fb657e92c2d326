"""Step clean_unnamed: frees the disk of what list_unnamed has listed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from lottery.files.errors import StudyError
from lottery.steps.list_unnamed import LIST

VERSION = 1


def clean_unnamed(
    *,
    unnamed: list[str],
    results: str,
    root: Path = Path(),
    say: Callable[[str], None] = print,
) -> None:
    """Removes what unnamed.txt lists, if the config still does not name it.

    Args:
        unnamed: the paths that the config does not name now.
        results: the folder of the study's results, which holds the list.
        root: the folder that all paths start from.
        say: prints a line.

    Raises:
        StudyError: nothing has been listed.
    """
    path = root / results / LIST
    if not path.is_file():
        raise StudyError(
            f"{Path(results) / LIST} is not there; run list_unnamed first and read what it lists."
        )
    text = path.read_text(encoding="utf-8")
    for name in (line for line in text.splitlines() if line and not line.startswith("#")):
        if name in unnamed:
            _remove(root, Path(name))
            say(f"removed  {name}")
        else:
            say(f"kept     {name}, which the config names again or list_unnamed did not list")
    path.unlink()


def _remove(root: Path, path: Path) -> None:
    """Removes a file, link or folder, following no link, and then the folders left empty above."""
    place = root / path
    if place.is_symlink() or not place.is_dir():
        place.unlink()
    else:
        shutil.rmtree(place)
    for parent in list(path.parents)[:-2]:  # results and resources themselves stay
        if (root / parent).is_symlink() or any((root / parent).iterdir()):
            return
        (root / parent).rmdir()
