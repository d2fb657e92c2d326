"""What status.py tells of a run that works in the folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from filelock import FileLock

from lottery.runtime.progress import KEPT
from lottery.runtime.status import live_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which a run has written, 100 s after the epoch, how far it is."""
    (tmp_path / ".snakemake").mkdir()
    kept = {
        "run": str(tmp_path / "run.json"),
        "at": 100.0,
        "elapsed": 3600.0,
        "share": 0.25,
        "left": 10800.0,
        "done": 7,
        "total": 40,
        "running": [["train a", 1000.0], ["train b", 5.0]],
    }
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / KEPT).write_text(json.dumps(kept))
    return tmp_path


def test_a_run_that_lives_has_its_time_and_what_runs_as_of_now(folder: Path) -> None:
    with FileLock(folder / "run.json", fallback_to_soft=False):
        # Ten minutes later: less is left, and what runs has run for longer.
        assert live_run(folder, now=700.0) == [
            "a run works here: 70 min, 25 % of the work, 2 h 50 min left; 7 of 40 steps are done",
            "running: train a (27 min)",
            "running: train b (10 min)",
        ]
        late = live_run(folder, now=20000.0)
    assert "0 s left" in late[0]


def test_of_a_run_that_is_dead_nothing_is_said(folder: Path) -> None:
    assert live_run(folder, now=700.0) == []


@pytest.mark.parametrize("content", [None, "", "{}", "[]", "rubbish"])
def test_what_cannot_be_read_says_nothing(folder: Path, content: str | None) -> None:
    if content is None:
        (folder / KEPT).unlink()
    else:
        (folder / KEPT).write_text(content)
    assert live_run(folder, now=700.0) == []
