"""The packages of the library: each imports earlier ones only, and planning is light."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = Path(__file__).resolve().parents[2] / "workflow" / "scripts" / "lottery"
HEAVY = ("torch", "transformers", "pandas", "scipy", "sklearn", "matplotlib", "datasets")

# A package may import the packages before it. docs/architecture.md draws them in this order.
PACKAGES = (
    "files",
    "tasks",
    "runtime",
    "data",
    "models",
    "evaluation",
    "training",
    "pruning",
    "config",
    "results",
    "statistics",
    "attention",
    "analysis",
    "report",
    "planning",
    "steps",
    "command",
)


def modules() -> list[Path]:
    return sorted(path for path in LIBRARY.rglob("*.py") if path != LIBRARY / "__init__.py")


def package_of(path: Path) -> str:
    return path.relative_to(LIBRARY).parts[0]


def imported_packages(path: Path) -> set[str]:
    """The packages that a module imports from, inside its functions too."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "lottery":
            names += [f"lottery.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return {name.split(".")[1] for name in names if name.startswith("lottery.")}


def test_the_root_holds_these_packages_and_no_module():
    assert {package_of(path) for path in modules()} == set(PACKAGES)


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(LIBRARY)))
def test_a_module_imports_only_packages_before_its_own(path: Path):
    own = package_of(path)
    earlier = PACKAGES[: PACKAGES.index(own)]
    assert imported_packages(path) - {own} <= set(earlier)


PLANNING = (
    *("config", "planning.hooks", "planning.params", "planning.sources"),
    *("runtime.digests", "runtime.job", "runtime.progress"),
)
LIGHT_STEPS = (
    "sample_masks",
    "sample_super_masks",
    "tokenize",
    "majority",
    "evaluate",
    "collect_scores",
    "compare_controls",
    "import_masks",
    "list_unnamed",
    "clean_unnamed",
    "clean_retrained",
)


@pytest.mark.parametrize(
    ("light", "heavy"),
    [
        (PLANNING, (*HEAVY, "pyarrow")),
        ([f"steps.{step}" for step in LIGHT_STEPS], HEAVY),
    ],
)
def test_planning_and_light_steps_import_nothing_heavy(light, heavy):
    """A thousand jobs and every plan would pay for it."""
    names = ", ".join(f"lottery.{name}" for name in light)
    code = f"import sys, {names}; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=LIBRARY.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_the_files_that_the_architecture_names_exist():
    page = (LIBRARY.parents[2] / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.split("## Where to add or change what")[1].split("\n## ")[0]
    paths = [name for name in re.findall(r"`([\w./]+)`", table) if "/" in name]
    assert len(paths) > 15
    for name in paths:
        root = LIBRARY.parents[2] if name.startswith("workflow/") else LIBRARY
        assert (root / name).exists(), name
