"""Step draw_maps: attention maps of a study -> pictures, arrays, and a csv to fill in."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.image import imsave

from lottery import files
from lottery.analysis.patterns import sampled_maps
from lottery.attention.annotated import COLUMNS
from lottery.attention.rules import ATTENTION
from lottery.pruning.controls import generator

VERSION = 1

MOST = 200  # maps of each kind of attention
PIXELS = 8  # of an entry, in both directions


def draw_maps(*, paths_to_patterns: list[Path], path_to_list: Path, tasks: list[str]) -> None:
    """Draws maps of all cells at random, with no word of what they are, for an annotator.

    Args:
        paths_to_patterns: patterns.npz of the cells.
        path_to_list: maps.csv to write, with an empty column `class`; pictures and arrays go to
            the folder maps next to it.
        tasks: the task of each cell.
    """
    found = sorted(sampled_maps(paths_to_patterns, tasks), key=itemgetter("attention"))
    by_kind = {kind: list(own) for kind, own in groupby(found, itemgetter("attention"))}
    rng = generator("maps to annotate")
    chosen: list[dict[str, Any]] = []
    for kind in ATTENTION:
        own = by_kind.get(kind, [])
        chosen += [own[place] for place in rng.permutation(len(own))[:MOST]]
    folder, rows = path_to_list.parent / "maps", []
    folder.mkdir(parents=True, exist_ok=True)
    for number, each in enumerate(chosen, start=1):
        np.save(folder / f"{number:03d}.npy", each["map"], allow_pickle=False)
        _draw(each["map"], folder / f"{number:03d}.png")
        names = (f"{folder.name}/{number:03d}.{kind}" for kind in ("npy", "png"))
        rows.append(dict(zip(COLUMNS, (*names, each["attention"], ""), strict=True)))
    files.write_csv(path_to_list, rows, list(COLUMNS))


def _draw(values: np.ndarray, path: Path) -> None:
    """Draws a map, black for its largest value."""
    enlarged = np.kron(values, np.ones((PIXELS, PIXELS)))
    imsave(path, enlarged, cmap="Greys", vmin=0.0, metadata={"Software": None})
