"""The README: one page, whose links lead somewhere and whose config is accepted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from lottery.config import load_study

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MOST_LINES, MOST_WORDS = 120, 900


def test_it_is_one_page() -> None:
    assert len(README.splitlines()) <= MOST_LINES
    assert len(README.split()) <= MOST_WORDS


def test_its_links_lead_to_files_and_headings() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert len(links) > 15
    for link in links:
        if link.startswith("../../actions/"):  # of the site of the code
            assert (ROOT / ".github/workflows" / Path(link.split("/badge")[0]).name).is_file()
            continue
        path, _, heading = link.partition("#")
        assert (ROOT / path).exists(), link
        text = (ROOT / path).read_text(encoding="utf-8") if heading else ""
        titles = re.findall(r"(?m)^#+ (.+)$", text)
        slugs = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
        assert not heading or heading in slugs, link


def test_its_config_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    for name in ("train.csv", "dev.csv"):
        Path(name).touch()
    study = load_study(yaml.safe_load(block), tmp_path)
    assert len(study.seeds) >= 3 and len(study.methods) == 2
