"""Asking for logs of a finished study writes them, and runs no finished cell again."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from command_line import planned, run_snakemake
from runs import Run, copy_run

RUNS = "results/runs/tiny/tone/seed_7"


def test_a_finished_study_is_logged_and_nothing_is_trained_again(
    published: Run, tmp_path: Path
) -> None:
    copy_run(published, tmp_path)
    config = published.config | {"logging": ["jsonl"]}
    trained = len(list(tmp_path.glob("results/tiny/*/seed_*/finetune/history.csv")))
    trained += len(list(tmp_path.glob("results/tiny/*/seed_*/retrain/*/*/history.csv")))
    # The report shows the config.
    assert planned(tmp_path, config) == {"log_run": trained, "write_report": 1}

    cells = [f"{RUNS}/none/full", f"{RUNS}/structured/good"]
    finished = run_snakemake(tmp_path, config, *(f"{cell}/run.jsonl" for cell in cells))
    assert finished.returncode == 0, finished.stdout
    for cell, place in zip(cells, ("finetune", "retrain/structured/good"), strict=True):
        text = (tmp_path / cell / "run.jsonl").read_text()
        first, *points, last = map(json.loads, text.splitlines())
        history = published.cell("tone", 7) / place / "history.csv"
        with history.open(encoding="utf-8", newline="") as file:
            rows = [(int(row["step"]), float(row["loss"])) for row in csv.DictReader(file)]
        assert [(p["step"], p["metrics"]["training/loss"]) for p in points] == rows
        phase = "finetuned" if place == "finetune" else "retrained"
        assert f"{phase}/validation/accuracy" in last["metrics"]
        assert first["config"]["training.epochs"] == config["training"]["epochs"]
