"""House rules that the linter does not know."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("workflow", "tests", "envs", "benchmarks", ".ci")
LONGEST_FUNCTION = 60
LONGEST_FILE = 300


def sources(*suffixes: str) -> list[Path]:
    """The project's own files with one of the suffixes."""
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    return [path for path in found if path.suffix in suffixes and "__pycache__" not in path.parts]


def test_files_and_functions_stay_short() -> None:
    long = []
    for path in sources(".py", ".smk"):
        lines = path.read_text().count("\n")
        if lines > LONGEST_FILE:
            long.append(f"{path.relative_to(ROOT)}: {lines} lines")
    for path in sources(".py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                lines = node.end_lineno - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    long.append(f"{path.relative_to(ROOT)}, {node.name}: {lines} lines")
    assert not long


def test_nothing_is_left_to_do() -> None:
    marks = re.compile("|".join(("TO" + "DO", "FIX" + "ME", "X" * 3)))
    left = [
        path for path in sources(".py", ".smk", ".yaml", ".rst") if marks.search(path.read_text())
    ]
    assert not left


def test_no_two_test_files_have_one_name() -> None:
    """pytest imports them by their name alone, and would refuse the second."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert len(names) == len(set(names))
