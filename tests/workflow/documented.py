"""The code blocks of the documentation, and how tests treat each of them.

A block of shell commands (```sh) is run, unless a comment right before it says otherwise:

    <!-- not tested: why -->         no test runs it
    <!-- run by FILE -->             another test does, or another page, or a script of CI
    <!-- file: NAME -->              before a block of YAML: it is written to this file
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from command_line import ROOT

PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "CONTRIBUTING.md"]
LANGUAGES = {"python", "sh", "text", "yaml"}
_FENCE = re.compile(
    r"(?:^ *<!-- (?P<mark>[^>]*) -->\n)?"
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, and what the comment before it says."""

    page: Path
    line: int
    language: str
    text: str
    mark: str

    @property
    def commands(self) -> list[str]:
        """Its lines without blank ones and comments."""
        lines = (line.partition("  #")[0].strip() for line in self.text.splitlines())
        return [line for line in lines if line and not line.startswith("#")]

    @property
    def untested(self) -> bool:
        """Whether no test runs it."""
        return self.mark.startswith("not tested: ")

    @property
    def run_by(self) -> Path | None:
        """The file that runs it, if it is not run as part of its page."""
        _, found, name = self.mark.partition("run by ")
        return ROOT / name if found else None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        indent = len(match["indent"])
        lines = [line[indent:] for line in match["text"].splitlines()]
        number = text.count("\n", 0, match.start()) + 1
        code = "\n".join(lines) + "\n"
        found.append(Block(page, number, match["language"], code, match["mark"] or ""))
    return found
