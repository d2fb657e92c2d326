"""The figures of the page, and its sections: which figure and table is in which, in which order.

A section appears where the run made something for it. A figure that no section names appears in
the last one, under its file's name.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from docutils.core import publish_parts
from docutils.utils import SystemMessage
from jinja2 import Environment, StrictUndefined, TemplateError

from lottery import files
from lottery.files.errors import StudyError
from lottery.report.page.cost import Record
from lottery.report.tables.model import Table

# Above this size of a vector figure a browser is slow, and the bitmap is used if it is smaller.
LARGE = 1_500_000
# From points to pixels, and as much larger as makes 7 points easy to read on a screen.
SCALE = 96 / 72 * 1.3
# Nothing in a caption may pull in a program's output or raw HTML. Notes next to the tables may be
# included; docutils takes their paths from the working directory.
DOCUTILS = {
    "raw_enabled": False,
    "report_level": 2,
    "halt_level": 2,
    "warning_stream": False,
    "embed_stylesheet": False,
    "syntax_highlight": "none",
}


class Shown(NamedTuple):
    """A kind of figure."""

    name: str  # the stem of its file, maybe with * where it differs from figure to figure
    title: str
    caption: str = ""  # the stem of its caption in workflow/report; `name` where empty


class Section(NamedTuple):
    """A question of the paper, with its figures in the order of the page."""

    id: str
    title: str
    introduction: str
    figures: tuple[Shown, ...] = ()
    tables: tuple[str, ...] = ()  # the names of those before the figures, maybe with *


SECTIONS = (
    Section(
        "good",
        "Do small subnetworks work as well as the full model?",
        "A method removes what matters least by its own measure, as a rule until the score falls"
        " below a threshold. What is left is the good subnetwork. It is scored as it is (pruned),"
        " and after another fine-tuning from the pretrained weights (retrained).",
        (
            Shown("scores", "Scores"),
            Shown("methods", "Methods side by side"),
            Shown("trajectories", "The searches"),
        ),
    ),
    Section(
        "others",
        "Are the others worse, before and after retraining?",
        "Random and bad subnetworks of like size show whether it matters which part of the model is"
        " kept (published random masks have the good one's size on average, all others exactly). A"
        " control that shares much with the good subnetwork tells less.",
        (Shown("differences", "Differences between subnetworks"),),
        ("differences", "overlap", "trainability"),
    ),
    Section(
        "stable",
        "Are the good subnetworks stable over seeds?",
        "Agreement is compared with what masks of the same sizes would have in common by chance,"
        " and with the noise of the search itself.",
        (
            Shown("stability", "Agreement over seeds"),
            Shown("noise", "Noise of seeds and noise of data"),
            Shown("survival_tasks", "What survives, task by task"),
            Shown("survivors", "Units that survive under every seed"),
        ),
    ),
    Section(
        "units",
        "What do the surviving parts do?",
        "Whether attention patterns, importances and the size of the weights tell which units"
        " survive.",
        (
            Shown("patterns", "Attention of surviving heads"),
            Shown("pattern_shares", "Classes of attention maps"),
            Shown("example_maps", "Examples of attention maps"),
            Shown("importance_histograms", "Importances"),
            Shown("importance_correlations", "Importances from step to step"),
            Shown("magnitudes", "Magnitudes of the weights"),
        ),
        ("associations",),
    ),
    Section(
        "tasks",
        "Do tasks share their subnetworks?",
        "Units that the good subnetworks of different tasks have in common.",
        (
            Shown("task_overlap", "Units in common, by pairs of tasks"),
            Shown("survival_all", "What survives over all tasks"),
        ),
    ),
    Section(
        "outside",
        "How do they do outside the data they were trained on?",
        "Models and subnetworks scored on tasks that nothing was trained on.",
        (Shown("on_*", "Scores on other tasks", "on_task"),),
        ("on_*",),
    ),
)


def caption(template: Path, record: Record, config: Mapping[str, Any]) -> str:
    """A rule's caption as HTML: the same text that Snakemake's own report shows.

    Args:
        template: reStructuredText with Jinja's marks, which calls the job `snakemake`.
        record: provenance of that job.
        config: the config of the run.

    Raises:
        StudyError: the caption names what the rule does not have, or is no reStructuredText.
    """
    job = {name: record.get(name, {}) for name in ("rule", "wildcards", "params")}
    for kind in ("input", "output"):
        named = {name: list(digests) for name, digests in record[f"{kind}s"].items()}
        job[kind] = {name: p[0] if len(p) == 1 else p for name, p in named.items()}
    environment = Environment(undefined=StrictUndefined)
    try:
        parsed = environment.from_string(template.read_text(encoding="utf-8"))
        text = parsed.render(snakemake=job | {"config": config})
        return publish_parts(text, writer="html5", settings_overrides=DOCUTILS)["body"]
    except (TemplateError, SystemMessage) as error:
        reason = " ".join(str(error).split())
        raise StudyError(f"The caption {template.name} cannot be rendered: {reason}.") from error


def gather(
    paths: Sequence[Path],
    tables: Mapping[str, Table],
    caption_of: Callable[[Path, str], str],
) -> list[dict[str, Any]]:
    """Puts every figure and table into its section, and figures that none names into a last one.

    Args:
        paths: the svg files, {model}/{method}/{name}.svg, in the order in which equal kinds are to
            follow each other; a png of the same stem is next to each.
        tables: by the name that a section gives them.
        caption_of: the caption of a figure as HTML, from its path and the caption's stem.

    Returns:
        The sections that have a figure or a table, in the order of the page.
    """
    known = [shown.name for section in SECTIONS for shown in section.figures]
    other = {p.stem: None for p in paths if not any(fnmatchcase(p.stem, name) for name in known)}
    others = [Shown(name, name.replace("_", " ").capitalize()) for name in other]
    numbers, gathered = count(1), []
    for section in [*SECTIONS, Section("further", "Further figures", "", tuple(others))]:
        kinds = []
        for shown in section.figures:
            same: dict[tuple[str, str], list[Path]] = {}
            for path in dict.fromkeys(p for p in paths if fnmatchcase(p.stem, shown.name)):
                # Maps of a model are byte for byte the same for every method on it.
                same.setdefault((path.parts[-3], files.sha256(path)), []).append(path)
            figures = [
                figure(each, next(numbers), caption_of(each[0], shown.caption or shown.name))
                for each in same.values()
            ]
            # An id within the page: without what an address would have to escape.
            anchor = f"{section.id}-{re.sub(r'[^a-z0-9_-]+', '', shown.name.lower())}"
            if figures:
                kinds.append({"anchor": anchor, "title": shown.title, "figures": figures})
        own = tables_of(section, tables)
        if kinds or own:
            gathered.append({"section": section, "tables": own, "kinds": kinds})
    return gathered


def tables_of(section: Section, tables: Mapping[str, Table]) -> list[Table]:
    """The tables of a section, in the order of their names there."""
    return [
        table
        for wanted in section.tables
        for name, table in tables.items()
        if fnmatchcase(name, wanted)
    ]


def figure(same: Sequence[Path], number: int, caption: str) -> dict[str, Any]:
    """A figure as the page's template shows it; `same`: its file of every method that shares it.

    An svg is embedded as a picture, not as elements of the page: ids inside one would meet those of
    the next.
    """
    path, png = same[0], same[0].with_suffix(".png")
    model, methods = path.parts[-3], ", ".join(each.parts[-2] for each in same)
    with path.open(encoding="utf-8", errors="replace") as file:
        width = re.search(r'<svg[^>]*\swidth="([0-9.]+)pt"', file.read(4000))
    size = path.stat().st_size
    shown, kind = path, "svg+xml"
    if size > LARGE and png.exists() and png.stat().st_size < size:
        shown, kind = png, "png"
    data = base64.b64encode(shown.read_bytes()).decode("ascii")
    return {
        "number": number,
        "title": f"Figure {number}: {methods}; {model}",
        "alt": f"Figure {number}: {path.stem.replace('_', ' ')} {model} {methods}",
        "data": f"data:image/{kind};base64,{data}",
        "width": round(float(width[1]) * SCALE) if width else None,
        "caption": caption,
    }
