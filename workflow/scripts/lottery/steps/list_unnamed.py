"""Step list_unnamed: lists the results and resources that the config does not name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from lottery.files import atomic

VERSION = 1
LIST = "unnamed.txt"  # in the folder of results
HEADER = (
    "# The config does not name these; other studies may use what lies in resources/. Delete the\n"
    "# lines of what should stay, then run `snakemake clean_unnamed` to remove the rest.\n"
)


def list_unnamed(*, unnamed: list[str], results: str, say: Callable[[str], None] = print) -> None:
    """Lists what the config does not name, and removes nothing.

    Args:
        unnamed: paths (`lottery.planning.folders`).
        results: the folder of the study's results; the list is written there as unnamed.txt.
        say: prints a line.
    """
    path, sizes = Path(results) / LIST, [_size(Path(name)) for name in unnamed]
    places = "1 place" if len(unnamed) == 1 else f"{len(unnamed)} places"
    for size, name in zip(sizes, unnamed, strict=True):
        say(f"{size / 1e6:10.1f} MB  {name}")
    say(f"{sum(sizes) / 1e6:10.1f} MB  in {places} the config does not name")
    if not unnamed:
        path.unlink(missing_ok=True)
        return
    with atomic(path) as temporary:
        text = HEADER + "".join(f"{name}\n" for name in unnamed)
        temporary.write_text(text, encoding="utf-8")
    say(f"nothing is removed yet: {path} lists them, clean_unnamed removes them")


def _size(place: Path) -> int:
    """Bytes of a file or folder; a link counts as itself."""
    if place.is_symlink() or not place.is_dir():
        return place.lstat().st_size
    files = (Path(folder, name) for folder, _, names in os.walk(place) for name in names)
    return sum(file.lstat().st_size for file in files)
