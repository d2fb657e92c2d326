"""The notebook of docs/examples runs on a finished study, and holds no output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from command_line import ROOT
from runs import Run

NOTEBOOK = ROOT / "docs" / "examples" / "open_a_study.ipynb"
# The cells one after the other in one namespace, as a kernel runs them.
RUN = """
import json, sys
names = {"__name__": "__main__"}
for number, source in enumerate(json.load(sys.stdin)):
    exec(compile(source, f"code cell {number}", "exec"), names)
print(json.dumps({
    "rows": len(names["scores"]),
    "seeds": sorted(map(int, names["masks"])),
    "lines": [list(map(float, line.get_xdata())) for line in names["axis"].lines],
    "kept": names["kept"].tolist(),
    "labels": names["classifier"].labels,
    "predicted": names["classifier"].predict(names["texts"]).tolist(),
    "parameters": [sum(p.numel() for p in names[m].parameters()) for m in ("full", "good")],
}))
"""


@pytest.fixture(scope="module")
def notebook() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_a_notebook_without_outputs(notebook: nbformat.NotebookNode) -> None:
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert cells and all(not cell.outputs and cell.execution_count is None for cell in cells)


def test_its_cells_run(notebook: nbformat.NotebookNode, exported: Run, tmp_path: Path) -> None:
    # The tiny study lies where the notebook looks for that of make demo.
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "demo").symlink_to(exported.folder / "results")
    (tmp_path / "docs" / "examples").mkdir(parents=True)
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input=json.dumps(sources),
        cwd=tmp_path / "docs" / "examples",
        env=os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT / "workflow/scripts")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    table = (exported.folder / "results/tables/scores.csv").read_text()
    assert found["rows"] == len(table.splitlines()) - 1
    assert found["seeds"] == sorted(exported.config["seeds"])
    seeds = len(found["seeds"])
    counts = {count for layer in found["kept"] for count in layer}
    assert counts <= {*range(seeds + 1)} and len(counts) > 1
    paths = [line for line in found["lines"] if line != [0, 1]]  # of those the thresholds
    assert len(paths) == seeds and all(
        line[0] == 1.0 and line == sorted(line, reverse=True) for line in paths
    )
    full, good = found["parameters"]
    assert 0 < good < full
    assert found["labels"] == ["no", "yes"]
    assert [pytest.approx(1) == sum(row) for row in found["predicted"]] == [True, True]
