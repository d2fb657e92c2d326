"""A data set that is divided into folds, from the dry run to the report."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from command_line import planned
from runs import Config, Run, Share, run_to_the_end

FOLDS = ["tone_fold1", "tone_fold2"]


def with_folds(study: Config) -> Config:
    tone = study["tasks"]["tone"]
    tone = tone | {"data": {"train": tone["data"]["train"]}, "folds": 2}
    return study | {"tasks": {"tone": tone, "degree": study["tasks"]["degree"]}}


@pytest.mark.slow
def test_folds_are_planned_as_tasks(study: Config, tmp_path: Path) -> None:
    tasks = study["tasks"]
    alike = study | {"tasks": {"one": tasks["tone"], "two": tasks["tone"], **tasks}}
    del alike["tasks"]["tone"]
    assert planned(tmp_path, with_folds(study), "all") == planned(tmp_path, alike, "all")


@pytest.fixture(scope="module")
def divided(share: Share, study: Config) -> Run:
    """The whole tiny study, one of its tasks divided into two folds."""
    return share("folds", lambda folder: run_to_the_end(folder, with_folds(study), "all"))


@pytest.mark.long
def test_a_study_with_folds_runs_whole_and_counts_them_as_one_task(divided: Run) -> None:
    resources = divided.folder / "resources" / "tasks"
    numbers = Counter(
        idx
        for fold in FOLDS
        for idx in pq.read_table(resources / fold / "validation.parquet")["idx"].to_pylist()
    )
    assert numbers == Counter(range(160))
    tables = divided.folder / "results" / "tables"
    summary = pd.read_csv(tables / "summary.csv")
    rows = summary[(summary["subnetwork"] == "good") & (summary["phase"] == "retrained")]
    rows = rows[(rows["method"] == "magnitude") & (rows["split"] == "validation")]
    means = rows.set_index("task")["mean"]
    assert [*means.index] == [*FOLDS, "degree", "tone", "average"]
    assert means["tone"] == pytest.approx(means[FOLDS].mean())
    assert means["average"] == pytest.approx(means[["tone", "degree"]].mean())
    differences = pd.read_csv(tables / "differences.csv")
    assert set(differences.loc[differences["task"] == "average", "n_tasks"]) <= {1, 2}
    claims = pd.read_csv(tables / "claims.csv")
    assert claims["n_tasks"].max() == 2
    report = (divided.folder / "results" / "report.html").read_text()
    assert "tone_fold1" in report
