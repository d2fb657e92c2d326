"""A rule's caption as a piece of HTML: the same text that Snakemake's own report shows."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from docutils.core import publish_parts
from docutils.utils import SystemMessage
from jinja2 import Environment, StrictUndefined, TemplateError

from lottery.files.errors import StudyError
from lottery.report.page.records import Record

# Nothing in a caption may pull in a program's output or raw HTML. Notes beside the tables may be
# included; docutils takes their paths from the working directory.
DOCUTILS = {
    "raw_enabled": False,
    "report_level": 2,
    "halt_level": 2,
    "warning_stream": False,
    "embed_stylesheet": False,
    "smart_quotes": False,
    "syntax_highlight": "none",
    "math_output": "MathML",
}


class Named(SimpleNamespace):
    """Names as Snakemake gives them: as attributes, and by `get` or in brackets."""

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a name, or the default."""
        return getattr(self, name, default)


def job_variables(record: Record, config: Mapping[str, Any]) -> Named:
    """What a caption calls `snakemake`, rebuilt from the record that the rule left.

    Args:
        record: a provenance record.
        config: the config of the run.
    """
    return Named(
        rule=record["rule"],
        wildcards=Named(**record.get("wildcards", {})),
        params=Named(**record.get("params", {})),
        input=Named(**_first_paths(record.get("inputs", {}))),
        output=Named(**_first_paths(record.get("outputs", {}))),
        config=config,
    )


def render(template: str, variables: Named, where: str) -> str:
    """Fills a caption and turns it into HTML.

    Args:
        template: reStructuredText with Jinja's marks.
        variables: what it calls `snakemake`.
        where: its file, for errors.

    Returns:
        A fragment of HTML, escaped.

    Raises:
        StudyError: the caption names what the rule does not have, or is no reStructuredText.
    """
    environment = Environment(undefined=StrictUndefined)
    try:
        text = environment.from_string(template).render(snakemake=variables)
        return publish_parts(text, writer="html5", settings_overrides=DOCUTILS)["body"]
    except (TemplateError, SystemMessage) as error:
        reason = " ".join(str(error).split())
        raise StudyError(f"The caption {where} cannot be rendered: {reason}.") from error


def _first_paths(named: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Paths by name: a single one as text, several as a list."""
    return {
        name: next(iter(digests)) if len(digests) == 1 else list(digests)
        for name, digests in named.items()
    }
