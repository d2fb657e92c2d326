"""A finished study that was copied without .snakemake: Snakemake knows nothing of how it was made.

What the config says must then be compared with the records that lie beside the files.
"""

from __future__ import annotations

import base64
import shutil
from pathlib import Path
from typing import Any

import pytest
from command_line import planned, run_snakemake
from runs import Run
from test_incremental import edited

FETCHED = "resources/tasks/tone/provenance.json"


@pytest.fixture(scope="module")
def bare(published: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The copy; tests plan in it and change nothing."""
    folder = tmp_path_factory.mktemp("copied") / "bare"
    copy(published, folder)
    return Run(folder, published.config, "")


def copy(run: Run, folder: Path) -> None:
    shutil.copytree(run.folder, folder, ignore=shutil.ignore_patterns(".snakemake"))


def refused(run: Run, changes: dict[str, Any], config_folder: Path, *words: str) -> str:
    """The sentence that ends a run, which must leave everything as it is."""
    files = {path: path.stat().st_mtime_ns for path in run.folder.glob("re*/**/*")}
    config = edited(run.config, changes)
    finished = run_snakemake(run.folder, config, *words, config_folder=config_folder)
    assert finished.returncode == 1
    assert "Traceback" not in finished.stdout
    assert files == {path: path.stat().st_mtime_ns for path in run.folder.glob("re*/**/*")}
    last = finished.stdout.strip().splitlines()[-1]
    assert last.startswith("Error: ") and last.endswith(".")
    return last


def test_the_same_config_uses_what_is_there(bare: Run, tmp_path: Path) -> None:
    assert planned(bare.folder, bare.config, config_folder=tmp_path) == {}


@pytest.mark.parametrize(
    ("changes", "record", "told", "rule"),
    [
        (
            {"tasks.tone.train_examples": 100},
            FETCHED,
            "task.train_examples None (now 100)",
            "fetch_task",
        ),
        (
            {"models.tiny.init": "random"},
            "resources/models/tiny/provenance.json",
            "init 'pretrained' (now 'random')",
            "fetch_model",
        ),
        (
            {"methods.structured.keep_score": 0.8},
            "results/tiny/",
            "options.keep_score 0.9 (now 0.8)",
            "search_structured",
        ),
        (
            {"evaluation.batch_size": 8},
            "results/tiny/",
            "batch_size 128 (now 8)",
            "evaluate",
        ),
    ],
)
def test_another_config_is_told_what_was_made_otherwise(
    bare: Run, changes: dict[str, Any], record: str, told: str, rule: str, tmp_path: Path
) -> None:
    sentence = refused(bare, changes, tmp_path, "--dry-run")
    assert record in sentence and told in sentence
    assert "--forcerun" in sentence and rule in sentence


def test_a_run_is_refused_before_its_first_job(bare: Run, tmp_path: Path) -> None:
    # Of the fetched file alone, and with cells that are still to be made.
    changes = {"tasks.tone.train_examples": 100, "seeds": [7, 3, 5]}
    assert FETCHED in refused(bare, changes, tmp_path, "fetch")
    assert "train_examples" in refused(bare, changes, tmp_path)


def test_more_cells_are_planned_beside_those_that_are_there(bare: Run, tmp_path: Path) -> None:
    # The params of tables name all seeds; that these differ is no reason to refuse.
    config = edited(bare.config, {"seeds": [7, 3, 5], "methods.structured.subnetworks": ["good"]})
    found = planned(bare.folder, config, config_folder=tmp_path)
    assert (found["finetune"], found["retrain"], found["evaluate"]) == (2, 4, 10)


def test_tables_of_another_config_are_made_again(bare: Run, tmp_path: Path) -> None:
    config = edited(bare.config, {"methods.structured.subnetworks": ["good"]})
    found = planned(bare.folder, config, config_folder=tmp_path)
    assert {"summarize", "check_claims", "write_report"} <= {*found}
    assert not {"finetune", "retrain", "evaluate", "fetch_task"} & {*found}


def test_a_table_whose_record_is_damaged_follows_the_config(published: Run, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    shutil.copytree(published.folder, folder)
    table = "results/tables/differences.csv"
    for record in (folder / ".snakemake/metadata").iterdir():
        if "differences" in base64.urlsafe_b64decode(record.name.lstrip("@")).decode():
            record.write_text("{")
    config = edited(published.config, {"analysis.test_permutations": 123})
    assert planned(folder, config, table)["compare_subnetworks"] == 2


def test_what_is_asked_for_anew_is_not_refused(bare: Run, tmp_path: Path) -> None:
    config = edited(bare.config, {"evaluation.batch_size": 8})
    found = planned(
        bare.folder, config, "--forcerun", "evaluate", "evaluate_pruned", config_folder=tmp_path
    )
    assert found["evaluate"] == 28 and "finetune" not in found


def test_a_folder_can_be_unlocked_whatever_it_holds(bare: Run, tmp_path: Path) -> None:
    config = edited(bare.config, {"tasks.tone.train_examples": 100})
    finished = run_snakemake(bare.folder, config, "--unlock", config_folder=tmp_path)
    assert finished.returncode == 0, finished.stdout


def test_what_is_there_can_be_accepted(published: Run, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    copy(published, folder)
    config = edited(published.config, {"tasks.tone.train_examples": 100})
    told = run_snakemake(folder, config, "--touch", "--forceall")
    assert told.returncode == 0, told.stdout
    assert planned(folder, config) == {}


def test_records_are_read_only_where_snakemake_has_none(published: Run, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    shutil.copytree(published.folder, folder)
    (folder / FETCHED).write_text("damaged")
    assert planned(folder, published.config) == {}
    shutil.rmtree(folder / ".snakemake")
    sentence = refused(Run(folder, published.config, ""), {}, tmp_path, "--dry-run")
    assert f"{FETCHED} is cut short or no JSON file" in sentence
