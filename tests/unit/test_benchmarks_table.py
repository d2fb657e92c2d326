"""What the benchmarks' table says, and what `make bench` does when something goes wrong."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from argparse import Namespace
from pathlib import Path

import pytest

import material
import measuring
import run_all
from rows import TINY, Row, finish, not_measured, read_rows, share, speedup, table


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (speedup("r", 2.0, "x", 12.0, 6.0), "met"),
        (speedup("r", 2.0, "x", 11.9, 6.0), "missed"),
        (share("r", 3.0, "x", 5.0, 0.6), "met"),
        (share("r", 3.1, "x", 5.0, 0.6), "missed"),
        (share("r", 3.0, "x", 5.0), ""),
        (speedup("r", 2.0, "x", None, 6.0), "not measured"),
        (not_measured("r", "no GPU", 5.0), "not measured"),
        (Row("r", 1.0, "s", "x", 1.0, float("nan"), 1.0), "missed"),
    ],
)
def test_a_row_meets_its_target_or_misses_it(row, verdict):
    assert row.verdict == verdict


def test_the_table_says_what_each_row_says():
    rows = [speedup("fast", 2.0, "slow", 20.0, 5.0), not_measured("gpu", "no GPU", 5.0)]
    lines = table(rows).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[2] == ["fast", "2 s", "slow: 20 s", "10", "at least 5", "met"]
    assert cells[3][-1] == "not measured"
    assert len({len(line) for line in lines}) == 1
    assert run_all.summary(rows) == "2 rows with a target: 1 met, 0 missed, 1 not measured."


RUNS_ON = """
import subprocess, sys, tempfile, time
from pathlib import Path
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
Path({said!r}).write_text(f"{{worker.pid}} {{tempfile.mkdtemp()}}")
{end}
"""


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


@pytest.mark.parametrize("end", ["sys.exit(1)", "time.sleep(600)"])
def test_a_script_that_ends_or_is_stopped_leaves_nothing(tmp_path, monkeypatch, end):
    """Neither a process nor temporary files; what finished before is in the table."""
    said = tmp_path / "said"
    (tmp_path / "growth.py").write_text(RUNS_ON.format(said=str(said), end=end))
    (tmp_path / "ranking.py").write_text(
        "import sys; from pathlib import Path; Path(sys.argv[2]).write_text('{}')"
    )
    monkeypatch.setattr(run_all, "HERE", tmp_path)
    monkeypatch.setattr(run_all, "FOLDER", tmp_path)
    if "sleep" in end:

        def interrupt() -> None:
            while not (said.exists() and said.read_text()):
                time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=interrupt, daemon=True).start()
    found, wrong = run_all.run_each(["ranking", "growth"], quick=True)
    assert found == [tmp_path / "ranking.json"]
    assert wrong.startswith("Stopped in growth." if "sleep" in end else "Failed: growth.")
    worker, folder = said.read_text().split()
    deadline = time.monotonic() + 30  # a signal takes a moment
    while alive(int(worker)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(int(worker)) and not Path(folder).exists()


def test_a_table_says_where_its_rows_come_from(tmp_path):
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    facts = measuring.machine()
    for path, commit, quick in zip(paths, ("abc", "def"), (False, True), strict=True):
        options = Namespace(json=path, quick=quick)
        finish(options, facts | {"commit": commit}, [speedup("fast", 2.0, "slow", 20.0, 5.0)])
    told = run_all.told(paths[:1])
    assert "commit abc" in told and TINY not in told
    told = run_all.told(paths)
    assert "commit abc" in told and "commit def" in told and TINY in told


def test_a_folder_without_the_tasks_is_refused_and_none_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("GLUE_DIR", str(tmp_path))
    (tmp_path / "rte").mkdir()
    with pytest.raises(SystemExit, match=r"GLUE_DIR: .* has no folder sst2; name"):
        material.glue_folder()
    (tmp_path / "sst2").mkdir()
    assert material.glue_folder() == tmp_path
    monkeypatch.delenv("GLUE_DIR")
    monkeypatch.setattr(material, "ROOT", tmp_path / "main")
    assert material.glue_folder() is None
    for task in ("rte", "sst2"):
        (tmp_path / "shared" / "data" / "glue" / task).mkdir(parents=True)
    assert material.glue_folder() == tmp_path / "shared" / "data" / "glue"


def test_rows_come_back_from_their_json(tmp_path):
    rows = [speedup("fast", 2.0, "slow", 20.0, 5.0, "note"), not_measured("gpu", "no GPU")]
    path = tmp_path / "new" / "rows.json"
    finish(Namespace(json=path, quick=True), measuring.machine(), rows, more=1)
    assert read_rows(path) == rows
    written = json.loads(path.read_text())
    assert [row["verdict"] for row in written["rows"]] == ["met", ""]
    assert {"processor", "torch", "commit", "date"} <= written["machine"].keys()


def test_the_page_shows_the_rows_that_were_kept():
    """So that every number on it can be traced to a machine, a commit and a moment."""
    folder = measuring.ROOT / "benchmarks"
    page = (folder / "README.md").read_text(encoding="utf-8")
    if not [*(folder / "results").glob("*.json")]:
        assert "no numbers here" in page and "| row |" not in page
        pytest.skip("no results are kept")
    paths = [folder / "results" / f"{script}.json" for script in run_all.SCRIPTS]
    rows = [row for path in paths for row in read_rows(path)]
    shown = [*rows, *read_rows(folder / "results" / "planning.json")]
    missing = [row.name for row in shown if f"| {' | '.join(row.cells())} |" not in page]
    assert not missing
    assert run_all.summary(rows) in page
    facts = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    assert not any(each["quick"] for each in facts)
    assert all(f"commit {each['machine']['commit']}" in page for each in facts)
