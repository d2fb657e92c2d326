"""The workflow as a module of somebody else's Snakefile, with and without a prefix."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from command_line import ROOT, run_words
from runs import Config, Run

IMPORT = """
configfile: "{config}"


module tickets:
    snakefile:
        "{root}/Snakefile"
    config:
        config
{prefix}

use rule * from tickets{names}
"""
OWN = """

onstart:
    print("the start of their own")


rule mine:
    default_target: True
    input:
        "{scores}",
    output:
        "mine.txt",
    shell:
        "wc -l < {{input}} > {{output}}"
"""
ONE_CELL = {
    "seeds": [7],
    "methods": {"structured": {"algorithm": "structured", "subnetworks": ["good"]}},
}


def write(folder: Path, config: Config, prefix: str = "", names: str = "", own: str = "") -> Path:
    """Writes a Snakefile that imports the workflow."""
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    snakefile = folder / "Snakefile"
    snakefile.write_text(
        IMPORT.format(config=path, root=ROOT, prefix=prefix, names=names) + own,
    )
    return snakefile


def snakemake(snakefile: Path, folder: Path, *words: str) -> str:
    """Runs a Snakefile in a folder; gives what was said."""
    words = (*words, "-s", str(snakefile), "--directory", str(folder), "--cores", "2")
    done = run_words(folder, [*words])
    assert done.returncode == 0, done.stdout[-5000:]
    return done.stdout


@pytest.mark.parametrize(("names", "target"), [("", "all"), (" as t_*", "t_all")])
def test_an_import_runs_nothing_of_a_finished_study_again(
    published: Run, tmp_path: Path, names: str, target: str
) -> None:
    snakefile = write(tmp_path, published.config, names=names)
    # Snakemake's own triggers: there is no profile of ours, and the files of the clone are newer.
    said = snakemake(snakefile, published.folder, target, "--dry-run")
    assert "Nothing to be done" in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("prefix", "names", "place"),
    [("", "", "results"), ('    prefix:\n        "inner"\n', " as t_*", "inner/results")],
    ids=["plain", "prefixed"],
)
def test_an_import_runs(study: Config, tmp_path: Path, prefix: str, names: str, place: str) -> None:
    config = study | ONE_CELL | {"tasks": {"tone": study["tasks"]["tone"]}}
    scores = f"{place}/tables/tiny/structured/scores.csv"
    snakefile = write(tmp_path, config, prefix, names, OWN.format(scores=scores))
    said = snakemake(snakefile, tmp_path)
    # The start of theirs and what ours does at the start: progress and the lock of the run.
    assert "the start of their own" in said
    assert " done:  " in said and "finetune tiny on tone, seed 7" in said
    assert list((tmp_path / ".snakemake/runs").glob("*.json"))
    # Header; majority, full, pruned and retrained on three splits.
    assert (tmp_path / "mine.txt").read_text().strip() == "13"
    assert "Nothing to be done" in snakemake(snakefile, tmp_path, "--dry-run")


def test_what_the_user_gives_is_checked_before_the_first_job(study: Config, tmp_path: Path) -> None:
    tone = study["tasks"]["tone"]
    shutil.copy(tone["data"]["train"], tmp_path / "train.csv")
    (tmp_path / "dev.csv").write_text("text,label\nthe film was good,perhaps\n")
    data = {"train": str(tmp_path / "train.csv"), "validation": str(tmp_path / "dev.csv")}
    config = study | ONE_CELL | {"tasks": {"tone": tone | {"data": data}}}
    snakefile = write(tmp_path, config)
    command = [sys.executable, "-m", "snakemake", "all", "-s", str(snakefile), "--cores", "2"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("Error: tasks.tone") and "perhaps" in last
    assert not (tmp_path / "resources").exists()
