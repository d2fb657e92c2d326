"""Puts the page together: everything that it shows, handed to its template."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lottery.files.text import legible


def render(templates: Path, *, config: Mapping[str, Any], **content: Any) -> str:
    """Fills the page's template.

    Args:
        templates: folder of page.html, its parts and style.css.
        config: the config of the run.
        **content: what page.html names.

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
    style = Markup((templates / "style.css").read_text(encoding="utf-8"))
    text = yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=100)
    return legible(
        environment.get_template("page.html").render(style=style, config=text, **content)
    )
