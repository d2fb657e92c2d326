"""The documentation as a site: strict, without anything from other hosts, and what it quotes."""

from __future__ import annotations

import argparse
import ast
import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
import snakemake
import yaml
from documented import PAGES, Block, blocks

from lottery.config import load_study
from lottery.tasks.metrics import METRICS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
LONGEST = 150  # lines of a page; longer ones say why, or are generated
GENERATED = {"config.md", "options.md"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; links to pages and headings that are not there end the build."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


class _Loaded(HTMLParser):
    """What a browser loads with a page, and where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a":
            self.links.append(given.get("href") or "")
        elif given.get("rel") != "canonical":
            self.loaded += [given[key] or "" for key in ("src", "href") if key in given]


def parsed(page: Path) -> _Loaded:
    reader = _Loaded()
    reader.feed(page.read_text(encoding="utf-8"))
    return reader


def test_pages_load_nothing_from_other_hosts(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        loaded = parsed(page).loaded
        assert loaded and not [each for each in loaded if re.match(r"(https?:)?//", each)], page
    for style in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", style.read_text()), style


def test_links_lead_to_files_of_the_site(site: Path) -> None:
    for page in site.rglob("*.html"):
        for link in parsed(page).links:
            path = link.partition("#")[0]
            if path and not re.match(r"\w+:", link) and page.name != "404.html":
                assert (page.parent / path).exists(), f"{page.name}: {link}"


def test_no_page_is_long_without_a_reason() -> None:
    for page in DOCS.glob("*.md"):
        text = page.read_text(encoding="utf-8")
        if page.name not in GENERATED and "longer than two screens because" not in text:
            # Code that tests run is read as a whole.
            lines = re.sub(r"```python.*?```", "", text, flags=re.DOTALL).count("\n")
            assert lines <= LONGEST, f"{page.name} has {lines} lines"


@cache
def said_by_the_code() -> list[str]:
    """The texts of the code, those of f-strings with a line break for each value."""
    texts = []
    for path in (ROOT / "workflow").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                values = (getattr(each, "value", "") for each in node.values)
                texts.append("".join(v if isinstance(v, str) else "\n" for v in values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return texts


@cache
def said_by_others() -> str:
    """The code of Snakemake and argparse, whose messages are quoted."""
    files = [*Path(snakemake.__file__).parent.rglob("*.py"), Path(argparse.__file__)]
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in files)


def fragments(message: str) -> list[str]:
    """The parts of a quoted message that do not differ from run to run."""
    parts = re.split(r"\b[A-Z][A-Z_]+\b(?!_)|\.\.\.|\b[\w.]+\.(?:py|csv)\b|'", message)
    return [part.strip(" ():;,.") for part in parts if len(part.strip(" ():;,.")) > 3]


def quoted() -> list[str]:
    """The messages in the first column of the tables of the page on errors."""
    page = (DOCS / "errors.md").read_text(encoding="utf-8")
    found: list[str] = []
    for table in re.findall(r"\| message \|.*?\n\n", page, re.DOTALL):
        for row in table.splitlines()[2:]:
            found += re.findall(r"`([^`]+)`", row.split(" | ")[0])
    return found


def sentences() -> list[str]:
    """The messages that other pages quote: whole sentences in code font."""
    spans = [
        span
        for page in DOCS.glob("*.md")
        for span in re.findall(r"(?<!`)`([^`\n]+)`", page.read_text(encoding="utf-8"))
    ]
    return [span for span in dict.fromkeys(spans) if re.search(r"[a-z] .* .*[a-z]\.$", span)]


def test_many_messages_are_explained() -> None:
    assert len(quoted()) > 40 and len(sentences()) > 4


@pytest.mark.parametrize("message", [*quoted(), *sentences()])
def test_a_quoted_message_is_what_the_code_says(message: str) -> None:
    parts = fragments(message)
    assert parts
    for part in parts:
        known = any(part in text for text in said_by_the_code()) or part in said_by_others()
        assert known, f"nothing says {part!r}"


CONFIGS = [block for page in PAGES for block in blocks(page) if block.language == "yaml"]
# What the examples take for granted.
AROUND = """
models: {bert: {source: embedded}}
tasks:
  rte: {}
  sentiment: {generated: sentiment}
  reviews: {generated: reviews}
seeds: [1337, 42, 1]
methods:
  structured: {algorithm: structured}
  magnitude: {algorithm: magnitude}
"""


@pytest.mark.parametrize("block", CONFIGS, ids=str)
def test_a_config_of_the_documentation_is_accepted(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("train.tsv", "dev.tsv", "reviews.csv"):
        Path(name).touch()
    for example in (DOCS / "examples").glob("*.py"):
        Path(example.name).write_text(example.read_text())
    given = yaml.safe_load(block.text)
    around = yaml.safe_load(AROUND)
    if "masks: authors" in block.text:
        around["seeds"] = [1337, 42]
        around["tasks"] = {"rte": {}}
    study = load_study(around | given, tmp_path)
    assert study.methods


PYTHON = [block for page in PAGES for block in blocks(page) if block.language == "python"]


def test_the_page_on_data_explains_every_metric() -> None:
    page = (DOCS / "data.md").read_text(encoding="utf-8")
    named = re.findall(r"`(\w+)`", page.split("## Metrics")[1].split("\n## ")[0])
    offered = {name for name, metric in METRICS.items() if not metric.search_only}
    assert offered <= set(named)


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_of_the_documentation_compiles(block: Block) -> None:
    compile(block.text, str(block), "exec")


def test_issue_forms_are_what_the_site_of_the_code_reads() -> None:
    forms = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*_*.yml"))
    assert len(forms) == 2
    for form in forms:
        given = yaml.safe_load(form.read_text(encoding="utf-8"))
        assert given.keys() == {"name", "description", "labels", "body"}
        fields = [field for field in given["body"] if field["type"] != "markdown"]
        assert fields and all({"id", "attributes"} <= field.keys() for field in fields)
        assert all(field["attributes"]["label"] for field in fields)


def test_the_citation_has_the_version_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0" and citation["version"] == project["version"]
    assert citation["license"] == project["license"]
    assert citation["message"] and citation["title"] and citation["authors"]
    (paper,) = citation["references"]
    assert paper["year"] == 2020 and len(paper["authors"]) == 3
