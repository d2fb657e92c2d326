"""The rooms of the library: an import goes down only, and planning imports nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = Path(__file__).resolve().parents[2] / "workflow" / "scripts" / "lottery"
HEAVY = ("torch", "transformers", "pandas", "scipy", "sklearn", "matplotlib", "datasets")

# Ground floor first. A room may import from its own floor only within itself.
FLOORS = (
    ("errors",),
    (
        "files",
        "metrics",
        "families",
        "visible",
        "reasons",
        "failures",
        "stages",
        "presets",
        "subnetworks",
        "criteria",
    ),
    ("tasks",),
    (
        "bundled",
        "device",
        "progress",
        "architecture",
        "generate",
        "model_source",
        "resume",
        "dropout",
        "memory",
    ),
    ("units",),
    (
        "start",
        "status",
        "orphans",
        "occupied",
        "model_files",
        "provenance",
        "masks",
        "data",
        "attention",
    ),
    (
        "job",
        "controls",
        "encoder",
        "optimizer",
        "history",
        "mask_import",
        "replay",
    ),
    ("vocabulary", "shrink", "checkpoints", "evaluation", "training_state"),
    ("training",),
    ("importance", "scoring", "trust", "patterns"),
    ("algorithms", "transfer"),
    ("config",),
    ("tables",),
    ("preflight",),
    ("planning", "stats"),
    ("analysis",),
    ("plots",),
    ("page",),
    ("steps",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def modules() -> list[Path]:
    return sorted(path for path in LIBRARY.rglob("*.py") if path != LIBRARY / "__init__.py")


def room_of(path: Path) -> str:
    return path.relative_to(LIBRARY).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """The rooms that a module imports when it is imported; imports inside functions count too."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "lottery":
            names += [f"lottery.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return {name.split(".")[1] for name in names if name.startswith("lottery.")}


def test_every_room_has_a_floor():
    assert {room_of(path) for path in modules()} <= set(FLOOR)


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(LIBRARY)))
def test_imports_go_down_only(path: Path):
    own = room_of(path)
    for other in imported_rooms(path) - {own}:
        assert FLOOR[other] < FLOOR[own], f"{own} imports {other}, which is not below it"


PLANNING = ("config", "planning", "job", "progress", "stages", "bundled")
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
