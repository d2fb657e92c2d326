"""Steps list_unnamed and clean_unnamed: frees the disk of what the config no longer names."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from lottery.errors import StudyError
from lottery.files import atomic

LIST = Path("results") / "unnamed.txt"
HEADER = (
    "# Not named by the config. `snakemake clean_unnamed` removes what stands here; take out the\n"
    "# lines of what is to stay.\n"
)
MEGABYTE = 1_000_000


def list_unnamed(*, unnamed: list[str], root: Path) -> list[str]:
    """Lists the results and resources that the config does not name, and removes nothing.

    Args:
        unnamed: their paths (`lottery.config.layout`).
        root: the study's folder; the list is written there as results/unnamed.txt.

    Returns:
        What was found, line by line; it is printed too.
    """
    sizes = [_size(root / name) for name in unnamed]
    lines = [f"{_megabytes(size)}  {name}" for size, name in zip(sizes, unnamed, strict=True)]
    places = "1 place" if len(unnamed) == 1 else f"{len(unnamed)} places"
    lines.append(f"{_megabytes(sum(sizes))}  in {places} the config does not name")
    if unnamed:
        with atomic(root / LIST) as temporary:
            text = HEADER + "".join(f"{name}\n" for name in unnamed)
            temporary.write_text(text, encoding="utf-8")
        lines.append(f"nothing is removed yet: {LIST} lists them, clean_unnamed removes them")
    else:
        (root / LIST).unlink(missing_ok=True)
    print("\n".join(lines), flush=True)
    return lines


def clean_unnamed(*, unnamed: list[str], root: Path) -> list[str]:
    """Removes what stands in results/unnamed.txt, if the config still does not name it.

    Args:
        unnamed: the paths that the config does not name now.
        root: the study's folder.

    Returns:
        What was done, line by line; it is printed too.

    Raises:
        StudyError: nothing has been listed.
    """
    if not (root / LIST).is_file():
        raise StudyError(f"{LIST} is not there; run list_unnamed first and read what it lists.")
    text = (root / LIST).read_text(encoding="utf-8")
    lines = []
    for name in (line for line in text.splitlines() if line and not line.startswith("#")):
        if name in unnamed:
            _remove(root, Path(name))
            lines.append(f"removed  {name}")
        else:
            lines.append(f"kept     {name}, which the list of now does not hold")
        print(lines[-1], flush=True)
    (root / LIST).unlink()
    return lines


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
