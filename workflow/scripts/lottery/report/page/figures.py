"""The figures of the page: which there are, in which section, under which caption."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from lottery import files
from lottery.report.page import captions
from lottery.report.page.records import Record
from lottery.report.page.sections import OTHERS, SECTIONS, Section, Shown

# Above this size of a vector figure a browser is slow, and the bitmap is used if it is smaller.
LARGE = 1_500_000
# From points to pixels, and as much larger as makes 7 points easy to read on a screen.
SCALE = 96 / 72 * 1.3


@dataclass(frozen=True)
class Figure:
    """A figure as the page shows it.

    Attributes:
        number: its number within the page.
        name: the kind: the stem of its file.
        model: what it shows.
        methods: likewise; several where the figure is the same for all of them.
        data: the file as a data address.
        caption: a fragment of HTML.
        width: in pixels; None where the file does not say its own.
    """

    number: int
    name: str
    model: str
    methods: tuple[str, ...]
    data: str
    caption: str
    width: int | None = None

    @property
    def anchor(self) -> str:
        """Its id within the page."""
        return f"figure-{self.number}"


@dataclass(frozen=True)
class Kind:
    """The figures of one kind."""

    shown: Shown
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Gathered:
    """A section with the figures that the run made for it."""

    section: Section
    kinds: tuple[Kind, ...]


@dataclass(frozen=True)
class Captions:
    """What captions are made from.

    Attributes:
        templates: stem -> file of a caption.
        makers: path -> record of the job that made it.
        config: the config of the run.
    """

    templates: Mapping[str, Path]
    makers: Mapping[str, Record]
    config: Mapping[str, Any]

    def of(self, path: Path, shown: Shown) -> str:
        """The caption of a figure; empty where its rule has none."""
        template = self.templates.get(shown.caption or shown.name)
        record = self.makers.get(str(path))
        if template is None or record is None:
            return ""
        variables = captions.job_variables(record, self.config)
        return captions.render(template.read_text(encoding="utf-8"), variables, template.name)


def gather(paths: Sequence[Path], sources: Captions) -> list[Gathered]:
    """Puts every figure into its section, and those that no section names into a last one.

    Args:
        paths: the svg files, {model}/{method}/{name}.svg, in the order in which equal kinds are to
            follow each other; a png of the same stem lies beside each.
        sources: what captions are made from.

    Returns:
        The sections in the order of the page, with empty ones; the last one only if it is needed.
    """
    left = list(dict.fromkeys(paths))
    gathered, number = [], 0
    for section in SECTIONS:
        kinds = []
        for shown in section.figures:
            chosen = [path for path in left if fnmatchcase(path.stem, shown.name)]
            left = [path for path in left if path not in chosen]
            same = _same(chosen)
            kinds += _kind(shown, same, number, sources)
            number += len(same)
        gathered.append(Gathered(section, tuple(kinds)))
    others = []
    for name in dict.fromkeys(path.stem for path in left):
        same = _same([path for path in left if path.stem == name])
        others += _kind(Shown(name, in_words(name)), same, number, sources)
        number += len(same)
    return [*gathered, Gathered(OTHERS, tuple(others))] if others else gathered


def in_words(name: str) -> str:
    """A file's stem as a heading."""
    return name.replace("_", " ").capitalize()


def _same(paths: Iterable[Path]) -> list[list[Path]]:
    """Groups what is byte for byte the same figure: maps of a model, for every method on it."""
    groups: dict[tuple[str, str], list[Path]] = {}
    for path in paths:
        groups.setdefault((path.parts[-3], files.sha256(path)), []).append(path)
    return list(groups.values())


def _kind(
    shown: Shown, groups: Sequence[Sequence[Path]], before: int, sources: Captions
) -> list[Kind]:
    """The figures of one kind, numbered on; nothing without any."""
    numbered = enumerate(groups, start=before + 1)
    figures = tuple(_figure(number, same, shown, sources) for number, same in numbered)
    return [Kind(shown, figures)] if figures else []


def _figure(number: int, same: Sequence[Path], shown: Shown, sources: Captions) -> Figure:
    path = same[0]
    return Figure(
        number=number,
        name=path.stem,
        model=path.parts[-3],
        methods=tuple(each.parts[-2] for each in same),
        data=data_address(path),
        caption=sources.of(path, shown),
        width=_width(path),
    )


def _width(path: Path) -> int | None:
    """The width of an svg on the screen, from its own in points."""
    with path.open(encoding="utf-8", errors="replace") as file:
        found = re.search(r'<svg[^>]*\swidth="([0-9.]+)pt"', file.read(4000))
    return round(float(found[1]) * SCALE) if found else None


def data_address(path: Path) -> str:
    """A figure's file as an address that holds the file itself.

    An svg goes in as a picture, not as elements of the page: ids inside one would meet those of
    the next.
    """
    png = path.with_suffix(".png")
    large = path.stat().st_size > LARGE
    if large and png.exists() and png.stat().st_size < path.stat().st_size:
        path = png
    kind = {".svg": "image/svg+xml", ".png": "image/png"}[path.suffix]
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
