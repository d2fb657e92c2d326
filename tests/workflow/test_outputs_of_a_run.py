"""The outputs that the page on files names are there after a run."""

from __future__ import annotations

import re
from pathlib import Path

from runs import Run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "files.md"
FIGURES = "results/figures/{model}/{method}/"
# Of tasks that are only evaluated on, which the tiny study has none of (test_scored_tasks.py).
ELSEWHERE = {"results/tables/evaluation_only.csv", "on_{task}"}


def outputs() -> list[str]:
    """The paths in the first column of the page's table of outputs, with braces."""
    section = PAGE.read_text(encoding="utf-8").split("## Results\n")[1].split("\n## ")[0]
    paths = []
    for row in re.findall(r"(?m)^\| (`.*?) \|", section):
        last = ""
        for name in re.findall(r"`([^`]+)`", row):
            path = name.replace(".../", FIGURES)
            if path.startswith("."):  # another ending of the file before
                path = str(Path(last).with_suffix(path))
            elif "/" not in path and path not in ELSEWHERE:  # another file of the same folder
                path = str(Path(last).parent / path)
            paths.append(path)
            last = path
    return paths


def test_every_output_of_the_page_exists(published: Run):
    named = [path for path in outputs() if path not in ELSEWHERE]
    assert len(named) > 15
    missing = []
    for path in named:
        pattern = re.sub(r"\{\w+\}", "*", path).rstrip("/.")
        whole = Path(pattern).suffix or pattern.endswith("*")
        if not list(published.folder.glob(pattern if whole else f"{pattern}*")):
            missing.append(path)
    assert not missing
