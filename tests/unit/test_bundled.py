"""What comes with the workflow enters params by its content, wherever the workflow lies."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from lottery import files
from lottery.runtime import bundled

NAMES = {"runtimes": "paper/runtimes.csv", "captions": ["report/b.rst", "report/a.rst"]}


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    """The folder of a workflow."""
    for name in ("paper/runtimes.csv", "report/a.rst", "report/b.rst", "report/page/page.html"):
        path = tmp_path / "clone" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "clone"


def resources(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    """What a new process finds there."""
    bundled._digest.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(bundled, "WORKFLOW", folder)
        found = bundled.bundled(**NAMES, templates=bundled.below("report", "*.rst"))
    bundled._digest.cache_clear()
    return found


def test_each_file_comes_with_its_digest(workflow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = {name: files.sha256(workflow / name)
              for name in ("paper/runtimes.csv", "report/a.rst", "report/b.rst")}  # fmt: skip
    assert resources(workflow, monkeypatch) == {
        "runtimes": ["paper/runtimes.csv", digest["paper/runtimes.csv"]],
        # In the order given, and sorted where a folder is listed.
        "captions": [[name, digest[name]] for name in ("report/b.rst", "report/a.rst")],
        "templates": [[name, digest[name]] for name in ("report/a.rst", "report/b.rst")],
    }


def test_the_place_makes_no_difference(workflow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = resources(workflow, monkeypatch)
    elsewhere = workflow.parent / "installed/elsewhere"
    shutil.copytree(workflow, elsewhere)
    assert resources(elsewhere, monkeypatch) == before


def test_an_edit_makes_one(workflow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = resources(workflow, monkeypatch)
    (workflow / "report/a.rst").write_text("edited")
    after = resources(workflow, monkeypatch)
    assert after["runtimes"] == before["runtimes"]
    assert [a == b for a, b in zip(after["captions"], before["captions"], strict=True)] == [
        True,
        False,
    ]


def test_the_workflow_of_this_library_is_found() -> None:
    ours = Path(__file__).resolve().parents[2] / "workflow"
    path, digest = bundled.bundled(paper="resources/paper/claims.csv")["paper"]
    assert files.sha256(ours / path) == digest
    assert "report/scores.rst" in bundled.below("report", "*.rst")


def test_one_module_alone_looks_beyond_the_library() -> None:
    """An installation has nothing there; lottery.files.workflow says where the files are."""
    library = Path(bundled.__file__).parents[1]
    climbing = set()
    for path in library.rglob("*.py"):
        code = path.read_text(encoding="utf-8")
        climbs = re.findall(r"(?:__file__|_LIBRARY)\b.*\.parents\[(\d+)\]", code)
        within = len(path.relative_to(library).parts) - 1
        if any(int(climb) > within for climb in climbs):
            climbing.add(path.relative_to(library).as_posix())
    assert climbing == {"files/workflow.py"}
