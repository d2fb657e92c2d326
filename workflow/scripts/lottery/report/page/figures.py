"""The figures of the page, and its sections: which figure and table is in which, in which order.

A section appears where the run made something for it. A figure that no section names appears in
the last one, under its file's name.
"""

from __future__ import annotations

import base64
import html
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from docutils.core import publish_parts
from docutils.utils import SystemMessage
from jinja2 import Environment, StrictUndefined, TemplateError

from lottery import files
from lottery.config.sentences import listed
from lottery.files.errors import StudyError
from lottery.report.page.cost import Record, paths_of
from lottery.report.tables.model import Scope, Table

# Above this size of a vector figure a browser is slow, and the bitmap is used if it is smaller.
LARGE = 1_500_000
# In the order of the rules' outputs; the last one is the sentence that its caption begins with.
FILES_OF_A_FIGURE = ("svg", "png", "pdf", "rst")
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
    claims: tuple[str, ...] = ()  # that it shows; the first with a number is its finding


class Section(NamedTuple):
    """A question of the paper, with its figures in the order of the page."""

    id: str
    title: str
    introduction: str
    figures: tuple[Shown, ...] = ()
    tables: tuple[str, ...] = ()  # the names of those before the figures, maybe with *


# Right below the answers, all methods side by side: the first of these that the study has.
LEADING = (
    Shown("overview", "All methods side by side", claims=("A1",)),
    Shown("methods", "Methods side by side", claims=("A1",)),
    Shown("scores", "Scores", claims=("A1",)),
)
SECTIONS = (
    Section(
        "good",
        "Do small subnetworks work as well as the full model?",
        "A method removes what matters least by its own measure, as a rule until the score falls"
        " below a threshold. What is left is the good subnetwork. It is scored as it is (pruned),"
        " and after another fine-tuning from the pretrained weights (retrained).",
        (
            Shown("scores", "Scores", claims=("A1",)),
            Shown("methods", "Methods side by side", claims=("A1",)),
            Shown("trajectories", "The searches", claims=("C1",)),
            Shown("training", "Training loss"),
        ),
    ),
    Section(
        "others",
        "Are the others worse, before and after retraining?",
        "Random and bad subnetworks of like size show whether it matters which part of the model is"
        " kept (published random masks have the good one's size on average, all others exactly). A"
        " control that shares much with the good subnetwork tells less.",
        (Shown("differences", "Differences between subnetworks", claims=("A2", "A3")),),
        ("differences", "overlap", "trainability"),
    ),
    Section(
        "stable",
        "Are the good subnetworks stable over seeds?",
        "Agreement is compared with what masks of the same sizes would have in common by chance,"
        " and with the noise of the search itself.",
        (
            Shown("stability", "Agreement over seeds", claims=("A4", "C10")),
            Shown("noise", "Noise of seeds and noise of data", claims=("A4",)),
            Shown("survival_tasks", "What survives, task by task"),
            Shown("survivors", "Units that survive under every seed", claims=("C8",)),
        ),
    ),
    Section(
        "units",
        "What do the surviving parts do?",
        "Whether attention patterns, importances and the size of the weights tell which units"
        " survive.",
        (
            Shown("patterns", "Attention of surviving heads", claims=("A5", "C12")),
            Shown("pattern_shares", "Classes of attention maps", claims=("C13",)),
            Shown("example_maps", "Examples of attention maps"),
            Shown("importance_histograms", "Importances", claims=("C11",)),
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
            Shown("task_overlap", "Units in common, by pairs of tasks", claims=("C14",)),
            Shown("survival_all", "What survives over all tasks"),
        ),
    ),
    Section(
        "small",
        "How small may a subnetwork be?",
        "Subnetworks of given sizes, which share one axis: the share of the parameters of the"
        " encoder's layers. Random ones of the same size show how much the choice of parts adds.",
        (Shown("score_over_size", "Score over size"),),
        ("sizes",),
    ),
    Section(
        "which",
        "Does the criterion matter, or the unit?",
        "Good subnetworks of several methods that keep the same share of the body. The methods"
        " differ in what they call important, in the units they remove, or in how they search.",
        (Shown("equal_sizes", "Methods at one size"),),
        ("equal_sizes",),
    ),
    Section(
        "weights",
        "From which weights?",
        "The same masks retrained from other weights than the pretrained ones: what is left shows"
        " what the mask is worth by itself, and random masks next to it what any mask is.",
        (Shown("starts", "Retrained from other weights"),),
        ("starts",),
    ),
    Section(
        "whose",
        "Whose mask?",
        "Masks that were found on another task or in another place of the study, trained here, next"
        " to the cell's own mask, random masks of a like size, and the full model.",
        (Shown("transfer", "Transfer of masks"),),
        ("transfer",),
    ),
    Section(
        "connected",
        "Are two trainings connected?",
        "A subnetwork is trained twice from the same weights, in another order, with other dropout."
        " Where the error does not rise on the line between the two, training is stable.",
        (Shown("connectivity", "Error on the line between two trainings"),),
        ("connectivity",),
    ),
    Section(
        "worth",
        "What is a subnetwork worth?",
        "The time of a forward pass as a ratio to that of the full model. Units that are removed"
        " are not computed; weights that are zero are.",
        (Shown("latency", "Scores over time"),),
        ("latency",),
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
        record: provenance of that job; empty for a text that names nothing of a job.
        config: the config of the run.

    Raises:
        StudyError: the caption names what the rule does not have, or is no reStructuredText.
    """
    job = {name: record.get(name, {}) for name in ("rule", "wildcards", "params")}
    for kind in ("input", "output"):
        named = {name: _ordered(digests) for name, digests in record.get(f"{kind}s", {}).items()}
        job[kind] = {name: p[0] if len(p) == 1 else p for name, p in named.items()}
    environment = Environment(undefined=StrictUndefined)
    try:
        parsed = environment.from_string(template.read_text(encoding="utf-8"))
        text = parsed.render(snakemake=job | {"config": config})
        return publish_parts(text, writer="html5", settings_overrides=DOCUTILS)["body"]
    except (TemplateError, SystemMessage) as error:
        reason = " ".join(str(error).split())
        raise StudyError(f"The caption {template.name} cannot be rendered: {reason}.") from error


def _ordered(paths: Iterable[str]) -> list[str]:
    """The files of an input or output; those of a figure in the order of its rule.

    Records sort paths.
    """
    found = list(paths)
    kinds = [Path(path).suffix[1:] for path in found]
    if {*kinds} <= {*FILES_OF_A_FIGURE}:
        return sorted(found, key=lambda path: FILES_OF_A_FIGURE.index(Path(path).suffix[1:]))
    return found


@dataclass(frozen=True)
class Place:
    """Where the figures of a study lie, and what is said of one.

    Attributes:
        folder: holds {model}/{method}/{name}.svg, and {model}/{name}.svg of all methods together.
        report: the folder of the page, from which links start.
        methods: the ids of all methods.
        caption_of: the caption of a figure as HTML, from its path and the caption's stem.
        finding_of: what a claim says, from the claims of a figure, its model and method.
        data_of: the csv files with the numbers of a figure.
    """

    folder: Path
    report: Path
    methods: Sequence[str]
    caption_of: Callable[[Path, str], str]
    finding_of: Callable[[Sequence[str], str, str], str]
    data_of: Callable[[Path], Sequence[str]]

    def subject(self, path: Path) -> tuple[str, tuple[str, ...]]:
        """The model and the methods that a figure is about."""
        model, *method = path.relative_to(self.folder).parts[:-1]
        return model, tuple(method or self.methods)

    def link(self, path: str | Path) -> str:
        """The address of a file as the page links it."""
        return quote(os.path.relpath(path, self.report))


def gather(
    paths: Sequence[Path], tables: Mapping[str, Table], place: Place
) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """Puts every figure and table into its section, and figures that none names into a last one.

    Args:
        paths: the svg files in the order in which equal kinds are to follow each other; files of
            other formats with the same stem are next to each.
        tables: by the name that a section gives them.
        place: see there.

    Returns:
        The kind of figure that leads, None where there is none of it, and the sections that have a
        figure or a table, in the order of the page.
    """
    numbers = count(1)
    lead = next((s for s in LEADING if any(path.stem == s.name for path in paths)), None)
    leading = _kind(lead, "lead", paths, place, numbers) if lead else None
    paths = [path for path in paths if not lead or path.stem != lead.name]
    known = [shown.name for section in SECTIONS for shown in section.figures]
    other = {p.stem: None for p in paths if not any(fnmatchcase(p.stem, name) for name in known)}
    others = [Shown(name, name.replace("_", " ").capitalize()) for name in other]
    gathered = []
    for section in [*SECTIONS, Section("further", "Further figures", "", tuple(others))]:
        made = (_kind(shown, section.id, paths, place, numbers) for shown in section.figures)
        kinds = [kind for kind in made if kind]
        own = tables_of(section, tables)
        if kinds or own:
            gathered.append({"section": section, "tables": own, "kinds": kinds})
    return leading, gathered


def _kind(
    shown: Shown, section: str, paths: Sequence[Path], place: Place, numbers: Iterator[int]
) -> dict[str, Any] | None:
    """The figures of a kind as the page's template shows them; None where there is none."""
    same: dict[tuple[str, str], list[Path]] = {}
    for path in dict.fromkeys(p for p in paths if fnmatchcase(p.stem, shown.name)):
        # Maps of a model are byte for byte the same for every method on it.
        same.setdefault((place.subject(path)[0], files.sha256(path)), []).append(path)
    figures = [figure(each, next(numbers), shown, place) for each in same.values()]
    # An id within the page: without what an address would have to escape.
    anchor = f"{section}-{re.sub(r'[^a-z0-9_-]+', '', shown.name.lower())}"
    return {"anchor": anchor, "title": shown.title, "figures": figures} if figures else None


def tables_of(section: Section, tables: Mapping[str, Table]) -> list[Table]:
    """The tables of a section, in the order of their names there."""
    return [
        table
        for wanted in section.tables
        for name, table in tables.items()
        if fnmatchcase(name, wanted)
    ]


def figure(same: Sequence[Path], number: int, shown: Shown, place: Place) -> dict[str, Any]:
    """A figure as the page's template shows it; `same`: its file of every method that shares it.

    An svg is embedded as a picture, not as elements of the page: ids inside one would meet those of
    the next.
    """
    path, png = same[0], same[0].with_suffix(".png")
    model = place.subject(path)[0]
    methods = list(dict.fromkeys(name for each in same for name in place.subject(each)[1]))
    with path.open(encoding="utf-8", errors="replace") as file:
        width = re.search(r'<svg[^>]*\swidth="([0-9.]+)pt"', file.read(4000))
    size = path.stat().st_size
    embedded, kind = path, "svg+xml"
    if size > LARGE and png.exists() and png.stat().st_size < size:
        embedded, kind = png, "png"
    data = base64.b64encode(embedded.read_bytes()).decode("ascii")
    text = place.caption_of(path, shown.caption or shown.name)
    found = [place.finding_of(shown.claims, model, method) for method in methods]
    findings = [f"{each}." for each in found if each]
    title = f"{shown.title}: {listed(methods)}, {model}"
    formats = [path.with_suffix(f".{ending}") for ending in ("svg", "pdf", "png")]
    links = [(each.suffix[1:], place.link(each)) for each in formats if each.exists()]
    data_paths = place.data_of(path)
    alone = len({Path(name).name for name in data_paths}) == len(data_paths)
    links += [
        (Path(name).name if alone else place.link(name), place.link(name)) for name in data_paths
    ]
    return {
        "number": number,
        "title": f"Figure {number}. {title}",
        "alt": " ".join([f"{title}.", *findings, first_sentence(text)]).strip(),
        "data": f"data:image/{kind};base64,{data}",
        "width": round(float(width[1]) * SCALE) if width else None,
        "findings": findings,
        "caption": text,
        "links": links,
        "scope": Scope(model, " ".join(methods)),
    }


def first_sentence(caption: str) -> str:
    """The first sentence of a caption in HTML, as plain text."""
    text = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", caption)).split())
    return re.split(r"(?<=[.:]) (?=[A-Z])", text)[0]


def data_files(path: Path, record: Record) -> list[str]:
    """The csv files with the numbers of a figure, from the record of the job that drew it.

    Of several tables that the job wrote it is the one with the figure's name. What it only read
    are its numbers where it wrote none.
    """
    for kind in ("outputs", "inputs"):
        tables = [name for name in paths_of(record.get(kind, {})) if name.endswith(".csv")]
        if tables:
            return [name for name in tables if Path(name).stem == path.stem] or tables
    return []
