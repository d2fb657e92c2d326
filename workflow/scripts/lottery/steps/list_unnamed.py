"""Step list_unnamed: lists the results and resources that the config does not name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from lottery.files import atomic

VERSION = 1
LIST = "unnamed.txt"  # in the folder of results
HEADER = (
    "# The config does not name these; other studies may use what lies in resources/. Delete the\n"
    "# lines of what should stay, then run `snakemake clean_unnamed` to remove the rest.\n"
)
MEGABYTE = 1_000_000


def list_unnamed(
    *,
    unnamed: list[str],
    results: str,
    root: Path = Path(),
    say: Callable[[str], None] = print,
) -> None:
    """Lists what the config does not name, and removes nothing.

    Args:
        unnamed: paths (`lottery.planning.folders`).
        results: the folder of the study's results; the list is written there as unnamed.txt.
        root: the folder that all paths start from.
        say: prints a line.
    """
    path = Path(results) / LIST
    sizes = [_size(root / name) for name in unnamed]
    for size, name in zip(sizes, unnamed, strict=True):
        say(f"{_megabytes(size)}  {name}")
    places = "1 place" if len(unnamed) == 1 else f"{len(unnamed)} places"
    say(f"{_megabytes(sum(sizes))}  in {places} the config does not name")
    if unnamed:
        with atomic(root / path) as temporary:
            text = HEADER + "".join(f"{name}\n" for name in unnamed)
            temporary.write_text(text, encoding="utf-8")
        say(f"nothing is removed yet: {path} lists them, clean_unnamed removes them")
    else:
        (root / path).unlink(missing_ok=True)


def _megabytes(size: int) -> str:
    return f"{size / MEGABYTE:10.1f} MB"


def _size(place: Path) -> int:
    """Bytes of a file or folder; a link counts as itself."""
    return sum(file.lstat().st_size for file in _files(place))


def _files(place: Path) -> Iterator[Path]:
    if place.is_symlink() or not place.is_dir():
        yield place
        return
    for folder, _, names in os.walk(place):
        yield from (Path(folder) / name for name in names)
