"""Warnings about data: at the end of their step, in later runs, and as errors."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

from command_line import run_snakemake
from tiny_study import write_study

METRICS = "results/majority/tone/metrics.json"
WARNING = (
    "1 of 65 examples in validation of tasks.tone stand in train too, 1 of them with another label"
)
ERROR = f"Error: data_warnings is error, and there are warnings: {WARNING}.\n"


def test_warnings_are_said_and_said_again_and_may_be_errors(tmp_path: Path) -> None:
    config = write_study(tmp_path)
    with (tmp_path / "tone.csv").open(newline="") as file:
        row = next(csv.DictReader(file))
    row["label"] = {"yes": "no", "no": "yes"}[row["label"]]
    with (tmp_path / "tone_dev.csv").open("a", newline="") as file:
        csv.DictWriter(file, row.keys()).writerow(row)

    first = run_snakemake(tmp_path, config, METRICS)
    assert first.returncode == 0, first.stdout
    assert f"  warning: {WARNING}.\n" in first.stdout and "Warning:" not in first.stdout

    again = run_snakemake(tmp_path, config, METRICS, "--forcerun", "majority")
    assert again.returncode == 0 and f"Warning: {WARNING}.\n" in again.stdout

    strict = config | {"data_warnings": "error"}
    refused = run_snakemake(tmp_path, strict, METRICS, "--forcerun", "majority")
    assert refused.returncode == 1 and ERROR in refused.stdout

    shutil.rmtree(tmp_path / "resources")
    (tmp_path / METRICS).unlink()
    unfetched = run_snakemake(tmp_path, strict, METRICS)
    assert unfetched.returncode == 1 and ERROR in unfetched.stdout
    assert not (tmp_path / "resources").exists()
