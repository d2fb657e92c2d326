"""Puts the page together: everything that it shows, handed to its template."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lottery.report.page.figures import Gathered
from lottery.report.page.sections import Section
from lottery.report.tables.model import Table

TEMPLATE = "page.html"


@dataclass(frozen=True)
class Page:
    """What the page shows, from top to bottom.

    Attributes:
        statement: paragraphs on what was run.
        study: tables of models, tasks and methods.
        summaries: the summary tables.
        claims: the claims' tables; none where they were not checked.
        verdicts: (verdict, its class, number).
        sections: the questions with their figures.
        tables: tables of the sections, by the name that a section gives them.
        making: how the run was made, (what, which).
        stages: versions of the stages.
        config: the config of the run.
        costs: the cost tables.
    """

    statement: list[str]
    study: list[Table]
    summaries: list[Table]
    claims: list[Table]
    verdicts: list[tuple[str, str, int]]
    sections: list[Gathered]
    tables: Mapping[str, Table]
    making: list[tuple[str, str]]
    stages: str
    config: Mapping[str, Any]
    costs: list[Table] = field(default_factory=list)

    def tables_of(self, section: Section) -> list[Table]:
        """The tables of a section, in the order of their names there."""
        return [
            table
            for wanted in section.tables
            for name, table in self.tables.items()
            if fnmatchcase(name, wanted)
        ]


def render(page: Page, templates: Path) -> str:
    """Fills the template.

    Args:
        page: what is shown.
        templates: folder of page.html, its parts and style.css.

    Returns:
        The page as one HTML document that needs no other file.
    """
    environment = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["anchor"] = anchor
    style = (templates / "style.css").read_text(encoding="utf-8")
    sections = [one for one in page.sections if one.kinds or page.tables_of(one.section)]
    config = yaml.safe_dump(dict(page.config), sort_keys=False, allow_unicode=True, width=100)
    template = environment.get_template(TEMPLATE)
    return template.render(page=page, sections=sections, config=config, style=Markup(style))


def anchor(name: str) -> str:
    """A name as an id within the page: without what an address would have to escape."""
    return re.sub(r"[^a-z0-9_-]+", "", name.lower())
